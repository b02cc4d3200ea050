import type { EventType as CoreEventType, FeedEvent } from "../core/events.ts";
import { endlessConnection } from "./connection.ts";
import { merchantOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { Event, Order, type EventView } from "./nouns.ts";

export const EventType = describedEnum<CoreEventType>(
  "EventType",
  "As webhook type: lower case, first underscore a dot (ORDER_PAID is `order.paid`).",
  {
    ORDER_PLACED: "An order was placed, and its live code generated.",
    ORDER_CONFIRMED: "A payer confirmed the order.",
    ORDER_PAID: "The total is covered.",
    ORDER_EXPIRED: "Nobody paid in time.",
    ORDER_CANCELLED: "The merchant called the order off.",
    ORDER_REFUNDED: "Money went back.",
    ORDER_REVIEW: "Money arrived that a person must decide about.",
    PAYMENT_FAILED: "A try to pay failed.",
    PAYMENT_DUPLICATE: "Money came on top of an order already paid.",
    CONVERSION_COMMITTED: "The payer is a customer.",
    CONVERSION_REVERSED: "A refund took the conversion back, in part or whole.",
    CUSTOMER_CREATED: "The customer is new to the merchant.",
    CUSTOMER_CONSENT_CHANGED: "A customer agreed to something, or took it back.",
    CUSTOMER_ERASED: "A customer's personal data was destroyed.",
    WEBHOOK_ENDPOINT_DISABLED: "An endpoint is sent nothing any more.",
  },
);

Event.implement({
  description: "Something that happened. One vocabulary for timeline, webhooks and the log.",
  authScopes: { anyOf: ["ORDERS_READ", "ORDERS_WRITE", "PAYMENTS_WRITE", "WEBHOOKS_WRITE"] },
  fields: (t) => ({
    id: t.exposeID("id", { description: "Also the webhook's `webhook-id`: the same over every retry and replay." }),
    type: t.field({ type: EventType, description: "What happened.", resolve: ({ type }) => type }),
    sequence: t.exposeInt("sequence", {
      description: "Rises by one per order, without gaps: lets a receiver order events and detect loss.",
    }),
    occurredAt: t.field({ type: "DateTime", description: "When.", resolve: ({ at }) => at }),
    order: t.field({
      type: Order,
      nullable: true,
      authScopes: { anyOf: ["ORDERS_READ", "ORDERS_WRITE", "PAYMENTS_WRITE"] },
      description: "The order it happened to, as it is now; null for what happened to a customer or an endpoint.",
      resolve: ({ order, orderKey }, _args, context) =>
        order ?? (orderKey && context.deps.liveCode(orderKey).look(merchantOf(context).id)),
    }),
    data: t.field({ type: "JSON", description: "The webhook body's `data`.", resolve: ({ data }) => data }),
  }),
});
export const EventConnection = endlessConnection(Event, "the event log");

/** An event of the log or of a queue: its data is inside the body that partners receive. */
export const eventIn = ({ id, type, sequence, at, orderKey, body }: FeedEvent): EventView => ({
  id,
  type,
  sequence,
  at,
  orderKey,
  data: (JSON.parse(body) as { data: EventView["data"] }).data,
  order: null,
});
