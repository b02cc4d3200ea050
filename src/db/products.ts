/** The catalogue: what a merchant sells. */
import { and, eq, or, type SQL } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Money } from "../core/money.ts";
import { err, ok, type Result } from "../core/result.ts";
import { contains, isOneOf } from "./match.ts";
import { pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { products } from "./tables.ts";
import { unlessTaken } from "./unique.ts";

export type Product = {
  /** `product_…`, sortable by its time. */
  readonly id: string;
  readonly merchantId: string;
  /** Unique per merchant. */
  readonly sku: string;
  readonly name: string;
  readonly description: string | null;
  readonly price: Money;
  readonly imageUrl: string | null;
  /** What may still be sold, holds of unpaid orders taken off; null is not counted. */
  readonly stock: number | null;
  readonly archived: boolean;
  readonly createdAt: number;
};
export type ProductChanges = Partial<
  Pick<Product, "name" | "description" | "price" | "imageUrl" | "stock" | "archived">
>;
/** `search` is found in name or SKU, letters of A to Z in either case; `archived` undefined or null: both. */
export type ProductFilter = {
  readonly search?: string | null | undefined;
  readonly archived?: boolean | null | undefined;
};

const byId: Ordering = { list: "products", kinds: ["string"], columns: [products.id], newestFirst: false };

export async function insertProduct(db: D1Database, product: Product): Promise<Result<Product, "SKU_TAKEN">> {
  const { price, ...rest } = product;
  const row = { ...rest, price: price.minor, currency: price.currency };
  const inserted = await unlessTaken("products.sku", () => drizzle(db).insert(products).values(row));
  return inserted ? ok(product) : err("SKU_TAKEN");
}

/** The product as it is afterwards; null when this merchant has none such. `stock` is set, not added to. */
export async function updateProduct(
  db: D1Database,
  merchantId: string,
  productId: string,
  changes: ProductChanges,
): Promise<Product | null> {
  const { price, ...rest } = changes;
  const set = price ? { ...rest, price: price.minor, currency: price.currency } : rest;
  if (Object.keys(set).length === 0) return (await findProducts(db, merchantId, [productId]))[0] ?? null;
  const [updated] = await drizzle(db)
    .update(products)
    .set(set)
    .where(and(eq(products.merchantId, merchantId), eq(products.id, productId)))
    .returning();
  return updated ? productOf(updated) : null;
}

/** Those of the ids that are this merchant's, in no particular order. */
export async function findProducts(
  db: D1Database,
  merchantId: string,
  ids: readonly string[],
): Promise<readonly Product[]> {
  const rows = await drizzle(db)
    .select()
    .from(products)
    .where(and(eq(products.merchantId, merchantId), isOneOf(products.id, ids)));
  return rows.map(productOf);
}

/** Oldest first: a catalogue keeps its places. */
export const pageProducts = async (
  db: D1Database,
  merchantId: string,
  filter: ProductFilter,
  page: PageRequest,
): Promise<PageResult<Product>> =>
  pageOf(
    byId,
    page,
    ({ where, orderBy, limit }) =>
      drizzle(db)
        .select()
        .from(products)
        .where(and(matching(merchantId, filter), where))
        .orderBy(...orderBy)
        .limit(limit),
    (row) => [row.id],
    productOf,
  );

export const countProducts = async (db: D1Database, merchantId: string, filter: ProductFilter): Promise<number> =>
  drizzle(db).$count(products, matching(merchantId, filter));

const matching = (merchantId: string, { search, archived }: ProductFilter): SQL | undefined =>
  and(
    eq(products.merchantId, merchantId),
    search ? or(contains(products.name, search), contains(products.sku, search)) : undefined,
    typeof archived === "boolean" ? eq(products.archived, archived) : undefined,
  );

const productOf = ({ price, currency, ...rest }: typeof products.$inferSelect): Product => ({
  ...rest,
  price: { minor: price, currency },
});
