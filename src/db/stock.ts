/**
 * Stock of counted products: taken when an order is placed, kept in a hold, and sold or put back by the order's projection. A hold exists
 * exactly as long as its pieces are neither sold nor back on the shelf, so nothing can be settled twice.
 */
import type { OrderKey } from "../core/ids.ts";
import type { OrderLine } from "../core/order.ts";
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
export type StockHold = { readonly merchantId: string; readonly orderKey: OrderKey; readonly placedAt: number };

/** What became of an order's hold, as its projection knows it. */
export type HoldNews = {
  readonly merchant: string;
  readonly order: OrderKey;
  readonly version: number;
  readonly outcome: "SOLD" | "RELEASED";
};

// CROSS JOIN, here as elsewhere, because SQLite reads its tables in the order they stand: from the lines to their products.

/** All lines or nothing. An order that holds its stock already keeps it, under its newer version. */
const hold = `
  INSERT INTO stock_holds (merchant_id, order_key, placed_at, version, token, lines)
  SELECT ?1, ?2, ?3, ?4, ?5, counted.lines
  FROM (
    SELECT json_group_array(json(line.value)) AS lines, min(product.stock - (line.value ->> 'quantity')) AS spare
    FROM json_each(?6) line
    CROSS JOIN products product ON product.merchant_id = ?1 AND product.id = line.value ->> 'productId'
    WHERE product.stock IS NOT NULL
  ) counted
  WHERE counted.spare >= 0 OR EXISTS (SELECT 1 FROM stock_holds WHERE merchant_id = ?1 AND order_key = ?2)
  ON CONFLICT (merchant_id, order_key) DO UPDATE SET version = excluded.version WHERE excluded.version > stock_holds.version`;

const take = `
  UPDATE products SET stock = stock - taken.quantity
  FROM (
    SELECT line.value ->> 'productId' AS product_id, sum(line.value ->> 'quantity') AS quantity
    FROM stock_holds, json_each(stock_holds.lines) line
    WHERE merchant_id = ?1 AND order_key = ?2 AND token = ?3
    GROUP BY 1
  ) taken
  WHERE products.merchant_id = ?1 AND products.id = taken.product_id`;

const token = `SELECT token FROM stock_holds WHERE merchant_id = ?1 AND order_key = ?2`;

const shortage = `
  SELECT product.id AS productId, product.stock AS available
  FROM json_each(?2) line
  CROSS JOIN products product ON product.merchant_id = ?1 AND product.id = line.value ->> 'productId'
  WHERE product.stock < line.value ->> 'quantity'
  ORDER BY line.key
  LIMIT 1`;

/** Takes all lines or none. "already": this order holds its stock, by an earlier call. */
export async function takeStock(db: D1Database, request: StockRequest): Promise<Result<"taken" | "already", Shortage>> {
  const { merchantId, orderKey, placedAt, version } = request;
  const lines = JSON.stringify(perProduct(request.lines));
  const mine = crypto.randomUUID();
  const [, , held, short] = await db.batch<{ token: string } & Shortage>([
    db.prepare(hold).bind(merchantId, orderKey, placedAt, version, mine, lines),
    db.prepare(take).bind(merchantId, orderKey, mine),
    db.prepare(token).bind(merchantId, orderKey),
    db.prepare(shortage).bind(merchantId, lines),
  ]);
  const holder = held?.results[0];
  if (holder) return ok(holder.token === mine ? "taken" : "already");
  const missing = short?.results[0];
  // No hold and nothing short: no line was counted.
  return missing ? err({ productId: missing.productId, available: missing.available }) : ok("taken");
}

/** Puts back what an order holds, if it holds anything: for an order that came to nothing. */
export async function dropHold(db: D1Database, merchantId: string, orderKey: OrderKey): Promise<void> {
  await db.batch(
    settleHolds(db, [{ merchant: merchantId, order: orderKey, version: Number.MAX_SAFE_INTEGER, outcome: "RELEASED" }]),
  );
}

const settled = `
  SELECT held.merchant_id, held.order_key, held.lines, news.value ->> 'outcome' AS outcome
  FROM json_each(?1) news
  JOIN stock_holds held ON held.merchant_id = news.value ->> 'merchant' AND held.order_key = news.value ->> 'order'
  WHERE held.version < news.value ->> 'version'`;

const putBack = `
  UPDATE products SET stock = stock + given.quantity
  FROM (
    SELECT settled.merchant_id, line.value ->> 'productId' AS product_id, sum(line.value ->> 'quantity') AS quantity
    FROM (${settled}) settled, json_each(settled.lines) line
    WHERE settled.outcome = 'RELEASED'
    GROUP BY 1, 2
  ) given
  WHERE products.merchant_id = given.merchant_id AND products.id = given.product_id AND products.stock IS NOT NULL`;

const forget = `
  DELETE FROM stock_holds WHERE (merchant_id, order_key) IN (SELECT merchant_id, order_key FROM (${settled}))`;

/** The statements that end holds, to be run in one transaction. News older than a hold's version, and news of no hold, changes nothing. */
export function settleHolds(db: D1Database, news: readonly HoldNews[]): D1PreparedStatement[] {
  const rows = JSON.stringify(news);
  return [db.prepare(putBack).bind(rows), db.prepare(forget).bind(rows)];
}

const orphans = `
  SELECT merchant_id AS merchantId, order_key AS orderKey, placed_at AS placedAt
  FROM stock_holds held
  WHERE placed_at < ?1
    AND NOT EXISTS (SELECT 1 FROM orders WHERE merchant_id = held.merchant_id AND created_at = held.placed_at AND id = held.order_key)
  ORDER BY random()
  LIMIT ?2`;

/**
 * Holds placed before `before` whose order the read model has never heard of, at most `limit`, in no particular order, so that those which
 * cannot be settled hide no others. Ask the order's object: if nothing was placed there, `dropHold`.
 */
export async function findOrphanHolds(db: D1Database, before: number, limit: number): Promise<readonly StockHold[]> {
  const { results } = await db.prepare(orphans).bind(before, limit).all<StockHold>();
  return results;
}

function perProduct(lines: StockRequest["lines"]): readonly { productId: string; quantity: number }[] {
  const wanted = new Map<string, number>();
  for (const { productId, quantity } of lines) {
    if (productId !== null) wanted.set(productId, (wanted.get(productId) ?? 0) + quantity);
  }
  return Array.from(wanted, ([productId, quantity]) => ({ productId, quantity }));
}
