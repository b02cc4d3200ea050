import { receivedOf, refundedOf, settlementOf } from "../core/amounts.ts";
import { eventDataOf } from "../core/event-data.ts";
import type { OrderEvent } from "../core/events.ts";
import { idOfEvent } from "../core/events.ts";
import { orderId } from "../core/ids.ts";
import { money, type Minor } from "../core/money.ts";
import type { Order as CoreOrder, OrderLine as CoreOrderLine } from "../core/order.ts";
import { stateOf } from "../core/state.ts";
import { allowedActions } from "../core/transitions.ts";
import { findOrder } from "../resolvers/find-order.ts";
import { Attribution } from "./attribution.ts";
import { builder, shape } from "./builder.ts";
import { connection } from "./connection.ts";
import { merchantOf } from "./context.ts";
import { loadersOf } from "./loaders.ts";
import { Money } from "./money.ts";
import { findable, Node } from "./node.ts";
import { Conversion, Customer, Event, LiveCode, Merchant, Order, Product } from "./nouns.ts";
import { OrderAction, OrderState, Settlement } from "./order-state.ts";
import { priced } from "./price.ts";
import { Payment, paymentsOf, Refund, refundsOf } from "./payment.ts";

const OrderLine = builder.objectRef<CoreOrderLine & Pick<CoreOrder["terms"], "currency">>("OrderLine").implement({
  description: "One line of an order, at the name and price of the moment when it was placed.",
  ...shape,
  fields: (t) => ({
    product: t.field({
      type: Product,
      nullable: true,
      description: "The product as it is now; null for a free line.",
      resolve: ({ productId }, _args, context) => (productId === null ? null : loadersOf(context).product(productId)),
    }),
    name: t.exposeString("name", { description: "What is sold." }),
    quantity: t.exposeInt("quantity", { description: "How many." }),
    unitPrice: t.field({
      type: Money,
      description: "For one.",
      resolve: ({ unitPrice, currency }) => money(unitPrice, currency),
    }),
    total: t.field({
      type: Money,
      description: "For all of them.",
      resolve: ({ unitPrice, quantity, currency }) => money(unitPrice * quantity, currency),
    }),
  }),
});

/** An amount in the order's own currency. */
const inOrder =
  (amount: (order: CoreOrder) => Minor) =>
  (order: CoreOrder): { minor: Minor; currency: CoreOrder["terms"]["currency"] } =>
    money(amount(order), order.terms.currency);

Order.implement({
  description: "What somebody agreed to buy, and everything that became of it.",
  interfaces: [Node],
  // Those who may change an order see the one that they changed; looking others up needs ORDERS_READ, which the doors to them ask for.
  authScopes: { anyOf: ["ORDERS_READ", "ORDERS_WRITE", "PAYMENTS_WRITE"] },
  fields: (t) => ({
    id: t.id({ description: "`order_…`", resolve: ({ terms }) => orderId(terms.key) }),
    number: t.string({
      description: "Short number that people read to each other; unique per merchant.",
      resolve: ({ terms }) => terms.number,
    }),
    state: t.field({
      type: OrderState,
      description: "Where the order is in its life.",
      resolve: (order, _args, { deps }) => stateOf(order, deps.now()),
    }),
    allowedActions: t.field({
      type: [OrderAction],
      description: "What may be done now, computed from the same transition table that decides.",
      resolve: (order, _args, { deps }) => allowedActions(order, deps.now()),
    }),
    lines: t.field({
      type: [OrderLine],
      description: "What is sold.",
      resolve: ({ terms }) => terms.lines.map((line) => ({ ...line, currency: terms.currency })),
    }),
    subtotal: t.field({
      type: Money,
      description: "The sum of the lines.",
      resolve: inOrder(({ terms }) => terms.subtotal),
    }),
    discount: t.field({
      type: Money,
      description: "Taken off the subtotal.",
      resolve: inOrder(({ terms }) => terms.discount),
    }),
    total: t.field({ type: Money, description: "What is to be paid.", resolve: inOrder(({ terms }) => terms.total) }),
    received: t.field({
      type: Money,
      description: "All the money that arrived, whatever became of it.",
      resolve: inOrder(receivedOf),
    }),
    refunded: t.field({ type: Money, description: "What went back for certain.", resolve: inOrder(refundedOf) }),
    settlement: t.field({
      type: Settlement,
      description: "What arrived, against the total.",
      resolve: settlementOf,
    }),
    paidLate: t.boolean({
      description: "Whether the money that covered it was paid after the code had expired.",
      resolve: ({ paid }) => paid?.late ?? false,
    }),
    externalReference: t.string({
      nullable: true,
      description: "The merchant's own name of it.",
      resolve: ({ terms }) => terms.externalReference,
    }),
    metadata: t.field({
      type: "JSON",
      nullable: true,
      description: "The merchant's own notes, given back as they came.",
      resolve: ({ terms }) => terms.metadata,
    }),
    attribution: t.field({
      type: Attribution,
      description: "Where it came from.",
      resolve: ({ terms }) => terms.attribution,
    }),
    merchant: t.field({
      type: Merchant,
      description: "Who sells.",
      resolve: (_order, _args, context) => merchantOf(context),
    }),
    liveCode: t.field({ type: LiveCode, description: "What the payer scans.", resolve: (order) => order }),
    payments: t.field({
      type: [Payment],
      description: "Every try to pay it, and all the money that arrived.",
      resolve: paymentsOf,
    }),
    refunds: t.field({ type: [Refund], description: "Money going back.", resolve: refundsOf }),
    conversion: t.field({
      type: Conversion,
      nullable: true,
      description: "What happened to the payer at the moment it was paid.",
      resolve: (order) => conversionOf(order),
    }),
    customer: t.field({
      type: Customer,
      nullable: true,
      description: "Whom the payer became.",
      resolve: (order) => order.conversion && { id: order.conversion.payer.customerId, order, row: null },
    }),
    timeline: t.field({
      type: [Event],
      description: "Everything that happened to this order, in order.",
      ...priced({ points: 2, times: 10 }),
      resolve: async (order, _args, context) => {
        const events = await context.deps.liveCode(order.terms.key).timeline(merchantOf(context).id);
        return events.map((event) => eventOf(order, event));
      },
    }),
    createdAt: t.field({
      type: "DateTime",
      description: "When it was placed.",
      resolve: ({ terms }) => terms.placedAt,
    }),
    expiresAt: t.field({
      type: "DateTime",
      description: "Until when it can be paid.",
      resolve: ({ expiresAt }) => expiresAt,
    }),
    paidAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When the money that covered it was paid.",
      resolve: ({ paid }) => paid?.at,
    }),
    version: t.exposeInt("version", {
      description: "Rises by one with every change; compare it to drop stale pushes.",
    }),
  }),
});
export const OrderConnection = connection(Order, "orders");

export const conversionOf = (order: CoreOrder) => order.conversion && { order, conversion: order.conversion };

const eventOf = (order: CoreOrder, event: OrderEvent) => ({
  id: idOfEvent(order.terms.key, event),
  type: event.type,
  sequence: event.sequence,
  at: event.at,
  orderKey: order.terms.key,
  data: eventDataOf(order.terms, event),
  order,
});

findable("order", {
  typeName: Order.name,
  anyOf: ["ORDERS_READ"],
  load: ({ deps }, { merchant }, id) => findOrder(deps, merchant.id, { id }),
});

const OrderBy = builder.inputType("OrderBy", {
  description: "One of the names of an order.",
  isOneOf: true,
  fields: (t) => ({
    id: t.id({ description: "`order_…`" }),
    number: t.string({ description: "The short number that people read to each other." }),
    externalReference: t.string({ description: "Your own name of it; if you used it twice, the newest." }),
    liveCode: t.string({ description: "The slug of its live code." }),
  }),
});

builder.queryField("order", (t) =>
  t.field({
    type: Order,
    nullable: true,
    authScopes: { anyOf: ["ORDERS_READ"] },
    description: "One order, fresh; null when there is none, or none of yours.",
    ...priced({ points: 2 }),
    args: { by: t.arg({ type: OrderBy, required: true, description: "Which one." }) },
    resolve: (_root, { by }, context) => findOrder(context.deps, merchantOf(context).id, by),
  }),
);
