/** The catalogue: what a merchant sells. `stock` is what may still be sold, holds of unpaid orders taken off; null is not counted. */
import type { Money } from "../core/money.ts";
import type { Result } from "../core/result.ts";
import type { PageRequest, PageResult } from "./page.ts";

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
  readonly stock: number | null;
  readonly archived: boolean;
  readonly createdAt: number;
};
export type ProductChanges = Partial<Pick<Product, "name" | "description" | "price" | "imageUrl" | "stock" | "archived">>;
/** `search` is found in name or SKU, letters of A to Z in either case; `archived` undefined or null: both. */
export type ProductFilter = { readonly search?: string | null | undefined; readonly archived?: boolean | null | undefined };

export async function insertProduct(db: D1Database, product: Product): Promise<Result<Product, "SKU_TAKEN">> {
  throw new Error("not built");
}

/** The product as it is afterwards; null when this merchant has none such. */
export async function updateProduct(db: D1Database, merchantId: string, productId: string, changes: ProductChanges): Promise<Product | null> {
  throw new Error("not built");
}

/** Those of the ids that are this merchant's, in no particular order. */
export async function findProducts(db: D1Database, merchantId: string, ids: readonly string[]): Promise<readonly Product[]> {
  throw new Error("not built");
}

/** Oldest first: a catalogue keeps its places. */
export async function pageProducts(db: D1Database, merchantId: string, filter: ProductFilter, page: PageRequest): Promise<PageResult<Product>> {
  throw new Error("not built");
}

export async function countProducts(db: D1Database, merchantId: string, filter: ProductFilter): Promise<number> {
  throw new Error("not built");
}
