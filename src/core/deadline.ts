/** When an order ends by itself, and which money came too late for it. */
import { leftOf } from "./amounts.ts";
import { limits } from "./limits.ts";
import type { Capture, Order } from "./order.ts";

/** Money that counts, on an order that it does not cover. */
export const hasPartPayment = (order: Order): boolean =>
  !order.paid && order.captures.some((capture) => capture.disposition === "ACCEPTED" && leftOf(order, capture) > 0);

/**
 * When the order ends if nothing more happens. A part payment gets the grace in which its rest may still be heard of, or all the time it
 * needs when the merchant keeps such orders open.
 */
export function deadlineOf(order: Order): number {
  if (!hasPartPayment(order)) return order.expiresAt;
  return order.terms.policy.underPayment === "KEEP_OPEN"
    ? Number.POSITIVE_INFINITY
    : order.expiresAt + limits.lateGraceMs;
}

/** Money cannot have been paid after we heard of it, whatever the provider's clock says. */
export const paidAtOf = ({ paidAt, heardAt }: Pick<Capture, "paidAt" | "heardAt">): number => Math.min(paidAt, heardAt);

/**
 * Whether money paid at that instant came after the end. An order that waits, for a provider or for the rest of a part payment, has not ended
 * yet; one that expired has a grace, because clocks and wallets differ; one that was cancelled has none.
 */
export function isLate({ closed, expiresAt }: Order, paidAt: number): boolean {
  if (!closed) return false;
  return paidAt > (closed.as === "CANCELLED" ? closed.at : Math.max(closed.at, expiresAt + limits.lateGraceMs));
}
