import { limits } from "../core/limits.ts";
import type { Order as CoreOrder } from "../core/order.ts";
import { cancelOrder } from "../resolvers/cancel-order.ts";
import { extendOrder } from "../resolvers/extend-order.ts";
import { placeOrder } from "../resolvers/place-order.ts";
import { recordPayment } from "../resolvers/record-payment.ts";
import { refundOrder, type RefundedOrder } from "../resolvers/refund-order.ts";
import { resolveReview } from "../resolvers/resolve-review.ts";
import { AttributionInput } from "./attribution.ts";
import { builder, shape } from "./builder.ts";
import { merchantOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { idempotencyKeyOf } from "./idempotency.ts";
import { MoneyInput } from "./money.ts";
import { mutation } from "./mutation.ts";
import { Conversion, LiveCode, Order } from "./nouns.ts";
import { conversionOf } from "./order.ts";
import { Refund, refundOf } from "./payment.ts";

/** A success that shows the order as it is afterwards. */
const showsOrder = (name: string, description: string) =>
  builder.objectRef<{ order: CoreOrder }>(name).implement({
    description,
    ...shape,
    fields: (t) => ({
      order: t.field({ type: Order, description: "The order as it is now.", resolve: ({ order }) => order }),
    }),
  });

const lifetime = `${limits.liveCodeLifetimeMs.min / 1000} to ${limits.liveCodeLifetimeMs.max / 1000}`;

mutation("orderPlace", {
  description: "Places the order and generates its live code (steps 1 and 2).",
  needs: "ORDERS_WRITE",
  idempotent: true,
  input: builder.inputType("OrderPlaceInput", {
    description: "What is sold, and how.",
    fields: (t) => ({
      lines: t.field({
        type: [
          builder.inputType("OrderLineInput", {
            description: "Either a product, or a free line with a name and a price.",
            fields: (f) => ({
              productId: f.id({ description: "A product: its name and price of this moment are taken." }),
              name: f.string({ description: "What is sold, on a free line." }),
              unitPrice: f.field({ type: MoneyInput, description: "For one, on a free line, in your currency." }),
              quantity: f.int({
                required: true,
                defaultValue: 1,
                description: `How many, 1 to ${limits.quantityMax}.`,
              }),
            }),
          }),
        ],
        required: true,
        description: `What is sold: 1 to ${limits.linesPerOrderMax} lines.`,
      }),
      discount: t.field({ type: MoneyInput, description: "Taken off the sum of the lines." }),
      externalReference: t.string({ description: "Your own name of the order." }),
      lifetimeSeconds: t.int({
        description: `How long it can be paid, ${lifetime}; as your policy says unless given.`,
      }),
      conversionBlockId: t.id({ description: "Which block converts the payer; the default unless given." }),
      attribution: t.field({ type: AttributionInput, description: "Where the order comes from." }),
      metadata: t.field({
        type: "JSON",
        description: `Your own notes, given back as they came; at most ${limits.metadataBytesMax} bytes.`,
      }),
      checkoutUrl: t.field({
        type: "URL",
        description: "Your own checkout: a scan leads there instead of to the payer page while the order can be paid.",
      }),
    }),
  }),
  success: builder.objectRef<{ order: CoreOrder; replayed: boolean }>("OrderPlaceSuccess").implement({
    description: "The order is placed, and its code can be scanned.",
    ...shape,
    fields: (t) => ({
      order: t.field({ type: Order, description: "The order.", resolve: ({ order }) => order }),
      liveCode: t.field({ type: LiveCode, description: "What the payer scans.", resolve: ({ order }) => order }),
      replayed: t.exposeBoolean("replayed", {
        description: "True when an earlier request with the same idempotency key placed it.",
      }),
    }),
  }),
  failures: ["VALIDATION", "NOT_FOUND", "OUT_OF_STOCK", "IDEMPOTENCY"],
  resolve: (input, context, info) =>
    placeOrder(context.deps, merchantOf(context), input, idempotencyKeyOf(context, info)),
});

mutation("orderExtend", {
  description: "Puts the end of an order off; one that expired can be paid again.",
  needs: "ORDERS_WRITE",
  input: builder.inputType("OrderExtendInput", {
    description: "Which order, and until when.",
    fields: (t) => ({
      orderId: t.id({ required: true, description: "`order_…`" }),
      expiresAt: t.field({
        type: "DateTime",
        required: true,
        description: "Later than it is now, and at most 30 days ahead.",
      }),
    }),
  }),
  success: showsOrder("OrderExtendSuccess", "The order can be paid for longer."),
  failures: ["STATE", "NOT_FOUND", "VALIDATION"],
  resolve: (input, context) => extendOrder(context.deps, merchantOf(context).id, input),
});

mutation("orderCancel", {
  description:
    "Calls an order off. While a payment is under way the provider is asked to close it first: until then the order goes on, and if the money won it is paid.",
  needs: "ORDERS_WRITE",
  input: builder.inputType("OrderCancelInput", {
    description: "Which order, and why.",
    fields: (t) => ({
      orderId: t.id({ required: true, description: "`order_…`" }),
      reason: t.string({ description: `Why; what is longer than ${limits.reasonLengthMax} characters is cut.` }),
    }),
  }),
  success: showsOrder(
    "OrderCancelSuccess",
    "The order is called off, or will be once the provider has closed what is under way.",
  ),
  failures: ["STATE", "NOT_FOUND"],
  resolve: (input, context) => cancelOrder(context.deps, merchantOf(context).id, input),
});

mutation("paymentRecord", {
  description:
    "Money taken outside any provider (cash, bank transfer); takes the same path as a provider's notification, conversion included.",
  needs: "PAYMENTS_WRITE",
  idempotent: true,
  input: builder.inputType("PaymentRecordInput", {
    description: "Money that was taken.",
    fields: (t) => ({
      orderId: t.id({ required: true, description: "`order_…`" }),
      amount: t.field({ type: MoneyInput, required: true, description: "What was taken: exactly what is due." }),
      reference: t.string({
        required: true,
        description: "Your name of the payment, unique in its order: recording it again is the same payment.",
      }),
      paidAt: t.field({ type: "DateTime", description: "When it was taken; now unless given." }),
      payer: t.field({
        type: builder.inputType("PayerInput", {
          description: "Who paid, as far as you know. Whoever is known by nothing is a customer of this one payment.",
          fields: (f) => ({
            phone: f.string({ description: "A phone number, in any spelling." }),
            email: f.string({ description: "An e-mail address." }),
            loyalty: f.string({ description: "Your own loyalty number." }),
            name: f.string({ description: "The name, for people." }),
          }),
        }),
        description: "Who paid.",
      }),
      note: t.string({ description: "A remark for whoever reads the request; it is not kept." }),
    }),
  }),
  success: builder.objectRef<{ order: CoreOrder; replayed: boolean }>("PaymentRecordSuccess").implement({
    description: "The money is recorded.",
    ...shape,
    fields: (t) => ({
      order: t.field({ type: Order, description: "The order as it is now.", resolve: ({ order }) => order }),
      conversion: t.field({
        type: Conversion,
        nullable: true,
        description: "What happened to the payer.",
        resolve: ({ order }) => conversionOf(order),
      }),
      replayed: t.exposeBoolean("replayed", { description: "True when this payment was known already." }),
    }),
  }),
  failures: ["STATE", "AMOUNT_MISMATCH", "NOT_FOUND", "VALIDATION", "IDEMPOTENCY"],
  resolve: (input, context, info) =>
    recordPayment(context.deps, merchantOf(context).id, input, idempotencyKeyOf(context, info)),
});

mutation("orderRefund", {
  description:
    "Gives money back: all that is left of it, or a part. Cash is back at once; what came through a provider goes when the provider says so.",
  needs: "PAYMENTS_WRITE",
  idempotent: true,
  input: builder.inputType("OrderRefundInput", {
    description: "Which order, and how much of it.",
    fields: (t) => ({
      orderId: t.id({ required: true, description: "`order_…`" }),
      amount: t.field({ type: MoneyInput, description: "At most what is left; all of it unless given." }),
      reason: t.string({ description: "Why, for the payer and the books." }),
      reverseConversion: t.boolean({
        defaultValue: true,
        description: "Whether the conversion loses what its actions gave, as each declares.",
      }),
      restock: t.boolean({
        defaultValue: true,
        description:
          "Whether what was sold can be sold again. It goes back on the shelf with the last of the money, if every refund of it said so.",
      }),
    }),
  }),
  success: builder.objectRef<RefundedOrder>("OrderRefundSuccess").implement({
    description: "The refund is under way, or done.",
    ...shape,
    fields: (t) => ({
      order: t.field({ type: Order, description: "The order as it is now.", resolve: ({ order }) => order }),
      refund: t.field({
        type: Refund,
        description: "The refund; the last of them where several payments go back.",
        resolve: ({ order, refund }) => refundOf(order, refund),
      }),
      replayed: t.exposeBoolean("replayed", {
        description: "True when an earlier request with the same idempotency key asked for it.",
      }),
    }),
  }),
  failures: ["STATE", "AMOUNT_MISMATCH", "NOT_FOUND", "VALIDATION", "IDEMPOTENCY"],
  resolve: ({ reverseConversion, restock, ...input }, context, info) =>
    refundOrder(
      context.deps,
      merchantOf(context),
      { ...input, reverseConversion: reverseConversion ?? true, restock: restock ?? true },
      idempotencyKeyOf(context, info),
    ),
});

const ReviewDecision = describedEnum<"HONOR" | "REFUND">(
  "ReviewDecision",
  "What a person can decide about money in review.",
  {
    HONOR: "It counts, as it is.",
    REFUND: "It goes back.",
  },
);

mutation("orderReviewResolve", {
  description: "Decides about money that no policy placed.",
  needs: "PAYMENTS_WRITE",
  input: builder.inputType("OrderReviewResolveInput", {
    description: "Which order, and what becomes of the money.",
    fields: (t) => ({
      orderId: t.id({ required: true, description: "`order_…`" }),
      decision: t.field({ type: ReviewDecision, required: true, description: "What becomes of the money." }),
      note: t.string({
        required: true,
        description: `Why; what is longer than ${limits.reasonLengthMax} characters is cut.`,
      }),
    }),
  }),
  success: showsOrder("OrderReviewResolveSuccess", "It is decided."),
  failures: ["STATE", "NOT_FOUND"],
  resolve: (input, context) => resolveReview(context.deps, merchantOf(context).id, input),
});
