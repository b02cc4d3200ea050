/**
 * What live codes tell the read model, and how a group of them is written: one statement per table, their rows as one JSON parameter, all in
 * one transaction. Everything is idempotent, because an object tells again until it has heard an answer; and a row only ever replaces an older
 * version of itself, so late and shuffled news end alike and the read model never runs ahead of its objects.
 */
import type { ConsentWord } from "../core/consents.ts";
import type { FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";
import { rowsOf, type ProjectedRows } from "./projected-rows.ts";
import {
  addConsents,
  addCustomers,
  answers,
  issueGrants,
  logEvents,
  reverseTags,
  resumeErasures,
  reverseTiers,
  settleGrants,
  voidCoupons,
  writeOrders,
} from "./projection-sql.ts";
import { settleHolds } from "./stock.ts";

export type Projection = {
  readonly order: Order;
  /**
   * All events that the log is not known to have, oldest first. Empty while the order's conversion waits for what only the read model knows:
   * such a projection only asks. It makes the customer, and the order follows when its answer has become part of it.
   */
  readonly events: readonly FeedEvent[];
};
/** `firstTime`: whether this order made the customer; null while it has none. The rest is absent where there is nothing to say. */
export type ProjectionAnswer = {
  readonly orderKey: OrderKey;
  readonly firstTime: boolean | null;
  /** Which purchase of the customer's it is, if anybody asked. */
  readonly nth?: number | null;
  /** The customer's last word on each consent. */
  readonly words?: readonly ConsentWord[];
  /** What the order was granted; one that is missing was no longer to be had. */
  readonly grants?: readonly { readonly key: string; readonly number: number; readonly redeemed: boolean }[];
  /** The customer's points, if this order took some back. */
  readonly balance?: number | null;
  /** The customer was erased, and the order is older than that. */
  readonly erasedAt?: number;
};

/** D1 takes parameters and rows of 2 MB; a character is three bytes at most. */
const portionCharactersMax = 500_000;

/** Writes all of them or, rejecting, none. Answers in the order of the projections. */
export async function project(
  db: D1Database,
  projections: readonly Projection[],
): Promise<readonly ProjectionAnswer[]> {
  const portions = portionsOf(newestOf(projections));
  const statements = portions.flatMap((portion) => statementsOf(db, rowsOf(portion)));
  const results = await db.batch<RawAnswer>(statements);
  const known = new Map(results.flatMap(({ results: rows }) => rows.map((row) => [row.orderKey, row] as const)));
  return projections.map(({ order: { terms } }) => {
    const raw = known.get(terms.key);
    return raw ? answerOf(raw) : { orderKey: terms.key, firstTime: null };
  });
}

type RawAnswer = {
  readonly orderKey: OrderKey;
  readonly firstTime: number | null;
  readonly nth: number | null;
  readonly words: string;
  readonly grants: string;
  readonly balance: number | null;
  readonly erasedAt: number | null;
};

function answerOf({ orderKey, firstTime, nth, words, grants, balance, erasedAt }: RawAnswer): ProjectionAnswer {
  const known = JSON.parse(words) as readonly ConsentWord[];
  const granted = JSON.parse(grants) as readonly { readonly key: string; readonly number: number; redeemed: 0 | 1 }[];
  return {
    orderKey,
    firstTime: typeof firstTime === "number" ? firstTime === 1 : null,
    ...(nth !== null && { nth }),
    ...(known.length > 0 && { words: known }),
    ...(granted.length > 0 && {
      grants: granted.map(({ key, number, redeemed }) => ({ key, number, redeemed: redeemed === 1 })),
    }),
    ...(balance !== null && { balance }),
    ...(erasedAt !== null && { erasedAt }),
  };
}

/** Their order matters: what is new, and whose a hold is, is judged by the orders' old rows, and an event's place is known once it is logged. */
function statementsOf(
  db: D1Database,
  { customers, events, orders, reversals, holds, grants, grantStandings, erased, consents }: ProjectedRows,
): D1PreparedStatement[] {
  const each = (sql: string, rows: readonly unknown[]) =>
    rows.length > 0 ? [db.prepare(sql).bind(JSON.stringify(rows))] : [];
  return [
    ...each(addCustomers, customers),
    ...each(addConsents, consents),
    ...each(issueGrants, grants),
    ...each(settleGrants, grantStandings),
    ...each(voidCoupons, erased),
    ...each(
      resumeErasures,
      erased.filter(({ alone }) => alone),
    ),
    ...each(logEvents, events),
    ...(holds.length > 0 ? settleHolds(db, holds) : []),
    ...each(writeOrders, orders),
    ...each(reverseTags, reversals),
    ...each(reverseTiers, reversals),
    ...each(
      answers,
      customers.map(({ merchant, customer, order, at, points, checksPoints }) => ({
        merchant,
        customer,
        order,
        at,
        points,
        checksPoints,
      })),
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
