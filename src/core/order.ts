/**
 * The order, as facts. What was agreed (`terms`) never changes; what happened (claims, attempts, captures, refunds) is only added to; the
 * state and every amount are derived (`state.ts`, `amounts.ts`), so late, duplicate and shuffled news of the same facts end alike.
 * Instants are milliseconds since 1970 UTC. Everything here is plain JSON: it is what a live code stores.
 */
import type { Conversion, Payer, Said } from "./conversion.ts";
import type { PinnedBlock } from "./definition.ts";
import type { OrderKey } from "./ids.ts";
import type { Currency, Minor } from "./money.ts";
import type { OrderPolicy } from "./policy.ts";
import type { Request } from "./requests.ts";
import type { StaffState } from "./staff-hold.ts";

export type PaymentProvider = "SANDBOX" | "STRIPE" | "WECHAT_PAY" | "ALIPAY" | "MANUAL";

export type OrderLine = {
  readonly productId: string | null;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: Minor;
};
export type Attribution = {
  readonly channel: string | null;
  readonly campaign: string | null;
  readonly staff: string | null;
  readonly partner: string | null;
  readonly placementId: string | null;
};
/** What the order keeps of its merchant, so that scanning, paying and converting ask nobody. */
export type MerchantTerms = {
  readonly id: string;
  readonly name: string;
  readonly locale: string;
  readonly timeZone: string;
};
/** Where a payer holds the code: in a wallet's own browser, in a phone's, or on a larger screen that a phone can scan. */
export type Scene = "IN_WECHAT" | "IN_ALIPAY" | "PHONE" | "DESKTOP";
/** `unableIn`: where it could not be paid with when the order was placed, for want of something that only its merchant can give. */
export type AccountTerms = {
  readonly id: string;
  readonly provider: PaymentProvider;
  readonly unableIn?: readonly Scene[];
};

/** What was agreed when the order was placed. Immutable. */
export type OrderTerms = {
  readonly key: OrderKey;
  readonly number: string;
  readonly merchant: MerchantTerms;
  readonly currency: Currency;
  readonly lines: readonly OrderLine[];
  readonly subtotal: Minor;
  readonly discount: Minor;
  readonly total: Minor;
  readonly policy: OrderPolicy;
  readonly accounts: readonly AccountTerms[];
  readonly block: PinnedBlock;
  readonly attribution: Attribution;
  readonly externalReference: string | null;
  readonly metadata: unknown;
  /** The merchant's own checkout: a scan leads there instead of to the payer page. */
  readonly checkoutUrl: string | null;
  /** True when at least one line's product is counted: stock was taken at placing. */
  readonly countsStock: boolean;
  readonly placedAt: number;
  readonly expiresAt: number;
};

/** What was entered in a browser (`claimant`: it names no person), and no attempt has yet. `until`: of its claim; absent from the release before. */
export type Entered = { readonly claimant: string; readonly said: Said; readonly until?: number };
/** `former`: what those entered who held the code before, the latest last. It is theirs alone: they may come back from their wallet. */
export type Claim = {
  readonly claimant: string;
  readonly until: number;
  readonly said?: Said;
  readonly former?: readonly Entered[];
};

/** FAILED is what became of a try; the provider's page may take another (`endedAt`). */
export type AttemptState = "PENDING" | "SUCCEEDED" | "FAILED" | "CLOSED";
/** One try to pay through a provider. */
export type Attempt = {
  readonly id: string;
  readonly account: string;
  readonly provider: PaymentProvider;
  readonly claimant: string;
  readonly amount: Minor;
  readonly state: AttemptState;
  readonly startedAt: number;
  /** When it was over: its money came, or the provider said that none can come any more. Until then it is looked after. */
  readonly endedAt: number | null;
  /** Set when we want it ended upstream; it is not over until the provider says so. */
  readonly closing: boolean;
  /** The provider's own reference for what it made of the attempt. */
  readonly reference: string | null;
  readonly failureReason: string | null;
  /** Its provider refused it at once and made nothing of it: no payer was ever led anywhere. */
  readonly refused?: true;
  /** Its provider was asked for it more than once. */
  readonly again?: true;
  /** What its payer entered on the page: nobody vouches for it. */
  readonly said?: Said;
};

/**
 * What became of money that arrived. ACCEPTED counts towards the order. DUPLICATE came on top of an order already paid. WAITING needs stock
 * taken again before it can count. REFUND goes back. REVIEW waits for a person.
 */
export type Disposition = "ACCEPTED" | "DUPLICATE" | "WAITING" | "REFUND" | "REVIEW";
/** Money that a provider says arrived. `id` is provider and transaction: the payment, not the message that told of it. */
export type Capture = {
  readonly id: string;
  readonly provider: PaymentProvider;
  readonly account: string;
  readonly transaction: string;
  readonly attempt: string | null;
  readonly amount: Minor;
  readonly currency: Currency;
  readonly paidAt: number;
  readonly heardAt: number;
  readonly disposition: Disposition;
  /** Another amount that was later told for the same transaction. The first stands. */
  readonly conflict: Minor | null;
  readonly payer: Payer;
  /** By which a person recorded it. */
  readonly request?: Request;
};

export type RefundState = "PENDING" | "SUCCEEDED" | "FAILED";
export type Refund = {
  readonly id: string;
  /** The capture it gives back from. It may be heard of before the capture itself; then it waits. */
  readonly capture: string;
  readonly amount: Minor;
  readonly reason: string | null;
  readonly automatic: boolean;
  readonly reverseConversion: boolean;
  readonly restock: boolean;
  readonly state: RefundState;
  /** Its provider said at some time that it failed: a person was told. */
  readonly failed?: boolean;
  readonly requestedAt: number;
  /** When it went back, or was heard to have. Absent from the release before. */
  readonly goneAt?: number;
  /** All that had gone back of its capture by then: so its provider told of it. `amount` is what of that was new. */
  readonly soFar?: Minor;
  /** By which a person asked for it. */
  readonly request?: Request;
};

/**
 * HELD since placing; SOLD with PAID; RELEASED by expiry or cancel; RETAKING asks for it again; SHORT was paid but could not be taken again;
 * RETURNED was sold and came back, with all of the money gone back for it.
 */
export type StockState = "NONE" | "HELD" | "SOLD" | "RELEASED" | "RETAKING" | "SHORT" | "RETURNED";
export type ClosedAs = "EXPIRED" | "CANCELLED";

export type Order = {
  readonly terms: OrderTerms;
  readonly expiresAt: number;
  readonly claim: Claim | null;
  readonly attempts: readonly Attempt[];
  readonly captures: readonly Capture[];
  readonly refunds: readonly Refund[];
  /** Set once, with the conversion, and never unset. `at` is when the covering money was paid, `committedAt` when we knew. */
  readonly paid: { readonly at: number; readonly committedAt: number; readonly late: boolean } | null;
  /** The surplus of a paid order that waits for a person. */
  readonly surplusInReview: boolean;
  /** Decisions of persons about money, by the requests that brought them. Absent from the release before. */
  readonly decisions?: readonly { readonly request: Request }[];
  readonly closed: { readonly as: ClosedAs; readonly at: number; readonly reason: string | null } | null;
  /** An end that waits until the provider has closed what is under way. */
  readonly closing: { readonly as: ClosedAs; readonly since: number; readonly reason: string | null } | null;
  readonly stock: StockState;
  readonly conversion: Conversion | null;
  /** Who is kept free for whoever pays; null until somebody was asked for. */
  readonly staff?: StaffState | null;
  readonly scans: { readonly count: number; readonly firstAt: number | null };
  /** Events emitted so far. */
  readonly sequence: number;
  /** Rises by one with every change. */
  readonly version: number;
};

/** The order as it is agreed, before anything happened to it. `decide` with `place` emits its first event. */
export const newOrder = (terms: OrderTerms): Order => ({
  terms,
  expiresAt: terms.expiresAt,
  claim: null,
  attempts: [],
  captures: [],
  refunds: [],
  paid: null,
  surplusInReview: false,
  decisions: [],
  closed: null,
  closing: null,
  stock: terms.countsStock ? "HELD" : "NONE",
  conversion: null,
  staff: null,
  scans: { count: 0, firstAt: null },
  sequence: 0,
  version: 0,
});
