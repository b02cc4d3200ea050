/** A list of orders as the usual libraries answer it: Yoga over a Pothos schema without any plugin, its rows a constant. */
import SchemaBuilder from "@pothos/core";
import { createYoga } from "graphql-yoga";

type Money = { amount: string; currency: string };
type Line = { name: string; quantity: number; unitPrice: Money; total: Money };
type Payment = {
  id: string;
  provider: string;
  transaction: string | null;
  state: string;
  amount: Money;
  paidAt: string;
};
type Customer = { id: string; displayName: string | null; tags: string[] };
type Order = {
  id: string;
  number: string;
  state: string;
  version: number;
  createdAt: string;
  paidAt: string | null;
  lines: Line[];
  total: Money;
  received: Money;
  payments: Payment[];
  customer: Customer | null;
};

const builder = new SchemaBuilder<{ DefaultFieldNullability: false }>({
  defaultFieldNullability: false,
  // The product's plugin asks for this wherever a builder is made; without the plugin it does nothing.
  scopeAuth: { authScopes: () => ({}) },
});
const MoneyType = builder.objectRef<Money>("Money").implement({
  fields: (t) => ({ amount: t.exposeString("amount"), currency: t.exposeString("currency") }),
});
const LineType = builder.objectRef<Line>("OrderLine").implement({
  fields: (t) => ({
    name: t.exposeString("name"),
    quantity: t.exposeInt("quantity"),
    unitPrice: t.field({ type: MoneyType, resolve: ({ unitPrice }) => unitPrice }),
    total: t.field({ type: MoneyType, resolve: ({ total }) => total }),
  }),
});
const PaymentType = builder.objectRef<Payment>("Payment").implement({
  fields: (t) => ({
    id: t.exposeID("id"),
    provider: t.exposeString("provider"),
    transaction: t.exposeString("transaction", { nullable: true }),
    state: t.exposeString("state"),
    amount: t.field({ type: MoneyType, resolve: ({ amount }) => amount }),
    paidAt: t.exposeString("paidAt", { nullable: true }),
  }),
});
const CustomerType = builder.objectRef<Customer>("Customer").implement({
  fields: (t) => ({
    id: t.exposeID("id"),
    displayName: t.exposeString("displayName", { nullable: true }),
    tags: t.exposeStringList("tags"),
  }),
});
const OrderType = builder.objectRef<Order>("Order").implement({
  fields: (t) => ({
    id: t.exposeID("id"),
    number: t.exposeString("number"),
    state: t.exposeString("state"),
    version: t.exposeInt("version"),
    createdAt: t.exposeString("createdAt"),
    paidAt: t.exposeString("paidAt", { nullable: true }),
    lines: t.field({ type: [LineType], resolve: ({ lines }) => lines }),
    total: t.field({ type: MoneyType, resolve: ({ total }) => total }),
    received: t.field({ type: MoneyType, resolve: ({ received }) => received }),
    payments: t.field({ type: [PaymentType], resolve: ({ payments }) => payments }),
    customer: t.field({ type: CustomerType, nullable: true, resolve: ({ customer }) => customer }),
  }),
});
const OrdersType = builder.objectRef<Order[]>("OrderConnection").implement({
  fields: (t) => ({ nodes: t.field({ type: [OrderType], resolve: (orders) => orders }) }),
});
let rows: Order[] = [];
const MerchantType = builder.objectRef<object>("Merchant").implement({
  fields: (t) => ({
    orders: t.field({
      type: OrdersType,
      args: { first: t.arg.int({ required: true }) },
      resolve: (_merchant, { first }) => rows.slice(0, first),
    }),
  }),
});
const ViewerType = builder.objectRef<object>("Viewer").implement({
  fields: (t) => ({ merchant: t.field({ type: MerchantType, resolve: () => ({}) }) }),
});
builder.queryType({ fields: (t) => ({ viewer: t.field({ type: ViewerType, resolve: () => ({}) }) }) });

const yoga = createYoga({ schema: builder.toSchema(), graphqlEndpoint: "/yoga", landingPage: false, logging: false });

/** `order`: JSON of the one order that stands for all of them. */
export async function answerList(request: Request, order: string): Promise<Response> {
  if (rows.length === 0) rows = Array.from({ length: 100 }, () => JSON.parse(order) as Order);
  return yoga.fetch(request);
}
