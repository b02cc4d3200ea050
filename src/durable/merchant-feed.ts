/**
 * A merchant's events on their way to everyone who wants them. It keeps who listens and stores no event: each endpoint's own queue does, and whoever publishes
 * keeps the events until `publish` resolves and publishes again otherwise, which queues nothing twice.
 */
import { DurableObject } from "cloudflare:workers";
import type { EventType, FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import type { MerchantFeedProtocol, WebhookEndpointProtocol } from "./protocol.ts";

/** No types: every type. */
type Subscriber = { readonly id: string; readonly types: readonly EventType[] };

const subscribersKey = "subscribers";

export class MerchantFeed extends DurableObject<Env> implements MerchantFeedProtocol {
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
  async publish(events: readonly FeedEvent[]): Promise<{ readonly quietMs: number }> {
    const subscribers = this.subscribers();
    const told = await Promise.allSettled(
      subscribers.map(async ({ id, types }) => {
        const wanted = types.length === 0 ? events : events.filter(({ type }) => types.includes(type));
        if (wanted.length > 0) await this.endpoint(id).enqueue(wanted);
      }),
    );
    const failed = told.find((one) => one.status === "rejected");
    if (failed) throw new Error("an endpoint did not take its events", { cause: failed.reason });
    return { quietMs: subscribers.length === 0 ? limits.feedQuietMs : 0 };
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
