/** A merchant's customers: the fold of its orders' conversions. */
import { and, eq, gte, lt, or, sql, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Identity } from "../core/conversion.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Minor } from "../core/money.ts";
import { contains, isOneOf } from "./match.ts";
import { pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { customers, orders } from "./tables.ts";

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
  columns: [customers.createdAt, customers.id],
  newestFirst: true,
};

export const findCustomer = async (db: D1Database, merchantId: string, customerId: string): Promise<Customer | null> =>
  (await findCustomers(db, merchantId, [customerId]))[0] ?? null;

/** Those of the ids that are this merchant's, in no particular order. */
export async function findCustomers(
  db: D1Database,
  merchantId: string,
  ids: readonly string[],
): Promise<readonly Customer[]> {
  const rows = await drizzle(db)
    .select()
    .from(customers)
    .where(and(eq(customers.merchantId, merchantId), isOneOf(customers.id, ids)));
  return rows.map(customerOf);
}

/** Newest first. */
export const pageCustomers = async (
  db: D1Database,
  merchantId: string,
  filter: CustomerFilter,
  page: PageRequest,
): Promise<PageResult<Customer>> =>
  pageOf(
    byTime,
    page,
    ({ where, orderBy, limit }) =>
      drizzle(db)
        .select()
        .from(customers)
        .where(and(matching(merchantId, filter), where))
        .orderBy(...orderBy)
        .limit(limit),
    ({ createdAt, id }) => [createdAt, id],
    customerOf,
  );

export const countCustomers = async (db: D1Database, merchantId: string, filter: CustomerFilter): Promise<number> =>
  drizzle(db).$count(customers, matching(merchantId, filter));

/** What each customer's orders add up to: received minus refunded. Ids without any order are left out. */
export const totalsOfCustomers = async (
  db: D1Database,
  merchantId: string,
  ids: readonly string[],
): Promise<readonly CustomerTotals[]> =>
  drizzle(db)
    .select({
      customerId: sql<string>`${orders.customerId}`,
      ordersPaid: sql<number>`sum(${orders.state} = 'PAID')`,
      lifetimeValue: sql<number>`sum(${orders.received} - ${orders.refunded})`,
    })
    .from(sql`${orders} indexed by orders_customer`)
    .where(and(eq(orders.merchantId, merchantId), isOneOf(orders.customerId, ids)))
    .groupBy(orders.customerId);

const matching = (merchantId: string, { tag, search, createdAt }: CustomerFilter): SQL | undefined =>
  and(
    eq(customers.merchantId, merchantId),
    tag ? sql`exists (select 1 from json_each(${customers.tags}) where value = ${tag})` : undefined,
    createdAt ? and(gte(customers.createdAt, createdAt.from), lt(customers.createdAt, createdAt.to)) : undefined,
    search ? or(contains(customers.displayName, search), hasIdentity(search)) : undefined,
  );

const hasIdentity = (search: string): SQL =>
  sql`exists (select 1 from json_each(${customers.identities}) identity where ${contains(sql`identity.value ->> 'value'`, search)})`;

const customerOf = ({ firstOrder, ...rest }: typeof customers.$inferSelect): Customer => ({
  ...rest,
  firstOrderKey: firstOrder,
});
