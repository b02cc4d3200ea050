/**
 * One partner's endpoint: its settings, its sealed secrets and its queue, so that a slow partner delays nobody else. `queue.ts` decides what goes when, `deliver.ts`
 * makes an attempt, `retry.ts` says what it means; this object keeps the queue, the time, and the promise that whatever was taken is delivered at least once or shows DEAD.
 *
 * Every change is one transaction (`advance`) that also marks what is sent next as under way until a lease ends, and sets the alarm. An object that dies between sending and
 * recording finds the lease at its end, counts the attempt as interrupted, and sends the event again under the same id.
 */
import { DurableObject } from "cloudflare:workers";
import type { FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { keysOf } from "../keys/root.ts";
import { seal, unseal } from "../keys/seal.ts";
import { deliver } from "../webhooks/deliver.ts";
import { deliveryPlaceOf } from "../webhooks/delivery-id.ts";
import { lanesOf, plan, type Lanes } from "../webhooks/queue.ts";
import { hintOf, newSecret } from "../webhooks/signature.ts";
import type { UrlPolicy } from "../webhooks/url-guard.ts";
import type { Delivery, EndpointOpening, EndpointSummary, WebhookEndpointProtocol } from "./protocol.ts";
import { arrive, conclude, lease, purge, recover, type Departure, type Step } from "./webhook-endpoint-steps.ts";
import { secretPlace, webhookEndpointStore, type StoredEndpoint } from "./webhook-endpoint-store.ts";

/** Finished deliveries of an idle endpoint are deleted a day's worth at a time. */
const purgeGrainMs = limits.webhookAttemptsKeptMs / 30;
const rateWindowMs = 1000;

export class WebhookEndpoint extends DurableObject<Env> implements WebhookEndpointProtocol {
  private readonly store = webhookEndpointStore(this.ctx.storage);
  private readonly sealing = keysOf(this.env.ROOT_SECRET).sealing;
  /** The open deliveries, as stored; null when they must be read. */
  private lanes: Lanes | null = null;
  /** The alarm as this instance knows it; null when it does not know. */
  private alarmAt: number | null = null;
  /** When attempts began lately. An eviction forgets it, which may let one second's share go twice. */
  private starts: readonly number[] = [];

  async open(opening: EndpointOpening): Promise<{ readonly secret: string | null; readonly summary: EndpointSummary }> {
    const known = this.store.read();
    if (known) return { secret: null, summary: this.summarize(known) };
    const secret = newSecret((bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
    const sealed = seal(this.sealing, secretPlace(opening), secret);
    const kept = { sealed, hint: hintOf(secret), createdAt: Date.now(), expiresAt: null };
    const endpoint: StoredEndpoint = { opening, secrets: [kept], disabledReason: null, heldUntil: null };
    this.ctx.storage.transactionSync(() => {
      this.store.create();
      this.store.write(endpoint);
    });
    return { secret, summary: this.summarize(endpoint) };
  }

  async summary(): Promise<EndpointSummary | null> {
    const endpoint = this.store.read();
    return endpoint && this.summarize(endpoint);
  }

  /** An endpoint that was never opened is nobody's, and no one waits for its events. */
  async enqueue(events: readonly FeedEvent[]): Promise<void> {
    if (!this.store.read()) return;
    this.advance((step) => {
      for (const event of events) arrive(step, event);
    });
  }

  async deliveries(limit: number, before: string | null): Promise<readonly Delivery[]> {
    const id = this.store.read()?.opening.id;
    const place = before === null ? null : deliveryPlaceOf(before);
    if (!id || (before !== null && place?.endpointId !== id)) return [];
    return this.store.page(id, Math.min(limit, limits.pageSizeMax), place);
  }

  /** Re-arms before it reads anything, so that no fault can end the queue. Throws only when that fails: then the platform rings again by itself. */
  override async alarm(): Promise<void> {
    this.alarmAt = null;
    const again = Date.now() + limits.watchdogMs.max;
    await this.ctx.storage.setAlarm(again);
    this.alarmAt = again;
    try {
      this.advance((step) => {
        recover(step, Math.random);
        purge(step);
      }, true);
    } catch (fault) {
      console.error("alarm of a webhook endpoint", fault);
    }
  }

  /**
   * The one way the queue changes: `change` first, then what goes next is leased and the alarm is set, all in one transaction. Attempts begin after it.
   * `exactly`: an alarm that is too early is moved as well, instead of being left to ring for nothing.
   */
  private advance(change: (step: Step) => void, exactly = false): void {
    const now = Date.now();
    let departures: Departure[] = [];
    let alarmAt = this.alarmAt;
    try {
      this.ctx.storage.transactionSync(() => {
        const endpoint = this.store.read();
        if (!endpoint) throw new Error("the endpoint was never opened");
        this.lanes ??= lanesOf(this.store.open());
        const step: Step = { now, store: this.store, lanes: this.lanes, arrivals: new Map(), endpoint };
        change(step);
        this.starts = this.starts.filter((start) => start > now - rateWindowMs);
        const { send, wakeAt } = plan(step.lanes, now, {
          heldUntil: step.endpoint.heldUntil,
          ratePerSecond: step.endpoint.opening.ratePerSecond,
          starts: this.starts,
        });
        departures = lease(step, send);
        alarmAt = this.arm(wakeAt ?? this.purgeAt(), now, exactly);
      });
    } catch (fault) {
      // What memory says may differ from what was rolled back to.
      this.lanes = null;
      throw fault;
    }
    this.alarmAt = alarmAt;
    this.starts = [...this.starts, ...departures.map(() => now)];
    for (const departure of departures) this.ctx.waitUntil(this.send(departure));
  }

  private async send(departure: Departure): Promise<void> {
    const { endpoint, waiting, body } = departure;
    try {
      const attempt = {
        url: endpoint.opening.url,
        policy: this.policy(),
        secrets: this.validSecrets(endpoint),
        id: waiting.id,
        body,
      };
      const outcome = await deliver(attempt, {
        fetch: (...request) => fetch(...request),
        now: () => Date.now(),
        timeoutMs: limits.webhookTimeoutMs,
      });
      this.advance((step) => conclude(step, departure, outcome, Math.random()));
    } catch (fault) {
      // Its lease will end, and the alarm takes the event up again.
      console.error("an attempt of a webhook endpoint", fault);
    }
  }

  private validSecrets({ opening, secrets }: StoredEndpoint): string[] {
    const valid = secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > Date.now());
    return valid.map(({ sealed }) => unseal(this.sealing, secretPlace(opening), sealed));
  }

  /** Sets the alarm and answers when it will ring. One that rings too early only looks again, so it is left alone: moving it costs a row. */
  private arm(at: number | null, now: number, exactly: boolean): number | null {
    const known = this.alarmAt;
    const serves = known === at || (!exactly && known !== null && known > now && (at === null || known < at));
    if (serves) return known;
    void (at === null ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(at));
    return at;
  }

  private purgeAt(): number | null {
    const oldest = this.store.oldestSettledAt();
    return oldest === null ? null : oldest + limits.webhookAttemptsKeptMs + purgeGrainMs;
  }

  private policy(): UrlPolicy {
    const { WEBHOOK_ALLOW_PRIVATE, PUBLIC_ORIGIN } = this.env;
    return {
      allowPrivate: WEBHOOK_ALLOW_PRIVATE === "1",
      ownHost: PUBLIC_ORIGIN ? new URL(PUBLIC_ORIGIN).hostname : null,
    };
  }

  /** Asks the table, not the lanes: a list of endpoints is not worth loading their queues. */
  private summarize({ opening, secrets, disabledReason }: StoredEndpoint): EndpointSummary {
    const { waiting, failing } = this.store.backlog();
    const full = waiting >= limits.webhookBacklogMax;
    const working = failing || full ? "FAILING" : "ENABLED";
    return {
      ...opening,
      state: disabledReason === null ? working : "DISABLED",
      disabledReason: disabledReason ?? (full ? `${waiting} deliveries wait: what comes now is kept as DEAD.` : null),
      secrets: secrets.map(({ hint, createdAt, expiresAt }) => ({ hint, createdAt, expiresAt })),
      backlog: waiting,
    };
  }
}
