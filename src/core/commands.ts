/** What may be asked of an order, and the ways it may be refused. */
import type { ConsentWord } from "./consents.ts";
import type { ConsentReceipt, OrderPlace, Said } from "./conversion.ts";
import type { EventType } from "./events.ts";
import { limits } from "./limits.ts";
import type { Minor } from "./money.ts";
import type { Capture, Order } from "./order.ts";
import type { Request } from "./requests.ts";
import type { StaffHold } from "./staff-hold.ts";
import type { OrderState } from "./state.ts";

/** Money as a provider or a cashier tells of it, before anyone judged it. */
export type HeardCapture = Omit<Capture, "disposition" | "conflict" | "heardAt" | "request">;

export type Commands = {
  place: object;
  /** Scans since the last time, bots left out. */
  scan: { readonly count: number; readonly firstAt: number };
  /** `said`: what the payer entered beside it. */
  confirm: { readonly claimant: string; readonly said?: Said };
  /** Confirms and begins to pay through one of the order's accounts. */
  begin: { readonly claimant: string; readonly account: string; readonly said?: Said };
  /** The provider made something of an attempt and calls it `reference`. */
  opened: { readonly attempt: string; readonly reference: string };
  /** The provider says that an attempt will bring no money. REFUSED: it said no to making it. */
  ended: {
    readonly attempt: string;
    readonly outcome: "FAILED" | "CLOSED" | "REFUSED";
    readonly reason: string | null;
  };
  /** `exact`: refuse any amount but what is due (a cashier mistypes; a provider states facts). */
  capture: { readonly capture: HeardCapture; readonly exact: boolean; readonly request?: Request };
  /** Money came by the attempt that the order could not take, so its account keeps it. */
  kept: { readonly attempt: string };
  /** `refund` is our id, or the provider's own for a refund that we did not begin. */
  refundHeard: {
    readonly refund: string;
    readonly capture: string;
    readonly amount: Minor;
    readonly outcome: "SUCCEEDED" | "FAILED";
    /** `amount` is all that had gone back of the capture when this refund had. */
    readonly soFar?: boolean;
    /** When it went back, as far as its provider tells. */
    readonly at?: number;
    /** Its provider says nothing after it: money that it called returned before has come back to the merchant. */
    readonly last?: boolean;
  };
  /** Time has passed, and nothing else: every other command passes it too. */
  tick: object;
  cancel: { readonly reason: string | null };
  extend: { readonly expiresAt: number };
  /** `amount` null: all that is left, in whatever currency it came. */
  refund: {
    readonly amount: Minor | null;
    readonly reason: string | null;
    readonly reverseConversion: boolean;
    readonly restock: boolean;
    readonly request?: Request;
  };
  resolve: { readonly decision: "HONOR" | "REFUND"; readonly note: string; readonly request?: Request };
  /** The answer to asking for released stock again. */
  stock: { readonly taken: boolean };
  /**
   * The read model says whether this was the customer's first conversion, and whatever else the conversion asked. `nth`: which purchase it is.
   * `grants`: each with its number, null when there is none left. `checks`: how much of what was taken back had been used.
   */
  customer: {
    readonly firstTime: boolean;
    readonly nth?: number | null;
    readonly words?: readonly ConsentWord[];
    readonly grants?: readonly { readonly key: string; readonly number: number | null }[];
    readonly checks?: readonly { readonly key: string; readonly kept: number; readonly short: number }[];
  };
  /** A staff pool keeps somebody free for this payer; null when it has nobody. */
  reserved: { readonly turn: number; readonly pool: string; readonly hold: StaffHold | null };
  /** None of the pools keeps anybody of this turn any more. */
  released: { readonly turn: number };
  assigned: { readonly turn: number; readonly pool: string; readonly hold: StaffHold | null };
  /** Somebody's server is called now, for the `number`th time. */
  calling: { readonly key: string; readonly undo: boolean; readonly number: number };
  /** What came of telling somebody's server to carry out an action, or to take it back. NOT_YET: its hours are over. */
  acted: {
    readonly key: string;
    readonly undo: boolean;
    readonly number: number;
    readonly outcome: "DONE" | "FAILED" | "NO_CONSENT" | "NOT_YET";
    readonly detail: string | null;
    /** When the consent that it needs was taken back. */
    readonly takenBackAt?: number;
  };
  /** The customer says something about a consent. Told to the order that made the customer, which tells the others and partners. */
  consent: { readonly receipt: ConsentReceipt };
  /** The order hears of what the customer agrees to. */
  agreed: { readonly words: readonly ConsentWord[] };
  /** So many of the customer's orders have heard; all of them where `after` is null. */
  spread: { readonly word: ConsentWord; readonly after: OrderPlace | null };
  claimRecord: { readonly said: Said };
  /** `words`: what the customer agrees to by now. */
  retry: { readonly words: readonly ConsentWord[] };
  /** The customer's data was destroyed at that moment. `alone`: the order found out by itself, and nobody has looked after what partners keep of it. */
  forget: { readonly erasedAt: number; readonly alone?: true };
};
export type CommandKind = keyof Commands;
export type Command = { [K in CommandKind]: { readonly kind: K } & Commands[K] }[CommandKind];

export type Refusal =
  /** Not from this state. */
  | { readonly reason: "STATE"; readonly state: OrderState }
  /** Somebody else is paying, until then. */
  | { readonly reason: "CLAIMED"; readonly until: number }
  /** Not this amount: what would be right. */
  | { readonly reason: "AMOUNT"; readonly expected: Minor }
  | { readonly reason: "CURRENCY" }
  /** The order has no such account, attempt or refund. */
  | { readonly reason: "UNKNOWN" }
  | { readonly reason: "TIME"; readonly earliest: number; readonly latest: number }
  /** The request's key was used for another input. */
  | { readonly reason: "KEY" }
  /** The order has seen as much of this as it may. */
  | { readonly reason: "LIMIT" };

/** What somebody says in words of their own, as an order keeps it: of a bounded length, and without control characters but line ends. */
export const inWords = (text: string): string =>
  text.slice(0, limits.reasonLengthMax).replaceAll(/[^\P{Cc}\t\n\r]|\p{Cs}/gu, " ");

type Told = { readonly type: EventType; readonly detail?: Readonly<Record<string, unknown>> };
/** With the order as it was when the event happened: several may come of one command, and each tells its own moment. */
export type EventDraft = Told & { readonly order: Order };
/** The order with what was decided, and the events of it, not yet numbered. The same order object means: nothing changed. */
export type Draft = { readonly order: Order; readonly events: readonly EventDraft[] };
export type Step = { readonly ok: true; readonly draft: Draft } | { readonly ok: false; readonly refusal: Refusal };

export const draftOf = (order: Order): Draft => ({ order, events: [] });
export const accept = (draft: Draft): Step => ({ ok: true, draft });
export const refuse = (refusal: Refusal): Step => ({ ok: false, refusal });
export const unchanged = (order: Order): Step => accept(draftOf(order));
export function change(draft: Draft, fields: Partial<Order>, ...told: Told[]): Draft {
  const order = { ...draft.order, ...fields };
  return { order, events: [...draft.events, ...told.map((one) => ({ ...one, order }))] };
}
