/** A partner that is away for sixty hours, on a clock of our own: the queue, the schedule and the breaker together, as the endpoint's object runs them. */
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import { emptyAt } from "../../../src/webhooks/bucket.ts";
import { after, sound } from "../../../src/webhooks/health.ts";
import { depart, enter, lanesOf, leave, plan, rest, type Waiting } from "../../../src/webhooks/queue.ts";
import { judge } from "../../../src/webhooks/retry.ts";

const hour = 3_600_000;
const start = Date.parse("2031-05-01T08:00:00Z");
const outageMs = 60 * hour;

type Try = {
  readonly id: string;
  readonly at: number;
  readonly dueAt: number;
  readonly probing: boolean;
  readonly ok: boolean;
};

/** Deterministic chance, evenly spread. */
function chance(): () => number {
  let state = 42;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** `arrivals`: [milliseconds from the start, order, sequence]. Each attempt takes 20 ms. */
function run(arrivals: readonly (readonly [number, string, number])[], status: (at: number) => number) {
  const coming = arrivals
    .toSorted(([a], [b]) => a - b)
    .map(([when, lane, sequence]): Waiting => ({
      id: `${lane}:${sequence}`,
      at: start + when,
      lane,
      sequence,
      replay: false,
      tried: 0,
      dueAt: start + when,
      leasedUntil: null,
    }));
  const random = chance();
  const lanes = lanesOf([]);
  const flying: Waiting[] = [];
  const tries: Try[] = [];
  const delivered: string[] = [];
  const dead: string[] = [];
  let health = sound;
  for (let clock = start; coming.length > 0 || lanes.count > 0;) {
    while (coming[0] && coming[0].at <= clock) enter(lanes, coming.shift()!);
    const probing = health.probeAt !== null;
    const gate = {
      heldUntil: health.probeAt,
      bucket: null,
      replayBucket: emptyAt(limits.webhookReplaysPerSecondMax, 0),
      ahead: 0,
      probing,
      paused: false,
    };
    const { send, wakeAt } = plan(lanes, clock, gate);
    for (const one of send) {
      tries.push({ id: one.id, at: clock, dueAt: one.dueAt, probing, ok: status(clock) === 200 });
      depart(lanes, one, clock + 20);
      flying.push(one);
    }
    const landing = flying.shift();
    if (!landing) {
      clock = Math.min(wakeAt ?? Infinity, coming[0]?.at ?? Infinity);
      continue;
    }
    const outcome = { status: status(clock), error: null, durationMs: 20, responseBody: null, retryAfter: null };
    clock += flying.length === 0 ? 20 : 0;
    const verdict = judge(outcome, landing.tried + 1, clock, random());
    health = after(health, verdict.state === "SUCCEEDED", clock);
    if (verdict.state === "RETRYING") rest(lanes, landing, landing.tried + 1, verdict.nextAt ?? clock);
    else {
      leave(lanes, landing);
      (verdict.state === "DEAD" ? dead : delivered).push(landing.id);
    }
  }
  return { tries, delivered, dead };
}

const isBack = (at: number): number => (at >= start + outageMs ? 200 : 503);

describe("a partner that is away for sixty hours", () => {
  it("gets everything afterwards, in order per order, nothing twice and nothing dead", () => {
    const orders = Array.from({ length: 200 }, (_, index) => index);
    const arrivals = orders.flatMap((order) =>
      [1, 2, 3].map((sequence) => [order * 0.3 * hour + sequence * 40_000, `o${order}`, sequence] as const),
    );
    const { tries, delivered, dead } = run(arrivals, isBack);
    expect(dead).toEqual([]);
    expect(delivered.toSorted()).toEqual(arrivals.map(([, lane, sequence]) => `${lane}:${sequence}`).toSorted());
    for (const order of orders)
      expect(delivered.filter((id) => id.startsWith(`o${order}:`))).toEqual([1, 2, 3].map((n) => `o${order}:${n}`));
    expect(tries.filter(({ ok }) => ok)).toHaveLength(600);
    // The breaker spares the partner: a probe every five minutes, not twelve attempts for each of hundreds.
    const asked = tries.filter(({ ok, at }) => !ok && at > start + 2 * hour);
    expect(asked.length).toBeLessThanOrEqual(58 * 12 + 2);
    // And it is noticed within five minutes that the partner is back.
    expect(tries.find(({ ok }) => ok)!.at - start - outageMs).toBeLessThanOrEqual(limits.webhookBreaker.pauseMs.max);
  });

  it("is tried on the stated schedule within ±20 % as long as one event waits alone", () => {
    const { tries, delivered } = run([[0, "lone", 1]], isBack);
    expect(delivered).toEqual(["lone:1"]);
    expect(tries.length).toBeGreaterThanOrEqual(10);
    tries.slice(1).forEach(({ at }, index) => {
      const waited = (at - tries[index]!.at - 20) / limits.webhookRetryMs[index]!;
      expect(waited).toBeGreaterThanOrEqual(0.8);
      expect(waited).toBeLessThanOrEqual(1.2);
    });
  });

  it("is never tried earlier than the schedule says, and later only while the breaker is open or an earlier event of the order waits", () => {
    const arrivals = Array.from({ length: 300 }, (_, index) => [index * 60_000, `o${index}`, 1] as const);
    const { tries } = run(arrivals, isBack);
    const byId = Map.groupBy(tries, ({ id }) => id);
    const waits = Array.from(byId.values()).flatMap((own) =>
      own.slice(1).map(({ at, dueAt, probing }, index) => {
        const share = (at - own[index]!.at) / limits.webhookRetryMs[index]!;
        return { early: share < 0.8, late: share > 1.21 && !probing && dueAt === at };
      }),
    );
    expect(waits.length).toBeGreaterThan(500);
    expect(waits.filter(({ early, late: isLate }) => early || isLate)).toEqual([]);
    const late = tries.filter(({ at, dueAt, probing }) => !probing && at - dueAt > 100);
    expect(late.every(({ at }) => at >= start + outageMs)).toBe(true);
  });
});
