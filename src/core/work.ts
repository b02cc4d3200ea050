/** What an order still has to do outside itself. Derived from the facts alone, so no crash can lose it and no caller can forget it. */
import { openAttempts } from "./attempts.ts";
import { limits } from "./limits.ts";
import type { Attempt, Order, Refund } from "./order.ts";
import { deadlineOf } from "./deadline.ts";

export type Effect =
  /** Ask the provider what became of an attempt; notifications get lost. */
  | { readonly kind: "QUERY"; readonly attempt: Attempt }
  /** Ask, and close there what is not paid. */
  | { readonly kind: "CLOSE"; readonly attempt: Attempt }
  | { readonly kind: "REFUND"; readonly refund: Refund }
  | { readonly kind: "RETAKE_STOCK" };

export function effectsOf(order: Order): readonly Effect[] {
  const attempts = openAttempts(order).map((attempt): Effect => ({
    kind: attempt.closing ? "CLOSE" : "QUERY",
    attempt,
  }));
  const refunds = order.refunds
    .filter(
      (one) =>
        one.state === "PENDING" &&
        order.captures.some(({ id, provider }) => id === one.capture && provider !== "MANUAL"),
    )
    .map((refund): Effect => ({ kind: "REFUND", refund }));
  return [...attempts, ...refunds, ...(order.stock === "RETAKING" ? [{ kind: "RETAKE_STOCK" } as const] : [])];
}

/** When to look again at what is under way elsewhere; null when nothing is. */
export function pollAt(order: Order, now: number): number | null {
  const effects = effectsOf(order);
  if (effects.length === 0) return null;
  const begun = Math.max(
    ...effects.map((effect) =>
      "attempt" in effect ? effect.attempt.startedAt : "refund" in effect ? effect.refund.requestedAt : now,
    ),
  );
  return now + (now - begun < limits.pollMs.earlyFor ? limits.pollMs.early : limits.pollMs.late);
}

/** When the order ends by itself; null once it has ended, or never will. */
export function endsAt(order: Order): number | null {
  if (order.paid || order.closed || order.closing) return null;
  const deadline = deadlineOf(order);
  return Number.isFinite(deadline) ? deadline : null;
}
