/**
 * One partner's endpoint: its settings, its sealed secrets and its queue, so that a slow partner delays nobody else. `queue.ts` decides what goes when, `deliver.ts`
 * makes an attempt, `retry.ts` says what it means; this object keeps the queue, the time, and the promise that whatever was taken is delivered at least once or shows DEAD.
 *
 * Every change is one transaction (`advance`) that also marks what is sent next as under way until a lease ends, and sets the alarm. An object that dies between sending and
 * recording finds the lease at its end, counts the attempt as interrupted, and sends the event again under the same id.
 */
import { DurableObject } from "cloudflare:workers";
import { databaseNameOf } from "../db/database.ts";
import type { FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { keysOf } from "../keys/root.ts";
import { forgotten, type Bucket } from "../webhooks/bucket.ts";
import type { Health } from "../webhooks/health.ts";
import { lanesOf, plan, type Lanes } from "../webhooks/queue.ts";
import { succeeded } from "../webhooks/retry.ts";
import { KnownAlarm } from "./known-alarm.ts";
import type {
  Delivery,
  DeliveryAttempt,
  DeliverySlice,
  DeliveryState,
  EndpointChanges,
  EndpointOpening,
  EndpointSummary,
  Place,
  RecoveryAnswer,
  RecoveryWindow,
  WebhookEndpointProtocol,
} from "./webhook-protocol.ts";
import { Boarding } from "./webhook-boarding.ts";
import { newSealedSecret } from "./webhook-endpoint-secrets.ts";
import { newStoredEndpoint, summaryOf, withSecret, type StoredEndpoint } from "./webhook-endpoint-settings.ts";
import * as steps from "./webhook-endpoint-steps.ts";
import { webhookEndpointStore } from "./webhook-endpoint-store.ts";
import { webhookLog } from "./webhook-log.ts";
import { pingEvent } from "./webhook-ping.ts";
import { sender, type Select } from "./webhook-sender.ts";
import { within } from "./within.ts";

/** Finished deliveries of an idle endpoint are deleted a day's worth at a time. */
const purgeGrainMs = limits.webhookAttemptsKeptMs / 30;

/** What the storage holds, in memory: a cache. */
type Known = { endpoint: StoredEndpoint; health: Health; bucket: Bucket | null; readonly lanes: Lanes };
/** `select` is given where the graph is known: the objects are below it. */
export abstract class WebhookEndpointObject extends DurableObject<Env> implements WebhookEndpointProtocol {
  private readonly store = webhookEndpointStore(this.ctx.storage);
  private readonly log = webhookLog(this.ctx.storage);
  private readonly sealing = keysOf(this.env.ROOT_SECRET).sealing;
  /** Null when it must be read. */
  private known: Known | null = null;
  private readonly alarmClock = new KnownAlarm(this.ctx, () => (this.isOwing() ? Date.now() : null));
  /** Of what is sent again. Our own pace and nobody's wish, so it is kept nowhere. */
  private replayBucket = forgotten(limits.webhookReplaysPerSecondMax, Date.now());
  private announcing = false;
  private readonly sender = sender(
    this.env,
    (wanted) => this.select(wanted),
    ({ waiting }, body) => this.ctx.storage.transactionSync(() => this.store.finish(waiting, body)),
  );
  private readonly boarding = new Boarding({
    attempt: (departure) => this.sender.attempt(departure),
    record: (landed) =>
      this.advance((step) => {
        for (const { departure, outcome } of landed) steps.conclude(step, departure, outcome, Math.random());
      }),
    giveBack: (departures) => this.advance(() => undefined, { callBack: departures }),
    waitUntil: (work) => this.ctx.waitUntil(work),
  });

  protected abstract readonly select: Select;

  async open(opening: EndpointOpening): Promise<{ readonly secret: string | null; readonly summary: EndpointSummary }> {
    const known = this.read();
    if (known) return { secret: null, summary: this.summarize(known) };
    const { secret, stored } = newSealedSecret(this.sealing, opening, Date.now());
    const endpoint = newStoredEndpoint(opening, stored);
    this.ctx.storage.transactionSync(() => {
      this.store.create();
      this.store.write(endpoint);
    });
    return { secret, summary: this.summarize(endpoint) };
  }

  async summary(): Promise<EndpointSummary | null> {
    const endpoint = this.read();
    return endpoint && this.summarize(endpoint);
  }

  /** An endpoint that was never opened is nobody's, and no one waits for its events. */
  async enqueue(events: readonly FeedEvent[]): Promise<{ readonly troubled: boolean }> {
    if (!this.read()) return { troubled: false };
    let troubled = false;
    this.advance((step) => {
      for (const event of events) steps.arrive(step, event);
      troubled = steps.isTroubled(step);
    });
    return { troubled };
  }

  async deliveries(limit: number, before: string | null, slice: DeliverySlice = {}): Promise<readonly Delivery[]> {
    const endpoint = this.read();
    return endpoint ? this.log.page(endpoint, limit, before, slice) : [];
  }

  async countDeliveries(state: DeliveryState | null): Promise<number | null> {
    return this.read() ? this.ctx.storage.transactionSync(() => this.log.count(state, Date.now())) : 0;
  }

  async delivery(id: string): Promise<Delivery | null> {
    const endpoint = this.read();
    return endpoint && this.log.find(endpoint, id);
  }

  async update(changes: EndpointChanges): Promise<EndpointSummary> {
    this.advance((step) => steps.amend(step, changes), { callBack: this.boarding.uncalled });
    return this.summarize(this.mustRead());
  }

  async rotateSecret(overlapMs: number): Promise<{ readonly secret: string; readonly summary: EndpointSummary }> {
    const { secret, stored } = newSealedSecret(this.sealing, this.mustRead().opening, Date.now());
    this.advance((step) => steps.settle(step, withSecret(step.endpoint, stored, overlapMs)));
    return { secret, summary: this.summarize(this.mustRead()) };
  }

  async ping(): Promise<DeliveryAttempt> {
    const at = Date.now();
    const endpoint = this.mustRead();
    const outcome = await this.sender.post(endpoint, pingEvent(endpoint.opening, at));
    const { status, error, durationMs, responseBody } = outcome;
    if (succeeded(outcome)) this.advance(steps.doubt);
    return { number: 1, at, status, error, durationMs, responseBody };
  }

  async retry(id: string): Promise<{ readonly delivery: Delivery; readonly disabled: boolean } | null> {
    const delivery = await this.delivery(id);
    if (!delivery) return null;
    if (this.mustRead().disabledReason !== null) return { delivery, disabled: true };
    this.advance((step) => steps.retry(step, delivery));
    return { delivery: (await this.delivery(id)) ?? delivery, disabled: false };
  }

  async recover(window: RecoveryWindow): Promise<RecoveryAnswer> {
    let answer: RecoveryAnswer = { ok: true, queued: 0 };
    this.advance((step) => {
      answer = steps.recover(step, window);
    });
    return answer;
  }

  async forgetBodies(events: readonly Place[]): Promise<void> {
    this.sender.forget(events);
    if (this.read()) this.advance((step) => steps.forget(step, events), { callBack: this.boarding.uncalled });
  }

  /** Re-arms before it reads anything, so that no fault can end the queue. Throws only when that fails: then the platform rings again by itself. */
  override async alarm(): Promise<void> {
    this.alarmClock.rang(Date.now() + limits.watchdogMs.max);
    try {
      const change = (step: steps.Step) => {
        steps.giveUpLeases(step, Math.random);
        steps.purge(step);
      };
      this.advance(change, { callBack: this.boarding.uncalled, exactly: true });
    } catch (fault) {
      console.error("alarm of a webhook endpoint", fault);
    }
  }

  /**
   * The one way the queue changes: `change` first, then what goes next is leased and the alarm is set, all in one transaction. Attempts begin after it.
   * `callBack`: what was decided on and is not to begin. `exactly`: an alarm that is too early is moved as well, instead of being left to ring for nothing.
   */
  private advance(
    change: (step: steps.Step) => void,
    { callBack = [], exactly = false }: { callBack?: readonly steps.Departure[]; exactly?: boolean } = {},
  ): void {
    const now = Date.now();
    let calledBack = callBack;
    let departures: steps.Departure[] = [];
    let { replayBucket } = this;
    try {
      this.alarmClock.transaction(() => {
        const known = this.mustKnow();
        const step: steps.Step = { now, store: this.store, arrivals: new Map(), ...known };
        for (const departure of callBack) steps.callBack(step, departure);
        change(step);
        if (steps.isClosed(step)) {
          calledBack = this.boarding.uncalled;
          for (const departure of calledBack) steps.callBack(step, departure);
        }
        steps.refill(step);
        if (step.health !== known.health) this.store.writeHealth(step.health);
        const next = plan(step.lanes, now, this.gate(step, known.bucket));
        departures = steps.lease(step, next.send);
        if (next.bucket && next.send.length > 0) this.store.keepBucket(next.bucket, now);
        ({ replayBucket } = next);
        Object.assign(known, { endpoint: step.endpoint, health: step.health, bucket: next.bucket });
        const tellAgainAt = step.endpoint.announcement ? now + limits.watchdogMs.longMax : Infinity;
        const workAt = Math.min(next.wakeAt ?? Infinity, tellAgainAt);
        const wakeAt = workAt === Infinity ? this.purgeAt() : workAt;
        if (exactly) this.alarmClock.set(wakeAt, true);
        else this.alarmClock.ringBy(wakeAt);
      });
    } catch (fault) {
      // What memory says may differ from what was rolled back to.
      this.known = null;
      throw fault;
    }
    this.replayBucket = replayBucket;
    this.boarding.callBack(calledBack);
    this.boarding.take(departures);
    const announcement = this.known?.endpoint.announcement;
    if (announcement && !this.announcing) this.ctx.waitUntil(this.announce(announcement));
  }

  private gate({ endpoint, health }: steps.Step, known: Bucket | null) {
    const { ratePerSecond } = endpoint.opening;
    return {
      heldUntil: Math.max(endpoint.heldUntil ?? 0, health.probeAt ?? 0),
      // Another rate than before begins where the old one may have been.
      bucket: known?.perSecond === ratePerSecond ? known : this.store.bucket(ratePerSecond),
      replayBucket: this.replayBucket,
      // A rate is kept by when attempts begin, so what begins later must be decided on later.
      ahead: ratePerSecond === null ? this.boarding.ahead : 0,
      probing: health.probeAt !== null,
      paused: endpoint.paused,
    };
  }

  /** Tells the merchant's other endpoints and the log that this one is disabled. Whoever did not hear is told again by the alarm. */
  private async announce(event: FeedEvent): Promise<void> {
    const { merchantId } = this.mustRead().opening;
    const feed = this.env.MERCHANT_FEED.getByName(merchantId);
    const projector = this.env.PROJECTOR.getByName(databaseNameOf(merchantId));
    this.announcing = true;
    const told = await Promise.allSettled([
      within(limits.publicationTimeoutMs, feed.publish([event])),
      within(limits.projectionTimeoutMs, projector.log(merchantId, [event])),
    ]);
    this.announcing = false;
    if (told.some(({ status }) => status === "rejected")) return;
    this.advance((step) => steps.settle(step, { announcement: null }));
    // Whoever watches the log sees it now, or at its next look.
    await within(limits.publicationTimeoutMs, feed.logged()).catch(() => undefined);
  }

  /** Something is still to be sent or told. */
  private isOwing(): boolean {
    const endpoint = this.read();
    return endpoint !== null && (endpoint.announcement !== null || this.store.countOpen() > 0);
  }

  private purgeAt(): number | null {
    const oldest = this.store.oldestSettledAt();
    return oldest === null ? null : oldest + limits.webhookAttemptsKeptMs + purgeGrainMs;
  }

  /** Null when the endpoint was never opened. */
  private read(): StoredEndpoint | null {
    return this.known?.endpoint ?? this.store.read();
  }

  private mustRead(): StoredEndpoint {
    const endpoint = this.read();
    if (!endpoint) throw new Error("the endpoint was never opened");
    return endpoint;
  }

  private mustKnow(): Known {
    this.known ??= {
      endpoint: this.mustRead(),
      health: this.store.readHealth(),
      bucket: null,
      lanes: lanesOf(this.store.open()),
    };
    return this.known;
  }

  /** Asks the table, not the lanes: a list of endpoints is not worth loading their queues. */
  private summarize(endpoint: StoredEndpoint): EndpointSummary {
    const health = this.known?.health ?? this.store.readHealth();
    const kept = { waiting: this.store.countOpen(), shortenedUntil: this.store.shortenedUntil() };
    return summaryOf(endpoint, health, kept, Date.now());
  }
}
