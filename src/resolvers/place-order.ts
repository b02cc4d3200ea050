/**
 * An order is placed and its live code generated. The key of the order is drawn from the request's idempotency key when there is one, so the same
 * request always meets the same object, and only that object decides whether it is the first. Whatever was taken on the way to an order
 * that did not come to be (a number, a hold on stock) is left: a number is only a name, and holds without an order are swept.
 */
import { orderKeyFrom } from "../core/ids.ts";
import type { Order, OrderTerms } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import type { Product } from "../db/products.ts";
import { takeStock } from "../db/stock.ts";
import type { Placed } from "../durable/protocol.ts";
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
  const earlier = idempotencyKey === null ? null : await code.look(merchant.id);
  if (earlier) return answer(await code.place(earlier.terms, fingerprint));

  const agreed = await agreeOrder(deps, merchant, input);
  if (!agreed.ok) return agreed;
  const { counted, ...draft } = agreed.value;
  const terms: OrderTerms = { ...draft, key, number: await nextOrderNumber(deps, merchant.id) };
  const short = counted.length > 0 ? await shortage(deps, terms, counted) : null;
  return short ? err(short) : answer(await code.place(terms, fingerprint));
}

/** Holds the counted lines' stock for this order, once however often it is asked; or says what is short. */
async function shortage(
  deps: Deps,
  { merchant, key, placedAt, lines }: OrderTerms,
  counted: readonly Product[],
): Promise<StockFailure | null> {
  const taken = await takeStock(deps.database(merchant.id), {
    merchantId: merchant.id,
    orderKey: key,
    placedAt,
    version: 0,
    lines,
  });
  if (taken.ok) return null;
  const { productId, available } = taken.error;
  const product = counted.find(({ id }) => id === productId);
  if (!product) throw new Error("only a counted product of the order can be short");
  return { reason: "OUT_OF_STOCK", product, available };
}
