/** A merchant's customers: the fold of its orders' conversions. */
import type { Identity } from "../core/conversion.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Minor } from "../core/money.ts";
import { allOf, anyOf, clause, type Clause } from "./clause.ts";
import { customers } from "./columns.ts";
import { contains, hasEntry, isWithin } from "./match.ts";
import { countOf, pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { rowsOf, selection } from "./rows.ts";
import type * as tables from "./tables.ts";

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
export type CustomerTotals = {
  readonly customerId: string;
  readonly ordersPaid: number;
  readonly lifetimeValue: Minor;
};

const byTime: Ordering = {
  list: "customers",
  kinds: ["number", "string"],
  columns: ["created_at", "id"],
  newestFirst: true,
};

// Ids as one parameter: D1 takes a hundred at most.
const find = `
  SELECT ${selection(customers)}
  FROM customers
  WHERE merchant_id = ?1 AND id IN (SELECT value FROM json_each(?2))`;

const totals = `
  SELECT customer_id AS customerId, sum(state = 'PAID') AS ordersPaid, sum(received - refunded) AS lifetimeValue
  FROM orders INDEXED BY orders_customer
  WHERE merchant_id = ?1 AND customer_id IN (SELECT value FROM json_each(?2))
  GROUP BY customer_id`;

export const findCustomer = async (db: D1Database, merchantId: string, customerId: string): Promise<Customer | null> =>
  (await findCustomers(db, merchantId, [customerId]))[0] ?? null;

/** Those of the ids that are this merchant's, in no particular order. */
export async function findCustomers(
  db: D1Database,
  merchantId: string,
  ids: readonly string[],
): Promise<readonly Customer[]> {
  const found = await rowsOf(db, customers, clause(find, merchantId, JSON.stringify(ids)));
  return found.map(customerOf);
}

/** Newest first. */
export const pageCustomers = async (
  db: D1Database,
  merchantId: string,
  filter: CustomerFilter,
  page: PageRequest,
): Promise<PageResult<Customer>> =>
  pageOf(
    db,
    byTime,
    { rows: customers, where: matching(merchantId, filter) },
    page,
    ({ createdAt, id }) => [createdAt, id],
    customerOf,
  );

export const countCustomers = async (db: D1Database, merchantId: string, filter: CustomerFilter): Promise<number> =>
  countOf(db, { rows: customers, where: matching(merchantId, filter) });

/** What each customer's orders add up to: received minus refunded. Ids without any order are left out. */
export async function totalsOfCustomers(
  db: D1Database,
  merchantId: string,
  ids: readonly string[],
): Promise<readonly CustomerTotals[]> {
  const { results } = await db.prepare(totals).bind(merchantId, JSON.stringify(ids)).all<CustomerTotals>();
  return results;
}

const matching = (merchantId: string, { tag, search, createdAt }: CustomerFilter): Clause =>
  allOf(
    clause("merchant_id = ?", merchantId),
    tag ? hasEntry("customers.tags", clause("entry.value = ?", tag)) : null,
    createdAt ? isWithin("created_at", createdAt) : null,
    search ? anyOf(contains("display_name", search), hasIdentity(search)) : null,
  );

const hasIdentity = (search: string): Clause =>
  hasEntry("customers.identities", contains("entry.value ->> 'value'", search));

const customerOf = ({ firstOrder, ...rest }: typeof tables.customers.$inferSelect): Customer => ({
  ...rest,
  firstOrderKey: firstOrder,
});
