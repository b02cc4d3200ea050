/**
 * `delivery_<endpoint>_<milliseconds>_<event>`: names the endpoint's object and the row in it, so a delivery is found from its id alone.
 * The time is the event's own, therefore the same event always has the same delivery at an endpoint.
 */
import type { Id } from "../core/ids.ts";

export type DeliveryPlace = {
  readonly endpointId: string;
  /** When the event happened. */
  readonly at: number;
  readonly eventId: string;
};

const pattern = /^delivery_([0-9A-Z]+)_(\d{1,15})_([0-9A-Z]+)$/;
const suffix = (id: string): string => id.slice(id.indexOf("_") + 1);

export const deliveryId = ({ endpointId, at, eventId }: DeliveryPlace): Id<"delivery"> =>
  `delivery_${suffix(endpointId)}_${at}_${suffix(eventId)}`;

/** Null for whatever is not a delivery's id. */
export function deliveryPlaceOf(id: string): DeliveryPlace | null {
  const [, endpoint, at, event] = pattern.exec(id) ?? [];
  return endpoint && at && event
    ? { endpointId: `endpoint_${endpoint}`, at: Number(at), eventId: `event_${event}` }
    : null;
}
