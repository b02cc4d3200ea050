/**
 * An order is placed and its live code generated. The key of the order is drawn from the request's idempotency key when there is one, so the same
 * request always meets the same object, and only that object decides whether it is the first. Whatever was taken on the way to an order
 * that did not come to be (a number, a hold on stock) is left: a number is only a name, and holds without an order are swept. Until then a hold
 * keeps its key for requests that want the same pieces, because it may be about to become the order.
 */
import { couponSeedLength } from "../core/block-run.ts";
import { orderKeyFrom } from "../core/ids.ts";
import type { Order, OrderTerms } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import { findProducts } from "../db/products.ts";
import { dropStrayHold, takeStock, type Shortage } from "../db/stock.ts";
import type { LiveCodeProtocol, Placed } from "../durable/protocol.ts";
import { agreeOrder, isTooDeep, type PlaceOrder } from "./agree-order.ts";
import type { Deps } from "./deps.ts";
import {
  invalid,
  type IdempotencyFailure,
  type NotFoundFailure,
  type StockFailure,
  type ValidationFailure,
} from "./failures.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { nextOrderNumber } from "./order-numbers.ts";

/** `replayed`: an earlier request with the same idempotency key placed it. */
export type PlacedOrder = { readonly order: Order; readonly replayed: boolean };
export type PlaceOrderError = ValidationFailure | NotFoundFailure | StockFailure | IdempotencyFailure;

/** `idempotencyKey` null: every request is another order. */
export async function placeOrder(
  deps: Deps,
  merchant: Merchant,
  input: PlaceOrder,
  idempotencyKey: string | null,
): Promise<Result<PlacedOrder, PlaceOrderError>> {
  if (isTooDeep(input.metadata)) return invalid([{ path: ["input", "metadata"], message: "is nested too deeply" }]);
  const key =
    idempotencyKey === null ? orderKeyFrom(deps.random(10)) : deps.keys.orderOfRequest(merchant.id, idempotencyKey);
  const fingerprint = fingerprintOf(input);
  const code = deps.liveCode(key);
  const answer = (placed: Placed): Result<PlacedOrder, IdempotencyFailure> =>
    placed.kind === "conflict"
      ? err({ reason: "IDEMPOTENCY", key: idempotencyKey ?? "" })
      : ok({ order: placed.order, replayed: placed.kind === "replayed" });
  // A replay takes nothing and checks nothing again: prices may have changed, the order has not.
  const replay = async (): Promise<Result<PlacedOrder, IdempotencyFailure> | null> => {
    const earlier = idempotencyKey === null ? null : await code.look(merchant.id);
    return earlier && answer(await code.place(earlier.terms, fingerprint));
  };

  const replayed = await replay();
  if (replayed) return replayed;
  const agreed = await agreeOrder(deps, merchant, input);
  if (!agreed.ok) return agreed;
  const { block, placedAt, lines, countsStock } = agreed.value;
  const grantsCoupons = block.definition.actions.some(({ kind }) => kind === "COUPON_GRANT");
  // Numbers are leased in blocks: what is sold out must not use them up.
  const place = async (): Promise<Placed> => {
    const terms: OrderTerms = {
      ...agreed.value,
      block: grantsCoupons ? { ...block, couponSeed: deps.keys.couponSeed(key, couponSeedLength) } : block,
      key,
      number: await nextOrderNumber(deps, merchant.id),
    };
    return code.place(terms, fingerprint);
  };
  if (!countsStock) return answer(await place());

  const request = { merchantId: merchant.id, orderKey: key, placedAt, version: 0, lines };
  const taken = await takeStock(deps.database(merchant.id), request);
  if (!taken.ok) {
    // An equal request may have become the order meanwhile, and sold the pieces that are missing.
    const overtaken = await replay();
    if (overtaken) return overtaken;
    return taken.error === "OTHER_REQUEST" ? answer({ kind: "conflict" }) : shortOf(deps, merchant.id, taken.error);
  }
  const placed = await place();
  if (placed.kind !== "placed") deps.waitUntil(putBackStray(deps, code, merchant.id));
  return answer(placed);
}

async function shortOf(
  deps: Deps,
  merchantId: string,
  { productId, available }: Shortage,
): Promise<Result<never, StockFailure>> {
  const [product] = await findProducts(deps.database(merchantId), merchantId, [productId]);
  if (!product) throw new Error("only a product of the catalogue can be short");
  return err({ reason: "OUT_OF_STOCK", product, available });
}

/** Another request is the order: what this one took is given back at once, where the sweep would do it later. */
async function putBackStray(deps: Deps, code: LiveCodeProtocol, merchantId: string): Promise<void> {
  const order = await code.look(merchantId);
  if (order) await dropStrayHold(deps.database(merchantId), order.terms);
}
