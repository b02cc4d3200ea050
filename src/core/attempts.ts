/** Tries to pay through a provider: which are open, and which may still bring money, and how one is changed. */
import { limits } from "./limits.ts";
import type { Attempt, Order } from "./order.ts";

/** Whether its payer is still at it. */
export const isOpenAttempt = (attempt: Attempt): boolean => attempt.state === "PENDING";
export const openAttempts = (order: Order): readonly Attempt[] => order.attempts.filter(isOpenAttempt);

/** Whether money may still come of it: a provider's page that declined one card takes another. */
export const isWatchedAttempt = (attempt: Attempt): boolean => attempt.endedAt === null;
export const watchedAttempts = (order: Order): readonly Attempt[] => order.attempts.filter(isWatchedAttempt);

/** Every attempt of which money may still come marked to be ended at its provider. */
export const closeAll = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.map((attempt) => (isWatchedAttempt(attempt) ? { ...attempt, closing: true } : attempt));

/** Whether the order may see another try. What was refused at once counts by itself. */
export function mayTry({ attempts }: Order): boolean {
  const refused = attempts.filter((attempt) => attempt.refused).length;
  return attempts.length - refused < limits.attemptsPerOrderMax && refused < limits.refusedAttemptsPerOrderMax;
}

/** An account that has refused so often is asked only where there is no other. */
export const isRefusing = ({ attempts }: Order, account: string): boolean =>
  attempts.filter((attempt) => attempt.refused && attempt.account === account).length >= limits.refusalsPerAccountMax;

export const withAttempt = (order: Order, id: string, fields: Partial<Attempt>): readonly Attempt[] =>
  order.attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...fields } : attempt));

/** The attempt's money came: whatever was said before. */
export const withMoney = (order: Order, id: string, now: number): readonly Attempt[] =>
  withAttempt(order, id, { state: "SUCCEEDED", closing: false, endedAt: now, failureReason: null });

/** Without money, and for good. What failed before stays failed. */
export const over = (attempt: Attempt, endedAt: number, reason: string | null): Attempt =>
  isOpenAttempt(attempt)
    ? { ...attempt, state: "CLOSED", closing: false, endedAt, failureReason: reason }
    : { ...attempt, closing: false, endedAt };

/** An attempt that has outlived every provider's page is over, so that no silent provider can keep an order from ending. */
export function lapsed(attempt: Attempt, now: number): Attempt {
  const endedAt = attempt.startedAt + limits.attemptLifeMs;
  return isWatchedAttempt(attempt) && now >= endedAt
    ? over(attempt, endedAt, "the provider never told its end")
    : attempt;
}
