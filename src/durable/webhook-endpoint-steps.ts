/** The steps of which an endpoint's transactions are made. Each changes the storage and what is in memory alike; none waits, sends, or knows the clock. */
import type { FeedEvent } from "../core/events.ts";
import { subjectOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { after, doubted, isHopeless, sound, type Health } from "../webhooks/health.ts";
import { bodyFor } from "../webhooks/payload.ts";
import {
  depart,
  enter,
  everyWaiting,
  isStuck,
  leaseMs,
  leave,
  rest,
  type Lanes,
  type Waiting,
} from "../webhooks/queue.ts";
import { judge, succeeded, type Outcome } from "../webhooks/retry.ts";
import type { Delivery, EndpointChanges, Place, RecoveryAnswer, RecoveryWindow } from "./webhook-protocol.ts";
import { disabled, isAbout, withSettings, type StoredEndpoint } from "./webhook-endpoint-settings.ts";
import type { WebhookEndpointStore } from "./webhook-endpoint-store.ts";

export type Step = {
  readonly now: number;
  readonly store: WebhookEndpointStore;
  readonly lanes: Lanes;
  /** Events that came in this transaction, by id, with the body as it will be sent. `lease` writes them. */
  readonly arrivals: Map<string, FeedEvent>;
  endpoint: StoredEndpoint;
  health: Health;
};
/** An attempt that a transaction decided on. */
export type Departure = {
  readonly waiting: Waiting;
  readonly endpoint: StoredEndpoint;
  readonly body: string;
  /** Not so: the endpoint's selection makes the body of it first. */
  readonly final: boolean;
  /** Counted from 1, since the delivery was last queued. */
  readonly number: number;
  readonly startsAt: number;
  /** The end of its lease, which also tells it from a later attempt. */
  readonly until: number;
};
/** `ours`: it says nothing about the partner. */
export type Concluded = Outcome & { readonly ours?: boolean };

const isFinal = ({ opening }: StoredEndpoint, { orderKey }: FeedEvent): boolean =>
  opening.selection === null || orderKey === null;

/** Takes an event, unless it was taken before. */
export function arrive(step: Step, event: FeedEvent): void {
  const { now, store, lanes, arrivals, endpoint } = step;
  const { id, at, sequence } = event;
  if (arrivals.has(id) || isAbout(endpoint, event) || store.has(event)) return;
  const { payload, selection } = endpoint.opening;
  const arrival = { ...event, body: selection ? event.body : bodyFor(payload, event.body) };
  // What nobody is going to send is kept as DEAD, so that it can be sent once the endpoint is back.
  const turnedAway = endpoint.disabledReason !== null || lanes.count >= limits.webhookBacklogMax;
  if (turnedAway)
    return store.insert(arrival, "DEAD", { dueAt: now, leasedUntil: null, final: isFinal(endpoint, event) });
  arrivals.set(id, arrival);
  enter(lanes, {
    id,
    at,
    lane: subjectOf(id),
    sequence,
    replay: false,
    tried: 0,
    dueAt: now,
    leasedUntil: null,
  });
}

/** Marks as under way what goes now. An event that has just come is written here, once, with its lease. */
export function lease({ now, store, lanes, arrivals, endpoint }: Step, send: readonly Waiting[]): Departure[] {
  const until = now + leaseMs;
  const going = new Set(send.map(({ id }) => id));
  const kept = send.filter(({ id }) => !arrivals.has(id));
  const bodies = new Map(kept.length > 0 ? store.lease(kept, until) : []);
  for (const arrival of arrivals.values()) {
    const leasedUntil = going.has(arrival.id) ? until : null;
    const final = isFinal(endpoint, arrival);
    store.insert(arrival, "PENDING", { dueAt: now, leasedUntil, final });
    if (leasedUntil !== null) bodies.set(arrival.id, { body: arrival.body, final });
  }
  return send.map((waiting) => {
    depart(lanes, waiting, until);
    const said = bodies.get(waiting.id);
    if (!said) throw new Error("what is sent has a body");
    return { waiting, endpoint, ...said, number: waiting.tried + 1, startsAt: now, until };
  });
}

/** It was decided on and has not begun: it waits again, as if it had not been. */
export function callBack(step: Step, { waiting: { id, lane }, until }: Departure): void {
  const waiting = step.lanes.byLane.get(lane)?.find((one) => one.id === id);
  if (waiting?.leasedUntil !== until) return;
  step.store.unlease(waiting);
  rest(step.lanes, waiting, waiting.tried, waiting.dueAt);
  if (step.endpoint.disabledReason === null) return;
  step.store.giveUpResting();
  leave(step.lanes, waiting);
}

/** Nothing may begin now. */
export const isClosed = ({ endpoint, health, now }: Step): boolean =>
  endpoint.disabledReason !== null || endpoint.paused || health.probeAt !== null || (endpoint.heldUntil ?? 0) > now;

/** What comes now would not begin at once, or in vain. */
export const isTroubled = (step: Step): boolean =>
  isClosed(step) || step.health.failures >= limits.webhookTrouble.failuresMin || isStuck(step.lanes, step.now);

/** Records what came of an attempt. One whose lease was already given up counts only if it succeeded: then nothing is left to send. */
export function conclude(
  step: Step,
  { waiting: { id, lane }, number, startsAt, until }: Departure,
  outcome: Concluded,
  random: number,
): void {
  const { now } = step;
  const waiting = step.lanes.byLane.get(lane)?.find((one) => one.id === id);
  if (!waiting) return;
  const verdict = judge(outcome, number, now, random);
  if (waiting.leasedUntil !== until && verdict.state !== "SUCCEEDED") return;
  const state = verdict.state === "RETRYING" && step.endpoint.disabledReason !== null ? "DEAD" : verdict.state;
  const dueAt = verdict.nextAt ?? now;
  const { status, error, durationMs, responseBody } = outcome;
  step.store.record(
    waiting,
    { at: startsAt, status, error, durationMs, responseBody },
    { state, tried: number, dueAt },
  );
  if (state === "RETRYING") rest(step.lanes, waiting, number, dueAt);
  else leave(step.lanes, waiting);
  if (verdict.holdUntil !== null)
    settle(step, { heldUntil: Math.max(verdict.holdUntil, step.endpoint.heldUntil ?? 0) });
  if (verdict.gone) disable(step, "The partner answered 410 Gone.");
  if (!outcome.ours) judgeHealth(step, succeeded(outcome));
}

function judgeHealth(step: Step, success: boolean): void {
  step.health = success && step.health.failures === 0 ? step.health : after(step.health, success, step.now);
  if (isHopeless(step.health, step.now) && step.endpoint.disabledReason === null)
    disable(step, `Every attempt has failed for ${limits.webhookDisabledAfterMs / 86_400_000} days.`);
}

/** After a death between sending and recording: the attempt was made, as far as anybody knows. */
export function giveUpLeases(step: Step, random: () => number): void {
  const interrupted = "interrupted before its outcome was known";
  for (const waiting of Array.from(step.lanes.flying.values())) {
    const { leasedUntil: until, tried } = waiting;
    if (until === null || until > step.now) continue;
    const said = { body: "", final: true, startsAt: until - leaseMs, until };
    const departure = { waiting, endpoint: step.endpoint, ...said, number: tried + 1 };
    const nothing = { status: null, responseBody: null, retryAfter: null };
    conclude(step, departure, { ...nothing, error: interrupted, durationMs: leaseMs, ours: true }, random());
  }
}

/** Deletes what was kept long enough, and the oldest of what became too much. */
export function purge({ store, now }: Step): void {
  store.purge(now - limits.webhookAttemptsKeptMs);
  store.shrink(limits.webhookLogBytesMax, limits.webhookReplayPortion, 50);
}

/** What changes of the endpoint itself. Whoever enables it again lets the past be; whoever disables it gives up what waits. */
export function amend(step: Step, { state, ...settings }: EndpointChanges): void {
  const { disabledReason, heldUntil } = step.endpoint;
  step.endpoint = withSettings(step.endpoint, settings);
  if (state === "DISABLED" && disabledReason === null) return disable(step, "The merchant disabled it.");
  if (state === undefined || state === "DISABLED") return settle(step, {});
  step.health = disabledReason === null ? doubted(step.health, step.now) : sound;
  settle(step, {
    paused: state === "PAUSED",
    disabledReason: null,
    heldUntil: disabledReason === null ? heldUntil : null,
  });
}

/** The breaker, if it is open, lets one delivery try at once. */
export const doubt = (step: Step): void => void (step.health = doubted(step.health, step.now));

/** The delivery is due now, and the breaker lets it try. An open one is only hastened: its schedule goes on from there. */
export function retry(step: Step, { event, state }: Delivery): void {
  const { now, store, lanes } = step;
  doubt(step);
  if (state === "SUCCEEDED" || state === "DEAD") return enter(lanes, store.requeue(event, now, false));
  const waiting = lanes.byLane.get(subjectOf(event.id))?.find(({ id }) => id === event.id);
  if (!waiting || waiting.leasedUntil !== null || waiting.dueAt <= now) return;
  store.hasten(event, now);
  rest(lanes, waiting, waiting.tried, now);
}

export function recover(step: Step, window: RecoveryWindow): RecoveryAnswer {
  const { endpoint, store } = step;
  if (endpoint.disabledReason !== null) return { ok: false, reason: "DISABLED" };
  const queued = store.countIn(window);
  if (queued === 0) return { ok: true, queued };
  if (endpoint.recoveries.length >= limits.webhookRecoveriesMax) return { ok: false, reason: "TOO_MANY" };
  settle(step, { recoveries: [...endpoint.recoveries, { ...window, cursor: { at: window.since, id: "" } }] });
  return { ok: true, queued };
}

/** Queues the next portion of what is sent again, once little is left of the last: neither memory nor one transaction ever holds all of it. */
export function refill(step: Step): void {
  const { store, lanes, now } = step;
  const [recovery, ...others] = step.endpoint.recoveries;
  if (!recovery || lanes.replaying > limits.webhookReplayPortion / 2 || lanes.count >= limits.webhookBacklogMax) return;
  const places = store.nextOf(recovery, limits.webhookReplayPortion);
  for (const place of places) enter(lanes, store.requeue(place, now, true));
  const last = places.at(-1);
  settle(step, { recoveries: last ? [{ ...recovery, cursor: last }, ...others] : others });
}

/** What waits is sent as it is made then. */
export const forget = ({ store }: Step, events: readonly Place[]): void =>
  events.forEach((event) => store.forget(event));

/** What is under way may still succeed; the rest is given up. */
function disable(step: Step, reason: string): void {
  settle(step, disabled(step.endpoint, reason, step.health.failingSince, step.now));
  step.store.giveUpResting();
  for (const waiting of everyWaiting(step.lanes)) if (waiting.leasedUntil === null) leave(step.lanes, waiting);
}

export function settle(step: Step, change: Partial<StoredEndpoint>): void {
  step.endpoint = { ...step.endpoint, ...change };
  step.store.write(step.endpoint);
}
