/** What an order agrees on: every line with its price of this moment, the money, the time, and what the merchant's policies are now. Nothing is taken yet. */
import { defaultBlock } from "../conversions/default-block.ts";
import type { PinnedBlock } from "../core/definition.ts";
import { limits } from "../core/limits.ts";
import { isMinor } from "../core/money.ts";
import type { Attribution, OrderLine, OrderTerms } from "../core/order.ts";
import { ok, type Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import { findConversionBlock } from "../db/conversion-blocks.ts";
import { findProducts, type Product } from "../db/products.ts";
import { checks, type Checks, type GivenMoney } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";
import { isGiven, type Optional } from "./given.ts";
import { lifetimeMs } from "./update-merchant.ts";

/** Either a product, or a free line with a name and a price. */
export type GivenLine = {
  readonly productId?: Optional<string>;
  readonly name?: Optional<string>;
  readonly unitPrice?: Optional<GivenMoney>;
  readonly quantity: number;
};
export type PlaceOrder = {
  readonly lines: readonly GivenLine[];
  readonly discount?: Optional<GivenMoney>;
  readonly externalReference?: Optional<string>;
  readonly lifetimeSeconds?: Optional<number>;
  readonly conversionBlockId?: Optional<string>;
  readonly attribution?: Optional<{ readonly [K in keyof Attribution]?: Optional<string> }>;
  readonly metadata?: unknown;
  readonly checkoutUrl?: Optional<string>;
};
export type AgreedOrder = Omit<OrderTerms, "key" | "number">;

export async function agreeOrder(
  deps: Deps,
  merchant: Merchant,
  input: PlaceOrder,
): Promise<Result<AgreedOrder, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const { lines: given } = input;
  if (given.length === 0 || given.length > limits.linesPerOrderMax) {
    check.fail(["lines"], `must have 1 to ${limits.linesPerOrderMax} lines`);
    return invalid(check.issues);
  }
  // Placements do not exist, so any id of one names nothing.
  const nowhere = input.attribution?.placementId;
  if (isGiven(nowhere)) return notFound(nowhere);
  const block = await blockFor(deps, merchant, check, input.conversionBlockId);
  if (block === null) return notFound(input.conversionBlockId ?? "");

  const products = await productsOf(deps, merchant.id, given);
  const absent = given.find(({ productId }) => isGiven(productId) && !products.has(productId));
  if (isGiven(absent?.productId)) return notFound(absent.productId);

  const lines = given.map((line, index) => agreeLine(check, merchant, line, products.get(line.productId ?? ""), index));
  const placedAt = deps.now();
  const { lifetimeSeconds } = input;
  const lifetime = isGiven(lifetimeSeconds)
    ? lifetimeMs(check, ["lifetimeSeconds"], lifetimeSeconds)
    : merchant.policy.codeLifetimeMs;
  const agreed: AgreedOrder = {
    merchant: { id: merchant.id, name: merchant.name, locale: merchant.locale, timeZone: merchant.timeZone },
    currency: merchant.currency,
    lines,
    ...agreeMoney(check, merchant, lines, input.discount),
    policy: merchant.policy,
    accounts: merchant.accounts,
    block,
    attribution: agreeAttribution(check, input.attribution ?? {}),
    externalReference: check.prose(["externalReference"], input.externalReference, limits.referenceLengthMax),
    metadata: agreeMetadata(check, input.metadata),
    checkoutUrl: check.url(["checkoutUrl"], input.checkoutUrl, deps.local),
    countsStock: [...products.values()].some(({ stock }) => stock !== null),
    placedAt,
    expiresAt: placedAt + lifetime,
  };
  return check.issues.length > 0 ? invalid(check.issues) : ok(agreed);
}

/** The block that was named, else the merchant's default, else the product's; null when the named one is not the merchant's. */
async function blockFor(
  deps: Deps,
  merchant: Merchant,
  { fail }: Checks,
  id: Optional<string>,
): Promise<PinnedBlock | null> {
  if (!isGiven(id)) return merchant.block ?? defaultBlock;
  const found = await findConversionBlock(deps.database(merchant.id), merchant.id, id, null);
  if (found && !found.enabled) fail(["conversionBlockId"], "names a block that is switched off");
  return found && { id: found.id, version: found.version, definition: found.definition };
}

/** The lines' products by id; those that are not this merchant's are absent. */
async function productsOf(
  deps: Deps,
  merchantId: string,
  lines: readonly GivenLine[],
): Promise<ReadonlyMap<string, Product>> {
  const ids = new Set(lines.map(({ productId }) => productId).filter(isGiven));
  if (ids.size === 0) return new Map();
  const found = await findProducts(deps.database(merchantId), merchantId, [...ids]);
  return new Map(found.map((product) => [product.id, product]));
}

function agreeLine(
  { fail, text, money, integer }: Checks,
  merchant: Merchant,
  line: GivenLine,
  product: Product | undefined,
  index: number,
): OrderLine {
  const path = (field: string): (string | number)[] => ["lines", index, field];
  const quantity = integer(path("quantity"), line.quantity, 1, limits.quantityMax);
  if (product) {
    if (isGiven(line.name)) fail(path("name"), "belongs to the product and cannot be given");
    if (isGiven(line.unitPrice)) fail(path("unitPrice"), "belongs to the product and cannot be given");
    if (product.archived) fail(path("productId"), "names an archived product");
    if (product.price.currency !== merchant.currency)
      fail(path("productId"), `names a product that is not sold in ${merchant.currency}`);
    return { productId: product.id, name: product.name, quantity, unitPrice: product.price.minor };
  }
  const { name, unitPrice } = line;
  if (!isGiven(name)) fail(path("name"), "is needed where no product is named");
  if (!isGiven(unitPrice)) fail(path("unitPrice"), "is needed where no product is named");
  return {
    productId: null,
    name: isGiven(name) ? text(path("name"), name, limits.nameLengthMax) : "",
    quantity,
    unitPrice: isGiven(unitPrice) ? money(path("unitPrice"), unitPrice, merchant.currency) : 0,
  };
}

function agreeMoney(
  { issues, fail, money }: Checks,
  { currency }: Merchant,
  lines: readonly OrderLine[],
  given: Optional<GivenMoney>,
): Pick<OrderTerms, "subtotal" | "discount" | "total"> {
  const subtotal = lines.reduce((sum, { unitPrice, quantity }) => sum + unitPrice * quantity, 0);
  const discount = given ? money(["discount"], given, currency) : 0;
  const total = subtotal - discount;
  // What is wrong with a line is told by itself: only whole lines can have a wrong sum.
  if (issues.length > 0) return { subtotal, discount, total };
  if (!isMinor(subtotal)) fail(["lines"], "add up to more than an order can have");
  else if (total < 0) fail(["discount", "amount"], "must not be more than the lines add up to");
  else if (total === 0) fail(discount > 0 ? ["discount", "amount"] : ["lines"], "must leave something to pay");
  return { subtotal, discount, total };
}

function agreeAttribution({ prose }: Checks, given: NonNullable<PlaceOrder["attribution"]>): Attribution {
  const label = (field: keyof Attribution): string | null =>
    prose(["attribution", field], given[field], limits.referenceLengthMax);
  return {
    channel: label("channel"),
    campaign: label("campaign"),
    staff: label("staff"),
    partner: label("partner"),
    placementId: null,
  };
}

function agreeMetadata({ fail }: Checks, given: unknown): unknown {
  if (!isGiven(given)) return null;
  const text = JSON.stringify(given);
  if (new TextEncoder().encode(text).length > limits.metadataBytesMax)
    fail(["metadata"], `must have at most ${limits.metadataBytesMax} bytes`);
  return JSON.parse(text);
}

/** Walks without recursion: what is nested without end must not reach anything that recurses. */
export function isTooDeep(value: unknown, depthMax: number = limits.metadataDepthMax): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > depthMax) return true;
    level = level.flatMap((one): unknown[] => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return false;
}
