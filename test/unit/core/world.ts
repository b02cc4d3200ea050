/** A small world around one order, in which the same notifications can be heard in any order, and what came of them compared. */
import * as fc from "fast-check";
import { receivedOf, refundedOf, settlementOf } from "../../../src/core/amounts.ts";
import { watchedAttempts } from "../../../src/core/attempts.ts";
import type { Command } from "../../../src/core/commands.ts";
import { stateOf } from "../../../src/core/state.ts";
import { effectsOf } from "../../../src/core/work.ts";
import { merchants, termsOf, type Merchant } from "./histories.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  expiresAt,
  hour,
  Life,
  minute,
  placedAt,
  second,
  tick,
  usd,
} from "./sample.ts";

/**
 * What a payer, a provider and a shelf do beside the notifications that are shuffled. `paying`: an attempt is under way, so that an end waits
 * for the news of it.
 */
export type World = {
  readonly merchant: Merchant;
  readonly hear: "in time" | "after expiry" | "after cancelling";
  readonly paying: boolean;
  readonly inStock: boolean;
};
export const worlds: fc.Arbitrary<World> = fc.record({
  merchant: merchants,
  hear: fc.constantFrom("in time" as const, "after expiry" as const, "after cancelling" as const),
  paying: fc.boolean(),
  inStock: fc.boolean(),
});

/** `waits`: milliseconds before each notification; one second where none is given. */
export function outcome(
  { merchant, hear, paying, inStock }: World,
  notifications: readonly Command[],
  waits: readonly number[] = [],
) {
  const life = new Life(termsOf(merchant));
  if (paying) life.tell(begun("alice"));
  if (hear === "after cancelling") life.tell(cancelled, placedAt + minute);
  if (hear === "after expiry") life.tell(tick, expiresAt + 3 * hour);
  life.tell(tick, Math.max(life.now, placedAt + 2 * minute));
  notifications.forEach((command, index) => {
    life.tell(command, life.now + (waits[index] ?? second));
    answer(life, inStock);
  });
  for (const { id } of watchedAttempts(life.order))
    life.tell({ kind: "ended", attempt: id, outcome: "CLOSED", reason: null });
  life.tell(tick, placedAt + 30 * hour);
  answer(life, inStock);
  const { order, now } = life;
  return {
    state: stateOf(order, now),
    received: receivedOf(order),
    settlement: settlementOf(order),
    refunded: refundedOf(order),
    conversion: order.conversion?.state ?? null,
    conversions: life.types().filter((type) => type === "CONVERSION_COMMITTED").length,
  };
}

/** Providers return at once what they are asked for, and stock is answered at once, always alike. */
function answer(life: Life, taken: boolean): void {
  for (let work = effectsOf(life.order); ; work = effectsOf(life.order)) {
    const refund = work.find((effect) => effect.kind === "REFUND")?.refund;
    if (refund)
      life.tell({
        kind: "refundHeard",
        refund: refund.id,
        capture: refund.capture,
        amount: refund.amount,
        outcome: "SUCCEEDED",
      });
    else if (work.some(({ kind }) => kind === "RETAKE_STOCK")) life.tell({ kind: "stock", taken });
    else return;
  }
}

export type Payment = {
  readonly amount: number;
  readonly paidAt: number;
  readonly foreign: boolean;
  readonly tried: boolean;
};
export const inTime = placedAt + 30 * second;
export const payments = (amounts: readonly number[], paidAts: readonly number[]): fc.Arbitrary<readonly Payment[]> =>
  fc.array(
    fc.record({
      amount: fc.constantFrom(...amounts),
      paidAt: fc.constantFrom(...paidAts),
      foreign: fc.constantFrom(false, false, false, true),
      tried: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  );
export const told = (list: readonly Payment[]): readonly Command[] =>
  list.map(({ amount, paidAt, foreign, tried }, index) =>
    captured(`T${index}`, { amount, paidAt, attempt: tried ? attempt(1) : null, ...(foreign && { currency: usd }) }),
  );
/** The notifications twice over, in an order drawn by lot. */
export const shuffled = (commands: readonly Command[]): fc.Arbitrary<readonly Command[]> =>
  fc.shuffledSubarray([...commands, ...commands], { minLength: commands.length * 2, maxLength: commands.length * 2 });
