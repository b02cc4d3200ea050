/** What went back of one payment, against what truly did: by an order that has the money, and by the account that keeps it while no order has. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { refundedOf } from "../../../src/core/amounts.ts";
import type { Command } from "../../../src/core/commands.ts";
import type { Currency } from "../../../src/core/money.ts";
import { returnedOf, withWord, type KeptPayment } from "../../../src/durable/kept-payment.ts";
import { captured, Life, placedAt, refunded, refundNumber, returned, total } from "./sample.ts";

const paidAt = placedAt + 60_000;
type Word = Extract<Command, { kind: "refundHeard" }>;
const word = (refund: string, amount: number, at: number, soFar: boolean): Word => ({
  kind: "refundHeard",
  refund,
  capture: "SANDBOX:A",
  amount,
  outcome: "SUCCEEDED",
  at,
  ...(soFar && { soFar }),
});
const kept: KeptPayment = {
  id: `unmatched_${"0".repeat(34)}${"1".repeat(26)}`,
  capture: "SANDBOX:A",
  attempt: null,
  provider: "SANDBOX",
  transaction: "A",
  amount: total,
  currency: "CNY" as Currency,
  paidAt,
  heardAt: paidAt,
  why: "UNKNOWN_ORDER",
  state: "WAITING",
  order: null,
  payer: null,
  asked: null,
};
const byOrder = (words: readonly Word[]) => {
  const life = new Life();
  life.tell(captured("A"), paidAt);
  for (const one of words) life.tell(one);
  return life.order;
};
const byAccount = (words: readonly Word[]) => returnedOf(words.reduce(withWord, kept));
const [first, second] = [word("desk-a", 300, paidAt + 1_000, false), word("desk-b", 500, paidAt + 2_000, true)];

describe("what went back of a payment", () => {
  it("is what truly did, though some refunds are told of alone and others as all so far, in any order and however often", () => {
    const refunds = fc.array(fc.record({ amount: fc.integer({ min: 1, max: total / 10 }), soFar: fc.boolean() }), {
      minLength: 1,
      maxLength: 8,
    });
    const telling = refunds.chain((list) => {
      let gone = 0;
      const words = list.map(({ amount, soFar }, index) => {
        gone += amount;
        return word(`desk-${index}`, soFar ? gone : amount, paidAt + 1_000 * index, soFar);
      });
      return fc.record({
        truth: fc.constant(gone),
        words: fc.shuffledSubarray([...words, ...words], { minLength: 2 * words.length }),
      });
    });
    fc.assert(
      fc.property(telling, ({ truth, words }) => {
        const order = byOrder(words);
        expect([refundedOf(order), byAccount(words)]).toEqual([truth, truth]);
        // Each adds what was new in it, so the list is no longer than the money.
        expect(order.refunds.reduce((all, { amount }) => all + amount, 0)).toBe(truth);
        // Half of the words never tell of more than went.
        const some = words.filter((_, index) => index % 2 === 0);
        for (const known of [refundedOf(byOrder(some)), byAccount(some)]) expect(known).toBeLessThanOrEqual(truth);
      }),
    );
  });

  it("counts what went alone before a total within it, whichever is told first", () => {
    for (const words of [
      [first, second],
      [second, first],
    ])
      expect([refundedOf(byOrder(words)), byAccount(words)]).toEqual([500, 500]);
  });

  it("counts one of ours beside an older total that is told after it, and within a later one that is told before anybody knows that it was done", () => {
    const older = word("desk-a", 200, paidAt + 1_000, true);
    const life = new Life();
    life.tell(captured("A"), paidAt);
    life.tell(refunded(300), paidAt + 120_000);
    life.tell(returned(refundNumber(1), "A", 300), paidAt + 121_000);
    for (let copy = 0; copy < 2; copy += 1) life.tell(older, paidAt + 240_000);
    expect(refundedOf(life.order)).toBe(500);
    expect(life.order.refunds.map(({ amount }) => amount)).toEqual([300, 200]);

    const late = new Life();
    late.tell(captured("A"), paidAt);
    late.tell(refunded(300), paidAt + 1_000);
    late.tell(word("desk-a", 500, paidAt + 3_000, true), paidAt + 4_000);
    late.tell(word(refundNumber(1), 300, paidAt + 2_000, false), paidAt + 5_000);
    expect(refundedOf(late.order)).toBe(500);
  });
});
