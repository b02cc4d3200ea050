/** The state of an order, derived from its facts and the clock. Scanned is an observation, never a state. */
import { acceptedOf } from "./amounts.ts";
import { limits } from "./limits.ts";
import { openAttempts } from "./attempts.ts";
import type { Claim, Order } from "./order.ts";

export const orderStates = ["OPEN", "CLAIMED", "PAYING", "PAID", "EXPIRED", "CANCELLED", "REVIEW"] as const;
export type OrderState = (typeof orderStates)[number];

/** The claim while it holds: until it lapses, or the order ends. */
export const claimAt = (order: Order, now: number): Claim | null =>
  order.claim && order.claim.until > now ? order.claim : null;

/** Money that no policy places: it waits for a person, or for stock. */
export const hasUnplacedMoney = (order: Order): boolean =>
  order.captures.some((capture) => capture.disposition === "REVIEW" || capture.disposition === "WAITING");

/**
 * When the order ends by itself if nothing more happens. A part payment gets the grace in which its rest may still be heard of, or all the
 * time it needs when the merchant keeps such orders open.
 */
export function deadlineOf(order: Order): number {
  if (acceptedOf(order) === 0) return order.expiresAt;
  return order.terms.policy.underPayment === "KEEP_OPEN" ? Number.POSITIVE_INFINITY : order.expiresAt + limits.lateGraceMs;
}

/** Read from the top: money outranks every other fact, then what needs a person, then the ends, then what is under way. */
export function stateOf(order: Order, now: number): OrderState {
  if (order.paid) return "PAID";
  if (hasUnplacedMoney(order)) return "REVIEW";
  if (order.closed) return order.closed.as;
  if (openAttempts(order).length > 0) return "PAYING";
  if (now >= deadlineOf(order)) return "EXPIRED";
  return claimAt(order, now) ? "CLAIMED" : "OPEN";
}
