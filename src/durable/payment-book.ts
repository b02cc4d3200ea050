/**
 * An account's book of its money: which order has which transaction, and what no order has. A transaction belongs to one order at most, from
 * before that order hears of it, so that no crash and no second telling gives the same money twice; and once a person has been shown money,
 * what becomes of it is theirs to say. Every change is one transaction.
 */
import type { HeardCapture } from "../core/commands.ts";
import { refundId, timedSuffix, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Minor } from "../core/money.ts";
import type { UnmatchedPayment, UnmatchedReason, UnmatchedRefusal } from "./protocol.ts";

/** As it is kept. `payer` is sealed, and gone once it is settled. `asked`: how often, and since when, its refund is wanted. */
export type KeptPayment = UnmatchedPayment & {
  readonly capture: string;
  readonly attempt: string | null;
  readonly payer: string | null;
  readonly asked: { readonly times: number; readonly since: number } | null;
};
/** The payment after a step, or why it was not taken. */
export type Taken =
  | { readonly ok: true; readonly kept: KeptPayment }
  | { readonly ok: false; readonly refusal: UnmatchedRefusal };

type Heard = { readonly found: boolean; readonly taken: boolean };

/** Of an account: the rest of its id, 34 characters, then the time and a random number, which is the payment's place in the book. */
const idPattern = /^unmatched_([0-9A-Z]{34})([0-9A-Z]{26})$/;
export const accountOfUnmatched = (id: string): string | null => {
  const account = idPattern.exec(id)?.[1];
  return account === undefined ? null : `account_${account}`;
};
export const placeOfUnmatched = (id: string): string | null => idPattern.exec(id)?.[2] ?? null;
export const placeIn = ({ id }: Pick<UnmatchedPayment, "id">): string => placeOfUnmatched(id) ?? "";

/** By the transaction: the order that has it. */
const orderPrefix = "order:";
/** By the transaction: the place of what was kept of it. */
const heardPrefix = "heard:";
/** By their places: what waits for a person or for a provider, and what is settled. */
const prefixes = { waiting: "unmatched:", settled: "settled:" } as const;
/** By their places: what was decided and not yet carried out. */
const workPrefix = "work:";

const isSettled = ({ state }: KeptPayment): boolean => state === "ASSIGNED" || state === "REFUNDED";
export const isUnderWay = ({ state }: KeptPayment): boolean => state === "ASSIGNING" || state === "REFUNDING";

/** An order has it: all that a person can do about it here is to say so. */
const isAnothers = ({ why }: KeptPayment): boolean => why === "ANOTHER_ORDER";

export const paymentBook = (storage: DurableObjectStorage) => {
  const { kv } = storage;
  const at = (place: string): KeptPayment | null =>
    kv.get<KeptPayment>(prefixes.waiting + place) ?? kv.get<KeptPayment>(prefixes.settled + place) ?? null;
  const heard = (transaction: string): KeptPayment | null => {
    const place = kv.get<string>(heardPrefix + transaction);
    return place === undefined ? null : at(place);
  };
  /** Null: a person's to place. Undefined: never heard of. */
  const ownerOf = (transaction: string): OrderKey | null | undefined => {
    const kept = heard(transaction);
    return kept ? kept.order : kv.get<OrderKey>(orderPrefix + transaction);
  };
  const write = (kept: KeptPayment): KeptPayment => {
    const place = placeIn(kept);
    storage.transactionSync(() => {
      kv.put((isSettled(kept) ? prefixes.settled : prefixes.waiting) + place, kept);
      if (isSettled(kept)) kv.delete(prefixes.waiting + place);
      if (isUnderWay(kept)) kv.put(workPrefix + place, true);
      else kv.delete(workPrefix + place);
    });
    return kept;
  };

  return {
    at,
    ownerOf,

    /** The order that is to have the money, of those that are named; null when none of them may: it is another's, or a person's to place. */
    claim(transaction: string, named: readonly OrderKey[]): OrderKey | null {
      const owner = ownerOf(transaction);
      if (owner !== undefined) return owner !== null && named.includes(owner) ? owner : null;
      const [first] = named;
      if (first === undefined) return null;
      storage.transactionSync(() => kv.put(orderPrefix + transaction, first));
      return first;
    },

    /** An order that does not exist hands the money on to the other one that is named. */
    pass(transaction: string, from: OrderKey, to: OrderKey): boolean {
      const owner = kv.get<OrderKey>(orderPrefix + transaction);
      if (heard(transaction) || (owner !== from && owner !== to)) return false;
      if (owner === from) storage.transactionSync(() => kv.put(orderPrefix + transaction, to));
      return true;
    },

    /** The first word on a payment stands. `from`: the order that did not take it, whose it is no longer. */
    keep(capture: HeardCapture, payer: string, from: OrderKey | null, why: UnmatchedReason, now: number): void {
      const { id: transaction, account, payer: _, ...told } = capture;
      if (kv.get(heardPrefix + transaction) !== undefined) return;
      const place = timedSuffix(now, crypto.getRandomValues(new Uint8Array(10)));
      const known = kv.get<OrderKey>(orderPrefix + transaction);
      const owner = known === undefined || known === from ? null : known;
      storage.transactionSync(() => {
        if (owner === null) kv.delete(orderPrefix + transaction);
        kv.put(heardPrefix + transaction, place);
        write({
          ...told,
          capture: transaction,
          id: `unmatched_${account.slice("account_".length)}${place}`,
          heardAt: now,
          why: owner === null ? why : "ANOTHER_ORDER",
          state: "WAITING",
          order: owner,
          payer,
          asked: null,
        });
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
      return { ok: true, kept: write({ ...kept, state: "ASSIGNING", order }) };
    },

    /** What the order said to it. Refused, the money waits again; an order that does not exist has no money. */
    assigned(handed: KeptPayment, order: OrderKey, { found, taken }: Heard): KeptPayment | null {
      const kept = at(placeIn(handed));
      if (kept?.state !== "ASSIGNING" || kept.order !== order) return kept;
      if (taken) return write({ ...kept, state: "ASSIGNED", payer: null });
      if (isAnothers(kept) && found) return write({ ...kept, state: "WAITING" });
      storage.transactionSync(() => {
        kv.delete(orderPrefix + kept.capture);
        write({ ...kept, state: "WAITING", order: null, why: found ? kept.why : "UNKNOWN_ORDER" });
      });
      return at(placeIn(kept));
    },

    /** Money that an order has goes back by that order alone. */
    refund(place: string, now: number): Taken {
      const kept = at(place);
      if (!kept) return refuse("NOT_FOUND");
      if (kept.state === "REFUNDING" || kept.state === "REFUNDED") return { ok: true, kept };
      if (kept.order !== null) return refuse("TAKEN");
      const asked = { times: (kept.asked?.times ?? 0) + 1, since: now };
      return { ok: true, kept: write({ ...kept, state: "REFUNDING", asked }) };
    },

    /** What the provider said to it. Refused, a person sees it again. */
    refunded(asked: KeptPayment, done: boolean): KeptPayment | null {
      const kept = at(placeIn(asked));
      if (kept?.state !== "REFUNDING" || kept.asked?.times !== asked.asked?.times) return kept;
      return write(done ? { ...kept, state: "REFUNDED", payer: null } : { ...kept, state: "REFUND_FAILED" });
    },

    /** The provider gave it back, asked by us or of its own: all of it, or a person still has to. */
    returned(transaction: string, amount: Minor): void {
      const kept = heard(transaction);
      if (!kept || kept.order !== null || isSettled(kept) || amount < kept.amount) return;
      write({ ...kept, state: "REFUNDED", payer: null });
    },

    /** Goes through all money that has no place yet. `payerOf` answers its payer, sealed anew; null where nothing changes. */
    rename(payerOf: (kept: KeptPayment) => string | null): void {
      storage.transactionSync(() => {
        for (const [key, kept] of Array.from(kv.list<KeptPayment>({ prefix: prefixes.waiting }))) {
          const payer = payerOf(kept);
          if (payer !== null) kv.put(key, { ...kept, payer });
        }
      });
    },

    /** Newest first, from before a place on. */
    list(settled: boolean, before: string | null, limit: number): readonly KeptPayment[] {
      const prefix = settled ? prefixes.settled : prefixes.waiting;
      const range = before === null ? {} : { end: prefix + before };
      return Array.from(kv.list<KeptPayment>({ prefix, reverse: true, limit, ...range }), ([, kept]) => kept);
    },

    /** What is to be carried out, from after a place on: at most one alarm's worth, so that what cannot be done hides nothing for ever. */
    work(after = ""): readonly KeptPayment[] {
      const places = kv.list({ prefix: workPrefix, startAfter: workPrefix + after, limit: limits.unmatchedWorkMax });
      return Array.from(places, ([key]) => at(key.slice(workPrefix.length))).filter((kept) => kept !== null);
    },
  };
};

const refuse = (reason: Exclude<UnmatchedRefusal["reason"], "REFUSED">): Taken => ({ ok: false, refusal: { reason } });

/** The provider's idempotency key: another for every time that it is asked anew. Its middle is a random number, as an order's key is. */
export const refundIdOf = (kept: KeptPayment): string =>
  refundId(placeIn(kept).slice(10) as OrderKey, kept.asked?.times ?? 1);

/** When to look again at what is under way: soon at first, then after half as long as it has taken. */
export function workAt(work: readonly KeptPayment[], now: number): number | null {
  if (work.length === 0) return null;
  const { early, latest } = limits.pollMs;
  const taken = now - Math.max(...work.map(({ asked }) => asked?.since ?? now));
  return now + Math.min(latest, Math.max(early, Math.floor(taken / 2)));
}

/** As its merchant may see it. */
export const shown = (kept: KeptPayment): UnmatchedPayment => {
  const { id, provider, transaction, amount, currency, paidAt, heardAt, why, state, order } = kept;
  return { id, provider, transaction, amount, currency, paidAt, heardAt, why, state, order };
};
