/** How an order ends without having been paid, and how its end is put off. */
import { acceptedOf } from "./amounts.ts";
import { accept, change, refuse, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
import { closeAll, openAttempts } from "./attempts.ts";
import { limits } from "./limits.ts";
import type { ClosedAs, Order } from "./order.ts";
import { giveBack } from "./refunds.ts";
import { deadlineOf } from "./state.ts";

export function tick(order: Order, now: number): Step {
  if (order.paid || order.closed || order.closing || now < deadlineOf(order)) return unchanged(order);
  return accept(end({ order, events: [] }, "EXPIRED", null, now));
}

export function cancel(order: Order, { reason }: Commands["cancel"], now: number): Step {
  if (order.closing?.as === "CANCELLED") return unchanged(order);
  return accept(end({ order, events: [] }, "CANCELLED", reason, now));
}

/** An expired order opens again; one that waits to expire no longer does. */
export function extend(order: Order, { expiresAt }: Commands["extend"], now: number): Step {
  const earliest = Math.max(now, order.expiresAt);
  const latest = now + limits.liveCodeLifetimeMs.max;
  if (expiresAt === order.expiresAt && !order.closed) return unchanged(order);
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= earliest || expiresAt > latest) return refuse({ reason: "TIME", earliest, latest });
  if (order.stock === "RELEASED") return refuse({ reason: "STATE", state: "EXPIRED" });
  return accept(change({ order, events: [] }, { expiresAt, closed: null, closing: order.closing?.as === "CANCELLED" ? order.closing : null }));
}

/** Ends at once when nothing is under way; else asks the providers to close first, because money may still win. */
function end(draft: Draft, as: ClosedAs, reason: string | null, now: number): Draft {
  const closing = change(draft, { closing: { as, since: now, reason } });
  return openAttempts(draft.order).length === 0 ? finishClosing(closing, now) : change(closing, { attempts: closeAll(draft.order.attempts) });
}

/** The end itself, once no attempt is open. A part payment is returned, or waits for a person, as the merchant decided. */
export function finishClosing(draft: Draft, now: number): Draft {
  const { closing, stock, expiresAt } = draft.order;
  if (!closing || draft.order.paid) return draft;
  const at = closing.as === "EXPIRED" ? Math.min(now, expiresAt) : now;
  const closed = change(
    draft,
    { closing: null, claim: null, closed: { as: closing.as, at, reason: closing.reason }, stock: stock === "HELD" ? "RELEASED" : stock },
    closing.as === "EXPIRED" ? { type: "ORDER_EXPIRED" } : { type: "ORDER_CANCELLED", detail: { reason: closing.reason } },
  );
  return acceptedOf(closed.order) > 0 ? placePartPayment(closed, now) : closed;
}

/** A cancelled order keeps nobody's money; an expired one follows the policy for part payments. */
export function placePartPayment(draft: Draft, now: number): Draft {
  const { closed, terms, captures } = draft.order;
  const review = closed?.as === "EXPIRED" && terms.policy.underPayment !== "REFUND";
  const disposition = review ? "REVIEW" : "REFUND";
  const judged = change(draft, { captures: captures.map((c) => (c.disposition === "ACCEPTED" ? { ...c, disposition } : c)) });
  if (review) return change(judged, {}, { type: "ORDER_REVIEW", detail: { why: "UNDERPAID" } });
  return judged.order.captures.reduce((all, c) => (c.disposition === "REFUND" ? giveBack(all, c.id, "the order ended before it was paid in full", now) : all), judged);
}
