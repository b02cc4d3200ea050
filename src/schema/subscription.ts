import type { Order as CoreOrder } from "../core/order.ts";
import { builder } from "./builder.ts";
import { EventType } from "./event.ts";
import { Event, Order, type EventView } from "./nouns.ts";
import { priced } from "./price.ts";

/** Watching is the feed's work, which answers these fields once for each piece of news (`live.ts`). */
const fed = <News>(): AsyncIterable<News> => {
  throw new Error("subscriptions are fed by the merchant's feed");
};

builder.subscriptionFields((t) => ({
  order: t.field({
    type: Order,
    authScopes: { anyOf: ["ORDERS_READ"] },
    description: "Snapshot first, then every change.",
    ...priced({ points: 2 }),
    args: { id: t.arg.id({ required: true, description: "`order_…`" }) },
    subscribe: () => fed<CoreOrder>(),
    resolve: (order) => order,
  }),
  events: t.field({
    type: Event,
    authScopes: { anyOf: ["ORDERS_READ"] },
    description:
      "The merchant's whole feed, in the order of the log. `after` is an event's id and resumes without loss; without it, from now on.",
    ...priced({ points: 2 }),
    args: {
      types: t.arg({ type: [EventType], description: "Only these; all unless said." }),
      after: t.arg.id({ description: "`event_…`: the last event that is known. What came after it is told first." }),
    },
    subscribe: () => fed<EventView>(),
    resolve: (event) => event,
  }),
}));
