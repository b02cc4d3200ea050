import { receivedOf, refundedOf } from "../core/amounts.ts";
import { knownOf, type Identity, type IdentityKind as CoreIdentityKind } from "../core/conversion.ts";
import { limits } from "../core/limits.ts";
import { money } from "../core/money.ts";
import { countOrders, pageOrders } from "../db/orders.ts";
import { listConsents } from "../db/consents.ts";
import { listCoupons } from "../db/coupons.ts";
import { findCustomer, notesOf } from "../db/customers.ts";
import { Consent, Coupon } from "./benefit.ts";
import { caughtUp } from "./bookmark.ts";
import { builder, shape } from "./builder.ts";
import { connection, pageArgs, pricedByPage, pageIn } from "./connection.ts";
import { merchantOf, seesPeople, type GraphContext } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { customerRow, loadersOf } from "./loaders.ts";
import { Money } from "./money.ts";
import { findable, Node } from "./node.ts";
import { Conversion, Customer, StaffMember, type CustomerView } from "./nouns.ts";
import { conversionOf, OrderConnection } from "./order.ts";
import { priced } from "./price.ts";
import { staffMemberOf } from "./staff-pool.ts";

const IdentityKind = describedEnum<CoreIdentityKind>("IdentityKind", "What a person can be known by.", {
  WALLET: "The wallet's own name of the person.",
  PHONE: "A phone number.",
  EMAIL: "An e-mail address.",
  LOYALTY: "The merchant's own loyalty number.",
});

const CustomerIdentity = builder.objectRef<Identity>("CustomerIdentity").implement({
  description: "One thing a customer is known by.",
  ...shape,
  fields: (t) => ({
    kind: t.field({ type: IdentityKind, description: "What it is.", resolve: ({ kind }) => kind }),
    value: t.string({
      description: "Masked unless the key has CUSTOMERS_READ.",
      resolve: (identity, _args, context) => (seesPeople(context) ? identity.value : masked(identity)),
    }),
    verified: t.exposeBoolean("verified", {
      description: "True when a payment provider vouches for it, and not only somebody's word.",
    }),
  }),
});

/** Enough to recognise what one knows already. */
function masked({ kind, value }: Identity): string {
  if (kind === "EMAIL") return `${value.slice(0, 1)}•••${value.slice(value.lastIndexOf("@"))}`;
  return `•••${value.length > 8 ? value.slice(-4) : value.slice(-2)}`;
}

type Row = CustomerView["row"];

/** Answers from the customer's row, at once when the row is at hand. */
function fromRow<Answer>(
  customer: CustomerView,
  context: GraphContext,
  answer: (row: Row) => Answer,
): Answer | Promise<Answer> {
  const row = customer.row ?? customerRow(context, customer.id);
  return row instanceof Promise ? row.then(answer) : answer(row);
}

/** What the customer's orders add up to. One whom the read model does not know yet has the order at hand, and that is all. */
async function totalsOf({ id, order }: CustomerView, context: GraphContext) {
  const totals = await loadersOf(context).customerTotals(id);
  if (totals) return totals;
  const points = (order?.conversion?.actions ?? []).reduce((sum, outcome) => sum + (outcome.points?.kept ?? 0), 0);
  return { ordersPaid: order?.paid ? 1 : 0, lifetimeValue: order ? receivedOf(order) - refundedOf(order) : 0, points };
}

/** What the order at hand knows of the person. */
const personIn = ({ order }: CustomerView) => order?.conversion && knownOf(order.conversion);

/** What the order at hand adds: it is fresher than the read model. */
const tagsIn = ({ order }: CustomerView): readonly string[] =>
  order?.conversion?.actions.flatMap(({ state, tags }) => (state === "DONE" ? tags : [])) ?? [];

/** What a customer was given and said is for those who may see customers. */
const seesCustomers = { anyOf: ["CUSTOMERS_READ", "CUSTOMERS_WRITE", "CONVERSIONS_WRITE"] } as const;

Customer.implement({
  description: "A person who paid the merchant once, and is the merchant's customer since that moment.",
  interfaces: [Node],
  // Whoever sees an order sees whose it is, with what the person is known by masked; looking people up needs CUSTOMERS_READ.
  authScopes: {
    anyOf: ["CUSTOMERS_READ", "CUSTOMERS_WRITE", "ORDERS_READ", "ORDERS_WRITE", "PAYMENTS_WRITE", "CONVERSIONS_WRITE"],
  },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`customer_…`" }),
    displayName: t.string({
      nullable: true,
      description: "The name that came with the payment. Null unless the key has CUSTOMERS_READ.",
      resolve: (customer, _args, context) =>
        seesPeople(context)
          ? fromRow(customer, context, (row) => (row ? row.displayName : (personIn(customer)?.name ?? null)))
          : null,
    }),
    identities: t.field({
      type: [CustomerIdentity],
      description: "What the customer is known by.",
      resolve: (customer, _args, context) =>
        fromRow(customer, context, (row) => (row ?? personIn(customer))?.identities ?? []),
    }),
    consents: t.field({
      type: [Consent],
      authScopes: seesCustomers,
      description: `What the customer agreed to, and what was taken back, newest first; at most ${limits.consentsListedMax}.`,
      resolve: ({ id }, _args, context) => {
        const merchant = merchantOf(context).id;
        return listConsents(context.deps.database(merchant), merchant, id, limits.consentsListedMax);
      },
    }),
    tags: t.stringList({
      description: "What conversions tagged the customer with.",
      resolve: (customer, _args, context) =>
        fromRow(customer, context, (row) => [...new Set([...(row?.tags ?? []), ...tagsIn(customer)])]),
    }),
    points: t.field({
      type: "SafeInt",
      description:
        "Points granted, not taken back and not spent. Below zero where points were spent before a refund took them back.",
      resolve: async (customer, _args, context) => (await totalsOf(customer, context)).points,
    }),
    tier: t.string({
      nullable: true,
      description: "The tier that a conversion or the merchant set.",
      resolve: (customer, _args, context) => fromRow(customer, context, (row) => row?.tier ?? null),
    }),
    notes: t.stringList({
      authScopes: seesCustomers,
      description: `What conversions noted about the customer, newest first; at most ${limits.notesListedMax}.`,
      resolve: async ({ id }, _args, context) => {
        const merchant = merchantOf(context).id;
        return [...(await notesOf(context.deps.database(merchant), merchant, id, limits.notesListedMax))];
      },
    }),
    coupons: t.field({
      type: [Coupon],
      authScopes: seesCustomers,
      description: `Coupons issued to the customer, newest first; at most ${limits.couponsListedMax}.`,
      resolve: ({ id }, _args, context) => {
        const merchant = merchantOf(context).id;
        return listCoupons(context.deps.database(merchant), merchant, id, limits.couponsListedMax);
      },
    }),
    assignedStaff: t.field({
      type: StaffMember,
      nullable: true,
      description:
        "Who looks after the customer, by the latest order that said so. Null unless the key has CUSTOMERS_READ.",
      resolve: async (customer, _args, context) => {
        if (!seesPeople(context)) return null;
        const staff = await fromRow(customer, context, (row) => row?.staff ?? null);
        return staff && staffMemberOf(context, staff);
      },
    }),
    orders: t.field({
      type: OrderConnection,
      authScopes: { anyOf: ["ORDERS_READ"] },
      description: "What the customer paid for, newest first.",
      args: pageArgs(t.arg),
      ...pricedByPage,
      resolve: async ({ id: customerId }, args, context) => {
        await caughtUp(context);
        const { id } = merchantOf(context);
        const { deps } = context;
        const database = deps.database(id);
        const page = await pageOrders(database, id, { customerId }, args, deps.now());
        return { ...pageIn(page), totalCount: () => countOrders(database, id, { customerId }, deps.now()) };
      },
    }),
    ordersPaid: t.int({
      description: "How many orders the customer paid.",
      resolve: async (customer, _args, context) => (await totalsOf(customer, context)).ordersPaid,
    }),
    lifetimeValue: t.field({
      type: Money,
      description: "Received minus refunded.",
      resolve: async (customer, _args, context) =>
        money((await totalsOf(customer, context)).lifetimeValue, merchantOf(context).currency),
    }),
    firstConversion: t.field({
      type: Conversion,
      nullable: true,
      description: "The conversion that made the customer.",
      resolve: async (customer, _args, context) => {
        const row = await fromRow(customer, context, (known) => known);
        const order =
          row && row.firstOrderKey !== customer.order?.terms.key
            ? await context.deps.liveCode(row.firstOrderKey).look(merchantOf(context).id)
            : customer.order;
        return order && conversionOf(order);
      },
    }),
    createdAt: t.field({
      type: "DateTime",
      description: "When the payer became a customer.",
      resolve: (customer, _args, context) =>
        fromRow(customer, context, (row) => row?.createdAt ?? customer.order?.conversion?.convertedAt ?? 0),
    }),
    erasedAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When the person's data was destroyed. What is shown beside it was told since.",
      resolve: (customer, _args, context) => fromRow(customer, context, (row) => row?.erasedAt ?? null),
    }),
  }),
});
export const CustomerConnection = connection(Customer, "customers");

const load = async ({ deps }: GraphContext, merchantId: string, id: string): Promise<CustomerView | null> => {
  const row = await findCustomer(deps.database(merchantId), merchantId, id);
  return row && { id, order: null, row };
};

findable("customer", {
  typeName: Customer.name,
  anyOf: ["CUSTOMERS_READ", "CUSTOMERS_WRITE", "ORDERS_READ"],
  load: (context, { merchant }, id) => load(context, merchant.id, id),
});

builder.queryField("customer", (t) =>
  t.field({
    type: Customer,
    nullable: true,
    authScopes: { anyOf: ["CUSTOMERS_READ", "CUSTOMERS_WRITE", "ORDERS_READ"] },
    description: "One customer; null when there is none, or none of yours.",
    ...priced({ points: 2 }),
    args: { id: t.arg.id({ required: true, description: "`customer_…`" }) },
    resolve: (_root, { id }, context) => load(context, merchantOf(context).id, id),
  }),
);
