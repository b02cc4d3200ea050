/** Reads that a page of things would repeat for each of them, gathered into one statement per request. */
import { limits } from "../core/limits.ts";
import { Fresh } from "../core/recent.ts";
import { findCustomers, totalsOfCustomers, type Customer, type CustomerTotals } from "../db/customers.ts";
import { findProducts, type Product } from "../db/products.ts";
import { merchantOf, type GraphContext } from "./context.ts";

/** One row by its id; null when there is none. */
type Load<Row> = (id: string) => Promise<Row | null>;
type Loaders = {
  readonly product: Load<Product>;
  readonly customer: Load<Customer>;
  readonly customerTotals: Load<CustomerTotals>;
};

const loaders = new WeakMap<GraphContext, Loaders>();

/** The request's own loaders. They see this merchant's rows only. */
export function loadersOf(context: GraphContext): Loaders {
  const known = loaders.get(context);
  if (known) return known;
  const { id } = merchantOf(context);
  const database = context.deps.database(id);
  const made: Loaders = {
    product: gather(
      (ids) => findProducts(database, id, ids),
      (product) => product.id,
    ),
    customer: gather(
      (ids) => findCustomers(database, id, ids),
      (customer) => customer.id,
    ),
    customerTotals: gather(
      (ids) => totalsOfCustomers(database, id, ids),
      (totals) => totals.customerId,
    ),
  };
  loaders.set(context, made);
  return made;
}

/** Reads together what is asked for in one turn, which is how a list asks for what belongs to its items; and nothing twice. */
function gather<Row>(read: (ids: readonly string[]) => Promise<readonly Row[]>, idOf: (row: Row) => string): Load<Row> {
  const asked = new Map<string, Promise<Row | null>>();
  let waiting: string[] = [];
  let turn: Promise<ReadonlyMap<string, Row>> | null = null;
  const readWaiting = async () => {
    const ids = waiting;
    waiting = [];
    turn = null;
    return new Map((await read(ids)).map((row) => [idOf(row), row]));
  };
  return (id) => {
    const known = asked.get(id);
    if (known) return known;
    waiting.push(id);
    turn ??= Promise.resolve().then(readWaiting);
    const found = turn.then((rows) => rows.get(id) ?? null);
    asked.set(id, found);
    return found;
  };
}

/** Rows of customers that this isolate read lately. Customers' ids are the merchant's own: no other merchant has the same. */
const customers = new Fresh<Customer>(1_000, limits.customerCacheMs);

/** This isolate shows nothing of the customer any more that it read before; others may for `limits.customerCacheMs`. */
export const forgetCustomerRow = (id: string): void => customers.delete(id);

/** The customer's row; null while the read model knows none. Answers at once when it can, because an order is read more often than anything. */
export function customerRow(context: GraphContext, id: string): Customer | null | Promise<Customer | null> {
  const now = context.deps.now();
  const remembered = context.fresh ? undefined : customers.get(id, now);
  if (remembered?.merchantId === merchantOf(context).id) return remembered;
  return loadersOf(context)
    .customer(id)
    .then((row) => {
      if (row) customers.set(id, row, now);
      return row;
    });
}
