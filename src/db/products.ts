/** The catalogue: what a merchant sells. */
import type { Money } from "../core/money.ts";
import { err, ok, type Result } from "../core/result.ts";
import { allOf, anyOf, clause, prepare, type Clause } from "./clause.ts";
import { products } from "./columns.ts";
import { contains } from "./match.ts";
import { countOf, pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { assignments, insertion, rowsOf, selection } from "./rows.ts";
import type * as tables from "./tables.ts";
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

const byId: Ordering = { list: "products", kinds: ["string"], columns: ["id"], newestFirst: false };

// The ids as one parameter: D1 takes a hundred at most.
const find = `
  SELECT ${selection(products)}
  FROM products
  WHERE merchant_id = ?1 AND id IN (SELECT value FROM json_each(?2))`;

/** Its SKU is taken, or its id, by itself. */
export async function insertProduct(db: D1Database, product: Product): Promise<Result<Product, "SKU_TAKEN">> {
  const { price, ...rest } = product;
  const row = insertion(products, { ...rest, price: price.minor, currency: price.currency });
  const inserted = await unlessTaken("products.", () => prepare(db, row).run());
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
  const set = assignments(products, price ? { ...rest, price: price.minor, currency: price.currency } : rest);
  if (!set) return (await findProducts(db, merchantId, [productId]))[0] ?? null;
  const update = `UPDATE products SET ${set.sql} WHERE merchant_id = ? AND id = ? RETURNING ${selection(products)}`;
  const [updated] = await rowsOf(db, products, clause(update, ...set.values, merchantId, productId));
  return updated ? productOf(updated) : null;
}

/** Those of the ids that are this merchant's, in no particular order. */
export async function findProducts(
  db: D1Database,
  merchantId: string,
  ids: readonly string[],
): Promise<readonly Product[]> {
  const found = await rowsOf(db, products, clause(find, merchantId, JSON.stringify(ids)));
  return found.map(productOf);
}

/** Oldest first: a catalogue keeps its places. */
export const pageProducts = async (
  db: D1Database,
  merchantId: string,
  filter: ProductFilter,
  page: PageRequest,
): Promise<PageResult<Product>> =>
  pageOf(db, byId, { rows: products, where: matching(merchantId, filter) }, page, ({ id }) => [id], productOf);

export const countProducts = async (db: D1Database, merchantId: string, filter: ProductFilter): Promise<number> =>
  countOf(db, { rows: products, where: matching(merchantId, filter) });

const matching = (merchantId: string, { search, archived }: ProductFilter): Clause =>
  allOf(
    clause("merchant_id = ?", merchantId),
    search ? anyOf(contains("name", search), contains("sku", search)) : null,
    typeof archived === "boolean" ? clause("archived = ?", Number(archived)) : null,
  );

const productOf = ({ price, currency, ...rest }: typeof tables.products.$inferSelect): Product => ({
  ...rest,
  price: { minor: price, currency },
});
