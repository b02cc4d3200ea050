/**
 * Orders that somebody watches: the order as it is, and then after every change. The live code tells of its changes for as long as it was asked to, which is asked
 * again in time; each look also finds what it could not tell. When it was asked stands with each subscription and outlives this object's sleep, so that an order
 * which nobody touches is left alone.
 */
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import type { Tell } from "./live-graph.ts";
import { groupOf, type LiveSockets, type Subscribed } from "./live-sockets.ts";
import type { LiveCodeProtocol } from "./protocol.ts";
import { within } from "./within.ts";

type Watching = Subscribed & { readonly key: OrderKey };

export class LiveOrders {
  private readonly sockets: LiveSockets;
  private readonly render: Tell;
  private readonly liveCode: (key: OrderKey) => Pick<LiveCodeProtocol, "watch">;

  constructor(sockets: LiveSockets, render: Tell, liveCode: (key: OrderKey) => Pick<LiveCodeProtocol, "watch">) {
    this.sockets = sockets;
    this.render = render;
    this.liveCode = liveCode;
  }

  /** Tells the order as it is, and then what becomes of it. False when there is none, or none of this merchant's. */
  async follow(socket: WebSocket, id: string, key: OrderKey, merchantId: string): Promise<boolean> {
    const order = await this.watch(key, merchantId, Date.now());
    // And those who have missed something, since all of them count as asked for now.
    if (order)
      await this.tellAll(
        order,
        (one) => (one.socket === socket && one.subscription.id === id) || one.subscription.version < order.version,
      );
    return order !== null;
  }

  /** Whether anybody watches it. */
  async changed(order: Order): Promise<boolean> {
    return (await this.tellAll(order, () => true)) > 0;
  }

  /** Asks the live codes to go on telling, when that is due, and tells what they could not. */
  async look(now: number): Promise<void> {
    const due = new Map(
      this.watching(null)
        .filter(({ subscription }) => (subscription.askedAt ?? 0) + limits.orderLookMs <= now)
        .map(({ key, session }) => [key, session.listener.merchantId]),
    );
    await Promise.allSettled(
      [...due].map(async ([key, merchantId]) => {
        const order = await this.watch(key, merchantId, now);
        if (order) await this.tellAll(order, ({ subscription }) => subscription.version < order.version);
      }),
    );
  }

  private async watch(key: OrderKey, merchantId: string, now: number): Promise<Order | null> {
    const asked = this.liveCode(key).watch(merchantId, now + limits.orderWatchMs);
    const order = await within(limits.orderWatchTimeoutMs, asked);
    for (const { socket, subscription } of this.watching(key))
      this.sockets.changeSubscription(socket, subscription.id, { askedAt: now });
    return order;
  }

  /** To those of its watchers; the same once for all who ask the same. Answers how many they are. */
  private async tellAll(order: Order, isToHear: (watching: Watching) => boolean): Promise<number> {
    const watching = this.watching(order.terms.key).filter(isToHear);
    const messages = new Map<string, Promise<string | null>>();
    await Promise.all(
      watching.map((one) => {
        const { question, session } = one;
        const group = groupOf(one);
        const told = messages.get(group) ?? this.render(question.asked, session.listener, { kind: "ORDER", order });
        messages.set(group, told);
        return this.tell(one, order, told);
      }),
    );
    return watching.length;
  }

  /**
   * Older news may be rendered later: they are not told any more. Who cannot be told just now, because it could not be rendered or because there is something to
   * read first, is told at the next look how it stands then.
   */
  private async tell({ socket, subscription: asked }: Watching, { version }: Order, rendered: Promise<string | null>) {
    const { id, question } = asked;
    let message: string | null;
    try {
      message = await rendered;
    } catch (fault) {
      console.error("an order that is watched", fault);
      return this.isBehind(socket, id);
    }
    const subscription = this.sockets.subscription(socket, id);
    if (subscription?.question !== question || subscription.version > version) return;
    if (this.sockets.isFull(socket)) return this.isBehind(socket, id);
    if (subscription.version < version) this.sockets.changeSubscription(socket, id, { version });
    this.sockets.tell(socket, id, message);
  }

  /** A scan makes no new version, so the last one counts as not told. */
  private isBehind(socket: WebSocket, id: string): void {
    this.sockets.changeSubscription(socket, id, { version: -1, askedAt: 0 });
  }

  /** Of one order, or of any. */
  private watching(key: OrderKey | null): readonly Watching[] {
    return this.sockets.subscribed().flatMap((one) => {
      const { topic } = one.question;
      return topic.kind === "ORDER" && (key === null || topic.key === key) ? [{ ...one, key: topic.key }] : [];
    });
  }
}
