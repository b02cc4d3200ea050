/**
 * Forgets what an account's book has kept for long enough: once in a while it is walked through, a bounded number of rows at a time. What a person still
 * has to place is never forgotten.
 */
import { limits } from "../core/limits.ts";
import type { KeptPayment } from "./kept-payment.ts";
import { isOver, rows } from "./payment-book-rows.ts";

/** `after`: the last row that was looked at; `left`: whether this walk has met one that will go some time. */
type Sweep = { readonly at: number; readonly after: string; readonly left: boolean };

export const bookSweep = (storage: DurableObjectStorage, keptAt: (place: string) => KeptPayment | null) => {
  const { kv } = storage;
  /** What cannot be read stays, and is in nobody's way. */
  const judge = (key: string, value: unknown, now: number): boolean | null => {
    try {
      return isOver(key, value, now, keptAt);
    } catch (fault) {
      console.error("a row of an account's book", key, fault);
      return null;
    }
  };
  const planned = (): Sweep | undefined => kv.get<Sweep>(rows.sweep);
  return {
    /** When the next rows are to be looked at; null while there are none. */
    at: (): number | null => planned()?.at ?? null,

    /** From now on there is something to forget some time. False when that was known. */
    plan(now: number): boolean {
      const known = planned();
      // A walk under way may have passed the place of what is written now.
      if (known && known.after !== "" && !known.left) kv.put(rows.sweep, { ...known, left: true } satisfies Sweep);
      if (known) return false;
      kv.put(rows.sweep, { at: now + limits.paymentsSweepMs, after: "", left: false } satisfies Sweep);
      return true;
    },

    /** The next rows, if it is time. */
    step(now: number): void {
      const sweep = planned();
      if (!sweep || now < sweep.at) return;
      const limit = limits.paymentsSweepRowsMax;
      const looked = Array.from(kv.list({ limit, ...(sweep.after !== "" && { startAfter: sweep.after }) }));
      const judged = looked.map(([key, value]) => [key, judge(key, value, now)] as const);
      const left = sweep.left || judged.some(([, over]) => over === false);
      const last = looked.length < limit;
      storage.transactionSync(() => {
        for (const [key, over] of judged) if (over === true) kv.delete(key);
        if (!last)
          kv.put(rows.sweep, { at: now + limits.pollMs.late, after: looked.at(-1)?.[0] ?? "", left } satisfies Sweep);
        else if (left) kv.put(rows.sweep, { at: now + limits.paymentsSweepMs, after: "", left: false } satisfies Sweep);
        else kv.delete(rows.sweep);
      });
    },
  };
};
