/** The moment itself: paid, converted and told in one step. */
import { acceptedOf, refundableOf } from "./amounts.ts";
import { closeAll } from "./attempts.ts";
import { change, type Draft } from "./commands.ts";
import { convert } from "./block-run.ts";
import { isLate, paidAtOf } from "./deadline.ts";
import { tellConsents } from "./follow-up.ts";
import type { Capture, Order, StockState } from "./order.ts";
import { giveAllBack, giveBack } from "./refunds.ts";
import { holdFor, keepHeld } from "./staff-hold.ts";

/** Whoever paid most is the payer, the earliest of equals: a choice that does not depend on who was heard first. */
const payersMoney = (accepted: readonly Capture[]): Capture | undefined => accepted.toSorted(byWeight)[0];

/** The browser whose money made the payer: what belongs to the customer is shown to no other, not even to one that paid a part. */
export function payingBrowserOf({ paid, captures, attempts }: Order): string | null {
  const money = paid && payersMoney(captures.filter(isAccepted));
  return attempts.find(({ id }) => id === money?.attempt)?.claimant ?? null;
}

/** The order is paid when the last of its accepted money was. */
export function becomePaid(draft: Draft, now: number): Draft {
  const { order } = draft;
  const accepted = order.captures.filter(isAccepted);
  const main = payersMoney(accepted);
  if (!main) throw new Error("an order cannot become paid without accepted money");
  const at = Math.max(...accepted.map(paidAtOf));
  const said = order.attempts.find(({ id }) => id === main.attempt)?.said;
  const paid = change(
    draft,
    {
      paid: { at, committedAt: now, late: isLate(order, at) },
      claim: null,
      closing: null,
      attempts: closeAll(order.attempts),
      stock: stockOncePaid(order.stock),
      conversion: convert(
        order.terms,
        { payer: main.payer, wallet: main.provider, said: said ?? null },
        holdFor(order),
        now,
      ),
    },
    { type: "ORDER_PAID" },
    { type: "CONVERSION_COMMITTED" },
  );
  const told = tellConsents(keepHeld(paid), said?.consents ?? []);
  return placeSurplus(returnUnplaced(told, now), now);
}

const isAccepted = ({ disposition }: Capture): boolean => disposition === "ACCEPTED";
const byWeight = (a: Capture, b: Capture): number =>
  b.amount - a.amount || paidAtOf(a) - paidAtOf(b) || (a.id < b.id ? -1 : 1);

/** Released stock is asked for again: the money is here, so the order is paid whatever the answer. */
const stockOncePaid = (stock: StockState): StockState =>
  stock === "HELD" ? "SOLD" : stock === "RELEASED" ? "RETAKING" : stock;

/** Money that waited for a decision is, beside a paid order, money on top of it. */
function returnUnplaced(draft: Draft, now: number): Draft {
  const waiting = draft.order.captures.filter((c) => c.disposition === "REVIEW" || c.disposition === "WAITING");
  return duplicate(draft, waiting, now);
}

/** Money that came on top of an order already paid: told, and given back. */
export const duplicate = (draft: Draft, captures: readonly Capture[], now: number): Draft =>
  captures.reduce((all, capture) => {
    const told = change(all, {}, { type: "PAYMENT_DUPLICATE", detail: { capture: capture.id } });
    return giveAllBack(told, [capture], "DUPLICATE", "paid twice", now);
  }, draft);

function placeSurplus(draft: Draft, now: number): Draft {
  if (acceptedOf(draft.order) <= draft.order.terms.total) return draft;
  switch (draft.order.terms.policy.overPayment) {
    case "KEEP":
      return draft;
    case "REFUND":
      return returnSurplus(draft, "paid more than the total", now);
    case "REVIEW":
      return change(draft, { surplusInReview: true });
  }
}

/** What is beyond the total goes back from the money that came last. */
export function returnSurplus(draft: Draft, reason: string, now: number): Draft {
  const { order } = draft;
  const accepted = order.captures.filter((c) => c.disposition === "ACCEPTED" && c.currency === order.terms.currency);
  let left = acceptedOf(order) - order.terms.total;
  return accepted.toReversed().reduce((all, capture) => {
    const part = Math.min(left, refundableOf(order, capture));
    left -= part;
    return giveBack(all, capture, reason, now, part);
  }, draft);
}
