/**
 * A merchant's events on their way to everyone who wants them. It keeps who listens; events are kept by each endpoint's own queue, and here only for a moment for
 * those that are not told at once (`held-events.ts`). Whoever publishes keeps them until `publish` resolves and publishes again otherwise, which queues nothing twice, and
 * open subscriptions read the log (`live-log.ts`).
 */
import { DurableObject } from "cloudflare:workers";
import type { EventType, FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { FanOut } from "./fan-out.ts";
import { KnownAlarm } from "./known-alarm.ts";
import { LiveFeed } from "./live-feed.ts";
import type { LiveGraph } from "./live-graph.ts";
import type { MerchantFeedProtocol } from "./protocol.ts";

/** No types: every type. */
type Subscriber = { readonly id: string; readonly types: readonly EventType[] };

const subscribersKey = "subscribers";

export abstract class MerchantFeedObject extends DurableObject<Env> implements MerchantFeedProtocol {
  protected abstract readonly graph: LiveGraph;
  private readonly live = new LiveFeed(this.ctx, this.env, () => this.graph);
  private readonly alarmClock = new KnownAlarm(this.ctx, () => this.wakeAt(Date.now()));
  private readonly fanOut = new FanOut(
    (id) => this.env.WEBHOOK_ENDPOINT.getByName(id),
    this.ctx.storage,
    this.alarmClock,
  );
  /** When open subscriptions are to be looked after; null: whenever the alarm rings next. */
  private lookAt: number | null = null;

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

  /** Rejects while the events are not safe with every endpoint that wants them, or here for it. */
  async publish(events: readonly FeedEvent[]): Promise<{ readonly quietMs: number; readonly live: boolean }> {
    const subscribers = this.subscribers();
    const live = this.live.isFollowed();
    if (live) this.lookBy(Date.now() + limits.liveLookMs);
    const parcels = subscribers.map(({ id: endpointId, types }) => ({
      endpointId,
      events: types.length === 0 ? events : events.filter(({ type }) => types.includes(type)),
    }));
    await this.fanOut.tell(parcels.filter((parcel) => parcel.events.length > 0));
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
    if (response.status === 101) this.lookBy(Date.now() + limits.liveTickMs);
    return response;
  }

  override async webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    try {
      await this.live.hear(socket, data);
      // Live codes may still believe that nobody listens: what they do not tell is found then.
      this.lookBy(Date.now() + limits.feedQuietMs + limits.liveLookMs);
    } catch (fault) {
      console.error("a subscription", fault);
      this.live.failed(socket);
    }
  }

  override webSocketClose(socket: WebSocket): void {
    this.live.closed(socket);
  }

  /** While anybody listens or anything is held. Set again before it does anything, so that no fault ends it. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    this.alarmClock.rang(now + limits.watchdogMs.max);
    try {
      // Whoever rings while nothing is held rings for the subscriptions.
      const isLookDue = this.live.isOpen() && (this.fanOut.isDone() || (this.lookAt ?? now) <= now);
      if (isLookDue) this.lookAt = this.live.lookBy(now);
      this.alarmClock.set(this.wakeAt(now), true);
      // Neither waits for the other, nor fails with it.
      const work = [this.fanOut.handOver()];
      if (isLookDue) work.push(this.live.lookAfter(now));
      for (const done of await Promise.allSettled(work)) if (done.status === "rejected") throw done.reason;
    } catch (fault) {
      console.error("alarm of a merchant's feed", fault);
    }
  }

  private lookBy(at: number): void {
    this.lookAt = Math.min(this.lookAt ?? Infinity, at);
    this.alarmClock.ringBy(at);
  }

  /** Null: for nothing. */
  private wakeAt(now: number): number | null {
    const wakes = [
      this.live.isOpen() ? (this.lookAt ?? this.live.lookBy(now)) : null,
      this.fanOut.isDone() ? null : now + limits.watchdogMs.max,
    ].filter((at) => at !== null);
    return wakes.length === 0 ? null : Math.min(...wakes);
  }

  private subscribers(): readonly Subscriber[] {
    return this.ctx.storage.kv.get<readonly Subscriber[]>(subscribersKey) ?? [];
  }

  private keep(subscribers: readonly Subscriber[]): void {
    this.ctx.storage.transactionSync(() => this.ctx.storage.kv.put(subscribersKey, subscribers));
  }
}
