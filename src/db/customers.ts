/** A merchant's customers: the fold of its orders' conversions. */
import type { Identity, OrderPlace } from "../core/conversion.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Minor } from "../core/money.ts";
import type { StaffHold } from "../core/staff-hold.ts";
import { allOf, anyOf, clause, type Clause } from "./clause.ts";
import { customers } from "./columns.ts";
import { convertedAt, whenErased } from "./erased.ts";
import { contains, hasEntry, isWithin } from "./match.ts";
import { countOf, pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { rowOf, rowsOf, selection, type Raw } from "./rows.ts";
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
  readonly tier: string | null;
  readonly staff: StaffHold | null;
  /** When the person's data was destroyed last. */
  readonly erasedAt: number | null;
};
/** What a person changes; what is absent stays. */
export type CustomerChanges = {
  readonly displayName?: string;
  readonly tier?: string;
  readonly addTags: readonly string[];
  readonly removeTags: readonly string[];
  readonly at: number;
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
  /** Granted and not taken back, without what was spent. Less than nothing where more was spent than was kept. */
  readonly points: number;
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
  SELECT customer_id AS customerId, sum(state = 'PAID') AS ordersPaid, sum(received - refunded) AS lifetimeValue,
    sum(points) - (
      SELECT coalesce(sum(points), 0) FROM points_spent spent
      WHERE spent.merchant_id = ?1 AND spent.customer_id = orders.customer_id
    ) AS points
  FROM orders INDEXED BY orders_customer
  WHERE merchant_id = ?1 AND customer_id IN (SELECT value FROM json_each(?2))
  GROUP BY customer_id`;

/** A person's word on a tag stands over what orders give and take. */
const update = `
  UPDATE customers SET
    display_name = coalesce(?3, display_name),
    tier = coalesce(?4, tier),
    tier_at = iif(?4 IS NULL, tier_at, ?5),
    own_tags = json_patch(own_tags, ?6),
    tags = (
      SELECT json_group_array(value)
      FROM (
        SELECT value FROM json_each(customers.tags) WHERE value NOT IN (SELECT key FROM json_each(?6) WHERE value = 0)
        UNION SELECT key FROM json_each(?6) WHERE value = 1
        ORDER BY 1
      )
    )
  WHERE merchant_id = ?1 AND id = ?2
  RETURNING ${selection(customers)}`;

const spend = `
  INSERT INTO points_spent (merchant_id, customer_id, reference, points, at)
  SELECT ?1, ?2, ?3, ?4, ?5
  WHERE ?4 <= (
    SELECT coalesce(sum(points), 0) FROM orders INDEXED BY orders_customer WHERE merchant_id = ?1 AND customer_id = ?2
  ) - (SELECT coalesce(sum(points), 0) FROM points_spent WHERE merchant_id = ?1 AND customer_id = ?2)
  ON CONFLICT (merchant_id, customer_id, reference) DO NOTHING
  RETURNING points`;

const spent = `SELECT points FROM points_spent WHERE merchant_id = ?1 AND customer_id = ?2 AND reference = ?3`;

/** Those of the customer's orders of which something waits for consent, or might stop without it; newest first, after a place. */
const waitingForConsent = `
  SELECT id AS key, created_at AS createdAt FROM orders INDEXED BY orders_customer
  WHERE merchant_id = ?1 AND customer_id = ?2 AND (created_at, id) < (?3, ?4)
    AND iif(json_valid(doc), doc ->> '$.conversion.erasedAt', 1) IS NULL
    AND EXISTS (
    SELECT 1 FROM json_each(iif(json_valid(doc), doc, '{}'), '$.conversion.actions') action
    WHERE action.value ->> 'state' IN ('SKIPPED_NO_CONSENT', 'PENDING')
  )
  ORDER BY created_at DESC, id DESC
  LIMIT ?5`;

const erasedAt = `SELECT erased_at FROM customers WHERE merchant_id = ?1 AND id = ?2`;

const notes = `
  SELECT action.value ->> 'note' AS note
  FROM orders INDEXED BY orders_customer
  CROSS JOIN json_each(iif(json_valid(doc), doc, '{}'), '$.conversion.actions') action
  WHERE merchant_id = ?1 AND customer_id = ?2 AND action.value ->> 'kind' = 'NOTE_ADD' AND action.value ->> 'state' = 'DONE'
    AND ${convertedAt()} > ${whenErased}
  ORDER BY created_at DESC
  LIMIT ?3`;

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

/** When the person's data was destroyed last; null when it never was. */
export const erasedAtOf = (db: D1Database, merchantId: string, customerId: string): Promise<number | null> =>
  db.prepare(erasedAt).bind(merchantId, customerId).first<number | null>("erased_at");

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

/** The customer as it is afterwards; null when there is none. */
export async function updateCustomer(
  db: D1Database,
  merchantId: string,
  customerId: string,
  { displayName, tier, addTags, removeTags, at }: CustomerChanges,
): Promise<Customer | null> {
  const tags: Record<string, 0 | 1> = Object.fromEntries<0 | 1>([
    ...addTags.map((tag): [string, 1] => [tag, 1]),
    ...removeTags.map((tag): [string, 0] => [tag, 0]),
  ]);
  const raw = await db
    .prepare(update)
    .bind(merchantId, customerId, displayName ?? null, tier ?? null, at, JSON.stringify(tags))
    .first<Raw>();
  return raw && customerOf(rowOf(customers, raw));
}

/** How many points are spent under this reference: as many as asked for, or those of an earlier asking; null when there are too few. */
export async function spendPoints(
  db: D1Database,
  merchantId: string,
  customerId: string,
  wanted: { readonly reference: string; readonly points: number; readonly at: number },
): Promise<number | null> {
  const { reference, points, at } = wanted;
  const taken = await db.prepare(spend).bind(merchantId, customerId, reference, points, at).first<number>("points");
  return taken ?? (await db.prepare(spent).bind(merchantId, customerId, reference).first<number>("points"));
}

export async function ordersWaitingForConsent(
  db: D1Database,
  merchantId: string,
  customerId: string,
  after: OrderPlace | null,
  limit: number,
): Promise<readonly OrderPlace[]> {
  const { createdAt, key } = after ?? { createdAt: Number.MAX_SAFE_INTEGER, key: "" };
  const { results } = await db
    .prepare(waitingForConsent)
    .bind(merchantId, customerId, createdAt, key, limit)
    .all<OrderPlace>();
  return results;
}

/** Newest first. */
export async function notesOf(
  db: D1Database,
  merchantId: string,
  customerId: string,
  limit: number,
): Promise<readonly string[]> {
  const { results } = await db.prepare(notes).bind(merchantId, customerId, limit).all<{ note: string }>();
  return results.map(({ note }) => note);
}

const customerOf = (row: typeof tables.customers.$inferSelect): Customer => ({
  id: row.id,
  merchantId: row.merchantId,
  displayName: row.displayName,
  identities: row.identities,
  tags: row.tags,
  firstOrderKey: row.firstOrder,
  createdAt: row.createdAt,
  tier: row.tier,
  staff: row.staff,
  erasedAt: row.erasedAt,
});
