/** The state of an order, derived from its facts and the clock. Scanned is an observation, never a state. */
import { openAttempts } from "./attempts.ts";
import { draftOf } from "./commands.ts";
import type { Claim, Order } from "./order.ts";
import { settle } from "./settle.ts";
import { hasUnplacedMoney } from "./unplaced.ts";

export const orderStates = ["OPEN", "CLAIMED", "PAYING", "PAID", "EXPIRED", "CANCELLED", "REVIEW"] as const;
export type OrderState = (typeof orderStates)[number];

/** The claim while it holds: until it lapses, or the order ends. */
export const claimAt = (order: Order, now: number): Claim | null =>
  order.claim && order.claim.until > now ? order.claim : null;

/** Read from the top: money outranks every other fact, then what needs a person, then the ends, then what is under way, an end that waits for it too. */
export function standingOf(order: Order, now: number): OrderState {
  if (order.paid) return "PAID";
  if (hasUnplacedMoney(order)) return "REVIEW";
  if (order.closed) return order.closed.as;
  if (order.closing || openAttempts(order).length > 0) return "PAYING";
  return claimAt(order, now) ? "CLAIMED" : "OPEN";
}

/** What the clock has already done is seen at once, whether or not an alarm has written it down. It does nothing to PAID, which never goes back. */
export const stateOf = (order: Order, now: number): OrderState =>
  order.paid ? "PAID" : standingOf(settle(order, draftOf(order), now).order, now);
