import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/core/commands.ts";
import { decide } from "../../../src/core/transitions.ts";
import { history, merchants, runs, termsOf } from "./histories.ts";
import { attempt, hour, late, Life, returned, tick, total } from "./sample.ts";
import { inTime, outcome, payments, shuffled, told, worlds, type Payment, type World } from "./world.ts";

describe("I10: the same notification again", () => {
  it("changes nothing, however often and however much later, whatever happened in between", () => {
    fc.assert(
      fc.property(merchants, history(20), (merchant, moments) => {
        const life = new Life(termsOf(merchant));
        const heard: Command[] = [];
        for (const { wait, command } of moments) {
          const isNews = command.kind === "capture" || command.kind === "ended" || command.kind === "refundHeard";
          if (life.tell(command, life.now + wait).ok && isNews) heard.push(command);
        }
        life.tell(tick);
        for (const command of heard) {
          const again = decide(life.order, command, life.now);
          expect(again).toEqual({ ok: true, order: life.order, events: [], changed: false });
        }
      }),
      runs(3_000),
    );
  }, 60_000);
});

/**
 * What no core can promise, because it has acted on what it knew: which of two full payments is kept, and so whose customer the order makes,
 * depends on which was heard first, as does the amount of one transaction told with two. And a part payment that the merchant's policy returns
 * at the end of the order is gone: where that end, or the opening again of an order that is kept open, falls among the notifications, it
 * matters which of them came before it.
 */
function isPromised({ merchant, hear, paying }: World, list: readonly Payment[]): boolean {
  const hasParts = list.some(({ amount }) => amount < total);
  const endsAmong = paying && hear !== "in time";
  const returnsParts = merchant.underPayment === "REFUND" || hear === "after cancelling";
  const opensAmong = merchant.underPayment === "KEEP_OPEN" && new Set(list.map(({ paidAt }) => paidAt)).size > 1;
  return !hasParts || !((endsAmong && returnsParts) || opensAmong);
}

const endsOfAttempt: readonly Command[] = [
  { kind: "ended", attempt: attempt(1), outcome: "FAILED", reason: null },
  { kind: "ended", attempt: attempt(1), outcome: "CLOSED", reason: null },
];
const returningSurplus = worlds.map((world): World => ({
  ...world,
  merchant: { ...world.merchant, overPayment: "REFUND" },
}));
const amounts = [total, total * 0.6, total * 0.4, total + 700];
/** The same news told plainly, and told twice over in an order drawn by lot. */
const tellings = (draw: fc.Arbitrary<readonly Payment[]>, of = worlds, more: readonly Command[] = []) =>
  fc.tuple(of, draw).chain(([world, drawn]) => {
    const list = world.hear === "after expiry" ? drawn : drawn.map((payment) => ({ ...payment, paidAt: inTime }));
    const plainly = [...told(list), ...(world.paying ? endsOfAttempt : []), ...more];
    return fc.record({
      world: fc.constant(world),
      list: fc.constant(list),
      plainly: fc.constant(plainly),
      anyhow: shuffled(plainly),
    });
  });

describe("I10: the same notifications in any order, each heard twice", () => {
  it("give the same state, received, settlement, refunded and conversion, where the surplus goes back", () => {
    fc.assert(
      fc.property(tellings(payments(amounts, [inTime, late]), returningSurplus), ({ world, list, plainly, anyhow }) => {
        fc.pre(isPromised(world, list));
        expect(outcome(world, anyhow)).toEqual(outcome(world, plainly));
      }),
      runs(3_000),
    );
  }, 60_000);

  it("give the same state, received, settlement and conversions, whatever the policies; and refunded, of full payments", () => {
    fc.assert(
      fc.property(tellings(payments(amounts, [inTime, late])), ({ world, list, plainly, anyhow }) => {
        fc.pre(isPromised(world, list));
        const [one, other] = [outcome(world, anyhow), outcome(world, plainly)];
        const full = list.every(({ amount }) => amount === total);
        expect({ ...one, refunded: full && one.refunded }).toEqual({ ...other, refunded: full && other.refunded });
      }),
      runs(3_000),
    );
  }, 60_000);

  it("fold refunds made at the provider all the same, before their payments or after, while no payment is one too many", () => {
    const refunds = [
      returned("theirs_1", "T0", total * 0.6),
      returned("theirs_2", "T1", total),
      returned("theirs_3", "T9"),
    ];
    const parts = payments([total * 0.6, total * 0.4, 1], [inTime, late]);
    const wholes = payments([total], [inTime, late]);
    fc.assert(
      fc.property(tellings(fc.oneof(parts, wholes), worlds, refunds), ({ world, list, plainly, anyhow }) => {
        const sum = list.reduce((all, { amount, foreign }) => all + (foreign ? 0 : amount), 0);
        fc.pre(isPromised(world, list) && sum <= total);
        expect(outcome(world, anyhow)).toEqual(outcome(world, plainly));
      }),
      runs(3_000),
    );
  }, 60_000);
});

describe("I10: money that was paid in time", () => {
  it("ends alike at whatever hours it is heard, unless its parts were returned at the end", () => {
    const waits = fc.array(fc.nat({ max: 2 * hour }), { minLength: 8, maxLength: 8 });
    fc.assert(
      fc.property(
        tellings(payments(amounts, [inTime]), returningSurplus),
        waits,
        ({ world, list, plainly, anyhow }, pauses) => {
          const alone = { ...world, hear: "in time", paying: false } as const;
          const partsStay = world.merchant.underPayment !== "REFUND" || list.every(({ amount }) => amount >= total);
          fc.pre(partsStay);
          expect(outcome(alone, anyhow, pauses)).toEqual(outcome(alone, plainly));
        },
      ),
      runs(3_000),
    );
  }, 60_000);
});
