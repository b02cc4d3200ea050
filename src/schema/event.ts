import { eventCatalogue } from "../core/event-catalogue.ts";
import { eventTypes, type EventType as CoreEventType, type FeedEvent } from "../core/events.ts";
import { endlessConnection } from "./connection.ts";
import { merchantOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { Event, Order, type EventView } from "./nouns.ts";

export const EventType = describedEnum<CoreEventType>(
  "EventType",
  "As webhook type: lower case, first underscore a dot (ORDER_PAID is `order.paid`).",
  Object.fromEntries(eventTypes.map((type) => [type, eventCatalogue[type].when])) as Record<CoreEventType, string>,
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
