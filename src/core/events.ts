/** The one vocabulary for timeline, subscriptions, webhooks and pull. */
import { eventDataOf, type EventFacts } from "./event-data.ts";
import { eventId, type OrderKey } from "./ids.ts";
import type { OrderTerms } from "./order.ts";

export const eventTypes = [
  "ORDER_PLACED",
  "ORDER_CONFIRMED",
  "ORDER_PAID",
  "ORDER_EXPIRED",
  "ORDER_CANCELLED",
  "ORDER_REFUNDED",
  "ORDER_REVIEW",
  "PAYMENT_FAILED",
  "PAYMENT_DUPLICATE",
  "CONVERSION_COMMITTED",
  "CONVERSION_REVERSED",
  "CUSTOMER_CREATED",
  "CUSTOMER_CONSENT_CHANGED",
  "CUSTOMER_ERASED",
  "WEBHOOK_ENDPOINT_DISABLED",
] as const;
export type EventType = (typeof eventTypes)[number];

/** ORDER_PAID is `order.paid` on the wire: lower case, the first underscore a dot. */
export const wireType = (type: EventType): string => type.toLowerCase().replace("_", ".");
const byWireType = new Map(eventTypes.map((type) => [wireType(type), type]));
export const eventTypeOf = (wire: string): EventType | undefined => byWireType.get(wire);

/** Something that happened to an order, as its live code keeps it: with the facts of that moment, taken in the commit it belongs to. */
export type OrderEvent = {
  readonly type: EventType;
  /** Rises by one per order, without gaps, from 1. */
  readonly sequence: number;
  readonly at: number;
  readonly data: EventFacts;
};
/** What partners receive. Always carries `orderId` and `sequence`. JSON, camelCase, money as `{ amount, currency }`, instants as RFC 3339. */
export type EventData = { readonly orderId: string; readonly sequence: number; readonly [field: string]: unknown };

/** The body partners receive, by push or by pull: byte for byte the same over every retry and replay. */
export const eventBody = (terms: OrderTerms, event: OrderEvent): string =>
  JSON.stringify({
    type: wireType(event.type),
    timestamp: new Date(event.at).toISOString(),
    data: eventDataOf(terms, event),
  });

export const idOfEvent = (key: OrderKey, event: OrderEvent): string => eventId(key, event.sequence);

/** An event on its way to partners: rendered once, carried everywhere as it is. */
export type FeedEvent = {
  /** `event_…`: the webhook's `webhook-id`, the same over every retry and replay. */
  readonly id: string;
  readonly type: EventType;
  /** The order it happened to; null for what happened to a customer or an endpoint, which the id names too (`subjectOf`). */
  readonly orderKey: OrderKey | null;
  readonly sequence: number;
  readonly at: number;
  /** The webhook's body (`eventBody`). */
  readonly body: string;
};

export const feedEvent = (terms: OrderTerms, event: OrderEvent): FeedEvent => ({
  id: idOfEvent(terms.key, event),
  type: event.type,
  orderKey: terms.key,
  sequence: event.sequence,
  at: event.at,
  body: eventBody(terms, event),
});

/** That a customer's data was destroyed: the only event that happens to a customer alone. */
export function customerErased(
  merchantId: string,
  customerId: string,
  { sequence, at }: { readonly sequence: number; readonly at: number },
): FeedEvent {
  const type = "CUSTOMER_ERASED";
  const body = JSON.stringify({
    type: wireType(type),
    timestamp: new Date(at).toISOString(),
    data: { customerId, sequence, merchantId },
  });
  const id = eventId(customerId.slice("customer_".length), sequence);
  return { id, type, orderKey: null, sequence, at, body };
}
