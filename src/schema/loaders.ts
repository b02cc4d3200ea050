/** Reads that a page of things would repeat for each of them, gathered into one statement per request. */
import DataLoader from "dataloader";
import { limits } from "../core/limits.ts";
import { findCustomers, totalsOfCustomers, type Customer, type CustomerTotals } from "../db/customers.ts";
import { findProducts, type Product } from "../db/products.ts";
import { remember } from "../resolvers/remember.ts";
import { merchantOf, type GraphContext } from "./context.ts";

type Loaders = {
  readonly product: DataLoader<string, Product | null>;
  readonly customer: DataLoader<string, Customer | null>;
  readonly customerTotals: DataLoader<string, CustomerTotals | null>;
};

const loaders = new WeakMap<GraphContext, Loaders>();

/** The request's own loaders. They see this merchant's rows only. */
export function loadersOf(context: GraphContext): Loaders {
  const known = loaders.get(context);
  if (known) return known;
  const { id } = merchantOf(context);
  const database = context.deps.database(id);
  const made: Loaders = {
    product: byKey(
      (ids) => findProducts(database, id, ids),
      (product) => product.id,
    ),
    customer: byKey(
      (ids) => findCustomers(database, id, ids),
      (customer) => customer.id,
    ),
    customerTotals: byKey(
      (ids) => totalsOfCustomers(database, id, ids),
      (totals) => totals.customerId,
    ),
  };
  loaders.set(context, made);
  return made;
}

const byKey = <Row>(read: (ids: readonly string[]) => Promise<readonly Row[]>, keyOf: (row: Row) => string) =>
  new DataLoader<string, Row | null>(async (ids) => {
    const rows = new Map((await read(ids)).map((row) => [keyOf(row), row]));
    return ids.map((id) => rows.get(id) ?? null);
  });

/** Rows of customers that this isolate read lately. Customers' ids are the merchant's own: no other merchant has the same. */
const customers = remember<Customer>(1_000, limits.customerCacheMs);

/** The customer's row; null while the read model knows none. Answers at once when it can, because an order is read more often than anything. */
export function customerRow(context: GraphContext, id: string): Customer | null | Promise<Customer | null> {
  const now = context.deps.now();
  const remembered = customers.get(id, now);
  if (remembered?.merchantId === merchantOf(context).id) return remembered;
  return loadersOf(context)
    .customer.load(id)
    .then((row) => {
      if (row) customers.set(id, row, now);
      return row;
    });
}
