import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import {
  depart,
  enter,
  everyWaiting,
  isStuck,
  lanesOf,
  leaseMs,
  leave,
  plan,
  rest,
  type Gate,
  type Waiting,
} from "../../../src/webhooks/queue.ts";
import { Boarding } from "../../../src/durable/webhook-boarding.ts";
import type { Departure } from "../../../src/durable/webhook-endpoint-steps.ts";
import { emptyAt, take } from "../../../src/webhooks/bucket.ts";
import { after, sound } from "../../../src/webhooks/health.ts";
import { judge } from "../../../src/webhooks/retry.ts";

const now = 1_000_000;
const open: Gate = {
  heldUntil: null,
  bucket: null,
  replayBucket: emptyAt(limits.webhookReplaysPerSecondMax, 0),
  ahead: 0,
  probing: false,
  paused: false,
};
const waiting = (lane: string, sequence: number, over: Partial<Waiting> = {}): Waiting => ({
  id: `${lane}${sequence}`,
  at: now,
  lane,
  sequence,
  replay: false,
  tried: 0,
  dueAt: now,
  leasedUntil: null,
  ...over,
});
const ids = (queue: readonly Waiting[]) => queue.map(({ id }) => id);
const planned = (queue: readonly Waiting[], gate: Partial<Gate> = {}, at = now) => {
  const { send, wakeAt } = plan(lanesOf(queue), at, { ...open, ...gate });
  return { send: ids(send), wakeAt };
};

describe("an endpoint's queue", () => {
  it("sends one event of an order at a time, lowest sequence first, whatever order they came in", () => {
    expect(planned([waiting("a", 3), waiting("a", 1), waiting("a", 2)]).send).toEqual(["a1"]);
    expect(planned([waiting("a", 1, { leasedUntil: now + 500 }), waiting("a", 2)])).toEqual({
      send: [],
      wakeAt: now + 500,
    });
  });

  it("is stuck when all places are taken and the last of them was a while ago, and not while any became free since", () => {
    const places = limits.webhookConcurrencyMax;
    const flying = (count: number, youngest: number) =>
      lanesOf(
        Array.from({ length: count }, (_, index) =>
          waiting(`o${index}`, 1, { leasedUntil: (index === 0 ? youngest : now - 10_000) + leaseMs }),
        ),
      );
    const { stuckMs } = limits.webhookTrouble;
    expect(isStuck(flying(places, now - stuckMs), now)).toBe(true);
    expect(isStuck(flying(places, now - stuckMs + 1), now)).toBe(false);
    expect(isStuck(flying(places - 1, now - 10_000), now)).toBe(false);
  });

  it("holds an order's later events while an earlier one is being retried, and nobody else's", () => {
    const queue = [waiting("a", 1, { tried: 3, dueAt: now + 60_000 }), waiting("a", 2), waiting("b", 1)];
    expect(planned(queue).send).toEqual(["b1"]);
  });

  it("lets an order go on once the event in front is dead or delivered", () => {
    const lanes = lanesOf([waiting("a", 1, { tried: 11 }), waiting("a", 2)]);
    leave(lanes, waiting("a", 1));
    expect(ids(plan(lanes, now, open).send)).toEqual(["a2"]);
    leave(lanes, waiting("a", 2));
    expect(lanes.count).toBe(0);
  });

  it("sends at most as many at once as the limit says, those that are due longest first", () => {
    const queue = Array.from({ length: 20 }, (_, index) => waiting(`o${index}`, 1, { dueAt: now - index }));
    expect(planned(queue).send).toEqual(["o191", "o181", "o171", "o161", "o151", "o141"]);
    const busy = queue.map((one, index) => (index < 4 ? { ...one, leasedUntil: now + leaseMs } : one));
    expect(planned(busy).send).toEqual(["o191", "o181"]);
    expect(limits.webhookConcurrencyMax).toBe(6);
  });

  it("wakes for whatever is due next: a retry, the end of a lease, the end of a hold", () => {
    expect(planned([])).toEqual({ send: [], wakeAt: null });
    expect(planned([waiting("a", 1)]).wakeAt).toBe(now + leaseMs);
    expect(planned([waiting("a", 1, { dueAt: now + 70 }), waiting("b", 1, { dueAt: now + 50 })]).wakeAt).toBe(now + 50);
    expect(planned([waiting("a", 1), waiting("b", 1, { dueAt: now + 99 })], { heldUntil: now + 90 })).toEqual({
      send: [],
      wakeAt: now + 90,
    });
    expect(planned([waiting("a", 1)], { heldUntil: now }).send).toEqual(["a1"]);
  });

  it("keeps to the endpoint's rate, and wakes when the next attempt may begin", () => {
    const queue = [waiting("a", 1), waiting("b", 1), waiting("c", 1)];
    const almost = take(emptyAt(3, 0), 2, now);
    expect(planned(queue, { bucket: almost })).toEqual({ send: ["a1"], wakeAt: now + 334 });
    expect(planned(queue, { bucket: emptyAt(2, now) })).toEqual({ send: [], wakeAt: now + 500 });
    expect(planned(queue, { bucket: emptyAt(2, 0) })).toEqual({ send: ["a1", "b1"], wakeAt: now + 500 });
    expect(planned(queue, { bucket: emptyAt(5, 0) })).toEqual({ send: ["a1", "b1", "c1"], wakeAt: now + leaseMs });
    expect(plan(lanesOf(queue), now, { ...open, bucket: almost }).bucket).toEqual(take(almost, 1, now));
  });

  it("sends nothing while it is paused, and still wakes for what is under way", () => {
    const queue = [waiting("a", 1), waiting("b", 1, { leasedUntil: now + 500 })];
    expect(planned(queue, { paused: true })).toEqual({ send: [], wakeAt: now + 500 });
    expect(planned(queue.slice(0, 1), { paused: true })).toEqual({ send: [], wakeAt: null });
  });

  it("tries one at a time, the one due longest, while the breaker is open, and not before its time", () => {
    const queue = [waiting("a", 1), waiting("b", 1, { dueAt: now - 5 }), waiting("c", 1)];
    expect(planned(queue, { probing: true, heldUntil: now + 70 })).toEqual({ send: [], wakeAt: now + 70 });
    expect(planned(queue, { probing: true, heldUntil: now })).toEqual({ send: ["b1"], wakeAt: now + leaseMs });
    const flying = [...queue, waiting("d", 1, { leasedUntil: now + 9 })];
    expect(planned(flying, { probing: true, heldUntil: now })).toEqual({ send: [], wakeAt: now + 9 });
  });

  it("sends again only beside what is new: two at once, at a bounded pace, in order", () => {
    const replays = Array.from({ length: 8 }, (_, index) => waiting(`r${index}`, 1, { replay: true, dueAt: now - 99 }));
    const news = Array.from({ length: 5 }, (_, index) => waiting(`n${index}`, 1));
    expect(planned([...replays, ...news]).send).toEqual(["n01", "n11", "n21", "n31", "n41", "r01"]);
    expect(planned(replays).send).toEqual(["r01", "r11"]);
    const one = replays.map((replay, index) => (index === 3 ? { ...replay, leasedUntil: now + 5 } : replay));
    expect(planned(one).send).toEqual(["r01"]);
    const replayBucket = emptyAt(limits.webhookReplaysPerSecondMax, now);
    expect(planned(replays, { replayBucket })).toEqual({ send: [], wakeAt: now + 120 });
    expect(planned([...replays, ...news], { replayBucket }).send).toHaveLength(5);
  });

  it("does not let what is new wait for the pace of what it must follow", () => {
    const replayBucket = emptyAt(limits.webhookReplaysPerSecondMax, now);
    const lane = [waiting("a", 1, { replay: true }), waiting("a", 2)];
    expect(planned(lane, { replayBucket }).send).toEqual(["a1"]);
    const lanes = lanesOf(lane);
    leave(lanes, waiting("a", 2));
    expect(plan(lanes, now, { ...open, replayBucket }).send).toEqual([]);
    expect([lanes.count, lanes.replaying]).toEqual([1, 1]);
  });

  it("delivers everything in order per order, under any failures, arrivals and lost outcomes", () => {
    const step = fc.record({
      status: fc.constantFrom(200, 200, 200, 500, 429, null),
      lost: fc.boolean(),
      pick: fc.nat(5),
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 7 }), fc.nat(40))),
        fc.array(step, { maxLength: 400 }),
        (arrivals, steps) => {
          const lanes = lanesOf([]);
          const counts = new Map<number, number>();
          const coming = arrivals
            .toSorted(([, a], [, b]) => a - b)
            .map(([order, when], index) => {
              const sequence = (counts.get(order) ?? 0) + 1;
              counts.set(order, sequence);
              return { when, one: waiting(`o${order}`, sequence, { replay: index % 3 === 0 }) };
            });
          let health = sound;
          const settled = new Map<string, number[]>();
          let clock = now;
          let choices = 0;
          let idle = true;
          for (let round = 0; round < 20_000; round += 1) {
            while (coming[0] && coming[0].when <= round) enter(lanes, coming.shift()!.one);
            const gate = { ...open, probing: health.probeAt !== null, heldUntil: health.probeAt };
            const { send, wakeAt } = plan(lanes, clock, gate);
            for (const one of send) depart(lanes, one, clock + leaseMs);
            const flying = [...everyWaiting(lanes)].filter(({ leasedUntil }) => leasedUntil !== null);
            expect(flying.length).toBeLessThanOrEqual(limits.webhookConcurrencyMax);
            expect(new Set(flying.map(({ lane }) => lane)).size).toBe(flying.length);
            if (lanes.count === 0 && coming.length === 0) break;
            const { status, lost, pick } = steps[choices++] ?? { status: 200, lost: false, pick: 0 };
            const one = flying[pick % Math.max(1, flying.length)];
            if (!one) {
              // Nothing is under way, so either something is due later or nothing has come; never is something due and not sent.
              idle = idle && (wakeAt ?? Infinity) > clock;
              clock = wakeAt ?? clock + 1;
              continue;
            }
            if (lost) clock = Math.max(clock, one.leasedUntil ?? 0);
            const outcome = {
              status: lost ? null : status,
              error: null,
              durationMs: 1,
              responseBody: null,
              retryAfter: null,
            };
            const verdict = judge(outcome, one.tried + 1, clock, 0.5);
            health = after(health, verdict.state === "SUCCEEDED", clock);
            if (verdict.state === "RETRYING") rest(lanes, one, one.tried + 1, verdict.nextAt ?? clock);
            else {
              leave(lanes, one);
              settled.set(one.lane, [...(settled.get(one.lane) ?? []), one.sequence]);
            }
          }
          expect(idle).toBe(true);
          expect(lanes.count).toBe(0);
          for (const [order, count] of counts) {
            expect(settled.get(`o${order}`)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("works off a hundred thousand orders without looking at all of them each time", () => {
    const lanes = lanesOf(
      Array.from({ length: 100_000 }, (_, index) => waiting(`o${index}`, 1, { dueAt: now - index })),
    );
    let looks = 0;
    const dueAt = { get: () => ((looks += 1), now) };
    for (const one of everyWaiting(lanes)) Object.defineProperty(one, "dueAt", dueAt);
    for (const one of plan(lanes, now, open).send) leave(lanes, one);
    looks = 0;
    for (let sent = 0; sent < 1_000; sent += 1)
      plan(lanes, now, open)
        .send.slice(0, 1)
        .forEach((one) => leave(lanes, one));
    expect(looks).toBeLessThan(1_000 * 100);
  });
});

describe("a lease", () => {
  const longest = limits.webhookSelectionTimeoutMs + limits.webhookTimeoutMs;

  it("outlives the longest attempt, which asks a selection first: else the next of its order would go beside it", () => {
    expect(leaseMs).toBe(longest + limits.watchdogMs.max);
  });

  it("that has less left than the longest attempt takes is given back instead of begun", () => {
    const begun: string[] = [];
    const back: string[] = [];
    const boarding = new Boarding({
      attempt: ({ waiting: { id } }) => {
        begun.push(id);
        return new Promise(() => undefined);
      },
      record: () => undefined,
      giveBack: (departures) => {
        back.push(...departures.map(({ waiting: { id } }) => id));
        boarding.callBack(departures);
      },
      waitUntil: () => undefined,
    });
    const departure = (lane: string, left: number) =>
      ({ waiting: waiting(lane, 1), until: Date.now() + left }) as unknown as Departure;
    boarding.take([departure("late", longest - 1)]);
    boarding.take([departure("soon", leaseMs)]);
    expect([begun, back]).toEqual([["soon1"], ["late1"]]);
  });
});
