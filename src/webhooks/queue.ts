/**
 * Decides what an endpoint is sent now and when to look again. Pure: the endpoint's object keeps the queue and the clock.
 *
 * Each order is a lane. Its events go one at a time and by `sequence`, so a receiver never sees "refunded" before "paid". While the first of a lane is
 * being retried the rest of that lane waits behind it: what it says (paid) is what the next builds on (converted). Lanes do not wait for each
 * other. A delivery that is DEAD leaves its lane, so one event that a partner can never digest costs its order three days, not for ever.
 */
import { limits } from "../core/limits.ts";

export type Waiting = {
  /** The event's id. */
  readonly id: string;
  /** When the event happened. */
  readonly at: number;
  readonly orderKey: string;
  readonly sequence: number;
  /** Attempts that were made. */
  tried: number;
  /** Not before. */
  dueAt: number;
  /** Under way, and until when its outcome is awaited; null when it rests. */
  leasedUntil: number | null;
};

/** `byOrder`: each lane by sequence and never empty. `count`: all that wait in them. */
export type Lanes = { readonly byOrder: Map<string, Waiting[]>; count: number };

export type Gate = {
  /** The partner asked for quiet until then. */
  readonly heldUntil: number | null;
  readonly ratePerSecond: number | null;
  /** When attempts began, oldest first; those of the last second count. */
  readonly starts: readonly number[];
};
export type Plan = {
  readonly send: readonly Waiting[];
  /** When something will be due that is not now; null when nothing will. A lease's end is such a time. */
  readonly wakeAt: number | null;
};

/** How long an attempt may stay without an outcome before it counts as interrupted: longer than any attempt takes. */
export const leaseMs = limits.webhookTimeoutMs + limits.watchdogMs.max;

const second = 1000;

export function enter(lanes: Lanes, waiting: Waiting): void {
  const lane = lanes.byOrder.get(waiting.orderKey);
  if (!lane) lanes.byOrder.set(waiting.orderKey, [waiting]);
  else lane.splice(lane.findLastIndex(({ sequence }) => sequence < waiting.sequence) + 1, 0, waiting);
  lanes.count += 1;
}

export function leave(lanes: Lanes, { orderKey, id }: Waiting): void {
  const lane = lanes.byOrder.get(orderKey) ?? [];
  const rest = lane.filter((waiting) => waiting.id !== id);
  if (rest.length > 0) lanes.byOrder.set(orderKey, rest);
  else lanes.byOrder.delete(orderKey);
  lanes.count -= lane.length - rest.length;
}

export function lanesOf(queue: Iterable<Waiting>): Lanes {
  const lanes: Lanes = { byOrder: new Map(), count: 0 };
  for (const waiting of queue) enter(lanes, waiting);
  return lanes;
}

/** One after the other, since there may be very many. Those that were seen may leave meanwhile. */
export function* everyWaiting({ byOrder }: Lanes): Generator<Waiting> {
  for (const lane of byOrder.values()) yield* lane;
}

/** What is due longest goes first. One pass over the lanes, because it runs after every attempt and an outage may leave very many. */
export function plan(lanes: Lanes, now: number, gate: Gate): Plan {
  const held = gate.heldUntil !== null && gate.heldUntil > now ? gate.heldUntil : null;
  const due: Waiting[] = [];
  let flying = 0;
  let wakeAt = Infinity;
  for (const lane of lanes.byOrder.values()) {
    const leased = lane.find(({ leasedUntil }) => leasedUntil !== null);
    const [first] = lane;
    if (leased) {
      flying += 1;
      wakeAt = Math.min(wakeAt, leased.leasedUntil ?? Infinity);
    } else if (first) {
      const from = Math.max(first.dueAt, held ?? 0);
      if (from > now) wakeAt = Math.min(wakeAt, from);
      else keepEarliest(due, first);
    }
  }
  const rate = rateOf(gate, now);
  const send = due.slice(0, Math.max(0, Math.min(limits.webhookConcurrencyMax - flying, rate.free)));
  // With every place taken, the next outcome looks again by itself; with the second's share used up, only time does.
  if (due.length > send.length && rate.free <= send.length) wakeAt = Math.min(wakeAt, rate.freeAt);
  if (send.length > 0) wakeAt = Math.min(wakeAt, now + leaseMs);
  return { send, wakeAt: wakeAt === Infinity ? null : wakeAt };
}

/** Keeps the few that are due longest, in order, without sorting all. */
function keepEarliest(due: Waiting[], candidate: Waiting): void {
  const index = due.findIndex(
    (other) => candidate.dueAt < other.dueAt || (candidate.dueAt === other.dueAt && candidate.at < other.at),
  );
  if (index >= 0) due.splice(index, 0, candidate);
  else if (due.length <= limits.webhookConcurrencyMax) due.push(candidate);
  if (due.length > limits.webhookConcurrencyMax + 1) due.pop();
}

function rateOf({ ratePerSecond, starts }: Gate, now: number): { free: number; freeAt: number } {
  if (ratePerSecond === null) return { free: Infinity, freeAt: Infinity };
  const recent = starts.filter((start) => start > now - second);
  return { free: Math.max(0, ratePerSecond - recent.length), freeAt: (recent[0] ?? now) + second };
}
