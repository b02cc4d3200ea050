// The invariants of docs/storm.md, asked of all books at once. Pure: evidence in, violations out.
import { orderLaws, sum } from "./order-laws.mjs";
import { stockOf } from "./stock.mjs";

/**
 * @typedef {object} Violation
 * @property {string} law I1 to I13
 * @property {string} what
 * @property {import("./evidence.mjs").Sale} [sale]
 *
 * @typedef {import("./evidence.mjs").Evidence} Evidence
 */

/** @type {readonly ((evidence: Evidence) => Violation[])[]} */
const laws = [
  // What every participant saw for itself.
  ({ tales }) => tales.flatMap(({ faults }) => faults.map((what) => ({ law: "I1", what }))),
  ({ sales }) =>
    sales.filter(({ order }) => !order).map((sale) => ({ law: "I1", what: "was placed, and is not there", sale })),
  // Money that the product knows nothing of.
  ({ sales, shops, books }) => {
    const unmatched = new Set(shops.flatMap(({ lists }) => lists.unmatched.map(({ transaction }) => transaction)));
    const known = new Set(sales.flatMap(({ order }) => order?.payments.map(({ transaction }) => transaction) ?? []));
    return books.takings
      .filter(({ transaction }) => !known.has(transaction) && !unmatched.has(transaction))
      .map(({ transaction, acknowledged, orderId }) => ({
        law: acknowledged ? "I2" : "I9",
        what: `${transaction} was taken${acknowledged ? " and acknowledged" : ""}, and nobody knows of it (${orderId})`,
      }));
  },
  // Money without an order is seen, once, and is where a person sent it.
  ({ sales, shops }) =>
    sales.flatMap((sale) => {
      const { stray, shop } = sale.tale;
      const lists = shops.find((one) => one.shop === shop)?.lists;
      const kept =
        lists?.unmatched.filter(({ transaction }) => transaction === stray?.transaction).map(({ state }) => state) ??
        [];
      return stray && kept.join() !== stray.end
        ? [{ law: "I2", what: `${stray.transaction} is ${stray.end}, and is listed ${kept.join() || "nowhere"}`, sale }]
        : [];
    }),
  // An order that nobody asked for: a repeated request that placed twice.
  ({ sales, shops }) => {
    const asked = new Set(sales.map(({ placed }) => placed.id));
    return shops.flatMap(({ lists }) =>
      lists.orders
        .filter(({ id }) => !asked.has(id))
        .map(({ id }) => ({ law: "I1", what: `${id} is listed, and nobody placed it` })),
    );
  },
  // The log has every event of every order once.
  ({ sales, shops }) =>
    shops.flatMap(({ shop, lists }) => {
      const logged = lists.events.map(({ id }) => id);
      const told = new Set(
        sales
          .filter(({ tale }) => tale.shop === shop)
          .flatMap(({ order }) => order?.timeline.map(({ id }) => id) ?? []),
      );
      const twice = logged.length - new Set(logged).size;
      const strange = logged.filter((id) => !told.has(id)).length;
      const missing = told.size - (new Set(logged).size - strange);
      return twice || strange || missing
        ? [
            {
              law: "I5",
              what: `the event log of ${shop.policy.currency} has ${twice} events twice, ${strange} that never happened, and lacks ${missing}`,
            },
          ]
        : [];
    }),
  // Customers are told of once, and count what they paid for.
  ({ sales, shops }) =>
    shops.flatMap(({ shop, lists }) => {
      const paid = sales.filter(({ tale, order }) => tale.shop === shop && order?.conversion);
      const orders = Map.groupBy(paid, ({ order }) => order?.conversion?.customer.id);
      const wrong = lists.customers.filter(({ id, ordersPaid }) => {
        const theirs = orders.get(id) ?? [];
        return ordersPaid !== theirs.length || theirs.filter(({ order }) => order?.conversion?.firstTime).length !== 1;
      });
      const lost = orders.size - lists.customers.filter(({ id }) => orders.has(id)).length;
      return [
        ...wrong.map(({ id, ordersPaid }) => ({
          law: "I5",
          what: `${id} has ${ordersPaid} paid orders in the lists, ${orders.get(id)?.length ?? 0} in truth, of which not exactly one is the first`,
        })),
        ...(lost > 0 ? [{ law: "I5", what: `${lost} customers are not in the lists of ${shop.policy.currency}` }] : []),
      ];
    }),
  // And are worth what they brought.
  ({ sales, shops }) =>
    shops.flatMap(({ shop, lists }) => {
      const theirs = sales.filter(({ tale, order }) => tale.shop === shop && order?.conversion);
      const worth = sum(
        theirs.map(({ order }) => (order?.received.minorUnits ?? 0) - (order?.refunded.minorUnits ?? 0)),
      );
      const told = sum(lists.customers.map(({ lifetimeValue }) => lifetimeValue.minorUnits));
      return worth === told
        ? []
        : [
            {
              law: "I3",
              what: `the customers of ${shop.policy.currency} are worth ${told} in the lists, and brought ${worth}`,
            },
          ];
    }),
  ({ sales, shops }) =>
    shops.flatMap(({ shop, lists }) => {
      const { held, sold } = stockOf(sales, shop);
      return lists.pieces < 0 || held + sold + lists.pieces !== shop.stock
        ? [
            {
              law: "I13",
              what: `of ${shop.stock} pieces of ${shop.policy.currency} ${sold} are sold and ${held} held, and ${lists.pieces} are left`,
            },
          ]
        : [];
    }),
];

/** @param {Evidence} evidence @returns {Violation[]} */
export function judge(evidence) {
  const known = evidence.sales.filter((sale) => sale.order !== null);
  const ofSales = known.flatMap((sale) =>
    orderLaws.flatMap(([law, wrongWith]) => {
      const what = wrongWith(/** @type {import("./order-laws.mjs").KnownSale} */ (sale));
      return what ? [{ law, what, sale }] : [];
    }),
  );
  return [...laws.flatMap((law) => law(evidence)), ...ofSales];
}
