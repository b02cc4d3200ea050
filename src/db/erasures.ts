/**
 * Erasures of customers: begun in one transaction with everything that the read model itself can do, and then a list of work, customer by customer,
 * until every order has heard of it. An order that the read model has not heard of yet hears with its first projection.
 */
import type { FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { clause } from "./clause.ts";
import { erasures } from "./columns.ts";
import { convertedAt } from "./erased.ts";
import { subjectStatements } from "./event-log.ts";
import { rowsOf, selection } from "./rows.ts";
import type * as tables from "./tables.ts";

export type Erasure = typeof tables.erasures.$inferSelect;
/** Whom, and when. */
export type Erasing = Pick<Erasure, "merchantId" | "customerId" | "erasedAt" | "sequence">;
/** The place of an order among its customer's. */
export type ErasedOrder = { readonly placedAt: number; readonly key: OrderKey };

/** For an order that nests too deep for SQLite, when it was placed. */
const converted = convertedAt("orders.created_at");
/** When the customer was last converted, as far as their latest orders say. */
const newest = `coalesce((
  SELECT max(at) FROM (
    SELECT ${converted} AS at FROM orders INDEXED BY orders_customer
    WHERE merchant_id = ?1 AND customer_id = ?2
    ORDER BY created_at DESC, id DESC
    LIMIT ${limits.ordersPerErasure}
  )
), 0)`;
/** Whether anything is known of the customer: never erased, or told since. */
const isKnown = `(
  erased_at IS NULL OR display_name IS NOT NULL OR identities <> '[]' OR tags <> '[]' OR own_tags <> '{}' OR tier IS NOT NULL OR staff IS NOT NULL
  OR EXISTS (SELECT 1 FROM consents said WHERE said.merchant_id = customers.merchant_id AND said.customer_id = customers.id AND said.at > erased_at)
  OR ${newest} > erased_at
)`;
const through = `coalesce((SELECT events_through FROM event_subjects WHERE merchant_id = ?1 AND subject = substr(?2, 10)), 0)`;

/** No order that is known here is newer than the erasure, whosever clock is late. */
const look = `
  SELECT ${isKnown} AS known, ${through} AS through, max(?3, ${newest}) AS at
  FROM customers
  WHERE merchant_id = ?1 AND id = ?2 AND coalesce(erased_at, 0) < ?3`;

// Of two at once, one finds its number taken.
const isNext = `merchant_id = ?1 AND id = ?2 AND ${isKnown} AND ${through} = ?4 - 1`;

const begin = `
  INSERT INTO erasures (merchant_id, customer_id, erased_at, sequence, told_placed_at, told_order, due_at)
  SELECT ?1, ?2, ?3, ?4, -1, '', ?5 FROM customers WHERE ${isNext}
  ON CONFLICT (merchant_id, customer_id) DO UPDATE SET
    erased_at = excluded.erased_at, sequence = excluded.sequence, told_placed_at = -1, told_order = '', missed = '[]',
    due_at = excluded.due_at`;

const forgetCustomer = `
  UPDATE customers SET
    display_name = NULL, identities = '[]', tags = '[]', own_tags = '{}', tier = NULL, tier_at = NULL, staff = NULL, staff_at = NULL,
    erased_at = ?3
  WHERE ${isNext}`;

/** Nothing is known here, but an order may be on its way that converted since the last time: it is to find that it is older. Partners heard of it then. */
const beginAgain = `
  INSERT INTO erasures (merchant_id, customer_id, erased_at, sequence, told_placed_at, told_order, due_at)
  VALUES (?1, ?2, ?3, 0, -1, '', ?4)
  ON CONFLICT (merchant_id, customer_id) DO NOTHING`;
const moveErased = `
  UPDATE customers SET erased_at = ?3
  WHERE merchant_id = ?1 AND id = ?2
    AND (SELECT erased_at FROM erasures WHERE merchant_id = ?1 AND customer_id = ?2 AND sequence = 0) = ?3`;

/** By this very erasure. */
const isErased = `(SELECT erased_at FROM customers WHERE merchant_id = ?1 AND id = ?2) = ?3`;

/** What stood is taken back in so many words; the receipts stay as proof. */
const withdrawConsents = `
  INSERT INTO consents (merchant_id, customer_id, id, purpose, granted, text_version, text_hash, locale, channel, at)
  SELECT ?1, ?2, 'erasure:' || ?3 || ':' || purpose, purpose, 0, text_version, text_hash, locale, 'erasure', ?3
  FROM (
    SELECT *, row_number() OVER (PARTITION BY purpose ORDER BY at DESC, id DESC) AS back
    FROM consents
    WHERE merchant_id = ?1 AND customer_id = ?2 AND at <= ?3
  )
  WHERE back = 1 AND granted AND ${isErased}
  ON CONFLICT (merchant_id, customer_id, id) DO NOTHING`;

const find = `SELECT ${selection(erasures)} FROM erasures WHERE merchant_id = ? AND customer_id = ?`;

const take = `
  UPDATE erasures SET due_at = ?2
  WHERE (merchant_id, customer_id) IN (SELECT merchant_id, customer_id FROM erasures WHERE due_at <= ?1 ORDER BY due_at LIMIT ?3)
  RETURNING ${selection(erasures)}`;

const next = `
  SELECT created_at AS placedAt, id AS "key"
  FROM orders INDEXED BY orders_customer
  WHERE merchant_id = ?1 AND customer_id = ?2 AND (created_at, id) > (?3, ?4)
  ORDER BY created_at, id
  LIMIT ?5`;

const move = `
  UPDATE erasures SET told_placed_at = ?4, told_order = ?5, missed = ?6
  WHERE merchant_id = ?1 AND customer_id = ?2 AND erased_at = ?3 AND (told_placed_at, told_order, missed) = (?7, ?8, ?9)`;

const postpone = `UPDATE erasures SET due_at = ?4 WHERE merchant_id = ?1 AND customer_id = ?2 AND erased_at = ?3`;

/** Points that nobody has any more, and what was spent of them: each order says so itself once it has heard. */
const endPoints = `
  UPDATE orders SET points = 0
  WHERE (merchant_id, created_at, id) IN (
    SELECT merchant_id, created_at, id FROM orders INDEXED BY orders_customer
    WHERE merchant_id = ?1 AND customer_id = ?2
    ORDER BY created_at DESC, id DESC
    LIMIT ${limits.erasedPointsAtOnce}
  ) AND points <> 0 AND ${converted} <= ?3 AND ${isErased}`;
const endCoupons = `
  UPDATE grants INDEXED BY grants_customer SET code = NULL, redeemed_for = NULL, reversed_at = coalesce(reversed_at, ?3)
  WHERE merchant_id = ?1 AND customer_id = ?2 AND code IS NOT NULL AND issued_at <= ?3 AND ${isErased}`;
const endSpending = `DELETE FROM points_spent WHERE merchant_id = ?1 AND customer_id = ?2 AND at <= ?3 AND ${isErased}`;

const end = `
  DELETE FROM erasures
  WHERE merchant_id = ?1 AND customer_id = ?2 AND erased_at = ?3 AND missed = '[]' AND NOT EXISTS (
    SELECT 1 FROM orders INDEXED BY orders_customer
    WHERE orders.merchant_id = ?1 AND orders.customer_id = ?2 AND (created_at, id) > (told_placed_at, told_order)
  )`;

/**
 * Destroys what the read model knows of the customer and logs the event of it, together or not at all; nothing where nothing is known that is older than
 * `erasedAt`. Answers the erasure that is under way; null when none is. `eventOf` tells of it.
 */
export async function beginErasure(
  db: D1Database,
  customer: Pick<Erasing, "merchantId" | "customerId" | "erasedAt">,
  eventOf: (erasing: Erasing) => FeedEvent,
): Promise<Erasure | null> {
  const { merchantId, customerId } = customer;
  const ids = [merchantId, customerId];
  const seen = await db
    .prepare(look)
    .bind(...ids, customer.erasedAt)
    .first<{ known: 0 | 1; through: number; at: number }>();
  if (seen?.known === 1) {
    const erasing = { ...customer, erasedAt: seen.at, sequence: seen.through + 1 };
    const { erasedAt, sequence } = erasing;
    const values = [...ids, erasedAt, sequence];
    await db.batch([
      db.prepare(begin).bind(...values, erasedAt + limits.erasureSettledMs),
      db.prepare(forgetCustomer).bind(...values),
      ...[withdrawConsents, endPoints, endCoupons, endSpending].map((sql) => db.prepare(sql).bind(...ids, erasedAt)),
      ...subjectStatements(db, merchantId, [eventOf(erasing)]),
    ]);
  }
  if (seen?.known === 0)
    await db.batch([
      db.prepare(beginAgain).bind(...ids, seen.at, seen.at + limits.erasureSettledMs),
      db.prepare(moveErased).bind(...ids, seen.at),
    ]);
  return (await rowsOf(db, erasures, clause(find, ...ids)))[0] ?? null;
}

/** Those that somebody is to go on with. Whoever takes them has until then; what fails is due again. */
export async function takeErasures(db: D1Database, now: number, max: number): Promise<readonly Erasure[]> {
  return rowsOf(db, erasures, { sql: take, values: [now, now + limits.erasureSettledMs, max] });
}

/** The customer's orders that have not heard of it, oldest first. */
export async function ordersToForget(
  db: D1Database,
  { merchantId, customerId, toldPlacedAt, toldOrder }: Erasure,
  max: number,
): Promise<readonly ErasedOrder[]> {
  const values = [merchantId, customerId, toldPlacedAt, toldOrder, max];
  const { results } = await db
    .prepare(next)
    .bind(...values)
    .all<ErasedOrder>();
  return results;
}

export type Told = Pick<Erasure, "toldPlacedAt" | "toldOrder" | "missed">;
/**
 * All orders up to this one have heard, but for those that could not; unless one before it was put on the list meanwhile. Answers the erasure as it is
 * for whoever goes on.
 */
export async function markTold(db: D1Database, erasure: Erasure, told: Told): Promise<Erasure> {
  const { merchantId, customerId, erasedAt } = erasure;
  const placeOf = ({ toldPlacedAt, toldOrder, missed }: Told) => [toldPlacedAt, toldOrder, JSON.stringify(missed)];
  const values = [merchantId, customerId, erasedAt, ...placeOf(told), ...placeOf(erasure)];
  await db
    .prepare(move)
    .bind(...values)
    .run();
  return { ...erasure, ...told };
}

/** It got no further: the longer that has been so, the later it is tried again. */
export async function postponeErasure(
  db: D1Database,
  { merchantId, customerId, erasedAt }: Erasing,
  now: number,
): Promise<void> {
  const wait = Math.min(Math.max((now - erasedAt) / 2, limits.erasureSettledMs), limits.erasureRetryMaxMs);
  await db
    .prepare(postpone)
    .bind(merchantId, customerId, erasedAt, Math.ceil(now + wait))
    .run();
}

/** All orders have heard. Consents that they told of late are taken back as well. */
export async function endErasure(db: D1Database, { merchantId, customerId, erasedAt }: Erasing): Promise<void> {
  const statements = [withdrawConsents, end];
  await db.batch(statements.map((sql) => db.prepare(sql).bind(merchantId, customerId, erasedAt)));
}
