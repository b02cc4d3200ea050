/** A merchant puts something on sale. */
import { timedSuffix } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { money } from "../core/money.ts";
import { ok, type Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import { findProducts, insertProduct, type Product } from "../db/products.ts";
import { checks, type GivenMoney } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { isGiven, type Optional } from "./given.ts";
import { invalid, type ValidationFailure } from "./failures.ts";

export type CreateProduct = {
  readonly sku: string;
  readonly name: string;
  readonly description?: Optional<string>;
  readonly price: GivenMoney;
  readonly imageUrl?: Optional<string>;
  /** Absent or null: not counted. */
  readonly stock?: Optional<number>;
};

export async function createProduct(
  deps: Deps,
  { id: merchantId, currency }: Merchant,
  input: CreateProduct,
): Promise<Result<{ readonly product: Product }, ValidationFailure>> {
  const check = checks();
  const now = deps.now();
  const product: Product = {
    id: `product_${timedSuffix(now, deps.random(10))}`,
    merchantId,
    sku: check.text(["sku"], input.sku, limits.referenceLengthMax),
    name: check.text(["name"], input.name, limits.nameLengthMax),
    description: check.prose(["description"], input.description, limits.descriptionLengthMax),
    price: money(check.money(["price"], input.price, currency), currency),
    imageUrl: check.url(["imageUrl"], input.imageUrl, deps.local),
    stock: isGiven(input.stock) ? check.integer(["stock"], input.stock, 0, limits.stockMax) : null,
    archived: false,
    createdAt: now,
  };
  if (check.issues.length > 0) return invalid(check.issues);
  const inserted = await insertProduct(deps.database(merchantId), product);
  if (inserted.ok) return ok({ product: inserted.value });
  // By this very request, if it was cut off before and comes again.
  const [own] = await findProducts(deps.database(merchantId), merchantId, [product.id]);
  return own ? ok({ product: own }) : invalid([{ path: ["input", "sku"], message: "is taken by another product" }]);
}
