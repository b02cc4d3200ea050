/**
 * What an endpoint was sent. Its object hands deliveries out newest first; whatever else is asked for is found by reading on, which is what
 * a person looking for lost deliveries does too.
 */
import { limits } from "../core/limits.ts";
import { err, ok } from "../core/result.ts";
import { sizeOf, type PageRequest, type PageResult } from "../db/page.ts";
import type { Delivery, DeliveryState } from "../durable/protocol.ts";
import { deliveryPlaceOf } from "../webhooks/delivery-id.ts";
import type { Deps } from "./deps.ts";
import { isGiven } from "./given.ts";
import { findEndpoint } from "./find-webhook-endpoint.ts";

/** `state` null: any. The endpoint is known to be the caller's. A cursor is a delivery's id. */
export async function pageDeliveries(
  deps: Deps,
  endpointId: string,
  state: DeliveryState | null,
  page: PageRequest,
): Promise<PageResult<Delivery>> {
  const { after, before } = page;
  const sized = sizeOf(page);
  if (!sized.ok) return sized;
  for (const [argument, cursor] of [
    ["after", after],
    ["before", before],
  ] as const)
    if (isGiven(cursor) && deliveryPlaceOf(cursor)?.endpointId !== endpointId)
      return err({ argument, message: "is not a cursor of this list" });

  const { count, backward } = sized.value;
  // Forwards the first of them are wanted, and backwards the last; one more tells whether there are more.
  const found: Delivery[] = [];
  for await (const delivery of newestFirst(deps, endpointId, after ?? null)) {
    if (isGiven(before) && !isNewer(delivery.id, before)) break;
    if (state !== null && delivery.state !== state) continue;
    found.push(delivery);
    if (found.length <= count) continue;
    if (!backward) break;
    if (found.length > count + 1) found.shift();
  }
  const more = found.length > count;
  const kept = backward && more ? found.slice(1) : found.slice(0, count);
  const edges = kept.map((node) => ({ cursor: node.id, node }));
  return ok({
    edges,
    pageInfo: {
      hasNextPage: backward ? isGiven(before) : more,
      hasPreviousPage: backward ? more : isGiven(after),
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  });
}

/** Whether a delivery stands before another in the list. */
function isNewer(id: string, than: string): boolean {
  const [one, other] = [deliveryPlaceOf(id), deliveryPlaceOf(than)];
  if (!one || !other) throw new Error("both are deliveries");
  return one.at === other.at ? one.eventId > other.eventId : one.at > other.at;
}

export async function countDeliveries(deps: Deps, endpointId: string, state: DeliveryState | null): Promise<number> {
  let count = 0;
  for await (const delivery of newestFirst(deps, endpointId, null))
    if (state === null || delivery.state === state) count += 1;
  return count;
}

/** One delivery by its id; null when there is none, or none of this merchant's. */
export async function findDelivery(deps: Deps, merchantId: string, id: string): Promise<Delivery | null> {
  const place = deliveryPlaceOf(id);
  if (!place || !(await findEndpoint(deps, merchantId, place.endpointId))) return null;
  return deps.endpoint(place.endpointId).delivery(id);
}

async function* newestFirst(deps: Deps, endpointId: string, before: string | null): AsyncGenerator<Delivery> {
  let from = before;
  for (;;) {
    const some = await deps.endpoint(endpointId).deliveries(limits.pageSizeMax, from);
    yield* some;
    const last = some.at(-1);
    if (!last || some.length < limits.pageSizeMax) return;
    from = last.id;
  }
}
