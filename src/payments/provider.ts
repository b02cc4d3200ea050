/**
 * The payment port. One file per provider implements it; `PaymentAccount` (src/durable) holds the credentials and calls it; one contract
 * suite tests them all. A provider's words, signatures and amounts become ours here, at the border.
 */
import type { Command, HeardCapture } from "../core/commands.ts";
import type { Identity } from "../core/conversion.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Currency, Minor } from "../core/money.ts";
import type { PaymentProvider } from "../core/order.ts";
import type { Result } from "../core/result.ts";

/** What a provider is asked to collect. */
export type PaymentRequest = {
  /** Our attempt id; also the provider's idempotency key. */
  readonly payment: string;
  readonly order: OrderKey;
  readonly amount: Minor;
  readonly currency: Currency;
  readonly description: string;
  /** Where the payer comes back to. */
  readonly returnUrl: string;
  readonly notificationUrl: string;
  readonly expiresAt: number;
};
/**
 * `redirectUrl`: where the payer goes on, absolute or a path of our own. `reference`: the provider's own name of the payment, when it has
 * one worth remembering.
 */
export type BegunPayment = { readonly redirectUrl: string; readonly reference: string | null };

export type RefundRequest = {
  readonly refund: string;
  readonly payment: string | null;
  readonly transaction: string;
  readonly amount: Minor;
  readonly currency: Currency;
};

/** A capture before the account added whose customer the payer is. */
export type ToldCapture = Omit<HeardCapture, "payer" | "account"> & {
  readonly payerName: string | null;
  readonly identities: readonly Identity[];
};

/** News from a provider, in our words. `order` null: it names no order of ours. */
export type ProviderNews =
  | { readonly kind: "captured"; readonly order: OrderKey | null; readonly capture: ToldCapture }
  | { readonly kind: "ended"; readonly order: OrderKey | null; readonly command: Extract<Command, { kind: "ended" }> }
  | {
      readonly kind: "refunded";
      readonly order: OrderKey | null;
      readonly command: Extract<Command, { kind: "refundHeard" }>;
    }
  /** Understood, and of no consequence; why, for the log. */
  | { readonly kind: "ignored"; readonly why: string };

export type NotificationFault = "SIGNATURE" | "UNREADABLE";
export type ProviderFault = { readonly reason: "UNAVAILABLE" | "REFUSED"; readonly message: string };

/** What a query found. PENDING: nothing has happened yet, or the provider knows nothing of it. */
export type AttemptReport = { readonly state: "PENDING" } | { readonly state: "NEWS"; readonly news: ProviderNews };
export type RefundReport = { readonly state: "PENDING" | "SUCCEEDED" | "FAILED" };

export type ProviderCall = { readonly now: number; readonly account: string };

/** `Credentials` is whatever the provider needs, checked by `read`. Nothing here keeps state. */
export interface PaymentPort<Credentials> {
  readonly provider: PaymentProvider;
  /** Checks what a merchant entered, or what was unsealed; null when it is not what this provider needs. */
  read(credentials: unknown): Credentials | null;
  /** What may be shown of each secret, so that a merchant can tell which one is stored. */
  fingerprints(credentials: Credentials): readonly string[];
  /** Checks the signature over the raw bytes before anything is parsed. */
  verify(
    credentials: Credentials,
    headers: Headers,
    body: Uint8Array,
    call: ProviderCall,
  ): Promise<Result<ProviderNews, NotificationFault>>;
  /** Idempotent by `request.payment`. */
  begin(
    credentials: Credentials,
    request: PaymentRequest,
    call: ProviderCall,
  ): Promise<Result<BegunPayment, ProviderFault>>;
  query(credentials: Credentials, payment: string, call: ProviderCall): Promise<Result<AttemptReport, ProviderFault>>;
  /** Ends it upstream, also when it was never begun. When the money won, the report says so. */
  close(credentials: Credentials, payment: string, call: ProviderCall): Promise<Result<AttemptReport, ProviderFault>>;
  /** Idempotent by `request.refund`, so asking again is asking what became of it. */
  refund(
    credentials: Credentials,
    request: RefundRequest,
    call: ProviderCall,
  ): Promise<Result<RefundReport, ProviderFault>>;
}
