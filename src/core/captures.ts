/** Money arrives. It is never dropped; whether it counts is decided here, and nowhere else. */
import { acceptedOf, dueOf } from "./amounts.ts";
import { closeAll, withAttempt } from "./attempts.ts";
import { placePartPayment, tick } from "./closing.ts";
import { accept, change, refuse, unchanged, type Commands, type Draft, type HeardCapture, type Step } from "./commands.ts";
import { convert } from "./conversion.ts";
import { limits } from "./limits.ts";
import type { Capture, Disposition, Order } from "./order.ts";
import { foldWaitingRefunds, giveBack, reverseByRefunds } from "./refunds.ts";
import { stateOf } from "./state.ts";

export function capture(order: Order, { capture: heard, exact }: Commands["capture"], now: number): Step {
  const known = order.captures.find(({ id }) => id === heard.id);
  if (known) return sameTransaction(order, known, heard, exact);
  if (exact && order.paid) return refuse({ reason: "STATE", state: "PAID" });
  if (exact && heard.currency !== order.terms.currency) return refuse({ reason: "CURRENCY" });
  if (exact && heard.amount !== dueOf(order)) return refuse({ reason: "AMOUNT", expected: dueOf(order) });
  if (order.captures.length >= limits.capturesPerOrderMax) return refuse({ reason: "LIMIT" });
  // What was paid in time must not meet an order that the clock has just ended; what was paid late must.
  const current = isLate(order, heard, now) ? advance(order, now) : { order, events: [] };
  if (exact && isClosedByRefundPolicy(current.order)) return refuse({ reason: "STATE", state: stateOf(current.order, now) });
  const disposition = judge(current.order, heard, now);
  const added = change(current, {
    captures: [...current.order.captures, { ...heard, heardAt: now, conflict: null, disposition }],
    attempts: heard.attempt === null ? current.order.attempts : withAttempt(current.order, heard.attempt, { state: "SUCCEEDED", closing: false, failureReason: null }),
  });
  return accept(foldWaitingRefunds(act(added, heard.id, disposition, now), heard.id, now));
}

/** The same payment again. The first amount stands; another one is flagged, and needs a person while the order is not paid. */
function sameTransaction(order: Order, known: Capture, heard: HeardCapture, exact: boolean): Step {
  if (known.amount === heard.amount && known.currency === heard.currency) return unchanged(order);
  if (exact) return refuse({ reason: "AMOUNT", expected: known.amount });
  if (known.conflict !== null) return unchanged(order);
  const review = !order.paid && known.disposition === "ACCEPTED";
  const flagged: Capture = { ...known, conflict: heard.amount, disposition: review ? "REVIEW" : known.disposition };
  const draft = change({ order, events: [] }, { captures: order.captures.map((one) => (one.id === known.id ? flagged : one)) });
  return accept(review ? change(draft, {}, { type: "ORDER_REVIEW", detail: { why: "AMOUNT_CHANGED" } }) : draft);
}

/** Money cannot have been paid after we heard of it, whatever the provider's clock says. */
const paidBy = (heard: HeardCapture, now: number): number => Math.min(heard.paidAt, now);

/** Judged by when it was paid. An order that waits, for a provider or for the rest of a part payment, is not over. */
function isLate(order: Order, heard: HeardCapture, now: number): boolean {
  if (order.closed?.as === "CANCELLED") return paidBy(heard, now) > order.closed.at;
  if (!order.closed && (stateOf(order, now) === "PAYING" || acceptedOf(order) > 0)) return false;
  return paidBy(heard, now) > order.expiresAt + limits.lateGraceMs;
}

function advance(order: Order, now: number): Draft {
  const step = tick(order, now);
  return step.ok ? step.draft : { order, events: [] };
}

const isClosedByRefundPolicy = (order: Order): boolean => order.closed !== null && order.terms.policy.latePayment === "REFUND";

function judge(order: Order, heard: HeardCapture, now: number): Disposition {
  if (order.paid) return "DUPLICATE";
  const ours = heard.provider === "MANUAL" || order.terms.accounts.some(({ id, provider }) => id === heard.account && provider === heard.provider);
  if (!ours || heard.currency !== order.terms.currency || heard.amount <= 0) return "REVIEW";
  if (!isLate(order, heard, now)) return "ACCEPTED";
  switch (order.terms.policy.latePayment) {
    case "HONOR":
      return "ACCEPTED";
    case "HONOR_IF_STOCK":
      return order.stock === "RELEASED" || order.stock === "RETAKING" ? "WAITING" : "ACCEPTED";
    case "REFUND":
      return "REFUND";
    case "REVIEW":
      return "REVIEW";
  }
}

function act(draft: Draft, id: string, disposition: Disposition, now: number): Draft {
  switch (disposition) {
    case "ACCEPTED":
      return settle(draft, now);
    case "DUPLICATE":
      return giveBack(change(draft, {}, { type: "PAYMENT_DUPLICATE", detail: { capture: id } }), id, "paid twice", now);
    case "WAITING":
      return change(draft, { stock: "RETAKING" });
    case "REFUND":
      return giveBack(draft, id, "paid after the code had expired", now);
    case "REVIEW":
      return change(draft, {}, { type: "ORDER_REVIEW", detail: { why: "UNPLACEABLE" } });
  }
}

/** PAID once what counts covers the total. A part payment waits while the order is open and follows the policy when it is not. */
export function settle(draft: Draft, now: number): Draft {
  if (acceptedOf(draft.order) >= draft.order.terms.total) return becomePaid(draft, now);
  return draft.order.closed && acceptedOf(draft.order) > 0 ? placePartPayment(draft, now) : draft;
}

/** The moment itself: paid, converted and told in one step. The payer is whoever brought the money that covered the order. */
export function becomePaid(draft: Draft, now: number): Draft {
  const { order } = draft;
  const covering = order.captures.findLast(({ disposition }) => disposition === "ACCEPTED");
  if (!covering) throw new Error("an order cannot become paid without accepted money");
  const late = paidBy(covering, now) > order.expiresAt + limits.lateGraceMs || (order.closed?.as === "CANCELLED" && paidBy(covering, now) > order.closed.at);
  const paid = change(
    draft,
    {
      paid: { at: paidBy(covering, now), committedAt: now, late },
      claim: null,
      closing: null,
      attempts: closeAll(order.attempts),
      stock: order.stock === "HELD" ? "SOLD" : order.stock === "RELEASED" ? "RETAKING" : order.stock,
      conversion: convert(order.terms.block, covering.payer, now),
    },
    { type: "ORDER_PAID" },
    { type: "CONVERSION_COMMITTED" },
  );
  return reverseByRefunds(placeSurplus(paid, covering.id, now), now);
}

function placeSurplus(draft: Draft, coveringId: string, now: number): Draft {
  const surplus = acceptedOf(draft.order) - draft.order.terms.total;
  if (surplus <= 0) return draft;
  switch (draft.order.terms.policy.overPayment) {
    case "KEEP":
      return draft;
    case "REFUND":
      return giveBack(draft, coveringId, "paid more than the total", now, surplus);
    case "REVIEW":
      return change(draft, { surplusInReview: true }, { type: "ORDER_REVIEW", detail: { why: "OVERPAID" } });
  }
}
