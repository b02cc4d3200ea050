/**
 * What went back of one payment, from words of two kinds, in whatever order they come: how much went by one refund alone, and how much had gone in all
 * by then. No refund counts twice because one word tells of it alone and another within a total, and none is missed because of an older total.
 */
import type { Minor } from "./money.ts";

/** `at`: when it went, by its provider's clock if that told; unknown, it is in no total, and a total without it holds all. `soFar`: `amount` is all that had gone by then. */
export type Gone = { readonly amount: Minor; readonly at?: number | undefined; readonly soFar?: boolean | undefined };

/** The most that any total says, with what went alone after it; or all that went alone, where that is more. */
export function goneBack(words: readonly Gone[]): Minor {
  const alone = words.filter(({ soFar }) => !soFar);
  const after = (moment: number): Minor =>
    alone.reduce((all, { amount, at = Infinity }) => all + (at > moment ? amount : 0), 0);
  const totals = words.filter(({ soFar }) => soFar).map(({ amount, at = Infinity }) => amount + after(at));
  return Math.max(after(-Infinity), ...totals);
}
