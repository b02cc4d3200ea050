/**
 * Carries an erasure on through everything that lies outside the read model: partners hear of it, pools and payment accounts forget the person, and one order after the
 * other does, with what webhook endpoints made of it. Each step may be repeated, so whoever dies in the middle leaves it to whoever comes next; and none waits for another.
 */
import { customerErased, feedEvent, type FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { markTold, ordersToForget, type ErasedOrder, type Erasure } from "../db/erasures.ts";
import { listPaymentAccounts } from "../db/payment-accounts.ts";
import { listStaffPools } from "../db/staff-pools.ts";
import { endpointIdsOf } from "../db/webhook-endpoints.ts";
import type { Deps } from "./deps.ts";

export type Erasing = Pick<Deps, "liveCode" | "account" | "feed" | "pool" | "endpoint">;

/** Answers how many orders have heard now. Rejects when anything is left to be repeated beside orders that have not. */
export async function continueErasure(
  deps: Erasing,
  database: D1Database,
  erasure: Erasure,
  max: number,
): Promise<number> {
  const { merchantId, customerId, erasedAt } = erasure;
  const person = { merchantId, customerId, erasedAt };
  const [pools, accounts] = await Promise.all([
    listStaffPools(database, merchantId, limits.staffPoolsPerMerchantMax),
    listPaymentAccounts(database, merchantId),
  ]);
  const orders = forgetInOrders(deps, database, erasure, max);
  const parts = await Promise.allSettled([
    orders,
    tell(deps, erasure),
    ...pools.map(async (id) => deps.pool(id).forget(person)),
    ...accounts.map(async ({ id }) => deps.account(id).forgetPayer(person)),
  ]);
  for (const part of parts) if (part.status === "rejected") throw part.reason;
  return orders;
}

/** Under the same id as in the log, so that nobody takes it twice. Number 0: partners know of it. */
async function tell({ feed }: Erasing, { merchantId, customerId, sequence, erasedAt: at }: Erasure): Promise<void> {
  if (sequence === 0) return;
  await feed(merchantId).publish([customerErased(merchantId, customerId, { sequence, at })]);
  await feed(merchantId).logged();
}

async function forgetInOrders(deps: Erasing, database: D1Database, erasure: Erasure, max: number): Promise<number> {
  const endpoints = await endpointIdsOf(database, erasure.merchantId);
  const orders = await ordersToForget(database, erasure, max);
  let told = erasure;
  for (let from = 0; from < orders.length; from += limits.ordersToldAtOnce) {
    const some = orders.slice(from, from + limits.ordersToldAtOnce);
    const events = (await Promise.all(some.map((order) => forgetIn(deps, erasure, order)))).flat();
    await Promise.all(endpoints.map((id) => deps.endpoint(id).forgetBodies(events)));
    const last = some.at(-1);
    if (last) told = await markTold(database, told, last);
  }
  return orders.length;
}

/** Answers all that was told of the order: nobody is to be told it again as a partner's selection made it of the person. */
async function forgetIn(
  { liveCode }: Erasing,
  { merchantId, erasedAt }: Erasure,
  { key }: ErasedOrder,
): Promise<readonly FeedEvent[]> {
  const code = liveCode(key);
  const applied = await code.apply({ kind: "forget", erasedAt }, merchantId);
  if (!applied.found || !applied.ok) throw new Error("an order of the read model hears of its customer's erasure");
  const { terms, conversion } = applied.order;
  // An order that converted since is of a relation that began anew.
  if (conversion?.erasedAt === undefined) return [];
  return (await code.timeline(merchantId)).map((event) => feedEvent(terms, event));
}
