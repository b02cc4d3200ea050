/** The read model's orders: what the lists show, a moment behind the objects. Each row keeps the whole `Order`. */
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { Fresh } from "../core/recent.ts";
import type { OrderState } from "../core/state.ts";
import { allOf, anyOf, clause, type Clause } from "./clause.ts";
import { orders } from "./columns.ts";
import { beginsWith, contains, hasEntry, isWithin } from "./match.ts";
import { countOf, pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { rowsOf, selection, type Raw } from "./rows.ts";

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
  columns: ["created_at", "id"],
  newestFirst: true,
};

/** Newest first. A customer's orders: `filter.customerId`. */
export async function pageOrders(
  db: D1Database,
  merchantId: string,
  filter: OrderFilter,
  page: PageRequest,
  now: number,
): Promise<PageResult<Order>> {
  const name = JSON.stringify([merchantId, filter, page]);
  const read = new Map<string, Known>();
  const reading = unlessKnown(pages.get(name, now) ?? new Map(), read);
  const list = { ...listOf(merchantId, filter, now), reading };
  const found = await pageOf(
    db,
    byTime,
    list,
    page,
    ({ createdAt, id }) => [createdAt, id],
    ({ doc }) => doc,
  );
  if (found.ok) pages.set(name, read, now);
  return found;
}

/** Says which document a row has: each time it is written, one of the two has risen (`projection-sql.ts`). */
const markOf = "version || '.' || events_through";
/** An order, the mark of the row that it came from, and how long its document is. */
type Known = { readonly mark: string; readonly order: Order; readonly length: number };

type MarkedRow = {
  readonly createdAt: number;
  readonly id: OrderKey;
  readonly mark: string;
  /** Null when the order is known by this mark. */
  readonly doc: string | null;
};

/** Pages that this isolate read lately. Screens ask for the same ones again and again, and documents are most of what a page weighs. */
const pages = new Fresh<ReadonlyMap<string, Known>>(limits.orderPagesKeptMax, limits.orderPagesKeptMs);

/** Leaves out the documents that are known. What is read is noted, unless it is large or there is much of it. */
function unlessKnown(known: ReadonlyMap<string, Known>, read: Map<string, Known>) {
  let room: number = limits.orderPageKeptLengthMax;
  const marks = JSON.stringify(Object.fromEntries([...known].map(([id, { mark }]) => [id, mark])));
  const select = `created_at AS createdAt, id AS id, ${markOf} AS mark, iif(${markOf} = (? ->> id), NULL, doc) AS doc`;
  return {
    select: clause(select, marks),
    rowOf: (raw: Raw) => {
      const { createdAt, id, mark, doc: text } = raw as MarkedRow;
      const found = text === null ? known.get(id) : { mark, order: JSON.parse(text) as Order, length: text.length };
      if (!found) throw new Error("only what is known is left out");
      if (found.length <= Math.min(room, limits.orderKeptLengthMax)) {
        read.set(id, found);
        room -= found.length;
      }
      return { createdAt, id, doc: found.order };
    },
  };
}

export const countOrders = async (
  db: D1Database,
  merchantId: string,
  filter: OrderFilter,
  now: number,
): Promise<number> => countOf(db, listOf(merchantId, filter, now));

export const findOrderByNumber = async (db: D1Database, merchantId: string, number: string): Promise<Order | null> =>
  newestBy(db, "number", merchantId, number);

/** The newest order with the reference: merchants may use one again. */
export const findOrderByExternalReference = async (
  db: D1Database,
  merchantId: string,
  externalReference: string,
): Promise<Order | null> => newestBy(db, "external_reference", merchantId, externalReference);

/** Each of these columns has an index of its name. */
async function newestBy(
  db: D1Database,
  column: "number" | "external_reference",
  merchantId: string,
  value: string,
): Promise<Order | null> {
  const newest = `
    SELECT ${selection(orders)}
    FROM orders INDEXED BY orders_${column}
    WHERE merchant_id = ?1 AND ${column} = ?2
    ORDER BY created_at DESC, id DESC
    LIMIT 1`;
  const [found] = await rowsOf(db, orders, clause(newest, merchantId, value));
  return found?.doc ?? null;
}

/** An order as somebody knows it. */
export type OrderMark = { readonly key: OrderKey; readonly placedAt: number; readonly version: number };

const known = `
  SELECT orders.id AS id
  FROM json_each(?2) mark
  CROSS JOIN orders
    ON orders.merchant_id = ?1 AND created_at = mark.value ->> 'placedAt' AND orders.id = mark.value ->> 'key'
  WHERE orders.version >= mark.value ->> 'version'`;

/** Those that the read model does not show yet as they are known. */
export async function behindOf(
  db: D1Database,
  merchantId: string,
  marks: readonly OrderMark[],
): Promise<readonly OrderMark[]> {
  const { results } = await db.prepare(known).bind(merchantId, JSON.stringify(marks)).all<{ id: string }>();
  const there = new Set(results.map(({ id }) => id));
  return marks.filter(({ key }) => !there.has(key));
}

const listOf = (merchantId: string, filter: OrderFilter, now: number) => ({
  rows: orders,
  from: source(filter),
  where: matching(merchantId, filter, now),
});

function matching(merchantId: string, filter: OrderFilter, now: number): Clause {
  const { states, createdAt, externalReference, channel, customerId, search } = filter;
  return allOf(
    clause("merchant_id = ?", merchantId),
    isReview(filter) ? clause("state = 'REVIEW'") : states?.length ? inState(states, now) : null,
    createdAt ? isWithin("created_at", createdAt) : null,
    externalReference ? clause("external_reference = ?", externalReference) : null,
    channel ? clause("channel = ?", channel) : null,
    customerId ? clause("customer_id = ?", customerId) : null,
    search ? anyOf(beginsWith("number", search), contains("external_reference", search), hasLineNamed(search)) : null,
  );
}

const isReview = ({ states }: OrderFilter): boolean => states?.length === 1 && states[0] === "REVIEW";

/** The table, read by the index that leaves the fewest rows. Named, because SQLite knows no statistics and would walk the merchant's orders. */
function source(filter: OrderFilter): string {
  if (filter.customerId) return "orders INDEXED BY orders_customer";
  if (filter.externalReference) return "orders INDEXED BY orders_external_reference";
  return isReview(filter) ? "orders INDEXED BY orders_review" : "orders";
}

/** `stateOf` in SQL: the last change that time has made by now, or the state that nothing has changed. */
const stateAt = `
  coalesce(
    (SELECT value ->> 1 FROM json_each(orders.state_changes) WHERE value ->> 0 <= ? ORDER BY key DESC LIMIT 1),
    state
  )`;

const inState = (states: readonly OrderState[], now: number): Clause =>
  clause(`${stateAt} IN (SELECT value FROM json_each(?))`, now, JSON.stringify(states));

/** An order whose metadata nests too deep for SQLite is not found by its lines, and spoils no search. */
const hasLineNamed = (search: string): Clause =>
  hasEntry(
    "iif(json_valid(orders.doc), orders.doc, '{}'), '$.terms.lines'",
    contains("entry.value ->> 'name'", search),
  );
