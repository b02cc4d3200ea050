/** One order by any of its names, as it is now: whatever name leads to it, its object is asked. */
import { orderKeyOf, prefixOf, type OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";
import { findOrderByExternalReference, findOrderByNumber } from "../db/orders.ts";
import { isGiven, type Optional } from "./given.ts";
import type { Deps } from "./deps.ts";

/** Exactly one of them. `liveCode` is a slug. */
export type OrderName = {
  readonly id?: Optional<string>;
  readonly number?: Optional<string>;
  readonly externalReference?: Optional<string>;
  readonly liveCode?: Optional<string>;
};

/** The key inside `order_…`; null for anything else, so that an event's or a payment's id is no order. */
export const keyOfOrderId = (id: string): OrderKey | null => (prefixOf(id) === "order" ? orderKeyOf(id) : null);

/** Null when there is none, or none of this merchant's. */
export async function findOrder(
  deps: Deps,
  merchantId: string,
  { id, number, externalReference, liveCode }: OrderName,
): Promise<Order | null> {
  if (isGiven(id)) return fresh(deps, merchantId, keyOfOrderId(id));
  if (isGiven(liveCode)) return fresh(deps, merchantId, deps.keys.orderOfSlug(liveCode));
  const database = deps.database(merchantId);
  if (isGiven(number)) return freshOf(deps, merchantId, await findOrderByNumber(database, merchantId, number));
  if (isGiven(externalReference))
    return freshOf(deps, merchantId, await findOrderByExternalReference(database, merchantId, externalReference));
  return null;
}

const fresh = (deps: Deps, merchantId: string, key: OrderKey | null): Promise<Order | null> =>
  key === null ? Promise.resolve(null) : deps.liveCode(key).look(merchantId);

/** The read model is a moment behind; an object that is gone leaves it the last word. */
const freshOf = async (deps: Deps, merchantId: string, known: Order | null): Promise<Order | null> =>
  known && ((await fresh(deps, merchantId, known.terms.key)) ?? known);
