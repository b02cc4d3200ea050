/** What lists can be narrowed by. */
import type { OrderFilter as OrderQuery } from "../db/orders.ts";
import { builder } from "./builder.ts";
import { OrderState } from "./order-state.ts";

const DateTimeRange = builder.inputType("DateTimeRange", {
  description: "A stretch of time.",
  fields: (t) => ({
    from: t.field({ type: "DateTime", required: true, description: "Its first instant." }),
    to: t.field({ type: "DateTime", required: true, description: "The first instant after it." }),
  }),
});

export const OrderFilter = builder.inputType("OrderFilter", {
  description: "Which orders.",
  fields: (t) => ({
    state: t.field({ type: [OrderState], description: "In one of these states now." }),
    createdAt: t.field({ type: DateTimeRange, description: "Placed in this time." }),
    externalReference: t.string({ description: "With exactly this name of yours." }),
    channel: t.string({ description: "From exactly this channel." }),
    customerId: t.id({ description: "Paid by this customer." }),
    search: t.string({
      description: "The beginning of the number, or a part of your own name of it or of a line's name.",
    }),
  }),
});
export const orderFilterIn = (wish: typeof OrderFilter.$inferInput | null | undefined): OrderQuery => {
  const { state, ...filter } = wish ?? {};
  return { ...filter, states: state };
};

export const CustomerFilter = builder.inputType("CustomerFilter", {
  description: "Which customers.",
  fields: (t) => ({
    tag: t.string({ description: "With exactly this tag." }),
    search: t.string({ description: "A part of the name, or of what the customer is known by." }),
    createdAt: t.field({ type: DateTimeRange, description: "Who became a customer in this time." }),
  }),
});
