/** Money that no order has: what its provider says of refunds, in whatever order and however often, ends alike, and never makes more of the money. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Currency } from "../../src/core/money.ts";
import { limits } from "../../src/core/limits.ts";
import {
  askedBack,
  asking,
  leftOf,
  refundIdOf,
  returnedOf,
  shown,
  withWord,
  type KeptPayment,
} from "../../src/durable/kept-payment.ts";

const kept: KeptPayment = {
  id: `unmatched_${"0".repeat(34)}${"1".repeat(26)}`,
  capture: "STRIPE:pi_1",
  attempt: null,
  provider: "STRIPE",
  transaction: "pi_1",
  amount: 1_000,
  currency: "CNY" as Currency,
  paidAt: 1,
  heardAt: 2,
  why: "UNKNOWN_ORDER",
  state: "WAITING",
  order: null,
  payer: "sealed",
  asked: null,
};
type Word = Parameters<typeof withWord>[1];
const said = (refund: string, amount: number, more: Partial<Word> = {}): Word => ({
  refund,
  amount,
  outcome: "SUCCEEDED",
  ...more,
});
const after = (...words: readonly Word[]): KeptPayment => words.reduce(withWord, kept);
const read = (one: KeptPayment) => [one.state, returnedOf(one), leftOf(one)];

describe("the words on refunds of kept money", () => {
  const word = fc.record({
    refund: fc.constantFrom("A", "B", "C"),
    outcome: fc.constantFrom("SUCCEEDED" as const, "FAILED" as const),
    last: fc.boolean(),
  });
  /** Each refund is of one amount, whoever tells of it; a success is never the last word. */
  const truthful = word.map(({ refund, outcome, last }) =>
    said(refund, { A: 300, B: 500, C: 900 }[refund] ?? 0, { outcome, last: last && outcome === "FAILED" }),
  );

  it("end alike in every order and number, and never bring back more than came", () => {
    fc.assert(
      fc.property(
        fc
          .array(truthful, { maxLength: 8 })
          .chain((words) =>
            fc.tuple(fc.constant(words), fc.shuffledSubarray([...words, ...words], { minLength: 2 * words.length })),
          ),
        ([words, shuffled]) => {
          const [once, again] = [after(...words), after(...shuffled)];
          expect(returnedOf(again)).toBe(returnedOf(once));
          expect(again.state === "REFUNDED").toBe(once.state === "REFUNDED");
          expect(leftOf(once)).toBeGreaterThanOrEqual(0);
          expect(shown(once).returned + leftOf(once)).toBe(kept.amount);
        },
      ),
    );
  });

  it("count what is told as all so far once, and what is told by itself beside it", () => {
    const soFar = { soFar: true };
    expect(returnedOf(after(said("A", 100, soFar), said("B", 250, soFar)))).toBe(250);
    expect(returnedOf(after(said("B", 250, soFar), said("A", 100, soFar)))).toBe(250);
    expect(read(after(said("C", 750, { at: 2 }), said("B", 250, { ...soFar, at: 1 })))).toEqual(["REFUNDED", 1_000, 0]);
    // Kept before moments were.
    expect(read(after(said("B", 250, soFar), said("C", 750)))).toEqual(["REFUNDED", 1_000, 0]);
    expect(read(after(said("B", 250, soFar), said("C", 750, { at: 2 })))).toEqual(["REFUNDED", 1_000, 0]);
  });

  it("settle it when all is gone, forget who paid, and let it wait again when a part comes back", () => {
    const gone = after(said("A", 400), said("B", 600));
    expect([...read(gone), gone.payer]).toEqual(["REFUNDED", 1_000, 0, null]);
    const back = withWord(gone, said("B", 600, { outcome: "FAILED", last: true }));
    expect(read(back)).toEqual(["REFUND_FAILED", 400, 600]);
    // WeChat says of a refund first that it found no way, and then that it did after all.
    expect(read(after(said("A", 1_000, { outcome: "FAILED" }), said("A", 1_000)))).toEqual(["REFUNDED", 1_000, 0]);
  });

  it("answer what a person asked for, whose amount is ours, and under another number each time", () => {
    const asked = asking(after(said("A", 400)), 5);
    const [ours] = [refundIdOf(asked)];
    expect([asked.state, asked.returns?.at(-1)]).toMatchObject(["REFUNDING", { refund: ours, amount: 600 }]);
    // Alipay tells all that went back, with whatever refund.
    expect(read(withWord(asked, said(ours, 1_000)))).toEqual(["REFUNDED", 1_000, 0]);
    // What goes back beside it changes nothing of what was asked under that number: its provider would take that for another request.
    expect([askedBack(asked), askedBack(withWord(asked, said("B", 100)))]).toEqual([600, 600]);
    const refused = withWord(asked, said(ours, 600, { outcome: "FAILED" }));
    expect(read(refused)).toEqual(["REFUND_FAILED", 400, 600]);
    const anew = asking(refused, 6);
    expect(refundIdOf(anew)).not.toBe(ours);
    // The first was done after all: nothing is left for the second.
    expect(read(withWord(anew, said(ours, 600)))).toEqual(["REFUNDED", 1_000, 0]);
  });

  it("keep no more of what was asked in vain than may be kept", () => {
    let one = after(said("A", 400));
    for (let times = 0; times < 3 * limits.refundsPerOrderMax; times += 1)
      one = withWord(asking(one, times), said(refundIdOf(asking(one, times)), 600, { outcome: "FAILED" }));
    expect(one.returns).toHaveLength(limits.refundsPerOrderMax);
    expect(read(one)).toEqual(["REFUND_FAILED", 400, 600]);
  });
});
