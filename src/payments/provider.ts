/**
 * The payment port. One file per provider implements it; `PaymentAccount` (src/durable) holds the credentials and calls it; one contract
 * suite tests them all. A provider's words, signatures and amounts become ours here, at the border.
 */
import type { Command, Commands, HeardCapture } from "../core/commands.ts";
import type { Identity } from "../core/conversion.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Currency, Minor } from "../core/money.ts";
import type { PaymentProvider, Scene } from "../core/order.ts";
import type { Result } from "../core/result.ts";
import type { CredentialIssue, Form } from "./credentials.ts";

/** What is known of the device that pays. */
export type PayerDevice = {
  readonly scene: Scene;
  /** The address that it asks from; some providers want it of a phone's browser. */
  readonly address: string | null;
  /** Where a wallet that must first say who pays brings its user back to, with a grant. */
  readonly grantUrl: string;
  /** Comes back with the grant and shows that it was given to this very browser. */
  readonly grantState: string;
  readonly grant: string | null;
};

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
  /** When the attempt began: what is asked again is asked with the same times. */
  readonly startedAt?: number;
  /** What `BegunPayment` told the last time, when this is not the first. */
  readonly reference?: string | null;
  readonly device?: PayerDevice;
};
/**
 * Where the payer goes on. `redirectUrl`: absolute or a path of our own; `tellsOrigin` when the place wants to know which site sent them.
 * `scanText`: to be shown as a code, for the wallet on a phone beside this screen. `invocation`: to be handed to the wallet around this page.
 */
export type NextStep =
  | { readonly redirectUrl: string; readonly tellsOrigin?: true }
  | { readonly scanText: string }
  | { readonly invocation: Readonly<Record<string, string>> };
/** `reference`: what the port wants to be told when it is asked about this payment again. */
export type BegunPayment = NextStep & { readonly reference: string | null };

export type RefundRequest = {
  readonly refund: string;
  readonly payment: string | null;
  readonly transaction: string;
  /** All that came by the transaction, of which `amount` goes back. */
  readonly captured: Minor;
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

/** MISADDRESSED: truly the provider's, and about another account than this one. UNAVAILABLE: its provider did not say what it means, and is to tell again. */
export type NotificationFault = "SIGNATURE" | "UNREADABLE" | "MISADDRESSED" | "UNAVAILABLE";
/**
 * UNAVAILABLE: nobody knows whether it was done. REFUSED: it was not, and will not be. GONE, of a payment to begin: what was made of the
 * attempt can no longer lead a payer anywhere, so once its end is known another one has to be begun.
 */
export type ProviderFault = { readonly reason: "UNAVAILABLE" | "REFUSED" | "GONE"; readonly message: string };

/** What a query found. PENDING: nothing has happened yet, or the provider knows nothing of it. */
export type AttemptReport = { readonly state: "PENDING" } | { readonly state: "NEWS"; readonly news: ProviderNews };
export type RefundReport = { readonly state: "PENDING" | "SUCCEEDED" | "FAILED" };

export type ProviderCall = {
  readonly now: number;
  readonly account: string;
  /** Of the payment that is asked about: what `BegunPayment` told. */
  readonly reference?: string | null;
  /** Where the account's notifications are to be sent. */
  readonly notificationUrl?: string | null;
  /** What was told before of a refund of that capture: nobody need be asked about it again. */
  readonly heard?: (capture: string, refund: string) => Commands["refundHeard"] | null;
};

/** How a provider is answered; every provider reads the status, some the body too. */
export type ProviderAnswer = { readonly contentType: string; readonly body: string };

/** `Credentials` is whatever the provider needs, checked by `read`. Nothing here keeps state. */
export interface PaymentPort<Credentials> {
  readonly provider: PaymentProvider;
  readonly form: Form<Credentials>;
  /** Checks what a merchant entered, or what was unsealed; null when it is not what this provider needs. */
  read(credentials: unknown): Credentials | null;
  /** Why `read` says null, in words for whoever entered it. */
  issues(credentials: unknown): readonly CredentialIssue[];
  /** What may be shown of each secret, so that a merchant can tell which one is stored. */
  fingerprints(credentials: Credentials): readonly string[];
  /** Where nobody can pay by such an account, for want of something that its merchant may give; absent: nowhere. */
  unableIn?(credentials: Credentials): readonly Scene[];
  /** The answer to a notification; `fault` null: it was taken. Absent: JSON that says so. */
  readonly answer?: (fault: string | null) => ProviderAnswer;
  /** Checks the signature over the raw bytes before anything is parsed. Asks its provider only where a message that is truly its own does not say all. */
  verify(
    credentials: Credentials,
    headers: Headers,
    body: Uint8Array,
    call: ProviderCall,
  ): Promise<Result<ProviderNews, NotificationFault>>;
  /**
   * Whose payers are asked who they are before anything is begun: where, and on which of the provider's pages, which leads back to the device's
   * `grantUrl`. Null: such an account can ask nobody, and `begin` says why.
   */
  readonly asks?: {
    readonly scenes: readonly Scene[];
    at(credentials: Credentials, device: PayerDevice): string | null;
  };
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
