/**
 * Money that no order has, as its account keeps it: what of it went back, and what that makes of it. Pure. The words on a refund may come twice, late
 * and in any order, and end alike.
 */
import type { Commands } from "../core/commands.ts";
import { goneBack } from "../core/gone-back.ts";
import { refundId, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Minor } from "../core/money.ts";
import { recall, type Request } from "../core/requests.ts";
import { lookAt } from "../core/work.ts";
import type { UnmatchedPayment } from "./protocol.ts";

/** A refund, ours or the provider's own. `gone`: its money is. `over`: its provider said that it came back, and says nothing after that. */
export type Return = {
  readonly refund: string;
  readonly amount: Minor;
  /** `amount` is all that had gone back by then. */
  readonly soFar: boolean;
  readonly gone: boolean;
  /** When, or when that was heard. */
  readonly at?: number;
  readonly over: boolean;
  /** It brought nothing, and was known before an order was given the money. */
  readonly past?: true;
  /** By which a person asked for it. */
  readonly request?: Request;
};
/** As it is kept. `payer` is sealed, and gone once it is settled. `asked`: how often, and since when, its refund is wanted. */
export type KeptPayment = Omit<UnmatchedPayment, "returned"> & {
  readonly capture: string;
  readonly attempt: string | null;
  readonly payer: string | null;
  readonly asked: { readonly times: number; readonly since: number } | null;
  /** Absent from the release before. */
  readonly returns?: readonly Return[];
  /** Those that asked for what was going back already. */
  readonly joined?: readonly Request[];
  readonly settledAt?: number;
};

/** Of an account: the rest of its id, 34 characters, then the time and a random number, which is the payment's place in the book. */
const idPattern = /^unmatched_([0-9A-Z]{34})([0-9A-Z]{26})$/;
export const accountOfUnmatched = (id: string): string | null => {
  const account = idPattern.exec(id)?.[1];
  return account === undefined ? null : `account_${account}`;
};
export const placeOfUnmatched = (id: string): string | null => idPattern.exec(id)?.[2] ?? null;
export const placeIn = ({ id }: Pick<UnmatchedPayment, "id">): string => placeOfUnmatched(id) ?? "";

export const isSettled = ({ state }: KeptPayment): boolean => state === "ASSIGNED" || state === "REFUNDED";
export const isUnderWay = ({ state }: KeptPayment): boolean => state === "ASSIGNING" || state === "REFUNDING";
/** An order has it: all that a person can do about it here is to say so. */
export const isAnothers = ({ why }: KeptPayment): boolean => why === "ANOTHER_ORDER";

/** Our number for its refund, which is the provider's idempotency key: another for every time that it is asked anew. Its middle is a random number, as an order's key is. */
export const refundIdOf = (kept: KeptPayment): string =>
  refundId(placeIn(kept).slice(10) as OrderKey, kept.asked?.times ?? 1);

/** The release before knew only that all of it had gone. */
const returnsOf = (kept: KeptPayment): readonly Return[] =>
  kept.returns ??
  (kept.state === "REFUNDED"
    ? [{ refund: refundIdOf(kept), amount: kept.amount, soFar: false, gone: true, over: false }]
    : []);

/** What went back for certain, never more than came. A total that was kept without its moment is taken for the oldest: what went alone comes on top. */
export const returnedOf = (kept: KeptPayment): Minor => {
  const gone = returnsOf(kept).filter((one) => one.gone);
  return Math.min(kept.amount, goneBack(gone.map((one) => (one.soFar ? { ...one, at: one.at ?? -Infinity } : one))));
};
export const leftOf = (kept: KeptPayment): Minor => kept.amount - returnedOf(kept);

/** What we asked back last: the same under the same number, whatever has gone back meanwhile. */
export function askedBack(kept: KeptPayment): Minor {
  const ours = refundIdOf(kept);
  return kept.returns?.find(({ refund }) => refund === ours)?.amount ?? leftOf(kept);
}

/** Asks for all that is left, under a new number. */
export function asking(kept: KeptPayment, since: number, request?: Request): KeptPayment {
  const asked: KeptPayment = { ...kept, state: "REFUNDING", asked: { times: (kept.asked?.times ?? 0) + 1, since } };
  const pending = {
    refund: refundIdOf(asked),
    amount: leftOf(kept),
    soFar: false,
    gone: false,
    over: false,
    ...(request && { request }),
  };
  const returns = [...returnsOf(kept), pending];
  // Whoever asks without end makes it no longer: the oldest that brought nothing are forgotten.
  const spare = returns.findIndex(({ gone }) => !gone);
  return { ...asked, returns: returns.filter((_, at) => at !== spare || returns.length <= limits.refundsPerOrderMax) };
}

/** Whether the very request was made before. */
export const wasAsked = ({ returns = [], joined = [] }: KeptPayment, request: Request): boolean =>
  recall(request, [...returns, ...joined.map((one) => ({ request: one }))]) !== "NEW";

/** Whoever asks for what goes back already, or has gone, has asked for that, and for nothing that is sent back of it later. */
export const joining = (kept: KeptPayment, request: Request): KeptPayment => ({
  ...kept,
  joined: [...(kept.joined ?? []), request].slice(-limits.refundsPerOrderMax),
});

type Word = Pick<Commands["refundHeard"], "refund" | "amount" | "outcome" | "soFar" | "at" | "last">;

/** A provider's word on a refund. What we asked for has our amount, whatever else is told with it. */
export function withWord(
  kept: KeptPayment,
  { refund, amount, outcome, soFar = false, at, last = false }: Word,
): KeptPayment {
  const returns = returnsOf(kept);
  const known = returns.find((one) => one.refund === refund) ?? { refund, amount, soFar, gone: false, over: false };
  if (known.over) return kept;
  const over = outcome === "FAILED" && last;
  const isNew = outcome === "SUCCEEDED" && !known.gone && at !== undefined;
  const heard = { ...known, over, gone: outcome === "SUCCEEDED" || (known.gone && !over), ...(isNew && { at }) };
  const after = { ...kept, returns: [...returns.filter((one) => one.refund !== refund), heard] };
  const answers = kept.state === "REFUNDING" && refund === refundIdOf(kept);
  return judged(answers ? { ...after, state: outcome === "FAILED" ? "REFUND_FAILED" : "WAITING" } : after);
}

/** Nobody has told an order of what was asked for in vain before it was given the money, and nobody does. */
export const given = (kept: KeptPayment, order: OrderKey): KeptPayment => ({
  ...kept,
  state: "ASSIGNING",
  order,
  ...(kept.order === null && kept.returns && { returns: kept.returns.map((one) => ({ ...one, past: true as const })) }),
});

export const isOfBefore = ({ returns = [] }: KeptPayment, { refund }: Pick<Word, "refund">): boolean =>
  returns.some((one) => one.refund === refund && one.past);

/**
 * What came back is not gone again because its provider repeats what it told before that, nor did what was never gone fail for the order that was given the
 * money since. A refund that was done after all is no echo, nor is what is told of it then.
 */
export const isEcho = ({ returns = [] }: KeptPayment, { refund, outcome }: Pick<Word, "refund" | "outcome">): boolean =>
  returns.some((one) => one.refund === refund && (outcome === "SUCCEEDED" ? one.over : one.past && !one.gone));

/** What has gone whole is settled, and what came back waits again. What an order has, or is being given, is that order's. */
export function judged(kept: KeptPayment): KeptPayment {
  if (kept.order !== null) return kept;
  if (leftOf(kept) === 0) return { ...kept, state: "REFUNDED", payer: null };
  return kept.state === "REFUNDED" ? { ...kept, state: "REFUND_FAILED" } : kept;
}

/** When to look again at what is wanted since then. */
export const workAt = (since: number, now: number): number => {
  const { earlyFor, endingFor } = limits.pollMs;
  return lookAt(since, now, earlyFor, endingFor);
};

/** As its merchant may see it. */
export const shown = (kept: KeptPayment): UnmatchedPayment => {
  const { id, provider, transaction, amount, currency, paidAt, heardAt, why, state, order } = kept;
  return {
    id,
    provider,
    transaction,
    amount,
    returned: returnedOf(kept),
    currency,
    paidAt,
    heardAt,
    why,
    state,
    order,
  };
};
