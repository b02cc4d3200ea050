/** The steps of which an endpoint's transactions are made. Each changes the storage and the lanes in memory alike; none waits, sends, or knows the clock. */
import type { FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { bodyFor } from "../webhooks/payload.ts";
import { enter, everyWaiting, leaseMs, leave, type Lanes, type Waiting } from "../webhooks/queue.ts";
import { judge, type Outcome } from "../webhooks/retry.ts";
import type { StoredEndpoint, WebhookEndpointStore } from "./webhook-endpoint-store.ts";

export type Step = {
  readonly now: number;
  readonly store: WebhookEndpointStore;
  readonly lanes: Lanes;
  /** Events that came in this transaction, by id, with the body as it will be sent. `lease` writes them. */
  readonly arrivals: Map<string, FeedEvent>;
  endpoint: StoredEndpoint;
};
/** An attempt that a transaction decided on. */
export type Departure = {
  readonly waiting: Waiting;
  readonly endpoint: StoredEndpoint;
  readonly body: string;
  /** Counted from 1. */
  readonly number: number;
  readonly startsAt: number;
  /** The end of its lease, which also tells it from a later attempt. */
  readonly until: number;
};

/** Takes an event, unless it was taken before. */
export function arrive(step: Step, event: FeedEvent): void {
  const { now, store, lanes, arrivals, endpoint } = step;
  const { id, at, orderKey, sequence } = event;
  if (arrivals.has(id) || store.has(event)) return;
  const arrival = { ...event, body: bodyFor(endpoint.opening.payload, event.body) };
  // What nobody is going to send is kept as DEAD, so that it can be sent once the endpoint is back.
  const turnedAway = endpoint.disabledReason !== null || lanes.count >= limits.webhookBacklogMax;
  if (turnedAway) return store.insert(arrival, "DEAD", now, null);
  arrivals.set(id, arrival);
  enter(lanes, { id, at, orderKey, sequence, tried: 0, dueAt: now, leasedUntil: null });
}

/** Marks as under way what goes now. An event that has just come is written here, once, with its lease. */
export function lease({ now, store, arrivals, endpoint }: Step, send: readonly Waiting[]): Departure[] {
  const until = now + leaseMs;
  const departures = send.map((waiting) => {
    waiting.leasedUntil = until;
    const arrival = arrivals.get(waiting.id);
    if (arrival) {
      store.insert(arrival, "PENDING", now, until);
      arrivals.delete(waiting.id);
    } else store.lease(waiting, until);
    return {
      waiting,
      endpoint,
      body: arrival?.body ?? store.bodyOf(waiting),
      number: waiting.tried + 1,
      startsAt: now,
      until,
    };
  });
  for (const arrival of arrivals.values()) store.insert(arrival, "PENDING", now, null);
  return departures;
}

/** Records what came of an attempt. One whose lease was already given up counts only if it succeeded: then nothing is left to send. */
export function conclude(
  step: Step,
  { waiting: { id, orderKey }, number, startsAt, until }: Departure,
  outcome: Outcome,
  random: number,
): void {
  const waiting = step.lanes.byOrder.get(orderKey)?.find((one) => one.id === id);
  if (!waiting) return;
  const verdict = judge(outcome, number, step.now, random);
  if (waiting.leasedUntil !== until && verdict.state !== "SUCCEEDED") return;
  const state = verdict.state === "RETRYING" && step.endpoint.disabledReason !== null ? "DEAD" : verdict.state;
  const dueAt = verdict.nextAt ?? step.now;
  const { status, error, durationMs, responseBody } = outcome;
  step.store.record(waiting, { number, at: startsAt, status, error, durationMs, responseBody }, state, dueAt);
  if (state === "RETRYING") Object.assign(waiting, { tried: number, dueAt, leasedUntil: null });
  else leave(step.lanes, waiting);
  if (verdict.holdUntil !== null)
    settle(step, { heldUntil: Math.max(verdict.holdUntil, step.endpoint.heldUntil ?? 0) });
  if (verdict.gone) disable(step, "The partner answered 410 Gone.");
}

/** After a death between sending and recording: the attempt was made, as far as anybody knows. */
export function recover(step: Step, random: () => number): void {
  for (const waiting of everyWaiting(step.lanes)) {
    const { leasedUntil: until, tried } = waiting;
    if (until === null || until > step.now) continue;
    const departure = {
      waiting,
      endpoint: step.endpoint,
      body: "",
      number: tried + 1,
      startsAt: until - leaseMs,
      until,
    };
    conclude(
      step,
      departure,
      {
        status: null,
        error: "interrupted before its outcome was known",
        durationMs: leaseMs,
        responseBody: null,
        retryAfter: null,
      },
      random(),
    );
  }
}

/** Deletes what was kept long enough. */
export const purge = ({ store, now }: Step): void => store.purge(now - limits.webhookAttemptsKeptMs);

/** What is under way may still succeed; the rest is given up. */
function disable(step: Step, disabledReason: string): void {
  settle(step, { disabledReason });
  step.store.giveUpResting();
  for (const waiting of everyWaiting(step.lanes)) if (waiting.leasedUntil === null) leave(step.lanes, waiting);
}

function settle(step: Step, change: Partial<StoredEndpoint>): void {
  step.endpoint = { ...step.endpoint, ...change };
  step.store.write(step.endpoint);
}
