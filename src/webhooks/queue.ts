/**
 * Decides what an endpoint is sent now and when to look again. Pure: the endpoint's object keeps the queue and the clock.
 *
 * Each order is a lane. Its events go one at a time and by `sequence`, so a receiver never sees "refunded" before "paid". While the first of a lane is
 * being retried the rest of that lane waits behind it: what it says (paid) is what the next builds on (converted). Lanes do not wait for each
 * other. A delivery that is DEAD leaves its lane, so one event that a partner can never digest costs its order three days, not for ever.
 *
 * What is sent again after an outage (`replay`) goes at a bounded pace and only when nothing new is due; unless something new waits behind it in its lane.
 */
import { limits } from "../core/limits.ts";
import { take, tokensIn, worthALookAt, type Bucket } from "./bucket.ts";
import { DueHeap, type Offer } from "./due-heap.ts";

export type Waiting = {
  /** The event's id. */
  readonly id: string;
  /** When the event happened. */
  readonly at: number;
  /** Whose events go one after the other: an order's key, mostly. */
  readonly lane: string;
  readonly sequence: number;
  /** It was settled before and is sent again with many others. */
  readonly replay: boolean;
  /** Attempts that were made, since it was last queued. */
  tried: number;
  /** Not before. */
  dueAt: number;
  /** Under way, and until when its outcome is awaited; null when it rests. Changed by `depart` and `rest` only. */
  leasedUntil: number | null;
};

/** All that waits at one endpoint. `byLane`: each by sequence and never empty. */
export type Lanes = {
  readonly byLane: Map<string, Waiting[]>;
  /** What is under way, by its lane. */
  readonly flying: Map<string, Waiting>;
  /** The first of each lane that rests, by when it is due; also some that have changed since, which are dropped when they are met. */
  readonly news: DueHeap<Waiting>;
  readonly replays: DueHeap<Waiting>;
  /** How many wait in all, and how many of them are sent again. */
  count: number;
  replaying: number;
};

export type Gate = {
  /** The partner asked for quiet until then, or the breaker is open until then. */
  readonly heldUntil: number | null;
  /** What attempts take from, at the partner's wish; null: as many as can. */
  readonly bucket: Bucket | null;
  /** What replays take from besides. */
  readonly replayBucket: Bucket;
  /** How many more than may be under way may be decided on now. */
  readonly ahead: number;
  /** The breaker is open: one at a time. */
  readonly probing: boolean;
  /** Nothing goes at all until somebody says so. */
  readonly paused: boolean;
};
export type Plan = {
  readonly send: readonly Waiting[];
  /** When something will be due that is not now; null when nothing will. A lease's end is such a time. */
  readonly wakeAt: number | null;
  /** The buckets after it. */
  readonly bucket: Bucket | null;
  readonly replayBucket: Bucket;
};

/** The longest that an attempt takes: its endpoint's selection is asked first. */
export const attemptMs = limits.webhookSelectionTimeoutMs + limits.webhookTimeoutMs;
/** How long an attempt may stay without an outcome before it counts as interrupted: longer than any attempt takes. */
export const leaseMs = attemptMs + limits.watchdogMs.max;

export function enter(lanes: Lanes, waiting: Waiting): void {
  const lane = lanes.byLane.get(waiting.lane);
  if (!lane) lanes.byLane.set(waiting.lane, [waiting]);
  else lane.splice(lane.findLastIndex(({ sequence }) => sequence < waiting.sequence) + 1, 0, waiting);
  lanes.count += 1;
  if (waiting.replay) lanes.replaying += 1;
  if (waiting.leasedUntil !== null) lanes.flying.set(waiting.lane, waiting);
  offer(lanes, waiting.lane);
}

export function leave(lanes: Lanes, { lane: name, id }: Waiting): void {
  const lane = lanes.byLane.get(name) ?? [];
  const index = lane.findIndex((waiting) => waiting.id === id);
  const [gone] = index < 0 ? [] : lane.splice(index, 1);
  if (!gone) return;
  if (lane.length === 0) lanes.byLane.delete(name);
  lanes.count -= 1;
  if (gone.replay) lanes.replaying -= 1;
  if (lanes.flying.get(name)?.id === id) lanes.flying.delete(name);
  offer(lanes, name);
}

/** It is under way. */
export function depart(lanes: Lanes, waiting: Waiting, until: number): void {
  waiting.leasedUntil = until;
  lanes.flying.set(waiting.lane, waiting);
}

/** It waits again, until `dueAt`. */
export function rest(lanes: Lanes, waiting: Waiting, tried: number, dueAt: number): void {
  Object.assign(waiting, { tried, dueAt, leasedUntil: null });
  if (lanes.flying.get(waiting.lane) === waiting) lanes.flying.delete(waiting.lane);
  offer(lanes, waiting.lane);
}

export function lanesOf(queue: Iterable<Waiting>): Lanes {
  const lanes: Lanes = {
    byLane: new Map(),
    flying: new Map(),
    news: new DueHeap(),
    replays: new DueHeap(),
    count: 0,
    replaying: 0,
  };
  for (const waiting of queue) enter(lanes, waiting);
  return lanes;
}

/** All places are taken, and none became free for a while. */
export function isStuck({ flying }: Lanes, now: number): boolean {
  if (flying.size < limits.webhookConcurrencyMax) return false;
  const youngest = Math.max(...Array.from(flying.values(), ({ leasedUntil }) => (leasedUntil ?? now) - leaseMs));
  return now - youngest >= limits.webhookTrouble.stuckMs;
}

/** One after the other, since there may be very many. Those that were seen may leave meanwhile. */
export function* everyWaiting({ byLane }: Lanes): Generator<Waiting> {
  for (const lane of byLane.values()) yield* Array.from(lane);
}

/** What is due longest goes first. Looks at what is due and at little else, because it runs after every attempt and an outage may leave very many. */
export function plan(lanes: Lanes, now: number, gate: Gate): Plan {
  const flying = Array.from(lanes.flying.values());
  const leaseEnds = Math.min(...flying.map(({ leasedUntil }) => leasedUntil ?? Infinity));
  const { bucket, replayBucket } = gate;
  if (gate.paused) return { send: [], wakeAt: known(leaseEnds), bucket, replayBucket };
  const from = gate.heldUntil ?? 0;
  const places = (gate.probing ? 1 : limits.webhookConcurrencyMax + gate.ahead) - flying.length;
  const tokens = bucket ? tokensIn(bucket, now) : Infinity;
  const free = from > now ? 0 : Math.max(0, Math.min(places, tokens));
  const news = lanes.news.look(now, free, (entry) => isStanding(lanes, entry, false));

  const replaying = flying.filter(({ replay }) => replay).length;
  const room = Math.min(
    free - news.due.length,
    limits.webhookReplaysAtOnceMax - replaying,
    tokensIn(replayBucket, now),
  );
  const replays = lanes.replays.look(now, Math.max(0, room), (entry) => isStanding(lanes, entry, true));

  const send = [...news.due, ...replays.due];
  const left = {
    bucket: bucket && take(bucket, send.length, now),
    replayBucket: take(replayBucket, send.filter(({ replay }) => replay).length, now),
  };
  // What is due and not sent waits for a place, and then the next outcome looks again by itself, or for a token, which only time gives.
  const opensAt = opening(left.bucket, now);
  const wakes = (nextAt: number, whenDue: number): number => {
    const at = Math.max(nextAt, from);
    return at > now ? at : whenDue;
  };
  const wakeAt = Math.min(
    leaseEnds,
    wakes(news.nextAt, opensAt),
    wakes(replays.nextAt, Math.min(opensAt, opening(left.replayBucket, now))),
    send.length > 0 ? now + leaseMs : Infinity,
  );
  return { send, wakeAt: known(wakeAt), ...left };
}

/** When a bucket that is empty is worth a look; never for one that is not. */
const opening = (bucket: Bucket | null, now: number): number =>
  bucket && tokensIn(bucket, now) === 0 ? worthALookAt(bucket) : Infinity;

const known = (at: number): number | null => (at === Infinity ? null : at);

/** The first of a lane, if nothing of it is under way, becomes one of those that may go. */
function offer(lanes: Lanes, name: string): void {
  const lane = lanes.byLane.get(name);
  const first = lane?.[0];
  if (first && !lanes.flying.has(name)) (isReplayed(lane) ? lanes.replays : lanes.news).add(first);
}

/** Nothing new waits in this lane. */
const isReplayed = (lane: readonly Waiting[]): boolean => lane.every(({ replay }) => replay);

/** Whether it is as it was when it was offered, still the first of its lane, and its lane of that kind. */
function isStanding({ byLane, flying }: Lanes, { waiting, dueAt }: Offer<Waiting>, replayed: boolean): boolean {
  const lane = byLane.get(waiting.lane);
  return lane?.[0] === waiting && waiting.dueAt === dueAt && !flying.has(waiting.lane) && isReplayed(lane) === replayed;
}
