/**
 * Orders that somebody watches: the order as it is, and then after every change. The live code tells of its changes for as long as it was asked to, which is asked
 * again in time; each look also finds what it could not tell.
 */
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import type { LiveGraph } from "./live-graph.ts";
import { groupOf } from "./live-log.ts";
import type { LiveSockets, Session, Subscribed } from "./live-sockets.ts";
import type { LiveCodeProtocol } from "./protocol.ts";

export class LiveOrders {
  private readonly sockets: LiveSockets;
  private readonly graph: () => LiveGraph;
  private readonly liveCode: (key: OrderKey) => Pick<LiveCodeProtocol, "watch">;
  private askedAt = 0;

  constructor(
    sockets: LiveSockets,
    graph: () => LiveGraph,
    liveCode: (key: OrderKey) => Pick<LiveCodeProtocol, "watch">,
  ) {
    this.sockets = sockets;
    this.graph = graph;
    this.liveCode = liveCode;
  }

  /** Tells the order as it is, and then what becomes of it. False when there is none, or none of this merchant's. */
  async follow(socket: WebSocket, id: string, key: OrderKey, { listener }: Session): Promise<boolean> {
    const order = await this.watch(key, listener.merchantId);
    const own = this.watching(key).find((one) => one.socket === socket && one.subscription.id === id);
    if (order && own)
      await this.tell(socket, id, order, this.graph().tell(own.question.asked, listener, { kind: "ORDER", order }));
    return order !== null;
  }

  private watch(key: OrderKey, merchantId: string): Promise<Order | null> {
    return this.liveCode(key).watch(merchantId, Date.now() + limits.orderWatchMs);
  }

  /** Whether anybody watches it. */
  async changed(order: Order): Promise<boolean> {
    const watching = this.watching(order.terms.key);
    const messages = new Map<string, Promise<string | null>>();
    await Promise.all(
      watching.map(async ({ socket, session, subscription, question }) => {
        const group = groupOf({ session, subscription });
        const told =
          messages.get(group) ?? this.graph().tell(question.asked, session.listener, { kind: "ORDER", order });
        messages.set(group, told);
        await this.tell(socket, subscription.id, order, told);
      }),
    );
    return watching.length > 0;
  }

  /** Asks the live codes to go on telling, when that is due, and tells what they could not. */
  async look(now: number): Promise<void> {
    if (now < this.askedAt + limits.orderWatchMs / 2) return;
    this.askedAt = now;
    const keys = new Map(this.watching(null).map((one) => [one.key, one.session.listener.merchantId] as const));
    await Promise.allSettled(
      [...keys].map(async ([key, merchantId]) => {
        const order = await this.watch(key, merchantId);
        const isNews = this.watching(key).some(({ subscription }) => order && subscription.version < order.version);
        if (order && isNews) await this.changed(order);
      }),
    );
  }

  /** Older news may be rendered later: they are not told any more. Those that cannot be rendered just now are found at the next look. */
  private async tell(socket: WebSocket, id: string, { version }: Order, rendered: Promise<string | null>) {
    let message: string | null;
    try {
      message = await rendered;
    } catch (fault) {
      console.error("an order that is watched", fault);
      // A scan makes no new version, so the last one counts as not told.
      this.sockets.changeSubscription(socket, id, { version: -1 });
      this.askedAt = 0;
      return;
    }
    const subscription = this.sockets.subscription(socket, id);
    if (!subscription || subscription.version > version) return;
    if (subscription.version < version) this.sockets.changeSubscription(socket, id, { version });
    this.sockets.tell(socket, id, message);
  }

  /** Of one order, or of any. */
  private watching(key: OrderKey | null): readonly (Subscribed & { readonly key: OrderKey })[] {
    return this.sockets.subscribed().flatMap((one) => {
      const { topic } = one.question;
      return topic.kind === "ORDER" && (key === null || topic.key === key) ? [{ ...one, key: topic.key }] : [];
    });
  }
}
