/** A QR image as somebody wants it. `size` in pixels, `margin` in quiet modules. */
export type QrDrawing = {
  readonly url: string;
  readonly format: "SVG" | "PNG";
  readonly size: number;
  readonly margin: number;
  readonly errorCorrection: "L" | "M" | "Q" | "H";
};
/** What the graph borrows from its neighbour, the door for phones. */
export type Borrowed = { readonly qrImage: (drawing: QrDrawing) => Promise<{ readonly dataUri: string }> };

/** What every field may use: the verbs' means, and who asks. One per request. */
import type { Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import type { Caller, MerchantCaller, Scope } from "../resolvers/caller.ts";
import type { OrderMark } from "../db/orders.ts";
import type { Deps } from "../resolvers/deps.ts";

export type GraphContext = Borrowed & {
  readonly deps: Deps;
  readonly caller: Caller;
  /** The request's `Accept-Language`. */
  readonly acceptLanguage: string | null;
  /** The request's `Idempotency-Key`: the same as `@idempotent` on its only mutation field. */
  readonly idempotencyKey: string | null;
  /** Judges a selection on Order. Here, because it asks the whole graph, of which every field is a part. */
  readonly readSelection: ReadSelection;
  /** Nothing is answered from memory: what is told will be kept. */
  readonly fresh?: true;
  /** What the answer says beside the data; absent where nobody reads it. */
  readonly notes?: Notes;
};
/** Filled while fields are answered. */
export type Notes = {
  /** `field`: the mutation by its name in the response. */
  readonly idempotency: { readonly field: string; readonly key: string; readonly replayed: boolean }[];
  /** The request's `huoma-bookmark`. */
  readonly bookmark: string | null;
  /** Orders that this request changed. */
  readonly changes: OrderMark[];
  /** Ids of orders that lists show as they were. */
  readonly stale: string[];
  /** Waiting for the read model has begun. */
  catchingUp?: Promise<void>;
};
/** The selection as it is kept, or what is wrong with it, for somebody with these scopes. */
export type ReadSelection = (text: string, scopes: ReadonlySet<Scope>) => Result<string, string>;

/** The merchant that asks. Fields that need one are closed to everybody else, so its absence is a bug. */
export function callerOf({ caller }: GraphContext): MerchantCaller {
  if (caller.kind !== "merchant") throw new Error("a field for merchants was reached by somebody else");
  return caller;
}
export const merchantOf = (context: GraphContext): Merchant => callerOf(context).merchant;

/** Whether the caller may read who somebody is, and what they were given. Whoever sees an order sees less. */
export const seesPeople = ({ caller }: GraphContext): boolean =>
  caller.kind === "merchant" && caller.scopes.has("CUSTOMERS_READ");
