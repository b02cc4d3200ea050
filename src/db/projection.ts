/**
 * What live codes tell the read model, and how a group of them is written: one statement per table, their rows as one JSON parameter, all in
 * one transaction. Everything is idempotent, because an object tells again until it has heard an answer; and a row only ever replaces an older
 * version of itself, so late and shuffled news end alike and the read model never runs ahead of its objects.
 */
import type { FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";
import { rowsOf, type ProjectedRows } from "./projected-rows.ts";
import { addCustomers, logEvents, newness, reverseTags, writeOrders } from "./projection-sql.ts";
import { settleHolds } from "./stock.ts";

export type Projection = {
  readonly order: Order;
  /**
   * All events that the log is not known to have, oldest first. Empty while the order's conversion does not know whether its customer is new:
   * such a projection only asks. It makes the customer, and the order follows when its answer has become part of it.
   */
  readonly events: readonly FeedEvent[];
};
/** `firstTime`: whether this order made the customer; null while it has none. */
export type ProjectionAnswer = { readonly orderKey: OrderKey; readonly firstTime: boolean | null };

/** D1 takes parameters and rows of 2 MB; a character is three bytes at most. */
const portionCharactersMax = 500_000;

/** Writes all of them or, rejecting, none. Answers in the order of the projections. */
export async function project(
  db: D1Database,
  projections: readonly Projection[],
): Promise<readonly ProjectionAnswer[]> {
  const portions = portionsOf(newestOf(projections));
  const statements = portions.flatMap((portion) => statementsOf(db, rowsOf(portion)));
  const results = await db.batch<{ orderKey: OrderKey; firstTime: number | null }>(statements);
  const known = new Map(
    results.flatMap(({ results: rows }) => rows.map(({ orderKey, firstTime }) => [orderKey, firstTime] as const)),
  );
  return projections.map(({ order: { terms } }) => {
    const firstTime = known.get(terms.key);
    return { orderKey: terms.key, firstTime: typeof firstTime === "number" ? firstTime === 1 : null };
  });
}

/** Their order matters: what is new, and whose a hold is, is judged by the orders' old rows, and an event's place is known once it is logged. */
function statementsOf(
  db: D1Database,
  { customers, events, orders, reversals, holds }: ProjectedRows,
): D1PreparedStatement[] {
  const each = (sql: string, rows: readonly unknown[]) =>
    rows.length > 0 ? [db.prepare(sql).bind(JSON.stringify(rows))] : [];
  return [
    ...each(addCustomers, customers),
    ...each(logEvents, events),
    ...(holds.length > 0 ? settleHolds(db, holds) : []),
    ...each(writeOrders, orders),
    ...each(reverseTags, reversals),
    ...each(
      newness,
      customers.map(({ merchant, customer, order }) => ({ merchant, customer, order })),
    ),
  ];
}

/** One projection per order: the newest, with the events of all. Two callers of one group may tell of the same order. */
function newestOf(projections: readonly Projection[]): readonly Projection[] {
  const newest = new Map<OrderKey, Projection>();
  for (const projection of projections) {
    const { key } = projection.order.terms;
    const other = newest.get(key);
    newest.set(key, other ? merge(other, projection) : projection);
  }
  return Array.from(newest.values());
}

function merge(one: Projection, other: Projection): Projection {
  const newer = other.order.version > one.order.version ? other : one;
  const bySequence = new Map([...one.events, ...other.events].map((event) => [event.sequence, event]));
  return { order: newer.order, events: Array.from(bySequence.values()).toSorted((a, b) => a.sequence - b.sequence) };
}

/** As few portions as fit into a parameter each. */
function portionsOf(projections: readonly Projection[]): readonly (readonly Projection[])[] {
  const portions: Projection[][] = [];
  let room = 0;
  for (const projection of projections) {
    const size = JSON.stringify(projection).length;
    if (size > room || portions.length === 0) {
      portions.push([]);
      room = portionCharactersMax;
    }
    portions.at(-1)?.push(projection);
    room -= size;
  }
  return portions;
}
