/**
 * An account's book of its money: which order has which transaction, and what no order has. A transaction belongs to one order at most, from
 * before that order hears of it, so that no crash and no second telling gives the same money twice; and once a person has been shown money,
 * what becomes of it is theirs to say. Every change is one transaction, with the alarm that sees it through.
 */
import type { HeardCapture } from "../core/commands.ts";
import { timedSuffix, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Request } from "../core/requests.ts";
import { earlyRefunds, type Owed } from "./early-refunds.ts";
import {
  asking,
  given,
  isAnothers,
  isEcho,
  isOfBefore,
  isSettled,
  isUnderWay,
  joining,
  judged,
  placeIn,
  returnedOf,
  wasAsked,
  withWord,
  workAt,
} from "./kept-payment.ts";
import type { KeptPayment } from "./kept-payment.ts";
import type { KnownAlarm } from "./known-alarm.ts";
import {
  dueOf,
  rows,
  wakeFor,
  wantedIn,
  type Owned,
  type RefundWord,
  type Wanted,
  type Work,
} from "./payment-book-rows.ts";
import { bookSweep } from "./payment-book-sweep.ts";
import type { UnmatchedReason, UnmatchedRefusal } from "./protocol.ts";

/** The payment after a step, or why it was not taken. */
export type Taken =
  | { readonly ok: true; readonly kept: KeptPayment }
  | { readonly ok: false; readonly refusal: UnmatchedRefusal };

export type PaymentBook = ReturnType<typeof paymentBook>;
type Heard = { readonly found: boolean; readonly taken: boolean };

export const paymentBook = (storage: DurableObjectStorage, alarm: Pick<KnownAlarm, "ringBy" | "transaction">) => {
  const { kv } = storage;
  const at = (place: string): KeptPayment | null =>
    kv.get<KeptPayment>(rows.waiting + place) ?? kv.get<KeptPayment>(rows.settled + place) ?? null;
  const heard = (transaction: string): KeptPayment | null => {
    const place = kv.get<string>(rows.heard + transaction);
    return place === undefined ? null : at(place);
  };
  const orderOf = (transaction: string): OrderKey | undefined => {
    const owned = kv.get<Owned>(rows.order + transaction);
    return typeof owned === "object" ? owned.order : owned;
  };
  /** Null: a person's to place. Undefined: never heard of. */
  const ownerOf = (transaction: string): OrderKey | null | undefined => {
    const kept = heard(transaction);
    return kept ? kept.order : orderOf(transaction);
  };
  const early = earlyRefunds(storage);
  const sweep = bookSweep(storage, at);

  const works = (): readonly (Wanted & { readonly place: string })[] =>
    Array.from(kv.list<Work>({ prefix: rows.work }), ([key, work]) => ({
      ...wantedIn(work),
      place: key.slice(rows.work.length),
    }));
  /** When something is to be done; null when nothing is. Counted from when each came to be wanted, so that nothing that comes later puts it off. */
  const wakeAt = (now: number): number | null => {
    const sweepAt = sweep.at();
    const first = [...works(), ...early.owed()].reduce(
      (soonest, wanted) => Math.min(soonest, wakeFor(wanted, now)),
      sweepAt === null ? Infinity : Math.max(sweepAt, now),
    );
    return first === Infinity ? null : first;
  };
  const arm = (): void => alarm.ringBy(wakeAt(Date.now()));

  const write = (kept: KeptPayment): KeptPayment => {
    const place = placeIn(kept);
    const now = Date.now();
    const settled = isSettled(kept);
    const next = settled ? { ...kept, settledAt: now } : kept;
    alarm.transaction(() => {
      kv.put((settled ? rows.settled : rows.waiting) + place, next);
      kv.delete((settled ? rows.waiting : rows.settled) + place);
      if (!isUnderWay(kept)) kv.delete(rows.work + place);
      else if (kv.get(rows.work + place) === undefined) kv.put(rows.work + place, now);
      if (sweep.plan(now) || isUnderWay(kept)) arm();
    });
    return next;
  };
  const own = (transaction: string, order: OrderKey, paidAt: number): void => {
    const now = Date.now();
    alarm.transaction(() => {
      kv.put(rows.order + transaction, { order, at: Math.max(now, paidAt) } satisfies Owned);
      const isOwed = early.owe(transaction, now);
      if (sweep.plan(now) || isOwed) arm();
    });
  };

  /** No order has it: it waits for a person, with what has gone back of it meanwhile. */
  const free = (kept: KeptPayment, why: UnmatchedReason): KeptPayment =>
    alarm.transaction(() => {
      kv.delete(rows.order + kept.capture);
      const waiting = { ...kept, state: "WAITING", order: null, why } as const;
      return write(judged(early.take(kept.capture).reduce(withWord, waiting)));
    });

  return {
    at,
    /** What orders are to hear now. */
    owed(now: number): readonly Owed[] {
      const due = dueOf(early.owed(), now);
      alarm.transaction(() => {
        for (const owed of due) early.tried(owed, now);
      });
      return due;
    },
    /** The order has heard what was told of its money before the money itself, which it may yet refuse. */
    told(owed: Owed): void {
      const now = Date.now();
      alarm.transaction(() => {
        early.told(owed, now);
        if (sweep.plan(now)) arm();
      });
    },
    ownerOf,
    wakeAt,
    /** What was told before of a refund that was done. */
    heard: (capture: string, refund: string): RefundWord | null => {
      const one = heard(capture)?.returns?.find((known) => known.refund === refund && known.gone);
      if (one) {
        const { amount, soFar, at: gone } = one;
        return { refund, capture, amount, soFar, outcome: "SUCCEEDED", ...(gone !== undefined && { at: gone }) };
      }
      return early.known(capture).find((word) => word.refund === refund && word.outcome === "SUCCEEDED") ?? null;
    },
    sweep: (now: number): void => sweep.step(now),

    /** The order that is to have the money, of those that are named; null when none of them may: it is another's, or a person's to place. */
    claim(
      { id: transaction, paidAt }: Pick<HeardCapture, "id" | "paidAt">,
      named: readonly OrderKey[],
    ): OrderKey | null {
      const owner = ownerOf(transaction);
      if (owner !== undefined) return owner !== null && named.includes(owner) ? owner : null;
      const [first] = named;
      if (first === undefined) return null;
      own(transaction, first, paidAt);
      return first;
    },

    /** An order that does not exist hands the money on to the other one that is named. */
    pass(transaction: string, from: OrderKey, to: OrderKey): boolean {
      const owned = kv.get<Owned>(rows.order + transaction);
      const owner = orderOf(transaction);
      if (heard(transaction) || (owner !== from && owner !== to)) return false;
      if (owner === from) own(transaction, to, typeof owned === "object" ? owned.at : Date.now());
      return true;
    },

    /** The first word on a payment stands. `from`: the order that did not take it, whose it is no longer. */
    keep(capture: HeardCapture, payer: string, from: OrderKey | null, why: UnmatchedReason, now: number): void {
      const { id: transaction, account, payer: _, ...told } = capture;
      const before = heard(transaction);
      // The order that was said to have it has refused it after all.
      if (before && isAnothers(before) && !isSettled(before) && before.order === from) free(before, why);
      if (kv.get(rows.heard + transaction) !== undefined) return;
      const place = timedSuffix(now, crypto.getRandomValues(new Uint8Array(10)));
      const known = orderOf(transaction);
      const owner = known === undefined || known === from ? null : known;
      const kept: KeptPayment = {
        ...told,
        capture: transaction,
        id: `unmatched_${account.slice("account_".length)}${place}`,
        heardAt: now,
        why: owner === null ? why : "ANOTHER_ORDER",
        state: "WAITING",
        order: owner,
        payer,
        asked: null,
      };
      alarm.transaction(() => {
        if (owner === null) kv.delete(rows.order + transaction);
        kv.put(rows.heard + transaction, place);
        // What is to be an order's it hears of itself, and may refuse after all.
        write((owner === null ? early.take(transaction) : early.known(transaction)).reduce(withWord, kept));
      });
    },

    /** Gives the money to an order, which is still to hear of it. */
    assign(place: string, order: OrderKey): Taken {
      const kept = at(place);
      if (!kept) return refuse("NOT_FOUND");
      const isSame = kept.order === order;
      if (isSame && (kept.state === "ASSIGNING" || kept.state === "ASSIGNED")) return { ok: true, kept };
      if (kept.state === "REFUNDING" || kept.state === "REFUNDED") return refuse("RETURNED");
      if (kept.order !== null && !isSame) return refuse("TAKEN");
      // Nobody could tell the order which part of the money it has.
      if (kept.order === null && returnedOf(kept) > 0) return refuse("PARTLY_RETURNED");
      return { ok: true, kept: write(given(kept, order)) };
    },

    /** What the order said to it. Refused, the money waits again; an order that does not exist has no money. */
    assigned(handed: KeptPayment, order: OrderKey, { found, taken }: Heard): KeptPayment | null {
      const kept = at(placeIn(handed));
      if (kept?.state !== "ASSIGNING" || kept.order !== order) return kept;
      if (taken) return write({ ...kept, state: "ASSIGNED", payer: null });
      return free(kept, !found ? "UNKNOWN_ORDER" : isAnothers(kept) ? "REFUSED" : kept.why);
    },

    /** Money that an order has goes back by that order alone. */
    refund(place: string, request: Request, now: number): Taken {
      const kept = at(place);
      if (!kept) return refuse("NOT_FOUND");
      // Whoever lost the answer is told it again, whatever has come of it meanwhile.
      if (wasAsked(kept, request)) return { ok: true, kept };
      if (kept.state === "REFUNDING" || kept.state === "REFUNDED")
        return { ok: true, kept: request.key === null ? kept : write(joining(kept, request)) };
      if (kept.order !== null) return refuse("TAKEN");
      return { ok: true, kept: write(asking(kept, now, request)) };
    },

    /**
     * A provider's word on money going back, whether asked by us or of its own. Answers the order that has the money and is to hear it; null: nobody is
     * to hear it, as the money is a person's to place, or the word an echo; undefined: nobody has heard of the payment, and the word waits for it.
     */
    returned(told: RefundWord): OrderKey | null | undefined {
      const now = Date.now();
      const word = { ...told, at: told.at ?? now };
      const kept = heard(word.capture);
      if (kept && isEcho(kept, word)) return null;
      // An order that is to have it may not take it.
      if (kept && (kept.order === null || !isSettled(kept) || isOfBefore(kept, word))) {
        const after = withWord(kept, word);
        if (after !== kept) write(after);
      }
      const owner = ownerOf(word.capture);
      // An order that is to have the money may yet refuse it: then what went back is known here.
      if (!kept) {
        alarm.transaction(() => {
          early.note(word, now);
          if (sweep.plan(now)) arm();
        });
      }
      return owner;
    },

    /**
     * Goes through a portion of the money that has no place yet, from after a place on. `payerOf` answers its payer, sealed anew; null where nothing changes.
     * Answers the last place; null when nothing comes after it.
     */
    reseal(after: string, payerOf: (kept: KeptPayment) => string | null): string | null {
      const limit = limits.unmatchedResealedMax;
      const waiting = Array.from(
        kv.list<KeptPayment>({ prefix: rows.waiting, startAfter: rows.waiting + after, limit }),
      );
      alarm.transaction(() => {
        for (const [key, kept] of waiting) {
          const payer = payerOf(kept);
          if (payer !== null) kv.put(key, { ...kept, payer });
        }
      });
      return waiting.length < limit ? null : (waiting.at(-1)?.[0].slice(rows.waiting.length) ?? null);
    },

    /** Newest first, from before a place on. */
    list(settled: boolean, before: string | null, limit: number): readonly KeptPayment[] {
      const prefix = settled ? rows.settled : rows.waiting;
      const range = before === null ? {} : { end: prefix + before };
      return Array.from(kv.list<KeptPayment>({ prefix, reverse: true, limit, ...range }), ([, kept]) => kept);
    },

    /** What is to be carried out now. */
    work(now: number): readonly KeptPayment[] {
      const due = dueOf(works(), now);
      alarm.transaction(() => {
        for (const { place, since } of due) kv.put(rows.work + place, { since, at: workAt(since, now) } satisfies Work);
      });
      return due.map(({ place }) => at(place)).filter((kept) => kept !== null);
    },
  };
};

const refuse = (reason: Exclude<UnmatchedRefusal["reason"], "REFUSED">): Taken => ({ ok: false, refusal: { reason } });
