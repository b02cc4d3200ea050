import { orderId } from "../core/ids.ts";
import { money } from "../core/money.ts";
import type { Order as CoreOrder } from "../core/order.ts";
import type { UnmatchedPayment as KeptPayment, UnmatchedReason, UnmatchedState } from "../durable/protocol.ts";
import { findOrder } from "../resolvers/find-order.ts";
import { findUnmatchedPayment, pageUnmatchedPayments } from "../resolvers/list-unmatched-payments.ts";
import { assignUnmatchedPayment, refundUnmatchedPayment } from "../resolvers/place-unmatched-payment.ts";
import { builder, shape } from "./builder.ts";
import { endlessConnection, forwardArgs, pageIn, pricedByPage } from "./connection.ts";
import { merchantOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { Money } from "./money.ts";
import { ownKeyOf } from "./idempotency.ts";
import { mutation } from "./mutation.ts";
import { findable, Node } from "./node.ts";
import { Merchant, Order } from "./nouns.ts";
import { PaymentProvider } from "./payment.ts";

const Why = describedEnum<UnmatchedReason>("UnmatchedReason", "Why no order took it.", {
  UNKNOWN_ORDER: "It names none of yours.",
  REFUSED: "Its order can take no more.",
  ANOTHER_ORDER: "Another order has this very payment.",
});
const State = describedEnum<UnmatchedState>("UnmatchedPaymentState", "What becomes of it.", {
  WAITING: "It waits for a person.",
  ASSIGNING: "An order is to hear of it.",
  ASSIGNED: "An order has it.",
  REFUNDING: "The provider is to give it back.",
  REFUNDED: "It went back.",
  REFUND_FAILED: "The provider refused; it waits for a person.",
});

const UnmatchedPayment = builder.objectRef<KeptPayment>("UnmatchedPayment").implement({
  description: "Money that no order took, kept for a person to place.",
  interfaces: [Node],
  authScopes: { anyOf: ["PAYMENTS_WRITE"] },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`unmatched_…`" }),
    provider: t.field({ type: PaymentProvider, description: "Who told of it.", resolve: ({ provider }) => provider }),
    transaction: t.exposeString("transaction", { description: "The provider's own transaction number." }),
    amount: t.field({
      type: Money,
      description: "How much came.",
      resolve: ({ amount, currency }) => money(amount, currency),
    }),
    returned: t.field({
      type: Money,
      description: "How much of it has gone back, whoever asked for that.",
      resolve: ({ returned, currency }) => money(returned, currency),
    }),
    paidAt: t.field({
      type: "DateTime",
      description: "When the payer paid, by the provider's clock.",
      resolve: ({ paidAt }) => paidAt,
    }),
    heardAt: t.field({ type: "DateTime", description: "When we heard of it.", resolve: ({ heardAt }) => heardAt }),
    why: t.field({ type: Why, description: "Why no order took it.", resolve: ({ why }) => why }),
    state: t.field({ type: State, description: "What becomes of it.", resolve: ({ state }) => state }),
    order: t.field({
      type: Order,
      nullable: true,
      description: "The order that has it, or is being given it.",
      resolve: ({ order }, _args, context) =>
        order && findOrder(context.deps, merchantOf(context).id, { id: orderId(order) }),
    }),
  }),
});
findable("unmatched", {
  typeName: UnmatchedPayment.name,
  anyOf: ["PAYMENTS_WRITE"],
  load: ({ deps }, { merchant }, id) => findUnmatchedPayment(deps, merchant.id, id),
});

const UnmatchedPaymentConnection = endlessConnection(UnmatchedPayment, "unmatched payments");
builder.objectField(Merchant, "unmatchedPayments", (t) =>
  t.field({
    type: UnmatchedPaymentConnection,
    authScopes: { anyOf: ["PAYMENTS_WRITE"] },
    description: "Money that no order took, newest first.",
    args: {
      ...forwardArgs(t.arg),
      settled: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: "Those that have their place, not those that wait for one.",
      }),
    },
    ...pricedByPage,
    resolve: async ({ id }, { settled, ...page }, { deps }) =>
      pageIn(await pageUnmatchedPayments(deps, id, settled, page)),
  }),
);

const thePayment = { type: UnmatchedPayment, description: "As it is now." } as const;

mutation("unmatchedPaymentAssign", {
  description:
    "Gives the money to an order, as if its provider had named it. Money of which a part has gone back pays no order. Asking again changes nothing.",
  needs: "PAYMENTS_WRITE",
  input: builder.inputType("UnmatchedPaymentAssignInput", {
    description: "Which, and for which order.",
    fields: (t) => ({
      unmatchedPaymentId: t.id({ required: true, description: "`unmatched_…`" }),
      orderId: t.id({ required: true, description: "`order_…`" }),
    }),
  }),
  success: builder.objectRef<{ payment: KeptPayment; order: CoreOrder }>("UnmatchedPaymentAssignSuccess").implement({
    description: "The order has the money.",
    ...shape,
    fields: (t) => ({
      unmatchedPayment: t.field({ ...thePayment, resolve: ({ payment }) => payment }),
      order: t.field({ type: Order, description: "The order as it is now.", resolve: ({ order }) => order }),
    }),
  }),
  failures: ["STATE", "NOT_FOUND", "VALIDATION"],
  resolve: (input, context) => assignUnmatchedPayment(context.deps, merchantOf(context).id, input),
});

mutation("unmatchedPaymentRefund", {
  description:
    "Gives back what is left of the money. The provider is asked until it answers; asking again changes nothing.",
  needs: "PAYMENTS_WRITE",
  input: builder.inputType("UnmatchedPaymentRefundInput", {
    description: "Which.",
    fields: (t) => ({ unmatchedPaymentId: t.id({ required: true, description: "`unmatched_…`" }) }),
  }),
  success: builder.objectRef<{ payment: KeptPayment }>("UnmatchedPaymentRefundSuccess").implement({
    description: "`state` says what came of it.",
    ...shape,
    fields: (t) => ({ unmatchedPayment: t.field({ ...thePayment, resolve: ({ payment }) => payment }) }),
  }),
  failures: ["NOT_FOUND", "VALIDATION"],
  resolve: (input, context, info) =>
    refundUnmatchedPayment(context.deps, merchantOf(context).id, input, ownKeyOf(context, info)),
});
