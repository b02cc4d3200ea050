/** The one vocabulary for timeline, subscriptions, webhooks and pull. */
import type { OrderKey } from "./ids.ts";
import { eventId } from "./ids.ts";

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

/** Something that happened to an order. `data` is what partners receive: rendered once, in the commit it belongs to, and never again. */
export type OrderEvent = {
  readonly type: EventType;
  /** Rises by one per order, without gaps, from 1. */
  readonly sequence: number;
  readonly at: number;
  readonly data: EventData;
};
/** Always carries `orderId` and `sequence`. JSON, camelCase, money as `{ amount, currency }`, instants as RFC 3339. */
export type EventData = { readonly orderId: string; readonly sequence: number; readonly [field: string]: unknown };

/** The body partners receive, by push or by pull: byte for byte the same over every retry and replay. */
export const eventBody = (event: OrderEvent): string =>
  JSON.stringify({ type: wireType(event.type), timestamp: new Date(event.at).toISOString(), data: event.data });

export const idOfEvent = (key: OrderKey, event: OrderEvent): string => eventId(key, event.sequence);

/** An event on its way to partners: rendered once, carried everywhere as it is. */
export type FeedEvent = {
  /** `event_…`: the webhook's `webhook-id`, the same over every retry and replay. */
  readonly id: string;
  readonly type: EventType;
  readonly orderKey: OrderKey;
  readonly sequence: number;
  readonly at: number;
  /** The webhook's body (`eventBody`). */
  readonly body: string;
};

export const feedEvent = (key: OrderKey, event: OrderEvent): FeedEvent => ({
  id: idOfEvent(key, event),
  type: event.type,
  orderKey: key,
  sequence: event.sequence,
  at: event.at,
  body: eventBody(event),
});
