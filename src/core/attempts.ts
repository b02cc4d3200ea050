/** Tries to pay through a provider: which are open, and how one is changed. */
import { limits } from "./limits.ts";
import type { Attempt, Order } from "./order.ts";

export const isOpenAttempt = (attempt: Attempt): boolean => attempt.state === "PENDING";
export const openAttempts = (order: Order): readonly Attempt[] => order.attempts.filter(isOpenAttempt);

/** Every open attempt marked to be ended at its provider. */
export const closeAll = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.map((attempt) => (isOpenAttempt(attempt) ? { ...attempt, closing: true } : attempt));

export const withAttempt = (order: Order, id: string, fields: Partial<Attempt>): readonly Attempt[] =>
  order.attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...fields } : attempt));

/** An attempt that has outlived every provider's page is over, so that no silent provider can keep an order from ending. */
export function lapsed(attempt: Attempt, now: number): Attempt {
  const endedAt = attempt.startedAt + limits.attemptLifeMs;
  if (!isOpenAttempt(attempt) || now < endedAt) return attempt;
  return { ...attempt, state: "CLOSED", closing: false, endedAt, failureReason: "the provider never told its end" };
}
