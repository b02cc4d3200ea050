/**
 * Refunds and lost disputes of which a provider tells before it tells of the payment: they name a transaction that nobody has heard of. They wait for it,
 * and go with it to the order that gets it, or stay with it where no order does. Other businesses may share a merchant's account at its provider, so
 * most wait for nothing, and are forgotten soon.
 */
import { limits } from "../core/limits.ts";
import { workAt } from "./kept-payment.ts";
import { rows, type Early, type RefundWord } from "./payment-book-rows.ts";

/** What an order is still to hear of its money. */
export type Owed = Early & { readonly transaction: string };

export const earlyRefunds = ({ kv }: Pick<DurableObjectStorage, "kv">) => ({
  /** The same word twice is one. */
  note(word: RefundWord, now: number): void {
    const { since, words } = kv.get<Early>(rows.early + word.capture) ?? { since: now, words: [] };
    const isKnown = words.some(({ refund, outcome }) => refund === word.refund && outcome === word.outcome);
    if (isKnown || words.length >= limits.refundsPerOrderMax) return;
    kv.put(rows.early + word.capture, { since, words: [...words, word] } satisfies Early);
  },

  /** An order has the money, and is to hear them. False when there are none. */
  owe(transaction: string, now: number): boolean {
    const early = kv.get<Early>(rows.early + transaction);
    if (!early) return false;
    kv.delete(rows.early + transaction);
    kv.put(rows.owed + transaction, { since: now, words: early.words } satisfies Early);
    return true;
  },

  /** No order has it: they are told of here no more. */
  take(transaction: string): readonly RefundWord[] {
    const words = [rows.early, rows.owed].flatMap((prefix) => kv.get<Early>(prefix + transaction)?.words ?? []);
    kv.delete(rows.early + transaction);
    kv.delete(rows.owed + transaction);
    return words;
  },

  /** What orders are still to hear. */
  owed: (): readonly Owed[] =>
    Array.from(kv.list<Early>({ prefix: rows.owed }), ([key, early]) => ({
      ...early,
      transaction: key.slice(rows.owed.length),
    })),

  tried({ transaction, ...early }: Owed, now: number): void {
    kv.put(rows.owed + transaction, { ...early, at: workAt(early.since, now) } satisfies Early);
  },
});
