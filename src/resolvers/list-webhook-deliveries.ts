/** What an endpoint was sent, newest first. Its object reads no more than the page that is asked for. */
import { err, ok } from "../core/result.ts";
import { sizeOf, type PageRequest, type PageResult } from "../db/page.ts";
import type { Delivery, DeliveryState } from "../durable/webhook-protocol.ts";
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
  // One more tells whether there are more. Backwards the list is read from its end.
  const slice = { after: before ?? null, state, oldestFirst: backward };
  const found = await deps.endpoint(endpointId).deliveries(count + 1, after ?? null, slice);
  const more = found.length > count;
  const kept = backward ? found.slice(0, count).toReversed() : found.slice(0, count);
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

export async function countDeliveries(deps: Deps, endpointId: string, state: DeliveryState | null): Promise<number> {
  for (;;) {
    const count = await deps.endpoint(endpointId).countDeliveries(state);
    if (count !== null) return count;
  }
}

/** One delivery by its id; null when there is none, or none of this merchant's. */
export async function findDelivery(deps: Deps, merchantId: string, id: string): Promise<Delivery | null> {
  const place = deliveryPlaceOf(id);
  if (!place || !(await findEndpoint(deps, merchantId, place.endpointId))) return null;
  return deps.endpoint(place.endpointId).delivery(id);
}
