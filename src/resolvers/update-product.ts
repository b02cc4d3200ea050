/** A merchant changes what it sells. Orders already placed keep the name and the price they were placed at. */
import { limits } from "../core/limits.ts";
import { money } from "../core/money.ts";
import { ok, type Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import { updateProduct as saveProduct, type Product } from "../db/products.ts";
import { checks, type GivenMoney } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { isGiven, type Optional } from "./given.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";

/** What is absent stays as it is. Null takes away a description, an image or the counting of stock. */
export type UpdateProduct = {
  readonly productId: string;
  readonly name?: Optional<string>;
  readonly description?: Optional<string>;
  readonly price?: Optional<GivenMoney>;
  readonly imageUrl?: Optional<string>;
  readonly stock?: Optional<number>;
  readonly archived?: Optional<boolean>;
};

export async function updateProduct(
  deps: Deps,
  { id: merchantId, currency }: Merchant,
  { productId, name, description, price, imageUrl, stock, archived }: UpdateProduct,
): Promise<Result<{ readonly product: Product }, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const changes = {
    ...(isGiven(name) && { name: check.text(["name"], name, limits.nameLengthMax) }),
    ...(description !== undefined && {
      description: check.prose(["description"], description, limits.descriptionLengthMax),
    }),
    ...(isGiven(price) && { price: money(check.money(["price"], price, currency), currency) }),
    ...(imageUrl !== undefined && { imageUrl: check.url(["imageUrl"], imageUrl, deps.local) }),
    ...(stock !== undefined && { stock: stock === null ? null : check.integer(["stock"], stock, 0, limits.stockMax) }),
    ...(isGiven(archived) && { archived }),
  };
  if (check.issues.length > 0) return invalid(check.issues);
  const product = await saveProduct(deps.database(merchantId), merchantId, productId, changes);
  return product ? ok({ product }) : notFound(productId);
}
