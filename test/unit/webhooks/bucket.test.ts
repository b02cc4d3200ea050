import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyAt, holdsAt, take, toKeep, tokensIn, worthALookAt, type Bucket } from "../../../src/webhooks/bucket.ts";

const now = 1_795_420_800_000;
const rates = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 31, max: 5_000 }));
/** Waits, and how many attempts are wanted after each. */
const demands = fc.array(fc.record({ wait: fc.nat(1_500), wanted: fc.nat(40), dies: fc.boolean() }), {
  minLength: 1,
  maxLength: 60,
});
type Taken = { readonly at: number; readonly count: number };

/** What it gave, over any demand; where it dies, from what is kept of it. */
function given(rate: number, asked: readonly { wait: number; wanted: number; dies: boolean }[]): Taken[] {
  let bucket = emptyAt(rate, 0);
  let kept = 0;
  let clock = now;
  return asked.map(({ wait, wanted, dies }) => {
    clock += wait;
    if (dies) bucket = emptyAt(rate, kept);
    const count = Math.min(wanted, tokensIn(bucket, clock));
    bucket = take(bucket, count, clock);
    if (count > 0) kept = toKeep(bucket, kept, clock) ?? kept;
    return { at: clock, count };
  });
}

describe("an endpoint's rate", () => {
  it("gives a second's worth at once, and then each attempt its share of time, exactly", () => {
    let bucket: Bucket = emptyAt(3, 0);
    expect(tokensIn(bucket, now)).toBe(3);
    bucket = take(bucket, 3, now);
    expect([0, 333, 334, 667, 1_000, 99_000].map((later) => tokensIn(bucket, now + later))).toEqual([0, 0, 1, 2, 3, 3]);
    expect([1, 2, 3].map((count) => holdsAt(bucket, count) - now)).toEqual([334, 667, 1_000]);
  });

  it("never lets more begin than one second's worth and its share of any time, also over deaths", () => {
    fc.assert(
      fc.property(rates, demands, (rate, asked) => {
        const taken = given(rate, asked);
        for (const [first, { at: from }] of taken.entries())
          for (let last = first, sum = 0; last < taken.length; last += 1) {
            sum += taken[last]!.count;
            expect(sum).toBeLessThanOrEqual(rate + (rate * (taken[last]!.at - from)) / 1_000);
          }
      }),
      { numRuns: 400 },
    );
  });

  it("is full again after a second without attempts, and after two whatever became of it", () => {
    fc.assert(
      fc.property(rates, demands, fc.boolean(), (rate, asked, dies) => {
        let [bucket, kept, clock] = [emptyAt(rate, 0), 0, now];
        for (const { wait, wanted } of asked) {
          clock += wait;
          bucket = take(bucket, Math.min(wanted, tokensIn(bucket, clock)), clock);
          kept = toKeep(bucket, kept, clock) ?? kept;
        }
        if (dies) bucket = emptyAt(rate, kept);
        expect(tokensIn(bucket, clock + (dies ? 2_000 : 1_000))).toBe(rate);
      }),
    );
  });

  it("never starves: whoever looks when it says so finds something, also when clocks are set back or it dies", () => {
    fc.assert(
      fc.property(rates, demands, fc.integer({ min: -1e9, max: 1e9 }), (rate, asked, jump) => {
        let [bucket, clock] = [emptyAt(rate, 0), now];
        for (const { wait, wanted } of asked) {
          clock += wait;
          bucket = take(bucket, Math.min(wanted, tokensIn(bucket, clock)), clock);
        }
        for (const troubled of [bucket, emptyAt(rate, clock + 1_000)]) {
          const found = take(troubled, 0, clock + jump);
          const lookAt = worthALookAt(found);
          expect(lookAt).toBeLessThanOrEqual(clock + jump + 3_000);
          expect(tokensIn(found, Math.max(lookAt, clock + jump))).toBeGreaterThanOrEqual(1);
          // And not a millisecond later than it must be.
          const tooEarly = lookAt > clock + jump && tokensIn(found, lookAt - 1) >= Math.ceil(rate / 10);
          expect(tooEarly).toBe(false);
        }
      }),
    );
  });

  it("is asked again ten times a second at most, however high it is, and is kept once a second at most", () => {
    fc.assert(
      fc.property(rates, (rate) => {
        expect(worthALookAt(take(emptyAt(rate, 0), rate, now)) - now).toBeGreaterThanOrEqual(100);
        let [bucket, kept, writes] = [emptyAt(rate, 0), 0, 0];
        for (let clock = now; clock <= now + 5_000; clock += 50) {
          bucket = take(bucket, tokensIn(bucket, clock), clock);
          const next = toKeep(bucket, kept, clock);
          if (next === null) continue;
          kept = next;
          writes += 1;
        }
        expect(writes).toBeLessThanOrEqual(6);
      }),
    );
  });
});
