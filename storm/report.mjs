// The table of a storm, and what was wrong with it.
import { sum } from "./order-laws.mjs";
import { stockOf } from "./stock.mjs";

/**
 * @typedef {object} Storm
 * @property {import("./options.mjs").Options} options
 * @property {import("./evidence.mjs").Evidence} evidence
 * @property {import("./laws.mjs").Violation[]} violations
 * @property {import("./receiver.mjs").Receiver["counts"]} webhooks
 * @property {number} kills
 * @property {number} outageSeconds
 * @property {number} seconds
 * @property {number} settleSeconds
 */

/** @param {Storm} storm @returns {string} */
export function report({ options, evidence, violations, webhooks, kills, outageSeconds, seconds, settleSeconds }) {
  const { sales, shops, books, heard } = evidence;
  const orders = sales.flatMap(({ order }) => (order ? [order] : []));
  const states = Object.entries(Object.groupBy(orders, ({ state }) => state)).map(
    ([state, those]) => `${those?.length} ${state}`,
  );
  const paid = orders.filter(({ state }) => state === "PAID");
  const conversions = sum(
    orders.map(({ timeline }) => timeline.filter(({ type }) => type === "CONVERSION_COMMITTED").length),
  );
  const events = sum(orders.map(({ timeline }) => timeline.length));
  const told = orders.flatMap(({ timeline }) => timeline).filter(({ id }) => heard.has(id)).length;
  const broken = (/** @type {string[]} */ ...laws) => violations.filter(({ law }) => laws.includes(law)).length;
  const stock = shops.map(({ shop }) => stockOf(sales, shop));
  const strays = sales.filter(({ tale }) => tale.stray);
  const assigned = sum(strays.filter(({ tale }) => tale.stray?.end === "ASSIGNED").map(({ placed }) => placed.total));
  const cash = sum(sales.map(({ tale }) => tale.cash));
  const moneyIn = sum(books.takings.map(({ amount }) => amount)) + cash + assigned;
  const moneyOut = sum(books.takings.flatMap(({ refunds }) => refunds.map(({ amount }) => amount)));
  const inBooks = sum(orders.map(({ received, refunded }) => received.minorUnits - refunded.minorUnits));
  const lost = (/** @type {boolean} */ acknowledged) => {
    const known = new Set(orders.flatMap(({ payments }) => payments.map(({ transaction }) => transaction)));
    for (const { lists } of shops) for (const { transaction } of lists.unmatched) known.add(transaction);
    return books.takings.filter((taking) => taking.acknowledged === acknowledged && !known.has(taking.transaction))
      .length;
  };
  const acknowledged = books.takings.filter((taking) => taking.acknowledged).length;
  /** @type {[string, string | number, string][]} */
  const rows = [
    ["orders", sales.length, `${states.join(", ")}; ${options.orders - sales.length} more found nothing left to buy`],
    ["payments", books.takings.length, "transactions that the provider took"],
    ["acknowledged", acknowledged, `answered 2xx; ${books.takings.length - acknowledged} found by asking only`],
    ["unmatched", strays.length, "payments for no order, of which a clerk gave some to theirs and some back"],
    ["lost", lost(true) + lost(false), `${lost(true)} of them acknowledged`],
    [
      "conversions per paid order",
      paid.length > 0 ? conversions / paid.length : "-",
      `${conversions} of ${paid.length}`,
    ],
    [
      "webhooks",
      events,
      `events, in ${webhooks.deliveries} deliveries, of which ${webhooks.spoilt} were spoilt on purpose`,
    ],
    ["webhooks missing", events - told, ""],
    [
      "money in − money out",
      moneyIn - moneyOut,
      `by the provider and the till: ${moneyIn} − ${moneyOut} minor units, with ${cash} in cash and ${assigned} that had gone astray`,
    ],
    ["off the books", moneyIn - moneyOut - inBooks, `${inBooks} by the orders; ${broken("I3")} orders or refunds off`],
    [
      "stock",
      sum(stock.map(({ held, sold }) => held + sold)),
      `${sum(stock.map(({ sold }) => sold))} sold + ${sum(stock.map(({ held }) => held))} held, of ${sum(shops.map(({ shop }) => shop.stock))}`,
    ],
    [
      "seconds to settle",
      settleSeconds.toFixed(1),
      `after the last kill and the last payer; ${seconds.toFixed(0)} s in all`,
    ],
    ["disturbances", kills, `kills by SIGKILL; the database away for ${outageSeconds.toFixed(1)} s`],
    ["violations", violations.length, violations.length === 0 ? "I1 to I13 hold" : ""],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, figure, note]) =>
    `${name.padEnd(width)}  ${String(figure).padStart(9)}  ${note}`.trimEnd(),
  );
  return [...table, ...violations.map(describe)].join("\n");
}

/** @param {import("./laws.mjs").Violation} violation */
function describe({ law, what, sale }) {
  if (!sale) return `${law}: ${what}`;
  const { tale, placed, takings } = sale;
  const money = takings.map(
    ({ transaction, amount, takenAt }) => `${transaction} ${amount} at ${new Date(takenAt).toISOString()}`,
  );
  return `${law}: ${placed.id} (order ${tale.plan.index}, ${tale.plan.life}, ${tale.shop.policy.currency}) ${what}; the provider took ${money.join(", ") || "nothing"}`;
}
