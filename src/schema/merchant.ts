import type { OrderPolicy as CoreOrderPolicy } from "../core/policy.ts";
import { countCustomers, pageCustomers } from "../db/customers.ts";
import { pageEvents } from "../db/event-log.ts";
import { countOrders, pageOrders } from "../db/orders.ts";
import { countProducts, pageProducts } from "../db/products.ts";
import { registerMerchant, type RegisteredMerchant } from "../resolvers/register-merchant.ts";
import { updateMerchant } from "../resolvers/update-merchant.ts";
import { caughtUp } from "./bookmark.ts";
import { builder, shape } from "./builder.ts";
import { forwardArgs, pageArgs, pricedByPage, pageIn } from "./connection.ts";
import { merchantOf } from "./context.ts";
import { CustomerConnection } from "./customer.ts";
import { describedEnum } from "./enum.ts";
import { EventConnection, eventIn, EventType } from "./event.ts";
import { CustomerFilter, OrderFilter, orderFilterIn } from "./filters.ts";
import { mutation } from "./mutation.ts";
import { findable, Node } from "./node.ts";
import { Merchant, PaymentAccount } from "./nouns.ts";
import { OrderConnection } from "./order.ts";
import { ProductConnection } from "./product.ts";

const LatePaymentPolicy = describedEnum<CoreOrderPolicy["latePayment"]>(
  "LatePaymentPolicy",
  "What becomes of money that was paid after the code expired; judged by when it was paid, not by when we heard of it.",
  {
    HONOR: "It counts.",
    HONOR_IF_STOCK: "It counts if the stock can be taken again, and goes back otherwise.",
    REFUND: "It goes back.",
    REVIEW: "A person decides.",
  },
);
const OverPaymentPolicy = describedEnum<CoreOrderPolicy["overPayment"]>(
  "OverPaymentPolicy",
  "What becomes of the surplus of a paid order.",
  {
    REFUND: "It goes back.",
    KEEP: "It stays.",
    REVIEW: "A person decides.",
  },
);
const UnderPaymentPolicy = describedEnum<CoreOrderPolicy["underPayment"]>(
  "UnderPaymentPolicy",
  "What becomes of a part payment still alone at expiry.",
  {
    REFUND: "It goes back.",
    KEEP_OPEN: "The order waits for the rest.",
    REVIEW: "A person decides.",
  },
);

const OrderPolicy = builder.objectRef<CoreOrderPolicy>("OrderPolicy").implement({
  description: "What a merchant decided about money that does not fit. Each order pins it when it is placed.",
  ...shape,
  fields: (t) => ({
    codeLifetimeSeconds: t.int({
      description: "How long a live code can be paid, unless the order says otherwise.",
      resolve: ({ codeLifetimeMs }) => codeLifetimeMs / 1000,
    }),
    latePayment: t.field({
      type: LatePaymentPolicy,
      description: "Money paid after the code expired.",
      resolve: ({ latePayment }) => latePayment,
    }),
    overPayment: t.field({
      type: OverPaymentPolicy,
      description: "More than the total.",
      resolve: ({ overPayment }) => overPayment,
    }),
    underPayment: t.field({
      type: UnderPaymentPolicy,
      description: "Less than the total at expiry.",
      resolve: ({ underPayment }) => underPayment,
    }),
  }),
});

Merchant.implement({
  description: "Who sells.",
  interfaces: [Node],
  authScopes: { merchant: true, admin: true },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`merchant_…`" }),
    name: t.exposeString("name", { description: "What payers read." }),
    slug: t.exposeString("slug", { description: "A short name for addresses." }),
    currency: t.field({
      type: "CurrencyCode",
      description: "What the merchant sells in; never changes.",
      resolve: ({ currency }) => currency,
    }),
    locale: t.field({
      type: "Locale",
      description: "The language of the merchant's pages where the payer asks for none.",
      resolve: ({ locale }) => locale,
    }),
    timeZone: t.exposeString("timeZone", { description: "IANA time zone, for days and opening hours." }),
    policy: t.field({
      type: OrderPolicy,
      description: "What becomes of money that does not fit, for new orders.",
      resolve: ({ policy }) => policy,
    }),
    createdAt: t.field({
      type: "DateTime",
      description: "When the merchant was registered.",
      resolve: ({ createdAt }) => createdAt,
    }),
    products: t.field({
      type: ProductConnection,
      description: "The catalogue, oldest first.",
      args: {
        ...pageArgs(t.arg),
        search: t.arg.string({ description: "Found in the name or the SKU." }),
        archived: t.arg.boolean({ description: "Only archived ones, or only those on sale; both unless said." }),
      },
      ...pricedByPage,
      resolve: async ({ id }, { search, archived, ...page }, { deps }) => {
        const database = deps.database(id);
        const filter = { search, archived };
        return {
          ...pageIn(await pageProducts(database, id, filter, page)),
          totalCount: () => countProducts(database, id, filter),
        };
      },
    }),
    orders: t.field({
      type: OrderConnection,
      authScopes: { anyOf: ["ORDERS_READ"] },
      description: "Orders, newest first: a moment behind `order(by:)`.",
      args: { ...pageArgs(t.arg), filter: t.arg({ type: OrderFilter, description: "Only those that fit all of it." }) },
      ...pricedByPage,
      resolve: async ({ id }, { filter: wish, ...page }, context) => {
        await caughtUp(context);
        const { deps } = context;
        const database = deps.database(id);
        const filter = orderFilterIn(wish);
        const now = deps.now();
        return {
          ...pageIn(await pageOrders(database, id, filter, page, now)),
          totalCount: () => countOrders(database, id, filter, now),
        };
      },
    }),
    customers: t.field({
      type: CustomerConnection,
      authScopes: { anyOf: ["CUSTOMERS_READ"] },
      description: "Customers, newest first.",
      args: {
        ...pageArgs(t.arg),
        filter: t.arg({ type: CustomerFilter, description: "Only those that fit all of it." }),
      },
      ...pricedByPage,
      resolve: async ({ id }, { filter: wish, ...page }, context) => {
        await caughtUp(context);
        const database = context.deps.database(id);
        const filter = wish ?? {};
        const { edges, pageInfo } = pageIn(await pageCustomers(database, id, filter, page));
        return {
          edges: edges.map(({ cursor, node }) => ({ cursor, node: { id: node.id, order: null, row: node } })),
          pageInfo,
          totalCount: () => countCustomers(database, id, filter),
        };
      },
    }),
    events: t.field({
      type: EventConnection,
      authScopes: { anyOf: ["ORDERS_READ"] },
      description:
        "The append-only event log, oldest first: the pull side of webhooks. Resume with `after`; nothing is ever skipped.",
      args: { ...forwardArgs(t.arg), types: t.arg({ type: [EventType], description: "Only these; all unless said." }) },
      ...pricedByPage,
      resolve: async ({ id }, { first, after, types }, context) => {
        await caughtUp(context);
        const { edges, pageInfo } = pageIn(await pageEvents(context.deps.database(id), id, { first, after, types }));
        return { edges: edges.map(({ cursor, node }) => ({ cursor, node: eventIn(node) })), pageInfo };
      },
    }),
  }),
});
findable("merchant", {
  typeName: Merchant.name,
  anyOf: [],
  load: (_context, { merchant }, id) => (merchant.id === id ? merchant : null),
});

mutation("merchantRegister", {
  description:
    "Needs the deployment's admin token. Returns the merchant's first key, once, and a ready sandbox payment account.",
  needs: "ADMIN",
  input: builder.inputType("MerchantRegisterInput", {
    description: "A new merchant.",
    fields: (t) => ({
      name: t.string({ required: true, description: "What payers read." }),
      slug: t.string({
        required: true,
        description: "A short name for addresses: letters a to z, digits and inner hyphens; unique.",
      }),
      currency: t.field({
        type: "CurrencyCode",
        required: true,
        description: "What the merchant sells in; cannot be changed.",
      }),
      locale: t.field({
        type: "Locale",
        defaultValue: "en",
        description: "The language of the merchant's pages where the payer asks for none.",
      }),
      timeZone: t.string({ defaultValue: "UTC", description: "IANA time zone." }),
    }),
  }),
  success: builder.objectRef<RegisteredMerchant>("MerchantRegisterSuccess").implement({
    description: "The merchant can sell.",
    ...shape,
    fields: (t) => ({
      merchant: t.field({ type: Merchant, description: "The merchant.", resolve: ({ merchant }) => merchant }),
      apiKey: t.exposeString("apiKey", { description: "The first key, `hk_…`, with every scope. Shown once." }),
      sandboxAccount: t.field({
        type: PaymentAccount,
        description: "An account at the built-in pretend wallet.",
        resolve: ({ sandboxAccount }) => sandboxAccount,
      }),
      sandboxSecret: t.exposeString("sandboxSecret", {
        description: "What signs the pretend wallet's notifications. Shown once.",
      }),
    }),
  }),
  failures: ["VALIDATION"],
  resolve: ({ locale, timeZone, ...input }, { deps }) =>
    registerMerchant(deps, { ...input, locale: locale ?? "en", timeZone: timeZone ?? "UTC" }),
});

mutation("merchantUpdate", {
  description: "Changes the merchant. Orders already placed keep what they pinned.",
  needs: "SETTINGS_WRITE",
  input: builder.inputType("MerchantUpdateInput", {
    description: "What to change. What is left out stays as it is.",
    fields: (t) => ({
      name: t.string({ description: "What payers read." }),
      locale: t.field({
        type: "Locale",
        description: "The language of the merchant's pages where the payer asks for none.",
      }),
      timeZone: t.string({ description: "IANA time zone." }),
      policy: t.field({
        type: builder.inputType("OrderPolicyInput", {
          description: "What becomes of money that does not fit. What is left out stays as it is.",
          fields: (f) => ({
            codeLifetimeSeconds: f.int({
              description: "How long a live code can be paid, unless the order says otherwise.",
            }),
            latePayment: f.field({ type: LatePaymentPolicy, description: "Money paid after the code expired." }),
            overPayment: f.field({ type: OverPaymentPolicy, description: "More than the total." }),
            underPayment: f.field({ type: UnderPaymentPolicy, description: "Less than the total at expiry." }),
          }),
        }),
        description: "What becomes of money that does not fit, for new orders.",
      }),
    }),
  }),
  success: builder.objectRef<{ merchant: typeof Merchant.$inferType }>("MerchantUpdateSuccess").implement({
    description: "It is changed.",
    ...shape,
    fields: (t) => ({
      merchant: t.field({
        type: Merchant,
        description: "The merchant as it is now.",
        resolve: ({ merchant }) => merchant,
      }),
    }),
  }),
  failures: ["VALIDATION"],
  resolve: (input, context) => updateMerchant(context.deps, merchantOf(context), input),
});
