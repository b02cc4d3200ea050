/**
 * The conversion as a fact of the order: who the payer became, what each action of the block did, where the code leads. How it comes to be is in
 * `block-run.ts`, what it learns later in `follow-up.ts`, what a refund does to it in `reversal.ts`.
 */
import type { Circumstances } from "./conditions.ts";
import { grantedIn, wordsOf, type ConsentWord } from "./consents.ts";
import type { ActionKind, OnRefund, Purpose, TargetRule } from "./definition.ts";
import type { OrderKey } from "./ids.ts";
import type { Minor } from "./money.ts";
import type { OrderTerms, PaymentProvider } from "./order.ts";
import type { StaffHold } from "./staff-hold.ts";

export type IdentityKind = "WALLET" | "PHONE" | "EMAIL" | "LOYALTY";
/** `value` is normalised; `verified` says the provider vouches for it. */
export type Identity = { readonly kind: IdentityKind; readonly value: string; readonly verified: boolean };

/** The person who pays, as far as the provider or the cashier knows them. `customerId` is derived by the shell from the strongest identity. */
export type Payer = {
  readonly customerId: string;
  /** True when nothing identifies the person: the record belongs to this order alone until it is claimed. */
  readonly provisional: boolean;
  readonly name: string | null;
  readonly identities: readonly Identity[];
};
/** Who paid, by an id that says nothing of them. */
export const nameless = (payer: Payer): Payer => ({ ...payer, name: null, identities: [] });

/** The proof that a person was asked something and what they said: which text exactly, in which language, when and where. */
export type ConsentReceipt = {
  readonly purpose: Purpose;
  readonly granted: boolean;
  readonly textVersion: string;
  /** SHA-256 of the text that was shown; null where somebody else showed it. */
  readonly textHash: string | null;
  readonly locale: string;
  readonly at: number;
  readonly channel: string;
};
/** Where an order stands among its customer's. */
export type OrderPlace = { readonly createdAt: number; readonly key: OrderKey };
/** What the payer said on the page, before they paid. Nobody vouches for it. */
export type Said = {
  readonly name: string | null;
  readonly identities: readonly Identity[];
  readonly consents: readonly ConsentReceipt[];
  readonly locale: string;
  readonly country: string | null;
};

export type ActionState =
  | "DONE"
  | "PENDING"
  | "FAILED"
  | "SKIPPED_NO_CONSENT"
  | "SKIPPED_CONDITION"
  | "SKIPPED_LIMIT"
  | "REVERSED";
/** Whom a pending action waits for. DONE and REVERSED ones may wait too: for the pool to confirm, for somebody's server to take it back. */
export type Waits = "ANSWER" | "GRANT" | "POOL" | "CALL";
/** Of what a call tells, that which may change from one try to the next: kept, because one id must always bring the same bytes. */
export type CallWords = {
  readonly points: number;
  readonly coupon: string | null;
  /** Whether the record had been claimed. */
  readonly claimed: boolean;
};
export type ActionOutcome = {
  readonly key: string;
  readonly kind: ActionKind;
  readonly state: ActionState;
  readonly tags: readonly string[];
  readonly onRefund: OnRefund;
  readonly at: number;
  readonly waits?: Waits;
  /** `kept` is what refunds have left of them. */
  readonly points?: { readonly granted: number; readonly kept: number };
  readonly coupon?: {
    readonly code: string;
    readonly name: string;
    readonly value: Minor;
    readonly expiresAt: number | null;
  };
  readonly tier?: string;
  readonly note?: string;
  readonly staff?: StaffHold;
  readonly group?: { readonly name: string; readonly url: string };
  /** `tries`: how many have begun. `nextAt`: when the next does, unless the end of this one is told before. */
  readonly call?: { readonly tries: number; readonly nextAt: number };
  /** What its first call told; it may have arrived, whatever was heard of it. */
  readonly called?: CallWords;
  /** Why it failed, or what is missing. */
  readonly detail?: string;
  /** Taken back, and the read model has not yet said whether it had been used. */
  readonly unchecked?: true;
  /** How much of what was taken back had been used already: points, or the coupon's value. */
  readonly short?: number;
};

export type ConversionState = "COMMITTED" | "PARTLY_REVERSED" | "REVERSED";
export type Target =
  | { readonly kind: "RECEIPT" }
  | { readonly kind: Exclude<TargetRule["kind"], "RECEIPT">; readonly url: string | null };
export type Conversion = {
  readonly payer: Payer;
  readonly blockId: string | null;
  readonly blockVersion: number;
  readonly state: ConversionState;
  /** Null until the merchant's read model, where uniqueness lives, has said whether this is the customer's first. */
  readonly firstTime: boolean | null;
  readonly nth?: number | null;
  /** What was heard of consents beside what the payer said with the order (`consents.ts`). */
  readonly words?: readonly ConsentWord[];
  /** Of which moment the last word on each purpose was that partners and the other orders were told from here. */
  readonly toldOf?: { readonly [P in Purpose]?: number };
  /** Words that the customer's other orders are still to hear of, the newest order first. `after`: the last that has. */
  readonly spreading?: readonly { readonly word: ConsentWord; readonly after: OrderPlace | null }[];
  readonly wallet: PaymentProvider;
  readonly said: Said | null;
  /** What the payer said about themselves on the paid page, once, when nothing else was known of them. */
  readonly claim?: { readonly at: number; readonly said: Said };
  readonly actions: readonly ActionOutcome[];
  readonly target: Target;
  /** Whether the target stands: until then the code leads to the receipt. */
  readonly decided?: boolean;
  readonly convertedAt: number;
  /** Set once the person's data was destroyed, to that moment: nothing of theirs is here from then on, whatever is heard. */
  readonly erasedAt?: number;
  /** Whoever goes through the customer's orders is still to look after what partners keep of this one. */
  readonly erasedAlone?: true;
};

export function circumstancesOf(conversion: Conversion, terms: OrderTerms): Circumstances {
  const { said, wallet, convertedAt, firstTime, nth = null } = conversion;
  const granted = grantedIn(wordsOf(conversion));
  return {
    terms,
    at: convertedAt,
    wallet,
    locale: said?.locale ?? terms.merchant.locale,
    country: said?.country ?? null,
    said: granted,
    // What was agreed to before is known once the read model has answered.
    agreed: firstTime === null ? null : granted,
    firstTime,
    nth,
  };
}

/** All that is known of the person: what the provider said, and what they said themselves. The first word on an identity stands. */
export function knownOf({ payer, said, claim }: Conversion): Pick<Payer, "name" | "identities"> {
  const all = [...payer.identities, ...(said?.identities ?? []), ...(claim?.said.identities ?? [])];
  const identities = all.filter(
    (one, index) => all.findIndex(({ kind, value }) => kind === one.kind && value === one.value) === index,
  );
  return { name: payer.name ?? said?.name ?? claim?.said.name ?? null, identities };
}
