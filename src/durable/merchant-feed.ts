/**
 * A merchant's events on their way to everyone who wants them. It keeps who listens; events are kept by each endpoint's own queue, and here only for a moment for
 * those that are not told at once (`held-events.ts`). Whoever publishes keeps them until `publish` resolves and publishes again otherwise, which queues nothing twice, and
 * open subscriptions read the log (`live-log.ts`).
 */
import { DurableObject } from "cloudflare:workers";
import type { EventType, FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { HeldEvents } from "./held-events.ts";
import { KnownAlarm } from "./known-alarm.ts";
import { LiveFeed } from "./live-feed.ts";
import type { LiveGraph } from "./live-graph.ts";
import type { MerchantFeedProtocol } from "./protocol.ts";
import type { WebhookEndpointProtocol } from "./webhook-protocol.ts";
import { within } from "./within.ts";

/** No types: every type. */
type Subscriber = { readonly id: string; readonly types: readonly EventType[] };

const subscribersKey = "subscribers";

const wants = ({ types }: Subscriber, { type }: FeedEvent): boolean => types.length === 0 || types.includes(type);

export abstract class MerchantFeedObject extends DurableObject<Env> implements MerchantFeedProtocol {
  protected abstract readonly graph: LiveGraph;
  private readonly live = new LiveFeed(this.ctx, this.env, () => this.graph);
  private readonly alarmClock = new KnownAlarm(this.ctx, () => this.wakeAt(Date.now()));
  private readonly held = new HeldEvents(this.ctx.storage, this.alarmClock);
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

  /** Each endpoint has the events when it resolves, or they are held for it. Rejects when too much is held already; those that are well have theirs all the same. */
  async publish(events: readonly FeedEvent[]): Promise<{ readonly quietMs: number; readonly live: boolean }> {
    const subscribers = this.subscribers();
    const live = this.live.isFollowed();
    if (live) this.alarmClock.ringBy(Date.now() + limits.liveLookMs);
    const hurried = subscribers.filter(({ id }) => !this.isPatient(id));
    const told = await Promise.all(hurried.map((one) => this.tell(one, events)));
    const have = new Set(hurried.filter((_, index) => told[index]));
    this.hold(
      subscribers.filter((one) => !have.has(one)),
      events,
    );
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

  /** While anybody listens or anything is held. Set again before it does anything, so that no fault ends it. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    this.alarmClock.rang(now + limits.watchdogMs.max);
    try {
      this.alarmClock.set(this.wakeAt(now), true);
      await this.held.handOver(async (id, events) => {
        const subscriber = this.subscribers().find((one) => one.id === id);
        if (subscriber && !(await this.tell(subscriber, events))) throw new Error("it did not take them");
      });
      if (this.live.isOpen()) await this.live.lookAfter(now);
    } catch (fault) {
      console.error("alarm of a merchant's feed", fault);
    }
  }

  /** Null: for nothing. */
  private wakeAt(now: number): number | null {
    const wakes = [
      this.live.isOpen() ? this.live.lookBy(now) : null,
      this.held.isEmpty() ? null : now + limits.watchdogMs.max,
    ].filter((at) => at !== null);
    return wakes.length === 0 ? null : Math.min(...wakes);
  }

  /** An endpoint that is in trouble has time, and one that is behind must not be told what comes later first. */
  private isPatient(id: string): boolean {
    return this.troubled.has(id) || this.held.isBehind(id);
  }

  private hold(subscribers: readonly Subscriber[], events: readonly FeedEvent[]): void {
    const held = events
      .map((event) => ({ event, endpoints: subscribers.filter((one) => wants(one, event)).map(({ id }) => id) }))
      .filter(({ endpoints }) => endpoints.length > 0);
    if (held.length > 0) this.held.hold(held);
  }

  /** False when it did not answer. */
  private async tell(subscriber: Subscriber, events: readonly FeedEvent[]): Promise<boolean> {
    const { id } = subscriber;
    const wanted = events.filter((event) => wants(subscriber, event));
    if (wanted.length === 0) return true;
    try {
      const { troubled } = await within(limits.enqueueTimeoutMs, this.endpoint(id).enqueue(wanted));
      if (troubled) this.troubled.add(id);
      else this.troubled.delete(id);
      return true;
    } catch (fault) {
      console.error("a webhook endpoint that takes nothing", id, fault);
      return false;
    }
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
