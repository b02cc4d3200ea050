/** The rows of an account's book, and when each has outlived whatever may still be told of its money. */
import type { Commands } from "../core/commands.ts";
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { isSettled, workAt, type KeptPayment } from "./kept-payment.ts";

/** Whose a transaction is, since it was heard of, or paid if that is later. A bare key is of the release before, and stays. */
export type Owned = OrderKey | { readonly order: OrderKey; readonly at: number };
export type RefundWord = Commands["refundHeard"];
/** What was told of a transaction's money going back before it had a place, and since when. */
export type Early = Wanted & { readonly words: readonly RefundWord[] };
/** What is wanted since then, and not due again before `at` once it has been tried. */
export type Wanted = { readonly since: number; readonly at?: number };
/** Of what was decided and is not carried out yet. What was never tried may say the instant alone; of the release before, not even that. */
export type Work = Wanted | number | true;

export const rows = {
  /** By the transaction: the order that has it. */
  order: "order:",
  /** By the transaction: the place of what was kept of it. */
  heard: "heard:",
  /** By their places: what waits for a person or for a provider, and what is settled. */
  waiting: "unmatched:",
  settled: "settled:",
  /** By their places: what was decided and is not carried out yet, and when it is tried next. */
  work: "work:",
  /** By the transaction: what waits for its payment, and what the order that has it is still to hear. */
  early: "early:",
  owed: "owed:",
  /** How far the sweep is. */
  sweep: "sweep",
} as const;

export const wantedIn = (work: Work): Wanted => (typeof work === "object" ? work : { since: work === true ? 0 : work });
/** What nobody has tried yet may be tried at any time, though nobody is called for it at once. */
export const wakeFor = ({ since, at }: Wanted, now: number): number => Math.max(at ?? workAt(since, now), now);

/** What is due, the longest waiting first, and of it one alarm's worth: since each is not due again at once, none is in the way of the others. */
export const dueOf = <One extends Wanted>(all: Iterable<One>, now: number): readonly One[] =>
  Array.from(all)
    .filter(({ at = now }) => at <= now)
    .toSorted((one, other) => (one.at ?? one.since) - (other.at ?? other.since))
    .slice(0, limits.unmatchedWorkMax);

/** Money that was paid so long ago is no news: whoever tells of it repeats what has been forgotten here. */
export const isHistory = (at: number, now: number): boolean => at + limits.paymentsKnownMs <= now;

/** Whether a row may go. `keptAt`: what was kept at a place. Null: it is not of those that ever go. */
export function isOver(
  key: string,
  value: unknown,
  now: number,
  keptAt: (place: string) => KeptPayment | null,
): boolean | null {
  if (key.startsWith(rows.order)) {
    const owned = value as Owned;
    return typeof owned === "string" ? null : isHistory(owned.at, now);
  }
  if (key.startsWith(rows.settled)) return isLongSettled(value as KeptPayment, now);
  if (key.startsWith(rows.heard)) {
    const kept = keptAt(value as string);
    return !kept || isLongSettled(kept, now);
  }
  if (key.startsWith(rows.early) || key.startsWith(rows.owed))
    return (value as Early).since + limits.earlyRefundsKeptMs <= now;
  return null;
}

const isLongSettled = (kept: KeptPayment, now: number): boolean =>
  isSettled(kept) && isHistory(Math.max(kept.heardAt, kept.paidAt, kept.settledAt ?? 0), now);
