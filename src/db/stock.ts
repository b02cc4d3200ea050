/**
 * Stock of counted products: taken when an order is placed, kept in a hold, and given back or sold by the order's projection. A hold exists
 * exactly as long as its pieces are neither sold nor back on the shelf, so nothing can be settled twice.
 */
import type { OrderKey } from "../core/ids.ts";
import type { OrderLine } from "../core/order.ts";
import type { Result } from "../core/result.ts";

export type StockRequest = {
  readonly merchantId: string;
  readonly orderKey: OrderKey;
  /** The order's `terms.placedAt`. */
  readonly placedAt: number;
  /** The order's version when it asks: 0 while it is being placed. News of the order that is older than that leaves the hold alone. */
  readonly version: number;
  /** Lines without a product, and those whose product is not counted, take nothing. */
  readonly lines: readonly Pick<OrderLine, "productId" | "quantity">[];
};
/** The first line's product that is short, and how many of it could be had. */
export type Shortage = { readonly productId: string; readonly available: number };
export type StockHold = { readonly merchantId: string; readonly orderKey: OrderKey; readonly placedAt: number };

/** Takes all lines or none. "already": this order holds its stock, by an earlier call. */
export async function takeStock(db: D1Database, request: StockRequest): Promise<Result<"taken" | "already", Shortage>> {
  throw new Error("not built");
}

/** Puts back what an order holds, if it holds anything: for an order that came to nothing. */
export async function dropHold(db: D1Database, merchantId: string, orderKey: OrderKey): Promise<void> {
  throw new Error("not built");
}

/**
 * Holds placed before `before` whose order the read model has never heard of, at most `limit`, in no particular order. Ask the order's
 * object: if nothing was placed there, `dropHold`.
 */
export async function findOrphanHolds(db: D1Database, before: number, limit: number): Promise<readonly StockHold[]> {
  throw new Error("not built");
}
