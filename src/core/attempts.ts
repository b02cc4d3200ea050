/** Tries to pay through a provider: which are open, and which may still bring money, and how one is changed. */
import { numberIn } from "./ids.ts";
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

/** What was refused at once counts for a while only: whatever was in its way may be mended since. */
const refusedLately = ({ attempts }: Order, now: number): readonly Attempt[] =>
  attempts.filter(({ refused, startedAt }) => refused && startedAt + limits.refusalsCountMs > now);

/** The next try's number. What was refused long ago is gone from the list, and its name is not given again; nor is that of money that no try brought. */
export function nextNumber({ attempts }: Order): number {
  const next = 1 + numberIn(attempts.at(-1)?.id ?? "");
  const afterThose = limits.untriedNumberMin + limits.capturesPerOrderMax;
  return next < limits.untriedNumberMin ? next : Math.max(next, afterThose);
}

/** Whether the order may see another try by the account. What was refused at once counts by itself, and hinders no account that did not refuse. */
export function mayTry(order: Order, account: string, now: number): boolean {
  const tries = order.attempts.filter(({ refused }) => !refused).length;
  if (tries >= limits.attemptsPerOrderMax || nextNumber(order) > limits.attemptNumberMax) return false;
  const refused = refusedLately(order, now);
  return refused.length < limits.refusedAttemptsPerOrderMax || refused.every((attempt) => attempt.account !== account);
}

/** An account that has refused so often is asked only where there is no other. */
export const isRefusing = (order: Order, account: string, now: number): boolean =>
  refusedLately(order, now).filter((attempt) => attempt.account === account).length >= limits.refusalsPerAccountMax;

/** Those of the accounts that are best tried: that may be, and have not refused too often; else that may be; else all, and the order says why not. */
export function bestOf<One extends { readonly id: string }>(
  order: Order,
  accounts: readonly One[],
  now: number,
): readonly One[] {
  const free = accounts.filter(({ id }) => mayTry(order, id, now));
  const willing = free.filter(({ id }) => !isRefusing(order, id, now));
  return [willing, free].find((some) => some.length > 0) ?? accounts;
}

/** With room for one more: nothing comes of what was refused, so the oldest is forgotten, and no order grows by being tried again and again. */
export function withoutOldRefusals(attempts: readonly Attempt[]): readonly Attempt[] {
  const refused = attempts.filter((attempt) => attempt.refused);
  const old = new Set(refused.slice(0, Math.max(0, refused.length + 1 - limits.refusedAttemptsPerOrderMax)));
  return attempts.filter((attempt) => !old.has(attempt));
}

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
