/**
 * Refunds and lost disputes of which a provider tells before an order is known to have the money: nobody has heard of the transaction, or its order may
 * yet refuse it. They wait here, are told to the order that is to have the money, and stay with the money where no order takes it after all. Other
 * businesses may share a merchant's account at its provider, so most wait for nothing, and are forgotten soon.
 */
import { limits } from "../core/limits.ts";
import { workAt } from "./kept-payment.ts";
import { rows, type Early, type RefundWord } from "./payment-book-rows.ts";

/** What an order is still to hear of its money. */
export type Owed = Early & { readonly transaction: string };

/** The same word twice is one. */
const isIn = (words: readonly RefundWord[], { refund, outcome }: RefundWord): boolean =>
  words.some((one) => one.refund === refund && one.outcome === outcome);
const joined = (words: readonly RefundWord[], more: readonly RefundWord[]): readonly RefundWord[] =>
  [...words, ...more.filter((word) => !isIn(words, word))].slice(0, limits.refundsPerOrderMax);

export const earlyRefunds = ({ kv }: Pick<DurableObjectStorage, "kv">) => {
  const wordsIn = (row: string): readonly RefundWord[] => kv.get<Early>(row)?.words ?? [];
  /** They wait from now on, with those that wait already. */
  const wait = (transaction: string, words: readonly RefundWord[], now: number): void => {
    const row = rows.early + transaction;
    kv.put(row, { since: now, words: joined(wordsIn(row), words) } satisfies Early);
  };
  const known = (transaction: string): readonly RefundWord[] =>
    joined(wordsIn(rows.early + transaction), wordsIn(rows.owed + transaction));

  return {
    known,

    note(word: RefundWord, now: number): void {
      if (!isIn(wordsIn(rows.early + word.capture), word)) wait(word.capture, [word], now);
    },

    /** An order is to have the money, and to hear them. False when there are none. */
    owe(transaction: string, now: number): boolean {
      const words = wordsIn(rows.early + transaction);
      if (words.length === 0) return false;
      const owed = kv.get<Early>(rows.owed + transaction) ?? { since: now, words: [] };
      kv.delete(rows.early + transaction);
      kv.put(rows.owed + transaction, { ...owed, words: joined(owed.words, words) } satisfies Early);
      return true;
    },

    /** The order has heard these. Should it refuse the money itself, they go with that; where it has refused it meanwhile, they have gone. */
    told({ transaction, words }: Owed, now: number): void {
      const owed = kv.get<Early>(rows.owed + transaction);
      if (!owed) return;
      const left = owed.words.filter((word) => !isIn(words, word));
      if (left.length > 0) kv.put(rows.owed + transaction, { ...owed, words: left } satisfies Early);
      else kv.delete(rows.owed + transaction);
      wait(transaction, words, now);
    },

    /** No order has it: they are told of here no more. */
    take(transaction: string): readonly RefundWord[] {
      const words = known(transaction);
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
  };
};
