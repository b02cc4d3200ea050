/** What an order still has to do outside itself. Derived from the facts alone, so no crash can lose it and no caller can forget it. */
import { watchedAttempts } from "./attempts.ts";
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
  const attempts = watchedAttempts(order).map((attempt): Effect => ({
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

/**
 * When to look again at what is under way elsewhere; null when nothing is. Soon at first, and for as long as somebody watches a payment that
 * is open; then every minute for a while, and after that more seldom. The instants are counted from when it began, so nothing that happens
 * meanwhile moves the next one; each wait divides the longer ones, so neither does a page that begins or ceases to watch. An end asks once
 * more by itself, for it closes what is under way.
 */
export function pollAt(order: Order, now: number, isWatched = false): number | null {
  const effects = effectsOf(order);
  if (effects.length === 0) return null;
  const { earlyFor, watchedFor, lateFor, endingFor } = limits.pollMs;
  const since = Math.max(...effects.map((effect) => askedAt(order, effect, now)));
  const isOpen = effects.some(({ kind }) => kind === "QUERY");
  return lookAt(since, now, isOpen && isWatched ? watchedFor : earlyFor, isOpen ? lateFor : endingFor);
}

/** The next instant, counted from then: soon after one another at first, then every minute, then more seldom. */
export function lookAt(since: number, now: number, soonFor: number, oftenFor: number): number {
  const { early, late, latest } = limits.pollMs;
  const taken = now - since;
  const wait = taken < soonFor ? early : taken < oftenFor ? late : latest;
  return since + (Math.floor(taken / wait) + 1) * wait;
}

/** Since when an answer is wanted. */
function askedAt({ closing, paid }: Order, effect: Effect, now: number): number {
  switch (effect.kind) {
    case "QUERY":
      return effect.attempt.startedAt;
    case "CLOSE":
      return Math.max(effect.attempt.startedAt, closing?.since ?? 0, paid?.committedAt ?? 0);
    case "REFUND":
      return effect.refund.requestedAt;
    case "RETAKE_STOCK":
      return now;
  }
}

/** When the order ends by itself; null once it has ended, or never will. */
export function endsAt(order: Order): number | null {
  if (order.paid || order.closed || order.closing) return null;
  const deadline = deadlineOf(order);
  return Number.isFinite(deadline) ? deadline : null;
}
