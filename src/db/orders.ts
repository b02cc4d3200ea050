/** The read model's orders: what the lists show, a moment behind the objects. Each row keeps the whole `Order`. */
import { and, desc, eq, gte, inArray, lt, or, sql, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Order } from "../core/order.ts";
import type { OrderState } from "../core/state.ts";
import { beginsWith, contains } from "./match.ts";
import { pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { orders } from "./tables.ts";

/** Absent, null and an empty list of states mean: any. Instants in milliseconds. */
export type OrderFilter = {
  /** As `stateOf` answers at the instant of the query. */
  readonly states?: readonly OrderState[] | null | undefined;
  /** Placed at or after `from`, and before `to`. */
  readonly createdAt?: { readonly from: number; readonly to: number } | null | undefined;
  readonly externalReference?: string | null | undefined;
  readonly channel?: string | null | undefined;
  readonly customerId?: string | null | undefined;
  /** The beginning of the number, or found in the external reference or a line's name; letters of A to Z in either case. */
  readonly search?: string | null | undefined;
};

const byTime: Ordering = {
  list: "orders",
  kinds: ["number", "string"],
  columns: [orders.createdAt, orders.id],
  newestFirst: true,
};

// As expressions, because drizzle knows no columns where an index is named beside the table.
const row = {
  createdAt: sql`${orders.createdAt}`.mapWith(orders.createdAt),
  id: sql`${orders.id}`.mapWith(orders.id),
  doc: sql`${orders.doc}`.mapWith(orders.doc),
};

/** Newest first. A customer's orders: `filter.customerId`. */
export const pageOrders = async (
  db: D1Database,
  merchantId: string,
  filter: OrderFilter,
  page: PageRequest,
  now: number,
): Promise<PageResult<Order>> =>
  pageOf(
    byTime,
    page,
    ({ where, orderBy, limit }) =>
      drizzle(db)
        .select(row)
        .from(source(filter))
        .where(and(matching(merchantId, filter, now), where))
        .orderBy(...orderBy)
        .limit(limit),
    ({ createdAt, id }) => [createdAt, id],
    ({ doc }) => doc,
  );

export const countOrders = async (
  db: D1Database,
  merchantId: string,
  filter: OrderFilter,
  now: number,
): Promise<number> => drizzle(db).$count(source(filter), matching(merchantId, filter, now));

export const findOrderByNumber = async (db: D1Database, merchantId: string, number: string): Promise<Order | null> =>
  newest(
    db,
    sql`${orders} indexed by orders_number`,
    and(eq(orders.merchantId, merchantId), eq(orders.number, number)),
  );

/** The newest order with the reference: merchants may use one again. */
export const findOrderByExternalReference = async (
  db: D1Database,
  merchantId: string,
  externalReference: string,
): Promise<Order | null> => newest(db, source({ externalReference }), matching(merchantId, { externalReference }, 0));

async function newest(db: D1Database, from: SQL, where: SQL | undefined): Promise<Order | null> {
  const [found] = await drizzle(db)
    .select(row)
    .from(from)
    .where(where)
    .orderBy(desc(orders.createdAt), desc(orders.id))
    .limit(1);
  return found?.doc ?? null;
}

function matching(merchantId: string, filter: OrderFilter, now: number): SQL | undefined {
  const { states, createdAt, externalReference, channel, customerId, search } = filter;
  return and(
    eq(orders.merchantId, merchantId),
    isReview(filter) ? sql`${orders.state} = 'REVIEW'` : states?.length ? inState(states, now) : undefined,
    createdAt ? and(gte(orders.createdAt, createdAt.from), lt(orders.createdAt, createdAt.to)) : undefined,
    externalReference ? eq(orders.externalReference, externalReference) : undefined,
    channel ? eq(orders.channel, channel) : undefined,
    customerId ? eq(orders.customerId, customerId) : undefined,
    search
      ? or(beginsWith(orders.number, search), contains(orders.externalReference, search), hasLineNamed(search))
      : undefined,
  );
}

const isReview = ({ states }: OrderFilter): boolean => states?.length === 1 && states[0] === "REVIEW";

/** The table, read by the index that leaves the fewest rows. Named, because SQLite knows no statistics and would walk the merchant's orders. */
function source(filter: OrderFilter): SQL {
  if (filter.customerId) return sql`${orders} indexed by orders_customer`;
  if (filter.externalReference) return sql`${orders} indexed by orders_external_reference`;
  return isReview(filter) ? sql`${orders} indexed by orders_review` : sql`${orders}`;
}

/** `stateOf` in SQL: the last change that time has made by now, or the state that nothing has changed. */
function inState(states: readonly OrderState[], now: number): SQL {
  const changed = sql`select value ->> 1 from json_each(${orders.stateChanges}) where value ->> 0 <= ${now} order by key desc limit 1`;
  return inArray(sql`coalesce((${changed}), ${orders.state})`, [...states]);
}

/** An order whose metadata nests too deep for SQLite is not found by its lines, and spoils no search. */
function hasLineNamed(search: string): SQL {
  const lines = sql`json_each(iif(json_valid(${orders.doc}), ${orders.doc}, '{}'), '$.terms.lines')`;
  return sql`exists (select 1 from ${lines} line where ${contains(sql`line.value ->> 'name'`, search)})`;
}
