/**
 * Carries an erasure on through everything that lies outside the read model: partners hear of it, pools and payment accounts forget the person, and one order after the
 * other does, with what webhook endpoints made of it. Each step may be repeated, so whoever dies in the middle leaves it to whoever comes next; and none waits for another.
 */
import { customerErased, idOfEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { markTold, ordersToForget, type Erasure } from "../db/erasures.ts";
import { listPaymentAccounts } from "../db/payment-accounts.ts";
import { listStaffPools } from "../db/staff-pools.ts";
import { endpointIdsOf } from "../db/webhook-endpoints.ts";
import type { ErasedPerson } from "../durable/protocol.ts";
import type { Place } from "../durable/webhook-protocol.ts";
import type { Deps } from "./deps.ts";

export type Erasing = Pick<Deps, "liveCode" | "account" | "feed" | "pool" | "endpoint">;
/** Of how many orders that were asked how many have heard now, and what is to be tried again. */
export type Progress = { readonly asked: number; readonly heard: number; readonly faults: readonly unknown[] };

/** At most `max` orders. What fails keeps nothing else from being done. */
export async function continueErasure(
  deps: Erasing,
  database: D1Database,
  erasure: Erasure,
  max: number,
): Promise<Progress> {
  const { merchantId, customerId, erasedAt } = erasure;
  const person = { merchantId, customerId, erasedAt };
  const [pools, accounts] = await Promise.all([
    listStaffPools(database, merchantId, limits.staffPoolsPerMerchantMax),
    listPaymentAccounts(database, merchantId),
  ]);
  const [orders, ...parts] = await Promise.allSettled([
    forgetInOrders(deps, database, erasure, max),
    tell(deps, erasure),
    ...pools.map(async (id) => deps.pool(id).forget(person)),
    ...accounts.map(({ id }) => forgetPayer(deps, id, person)),
  ]);
  if (orders.status === "rejected") throw orders.reason;
  return { ...orders.value, faults: [...orders.value.faults, ...reasonsOf(parts)] };
}

const reasonsOf = (parts: readonly PromiseSettledResult<unknown>[]): readonly unknown[] =>
  parts.flatMap((part): readonly unknown[] => (part.status === "rejected" ? [part.reason] : []));

/** Under the same id as in the log, so that nobody takes it twice. Number 0: partners know of it. */
async function tell({ feed }: Erasing, { merchantId, customerId, sequence, erasedAt: at }: Erasure): Promise<void> {
  if (sequence === 0) return;
  await feed(merchantId).publish([customerErased(merchantId, customerId, { sequence, at })]);
  await feed(merchantId).logged();
}

async function forgetPayer({ account }: Erasing, id: string, person: ErasedPerson): Promise<void> {
  for (let after: string | null = ""; after !== null;) after = await account(id).forgetPayer(person, after);
}

/** Those that could not hear before come first, but take no more than half. What cannot hear is passed over and stays named. */
async function forgetInOrders(deps: Erasing, database: D1Database, erasure: Erasure, max: number): Promise<Progress> {
  const endpoints = await endpointIdsOf(database, erasure.merchantId);
  const again = erasure.missed.slice(0, Math.ceil(max / 2));
  const room = Math.min(max - again.length, limits.erasureMissedMax - erasure.missed.length);
  const orders = await ordersToForget(database, erasure, room);
  const keys = [...again, ...orders.map(({ key }) => key)];
  const placedAt = new Map(orders.map((order) => [order.key, order.placedAt]));
  // One that ails an endpoint is the same for many.
  const faults = new Set<unknown>();
  let heard = 0;
  let told = erasure;
  for (let from = 0; from < keys.length; from += limits.ordersToldAtOnce) {
    const some = keys.slice(from, from + limits.ordersToldAtOnce);
    const missing = await forgetIn(deps, endpoints, erasure, some);
    for (const fault of missing.values()) faults.add(fault);
    heard += some.length - missing.size;
    const missed = [...told.missed.filter((key) => !some.includes(key)), ...missing.keys()];
    const last = some.findLast((key) => placedAt.has(key));
    const place = last && { toldPlacedAt: placedAt.get(last) ?? 0, toldOrder: last };
    told = await markTold(database, told, { ...told, ...place, missed });
  }
  return { asked: keys.length, heard, faults: Array.from(faults) };
}

/** Answers which of the orders could not hear, and why. */
async function forgetIn(
  deps: Erasing,
  endpoints: readonly string[],
  erasure: Erasure,
  keys: readonly OrderKey[],
): Promise<ReadonlyMap<OrderKey, unknown>> {
  const missing = new Map<OrderKey, unknown>();
  const each = keys.map(async (key) => {
    try {
      return await forgetOrder(deps, erasure, key);
    } catch (fault) {
      missing.set(key, fault);
      return [];
    }
  });
  const told = (await Promise.all(each)).flat();
  if (told.length === 0) return missing;
  const [fault] = reasonsOf(
    await Promise.allSettled(endpoints.map(async (id) => deps.endpoint(id).forgetBodies(told))),
  );
  // Whoever hears twice has forgotten already, so all of them are told again with the endpoint.
  return fault === undefined ? missing : new Map(keys.map((key) => [key, missing.get(key) ?? fault]));
}

/** Answers all that was told of the order: nobody is to be told it again as a partner's selection made it of the person. */
async function forgetOrder(
  { liveCode }: Erasing,
  { merchantId, erasedAt }: Erasure,
  key: OrderKey,
): Promise<readonly Place[]> {
  const code = liveCode(key);
  const applied = await code.apply({ kind: "forget", erasedAt }, merchantId);
  if (!applied.found || !applied.ok) throw new Error("an order of the read model hears of its customer's erasure");
  // An order that converted since is of a relation that began anew.
  if (applied.order.conversion?.erasedAt === undefined) return [];
  return (await code.timeline(merchantId)).map((event) => ({ at: event.at, id: idOfEvent(key, event) }));
}
