/**
 * A merchant's events on their way to everyone who wants them. It keeps who listens and stores no event: each endpoint's own queue does, whoever publishes
 * keeps the events until `publish` resolves and publishes again otherwise, which queues nothing twice, and open subscriptions read the log (`live-log.ts`).
 */
import { DurableObject } from "cloudflare:workers";
import type { EventType, FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { KnownAlarm } from "./known-alarm.ts";
import { LiveFeed } from "./live-feed.ts";
import type { LiveGraph } from "./live-graph.ts";
import type { MerchantFeedProtocol } from "./protocol.ts";
import type { WebhookEndpointProtocol } from "./webhook-protocol.ts";

/** No types: every type. */
type Subscriber = { readonly id: string; readonly types: readonly EventType[] };

const subscribersKey = "subscribers";

export abstract class MerchantFeedObject extends DurableObject<Env> implements MerchantFeedProtocol {
  protected abstract readonly graph: LiveGraph;
  private readonly live = new LiveFeed(this.ctx, this.env, () => this.graph);
  private readonly alarmClock = new KnownAlarm(this.ctx);
  /** Endpoints that said so when they last took events. */
  private readonly troubled = new Set<string>();

  /** Repeating changes nothing; another list of types replaces the first. */
  async subscribe({ id, types }: Subscriber): Promise<void> {
    const subscribers = this.subscribers();
    this.keep([...subscribers.filter((one) => one.id !== id), { id, types }]);
    // Live codes may still believe that nobody listens (`quiet-feeds.ts`); who is answered now misses nothing from now on.
    if (subscribers.length === 0) await scheduler.wait(limits.feedQuietMs);
  }

  async unsubscribe(endpointId: string): Promise<void> {
    const subscribers = this.subscribers();
    const rest = subscribers.filter(({ id }) => id !== endpointId);
    if (rest.length < subscribers.length) this.keep(rest);
  }

  /** Rejects when any endpoint did not take its events; the others have theirs all the same. */
  async publish(events: readonly FeedEvent[]): Promise<{ readonly quietMs: number; readonly live: boolean }> {
    const subscribers = this.subscribers();
    const live = this.live.isFollowed();
    if (live) this.alarmClock.ringBy(Date.now() + limits.liveLookMs);
    // Those in trouble have time, and the others are not to wait for the work they make.
    const [later, first] = [true, false].map((inTrouble) =>
      subscribers.filter(({ id }) => this.troubled.has(id) === inTrouble),
    );
    const told = [...(await this.tell(first, events)), ...(await this.tell(later, events))];
    const failed = told.find((one) => one.status === "rejected");
    if (failed) throw new Error("an endpoint did not take its events", { cause: failed.reason });
    return { quietMs: subscribers.length === 0 && !live ? limits.feedQuietMs : 0, live };
  }

  async logged(): Promise<void> {
    await this.live.look();
  }

  async changed(order: Order): Promise<boolean> {
    return this.live.changed(order);
  }

  override async fetch(request: Request): Promise<Response> {
    const response = this.live.open(request);
    if (response.status === 101) this.alarmClock.ringBy(Date.now() + limits.liveTickMs);
    return response;
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    try {
      await this.live.hear(socket, data);
      // Live codes may still believe that nobody listens: what they do not tell is found then.
      this.alarmClock.ringBy(Date.now() + limits.feedQuietMs + limits.liveLookMs);
    } catch (fault) {
      console.error("a subscription", fault);
      this.live.failed(socket);
    }
  }

  override webSocketClose(socket: WebSocket): void {
    this.live.closed(socket);
  }

  /** While anybody listens. Set again before it does anything, so that no fault ends it. */
  override async alarm(): Promise<void> {
    this.alarmClock.rang();
    if (!this.live.isOpen()) return;
    const now = Date.now();
    this.alarmClock.set(this.live.lookBy(now), true);
    try {
      await this.live.lookAfter(now);
    } catch (fault) {
      console.error("alarm of a merchant's feed", fault);
    }
  }

  private tell(subscribers: readonly Subscriber[] = [], events: readonly FeedEvent[]) {
    return Promise.allSettled(
      subscribers.map(async ({ id, types }) => {
        const wanted = types.length === 0 ? events : events.filter(({ type }) => types.includes(type));
        if (wanted.length === 0) return;
        const { troubled } = await this.endpoint(id).enqueue(wanted);
        if (troubled) this.troubled.add(id);
        else this.troubled.delete(id);
      }),
    );
  }

  private endpoint(id: string): WebhookEndpointProtocol {
    return this.env.WEBHOOK_ENDPOINT.getByName(id);
  }

  private subscribers(): readonly Subscriber[] {
    return this.ctx.storage.kv.get<readonly Subscriber[]>(subscribersKey) ?? [];
  }

  private keep(subscribers: readonly Subscriber[]): void {
    this.ctx.storage.transactionSync(() => this.ctx.storage.kv.put(subscribersKey, subscribers));
  }
}
