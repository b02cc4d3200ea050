/**
 * Stock of counted products: taken when an order is placed, kept in a hold, and sold or put back by the order's projection. A hold exists
 * exactly as long as its pieces are neither sold nor back on the shelf, so nothing can be settled twice. Two requests may have the same order
 * in mind (one idempotency key): the hold is for whoever wants just these pieces, and refuses everybody else.
 */
import type { OrderKey } from "../core/ids.ts";
import type { OrderLine, OrderTerms } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";

export type StockRequest = {
  readonly merchantId: string;
  readonly orderKey: OrderKey;
  /** The order's `terms.placedAt`. */
  readonly placedAt: number;
  /** The order's version when it asks: 0 while it is being placed. Older news of the order then leaves the hold alone. */
  readonly version: number;
  /** Lines without a product, and those whose product is not counted, take nothing. */
  readonly lines: readonly Pick<OrderLine, "productId" | "quantity">[];
};
/** The first product that is short, and how many of it could be had. */
export type Shortage = { readonly productId: string; readonly available: number };
/** A hold at one moment: whoever asks for its stock again changes `version` or `placedAt`, whoever takes it anew the `token`. */
export type StockHold = {
  readonly merchantId: string;
  readonly orderKey: OrderKey;
  readonly placedAt: number;
  readonly version: number;
  readonly token: string;
  readonly wanted: string;
};
/** `told`: the read model knows the hold's order, and that it holds nothing any more. Otherwise it knows no such order. */
export type DoubtfulHold = StockHold & { readonly told: boolean };

/** What became of an order's hold, as its projection knows it. */
export type HoldNews = {
  readonly merchant: string;
  readonly placedAt: number;
  readonly order: OrderKey;
  readonly version: number;
  /** `wantedBy` the order's lines. */
  readonly wanted: string;
  /** RETURNED: sold, and back on the shelf. */
  readonly outcome: "SOLD" | "RELEASED" | "RETURNED";
};

// CROSS JOIN, here as elsewhere, because SQLite reads its tables in the order they stand: from the lines to their products.

/** All lines or nothing. Who holds the same already keeps it, under the newer version and date: the sweep then knows that it is wanted. */
const placeHold = `
  INSERT INTO stock_holds (merchant_id, order_key, placed_at, version, token, wanted, lines)
  SELECT ?1, ?2, ?3, ?4, ?5, ?6, counted.lines
  FROM (
    SELECT json_group_array(json(line.value)) AS lines, min(product.stock - (line.value ->> 'quantity')) AS spare
    FROM json_each(?6) line
    CROSS JOIN products product ON product.merchant_id = ?1 AND product.id = line.value ->> 'productId'
    WHERE product.stock IS NOT NULL
  ) counted
  WHERE counted.spare >= 0 OR EXISTS (SELECT 1 FROM stock_holds WHERE merchant_id = ?1 AND order_key = ?2)
  ON CONFLICT (merchant_id, order_key) DO UPDATE SET version = excluded.version, placed_at = excluded.placed_at
  WHERE stock_holds.wanted = excluded.wanted
    AND (excluded.version, excluded.placed_at) > (stock_holds.version, stock_holds.placed_at)`;

const take = `
  UPDATE products SET stock = stock - taken.quantity
  FROM (
    SELECT line.value ->> 'productId' AS product_id, sum(line.value ->> 'quantity') AS quantity
    FROM stock_holds, json_each(stock_holds.lines) line
    WHERE merchant_id = ?1 AND order_key = ?2 AND token = ?3
    GROUP BY 1
  ) taken
  WHERE products.merchant_id = ?1 AND products.id = taken.product_id`;

const holder = `SELECT token, wanted FROM stock_holds WHERE merchant_id = ?1 AND order_key = ?2`;

const shortage = `
  SELECT product.id AS productId, product.stock AS available
  FROM json_each(?2) line
  CROSS JOIN products product ON product.merchant_id = ?1 AND product.id = line.value ->> 'productId'
  WHERE product.stock < line.value ->> 'quantity'
  ORDER BY line.key
  LIMIT 1`;

/**
 * Takes all lines or none. "already": this order holds its stock, by an earlier call. OTHER_REQUEST: a request for other pieces holds what it
 * wants under the same key, and may be about to become the order.
 */
export async function takeStock(
  db: D1Database,
  request: StockRequest,
): Promise<Result<"taken" | "already", Shortage | "OTHER_REQUEST">> {
  const { merchantId, orderKey, placedAt, version } = request;
  const wanted = wantedBy(request.lines);
  const mine = crypto.randomUUID();
  const [, , held, short] = await db.batch<Pick<StockHold, "token" | "wanted"> & Shortage>([
    db.prepare(placeHold).bind(merchantId, orderKey, placedAt, version, mine, wanted),
    db.prepare(take).bind(merchantId, orderKey, mine),
    db.prepare(holder).bind(merchantId, orderKey),
    db.prepare(shortage).bind(merchantId, wanted),
  ]);
  const found = held?.results[0];
  if (found) return found.wanted === wanted ? ok(found.token === mine ? "taken" : "already") : err("OTHER_REQUEST");
  const missing = short?.results[0];
  // No hold and nothing short: no line was counted.
  return missing ? err({ productId: missing.productId, available: missing.available }) : ok("taken");
}

/** Whether the hold under the order's key is its own. One that is not will never be anybody's, because what was agreed does not change. */
export const isHoldOf = ({ countsStock, lines }: OrderTerms, { wanted }: Pick<StockHold, "wanted">): boolean =>
  countsStock && wanted === wantedBy(lines);

const stray = `
  SELECT merchant_id, order_key, lines, 'RELEASED' AS outcome
  FROM stock_holds
  WHERE merchant_id = ?1 AND order_key = ?2 AND wanted IS NOT ?3`;

/** Puts back what is held under the order's key by a request that it did not come from. At any time: what is the order's own stays. */
export async function dropStrayHold(db: D1Database, { merchant, key, countsStock, lines }: OrderTerms): Promise<void> {
  await db.batch(ending(db, stray, merchant.id, key, countsStock ? wantedBy(lines) : null));
}

const unchanged = "merchant_id = ?1 AND order_key = ?2 AND token = ?3 AND placed_at = ?4 AND version = ?5";
const seen = ({ merchantId, orderKey, token, placedAt, version }: StockHold) =>
  [merchantId, orderKey, token, placedAt, version] as const;

const asSeen = `SELECT merchant_id, order_key, lines, 'RELEASED' AS outcome FROM stock_holds WHERE ${unchanged}`;
const date = `UPDATE stock_holds SET placed_at = ?6 WHERE ${unchanged}`;

/** Puts back what is held, unless somebody has asked for it since the hold was seen. Answers whether it did. */
export async function dropHold(db: D1Database, hold: StockHold): Promise<boolean> {
  const [, forgotten] = await db.batch(ending(db, asSeen, ...seen(hold)));
  return (forgotten?.meta.changes ?? 0) > 0;
}

/** Dates a hold as its order, if nobody has asked for it since it was seen. */
export async function dateHold(db: D1Database, hold: StockHold, placedAt: number): Promise<void> {
  await db
    .prepare(date)
    .bind(...seen(hold), placedAt)
    .run();
}

const knownStock = "iif(json_valid(known.doc), known.doc ->> '$.stock', '')";
const holdsNothing = `${knownStock} NOT IN ('HELD', 'RETAKING')`;
const knownOrder = `orders known
    ON known.merchant_id = news.value ->> 'merchant' AND known.created_at = news.value ->> 'placedAt' AND known.id = news.value ->> 'order'`;

/**
 * What an order sold is gone; what was taken under its key by another request, or after the read model had heard of its end, is not its own.
 * To be asked while the order's row is still the old one.
 */
const settled = `
  SELECT held.merchant_id, held.order_key, held.lines,
    iif(held.wanted = news.value ->> 'wanted' AND known.id IS NULL, news.value ->> 'outcome', 'RELEASED') AS outcome
  FROM json_each(?1) news
  JOIN stock_holds held ON held.merchant_id = news.value ->> 'merchant' AND held.order_key = news.value ->> 'order'
  LEFT JOIN ${knownOrder} AND known.version > held.version AND ${holdsNothing}
  WHERE held.version < news.value ->> 'version'`;

/**
 * What was sold, as the read model knows, and came back. Once, because from this transaction on it knows that too; and as the catalogue is now,
 * for whatever lies on the shelf is counted by whoever counts.
 */
const restock = `
  UPDATE products SET stock = stock + given.quantity
  FROM (
    SELECT news.value ->> 'merchant' AS merchant_id, line.value ->> 'productId' AS product_id, sum(line.value ->> 'quantity') AS quantity
    FROM json_each(?1) news
    JOIN ${knownOrder} AND known.version < news.value ->> 'version' AND ${knownStock} = 'SOLD'
    CROSS JOIN json_each(news.value ->> 'wanted') line
    WHERE news.value ->> 'outcome' = 'RETURNED'
    GROUP BY 1, 2
  ) given
  WHERE products.merchant_id = given.merchant_id AND products.id = given.product_id AND products.stock IS NOT NULL`;

/** The statements that end holds, to be run in one transaction. News older than a hold's version, and news of no hold, changes nothing. */
export function settleHolds(db: D1Database, news: readonly HoldNews[]): D1PreparedStatement[] {
  const rows = JSON.stringify(news);
  const isReturned = news.some(({ outcome }) => outcome === "RETURNED");
  return [...(isReturned ? [db.prepare(restock).bind(rows)] : []), ...ending(db, settled, rows)];
}

/** Ends the holds that a query names, each with its outcome. */
function ending(db: D1Database, ended: string, ...values: readonly (string | number | null)[]): D1PreparedStatement[] {
  const putBack = `
    UPDATE products SET stock = stock + given.quantity
    FROM (
      SELECT ended.merchant_id, line.value ->> 'productId' AS product_id, sum(line.value ->> 'quantity') AS quantity
      FROM (${ended}) ended, json_each(ended.lines) line
      WHERE ended.outcome <> 'SOLD'
      GROUP BY 1, 2
    ) given
    WHERE products.merchant_id = given.merchant_id AND products.id = given.product_id AND products.stock IS NOT NULL`;
  const forget = `
    DELETE FROM stock_holds WHERE (merchant_id, order_key) IN (SELECT merchant_id, order_key FROM (${ended}))`;
  return [putBack, forget].map((sql) => db.prepare(sql).bind(...values));
}

/** A hold that is older than what its order told is not the order's any more: whatever tells of an end settles, in the same transaction. */
const doubtful = `
  SELECT held.merchant_id AS merchantId, held.order_key AS orderKey, held.placed_at AS placedAt, held.version, held.token, held.wanted,
    known.id IS NOT NULL AS told
  FROM stock_holds held
  LEFT JOIN orders known ON known.merchant_id = held.merchant_id AND known.created_at = held.placed_at AND known.id = held.order_key
  WHERE held.placed_at < ?1 AND (
    known.id IS NULL
    OR (known.version > held.version AND ${holdsNothing})
  )
  ORDER BY random()
  LIMIT ?2`;

/**
 * Holds last asked for before `before` that no order seems to need, at most `limit`, in no particular order, so that those which cannot be
 * settled hide no others. Only the order's object knows.
 */
export async function findDoubtfulHolds(
  db: D1Database,
  before: number,
  limit: number,
): Promise<readonly DoubtfulHold[]> {
  const { results } = await db.prepare(doubtful).bind(before, limit).all<StockHold & { told: number }>();
  return results.map((found) => ({ ...found, told: found.told === 1 }));
}

/** What a request wants of the catalogue, counted or not: how a hold tells it from others with the same key. */
export const wantedBy = (lines: StockRequest["lines"]): string => JSON.stringify(perProduct(lines));

function perProduct(lines: StockRequest["lines"]): readonly { productId: string; quantity: number }[] {
  const wanted = new Map<string, number>();
  for (const { productId, quantity } of lines) {
    if (productId !== null) wanted.set(productId, (wanted.get(productId) ?? 0) + quantity);
  }
  return Array.from(wanted, ([productId, quantity]) => ({ productId, quantity }));
}
