/** A merchant's customers: the fold of its orders' conversions. */
import type { Identity } from "../core/conversion.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Minor } from "../core/money.ts";
import type { PageRequest, PageResult } from "./page.ts";

export type Customer = {
  readonly id: string;
  readonly merchantId: string;
  readonly displayName: string | null;
  readonly identities: readonly Identity[];
  readonly tags: readonly string[];
  /** The order that made the customer. */
  readonly firstOrderKey: OrderKey;
  readonly createdAt: number;
};
export type CustomerFilter = {
  readonly tag?: string | null | undefined;
  /** Found in the name or an identity; letters of A to Z in either case. */
  readonly search?: string | null | undefined;
  /** At or after `from`, and before `to`. */
  readonly createdAt?: { readonly from: number; readonly to: number } | null | undefined;
};
/** Money in the merchant's currency. */
export type CustomerTotals = { readonly customerId: string; readonly ordersPaid: number; readonly lifetimeValue: Minor };

export async function findCustomer(db: D1Database, merchantId: string, customerId: string): Promise<Customer | null> {
  throw new Error("not built");
}

/** Those of the ids that are this merchant's, in no particular order. */
export async function findCustomers(db: D1Database, merchantId: string, ids: readonly string[]): Promise<readonly Customer[]> {
  throw new Error("not built");
}

/** Newest first. */
export async function pageCustomers(db: D1Database, merchantId: string, filter: CustomerFilter, page: PageRequest): Promise<PageResult<Customer>> {
  throw new Error("not built");
}

export async function countCustomers(db: D1Database, merchantId: string, filter: CustomerFilter): Promise<number> {
  throw new Error("not built");
}

/** What each customer's orders add up to: received minus refunded. Ids without any order are left out. */
export async function totalsOfCustomers(db: D1Database, merchantId: string, ids: readonly string[]): Promise<readonly CustomerTotals[]> {
  throw new Error("not built");
}
