/**
 * What the objects say to each other and to the Worker: plain JSON, compatible over one release in both directions, because an object and
 * its caller may run different versions for a while. Domain refusals are answers; a rejected promise is a fault of the platform or a bug.
 */
import type { Command, Refusal } from "../core/commands.ts";
import type { EventType, FeedEvent, OrderEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Currency, Minor } from "../core/money.ts";
import type { Order, OrderTerms, PaymentProvider, Scene } from "../core/order.ts";
import type { Request as PersonsRequest } from "../core/requests.ts";
import type { Result } from "../core/result.ts";
import type { Member, Pool, Strategy } from "../core/rotation.ts";
import type { StaffHold } from "../core/staff-hold.ts";
import type { OrderState } from "../core/state.ts";
import type { Projection, ProjectionAnswer } from "../db/projection.ts";
import type { CredentialIssue } from "../payments/credentials.ts";
import type {
  BegunPayment,
  NotificationFault,
  PayerDevice,
  PaymentRequest,
  ProviderFault,
  RefundReport,
  RefundRequest,
} from "../payments/provider.ts";

export type Placed = { readonly kind: "placed" | "replayed"; readonly order: Order } | { readonly kind: "conflict" };
/** A text: the URL that the code leads to now, bare because redirects are the hottest call of all. An order: to its own page. */
export type Shown = string | { readonly state: OrderState; readonly order: Order };
/** Null: nothing was ever placed here. */
export type Scanned = Shown | null;
export type Applied =
  | { readonly found: false }
  | { readonly found: true; readonly ok: true; readonly order: Order; readonly changed: boolean }
  | { readonly found: true; readonly ok: false; readonly refusal: Refusal; readonly order: Order };
/** What a page that watches a code is told, now and at each change. */
export type LiveCodePulse = { readonly state: OrderState; readonly version: number; readonly scans: number };

/** One live code, named by its order's key. A `merchantId` restricts the answer to that merchant's orders: another's is not found. */
export interface LiveCodeProtocol {
  /** Idempotent: the same key with the same `fingerprint` answers the order it made the first time. */
  place(terms: OrderTerms, fingerprint: string): Promise<Placed>;
  look(merchantId?: string): Promise<Order | null>;
  /** `human` false (bots, previews, prefetch) counts nothing. */
  scan(human: boolean): Promise<Scanned>;
  apply(command: Command, merchantId?: string): Promise<Applied>;
  timeline(merchantId?: string): Promise<readonly OrderEvent[]>;
  /** As `look`; and until then the merchant's feed is told of every change, as well as may be. */
  watch(merchantId: string, until: number): Promise<Order | null>;
  /** A WebSocket upgrade: `LiveCodePulse` as JSON, now and at each change. */
  fetch(request: Request): Promise<Response>;
}

export type AccountOpening = {
  readonly id: string;
  readonly merchantId: string;
  readonly provider: PaymentProvider;
  readonly name: string;
  readonly credentials: unknown;
  /** Where the provider's news of this account must go. */
  readonly notificationUrl?: string;
};
/** What is absent stays as it is. `credentials`: what there is one of is replaced, what there may be several of is added to. */
export type AccountChange = {
  readonly name?: string;
  readonly enabled?: boolean;
  readonly credentials?: Readonly<Record<string, unknown>>;
  /** Fingerprints of keys that are no longer used. */
  readonly forget?: readonly string[];
  readonly notificationUrl?: string;
};
export type AccountSummary = {
  readonly id: string;
  readonly merchantId: string;
  readonly provider: PaymentProvider;
  readonly name: string;
  readonly enabled: boolean;
  readonly fingerprints: readonly string[];
  /** Where nobody can pay by it; absent: nowhere. */
  readonly unableIn?: readonly Scene[];
};
/**
 * Verified news of this account. `command` null: understood, and of no consequence (`why`). `order`: the one that it names. Money is that
 * order's from now on; where it is null the money is no order's, and kept here already.
 */
export type AccountNews = {
  readonly merchantId: string;
  readonly provider: PaymentProvider;
  readonly order: OrderKey | null;
  readonly command: Command | null;
  readonly why: string | null;
};
export type AccountReport = { readonly state: "PENDING" } | { readonly state: "NEWS"; readonly command: Command };
/** UNKNOWN_ORDER: it named none that there is. REFUSED: its order can take no more. ANOTHER_ORDER: another order has this very transaction. */
export type UnmatchedReason = "UNKNOWN_ORDER" | "REFUSED" | "ANOTHER_ORDER";
export type UnmatchedState = "WAITING" | "ASSIGNING" | "ASSIGNED" | "REFUNDING" | "REFUNDED" | "REFUND_FAILED";
export type UnmatchedPayment = {
  /** `unmatched_…`, which names its account too. */
  readonly id: string;
  readonly provider: PaymentProvider;
  readonly transaction: string;
  readonly amount: Minor;
  readonly returned: Minor;
  readonly currency: Currency;
  readonly paidAt: number;
  readonly heardAt: number;
  readonly why: UnmatchedReason;
  readonly state: UnmatchedState;
  /** The order that has it, or is being given it. */
  readonly order: OrderKey | null;
};
/** TAKEN: an order has it. RETURNED: it goes back, or has gone. PARTLY_RETURNED: a part has, so it pays no order. REFUSED: the order does not take it. */
export type UnmatchedRefusal =
  | { readonly reason: "NOT_FOUND" | "ORDER_NOT_FOUND" | "TAKEN" | "RETURNED" | "PARTLY_RETURNED" }
  | { readonly reason: "REFUSED"; readonly refusal: Refusal; readonly order: Order };
export type AssignedPayment = { readonly payment: UnmatchedPayment; readonly order: Order };

/** Whose data is destroyed. */
export type ErasedPerson = { readonly merchantId: string; readonly customerId: string; readonly erasedAt: number };

/** A merchant's account at a payment provider, named by its id. The only place where its secrets are open. */
export interface PaymentAccountProtocol {
  /** Idempotent by id. */
  open(opening: AccountOpening): Promise<AccountSummary>;
  summary(): Promise<AccountSummary | null>;
  /** All of the change or none of it. */
  change(change: AccountChange): Promise<Result<AccountSummary, "UNKNOWN_ACCOUNT" | readonly CredentialIssue[]>>;
  receive(
    headers: readonly (readonly [string, string])[],
    body: Uint8Array,
  ): Promise<Result<AccountNews, NotificationFault | "UNKNOWN_ACCOUNT">>;
  /** Where the payer is to be asked who they are, before anything is begun; null: nowhere. */
  asksAt(device: PayerDevice): Promise<string | null>;
  begin(request: PaymentRequest): Promise<Result<BegunPayment, ProviderFault>>;
  /** `reference`: what `begin` told of the payment. */
  query(payment: string, reference?: string | null): Promise<Result<AccountReport, ProviderFault>>;
  close(payment: string, reference?: string | null): Promise<Result<AccountReport, ProviderFault>>;
  refund(request: RefundRequest): Promise<Result<RefundReport, ProviderFault>>;
  /** Money that was given to an order which does not exist goes on to the other one that is named. False: not any more. */
  pass(capture: string, from: OrderKey, to: OrderKey): Promise<boolean>;
  /** Durable when it returns; the same payment is kept once. `from`: the order that did not take it. */
  keepUnmatched(command: Command, from: OrderKey | null, why: UnmatchedReason): Promise<void>;
  /** Newest first, at most `limit`, heard of before `before`: those that wait, or those that are settled. */
  unmatched(settled?: boolean, before?: string | null, limit?: number): Promise<readonly UnmatchedPayment[]>;
  /** A `merchantId` restricts these to that merchant's account. */
  unmatchedPayment(id: string, merchantId: string): Promise<UnmatchedPayment | null>;
  /** By the path of a notification. Once, however often and by whomever it is asked. */
  assignUnmatched(id: string, merchantId: string, order: OrderKey): Promise<Result<AssignedPayment, UnmatchedRefusal>>;
  /** The same request again is answered, whatever came of it. */
  refundUnmatched(
    id: string,
    merchantId: string,
    request: PersonsRequest,
  ): Promise<Result<UnmatchedPayment, UnmatchedRefusal>>;
  /** Money that waits for its place keeps no name of a payer who was erased since it was paid. A portion of it; answers after which to go on, null at the end. */
  forgetPayer(person: ErasedPerson, after?: string): Promise<string | null>;
  /** The value of `Sandbox-Signature` for a body, by a clock that may be off; null unless this is a sandbox account. */
  signAsSandbox(body: string, skewMs?: number): Promise<string | null>;
}

/** Reads rows of many live codes and commits them together. Rejects when the database did not take them: the callers keep and retry. */
export interface ProjectorProtocol {
  project(rows: readonly Projection[]): Promise<readonly ProjectionAnswer[]>;
  /** Events of one customer or endpoint, oldest first; those that the log has are passed over. */
  log(merchantId: string, events: readonly FeedEvent[]): Promise<void>;
}

/** A merchant's events on their way to everyone who wants them. */
export interface MerchantFeedProtocol {
  /** From when it resolves on, every event is delivered. */
  subscribe(endpoint: { readonly id: string; readonly types: readonly EventType[] }): Promise<void>;
  unsubscribe(endpointId: string): Promise<void>;
  /**
   * Resolves once every endpoint that wants the events has them durably. `quietMs`: for so long from asking on, nobody will want any. `live`: somebody reads the
   * log as it grows, and waits to hear that the events are in it (`logged`).
   */
  publish(events: readonly FeedEvent[]): Promise<{ readonly quietMs: number; readonly live: boolean }>;
  /** There is something new in the log. */
  logged(): Promise<void>;
  /** An order that somebody watched has changed. Answers whether anybody still does. */
  changed(order: Order): Promise<boolean>;
  /** A WebSocket upgrade: a client's subscriptions, as `graphql-transport-ws` has them. */
  fetch(request: Request): Promise<Response>;
}

/** A merchant's documents by their ids, which are hashes of their texts. */
export interface TrustedDocumentsProtocol {
  keep(documents: readonly { readonly id: string; readonly text: string }[]): Promise<void>;
  text(id: string): Promise<string | null>;
}

export type PoolSettings = {
  readonly id: string;
  readonly merchantId: string;
  readonly name: string;
  readonly pool: Pool;
};
export type MemberSummary = Member & { readonly assignedToday: number; readonly assignedTotal: number };
export type PoolSummary = {
  readonly id: string;
  readonly merchantId: string;
  readonly name: string;
  readonly strategy: Strategy;
  readonly members: readonly MemberSummary[];
};
/** `turn`: the order's own count of its reservations, so that late news of an older one is known as such. */
export type PoolReservation = { readonly order: OrderKey; readonly turn: number; readonly merchantId: string };
/** `customerId`: who may come back; null for a payer of whom nothing is known. `convertedAt` tells a relation that began anew from one before. */
export type PoolAssignment = PoolReservation & { readonly customerId: string | null; readonly convertedAt: number };

/** A merchant's staff, named by the pool's id. Another merchant's orders get nobody. */
export interface StaffPoolProtocol {
  /** Replaces the settings; what everybody has had stays. */
  save(settings: PoolSettings): Promise<PoolSummary>;
  summary(merchantId: string): Promise<PoolSummary | null>;
  /** Its days and hours are the merchant's. */
  setClock(merchantId: string, timeZone: string): Promise<void>;
  reserve(reservation: PoolReservation): Promise<StaffHold | null>;
  release(reservation: PoolReservation): Promise<void>;
  assign(assignment: PoolAssignment): Promise<StaffHold | null>;
  /** Nobody's customer any more, unless they came back since. */
  forget(person: ErasedPerson): Promise<void>;
}
