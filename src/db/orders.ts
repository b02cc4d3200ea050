/** The read model's orders: what the lists show, a moment behind the objects. Each row keeps the whole `Order`. */
import type { Order } from "../core/order.ts";
import type { OrderState } from "../core/state.ts";
import type { PageRequest, PageResult } from "./page.ts";

/** Absent, null and an empty list of states mean: any. Instants in milliseconds. */
export type OrderFilter = {
  /** As `stateOf` would answer now. */
  readonly states?: readonly OrderState[] | null | undefined;
  /** Placed at or after `from`, and before `to`. */
  readonly createdAt?: { readonly from: number; readonly to: number } | null | undefined;
  readonly externalReference?: string | null | undefined;
  readonly channel?: string | null | undefined;
  readonly customerId?: string | null | undefined;
  /** The beginning of the number, or found in the external reference or a line's name; letters of A to Z in either case. */
  readonly search?: string | null | undefined;
};

/** Newest first. A customer's orders: `filter.customerId`. */
export async function pageOrders(db: D1Database, merchantId: string, filter: OrderFilter, page: PageRequest, now: number): Promise<PageResult<Order>> {
  throw new Error("not built");
}

export async function countOrders(db: D1Database, merchantId: string, filter: OrderFilter, now: number): Promise<number> {
  throw new Error("not built");
}

export async function findOrderByNumber(db: D1Database, merchantId: string, number: string): Promise<Order | null> {
  throw new Error("not built");
}

/** The newest order with the reference: merchants may use one again. */
export async function findOrderByExternalReference(db: D1Database, merchantId: string, reference: string): Promise<Order | null> {
  throw new Error("not built");
}
