// The invariants of docs/storm.md, asked of one order in all books. Pure.

/**
 * @typedef {import("./evidence.mjs").Sale} Sale
 * @typedef {Sale & { order: import("./reading.mjs").Order }} KnownSale
 * @typedef {(sale: KnownSale) => string | false | null | undefined} OrderLaw what is wrong with it, if anything
 */

export const sum = (/** @type {number[]} */ amounts) => amounts.reduce((all, amount) => all + amount, 0);
const count = (/** @type {KnownSale} */ { order }, /** @type {string} */ type) =>
  order.timeline.filter((event) => event.type === type).length;
export const isOpen = (/** @type {string} */ state) => state === "OPEN" || state === "CLAIMED" || state === "PAYING";
const webhookType = (/** @type {string} */ type) => type.toLowerCase().replace("_", ".");
/** What came in for an order and was not sent away to its account's unmatched payments. @param {KnownSale} sale */
const placedTakings = ({ order, takings }) => {
  const known = new Set(order.payments.map(({ transaction }) => transaction));
  return takings.filter(({ transaction }) => known.has(transaction));
};
const graceMs = 120_000;
/** Clocks of two objects, and a decision and its commit, may lie so far apart. */
const marginMs = 2_000;

/** Why an order ended, and when; undefined while it has not, or when it was extended since. @param {KnownSale} sale */
export const endOf = ({ order }) =>
  order.timeline.findLast(
    ({ type, occurredAt }) => type === "ORDER_CANCELLED" || (type === "ORDER_EXPIRED" && occurredAt >= order.expiresAt),
  );

/** @type {readonly (readonly [law: string, OrderLaw])[]} */
export const orderLaws = [
  [
    "I1",
    (sale) => {
      const paid = sale.order.state === "PAID";
      const told = count(sale, "CONVERSION_COMMITTED");
      const heard = new Set(sale.heard.filter(({ type }) => type === "conversion.committed").map(({ id }) => id)).size;
      const wanted = Number(paid);
      return (
        (told !== wanted ||
          heard !== wanted ||
          count(sale, "ORDER_PAID") !== wanted ||
          (sale.order.conversion !== null) !== paid) &&
        `is ${sale.order.state} with ${told} conversions in its timeline and ${heard} told by webhook`
      );
    },
  ],
  [
    "I1",
    ({ tale, order }) =>
      order.state === "PAID" &&
      order.received.minorUnits < order.total.minorUnits &&
      !tale.honoured &&
      `is PAID with ${order.received.minorUnits} of ${order.total.minorUnits}`,
  ],
  [
    "I3",
    (sale) => {
      const { cash, stray } = sale.tale;
      const taken =
        sum(placedTakings(sale).map(({ amount }) => amount)) +
        cash +
        (stray?.end === "ASSIGNED" ? sale.placed.total : 0);
      const product = sale.order.received.minorUnits;
      return taken !== product && `received ${product}, and the provider and the till took ${taken}`;
    },
  ],
  [
    "I3",
    (sale) => {
      const wallet = sum(placedTakings(sale).flatMap(({ refunds }) => refunds.map(({ amount }) => amount)));
      return (
        wallet !== sale.order.refunded.minorUnits &&
        `refunded ${sale.order.refunded.minorUnits}, and the provider gave back ${wallet}`
      );
    },
  ],
  [
    "I4",
    ({ tale, order, heard }) =>
      order.state !== "PAID" &&
      (tale.seenPaid || heard.some(({ type }) => type === "order.paid")) &&
      `was PAID, and is ${order.state}`,
  ],
  [
    "I5",
    ({ order, row }) => {
      const [object, list] = [order, row].map(
        (one) =>
          one && [one.version, one.state, one.settlement, one.received.minorUnits, one.refunded.minorUnits].join(" "),
      );
      return object !== list && `is ${object}, and the lists say ${list}`;
    },
  ],
  [
    "I6",
    ({ order }) => {
      const gap = order.timeline.findIndex(({ sequence }, index) => sequence !== index + 1);
      return gap !== -1 && `has a gap in its timeline before event ${gap + 1}`;
    },
  ],
  [
    "I6",
    ({ order, heard }) => {
      const known = new Map(heard.map((one) => [one.id, one]));
      const missing = order.timeline.filter(({ id }) => !known.has(id));
      return (
        missing.length > 0 &&
        `was never told by webhook of ${missing.map(({ type, sequence }) => `${sequence} ${type}`).join(", ")}`
      );
    },
  ],
  [
    "I6",
    ({ order, heard }) => {
      const told = new Map(order.timeline.map((event) => [event.id, event]));
      const wrong = heard.find(({ id, type, sequence }) => {
        const event = told.get(id);
        return !event || event.sequence !== sequence || webhookType(event.type) !== type;
      });
      return wrong && `was told by webhook of ${wrong.id} ${wrong.type}, which its timeline does not have`;
    },
  ],
  [
    "I6",
    ({ heard }) => {
      const early = heard.find(({ sequence }, index) => index > 0 && sequence < (heard[index - 1]?.sequence ?? 0));
      return early && `was told of event ${early.sequence} after a later one`;
    },
  ],
  [
    "I8",
    ({ placed, order }) =>
      (order.total.minorUnits !== placed.total || order.total.currency !== placed.currency) &&
      `was placed for ${placed.total} ${placed.currency}, and asks ${order.total.minorUnits} ${order.total.currency}`,
  ],
  [
    "I9",
    (sale) => {
      const { order, tale, takings } = sale;
      const [first] = takings;
      if (order.state === "PAID" || !first || first.amount < order.total.minorUnits) return false;
      const end = endOf(sale);
      const until =
        end?.type === "ORDER_CANCELLED"
          ? Date.parse(end.occurredAt) - marginMs
          : Date.parse(order.expiresAt) + graceMs - marginMs;
      const honours = tale.shop.policy.latePayment === "HONOR";
      return (
        (first.takenAt <= until || honours) &&
        `was paid in full ${honours ? "" : "in time "}by ${first.transaction}, and is ${order.state}`
      );
    },
  ],
  [
    "I9",
    ({ order }) =>
      (order.state === "EXPIRED" || order.state === "CANCELLED") &&
      order.received.minorUnits !== order.refunded.minorUnits &&
      `is ${order.state}, and keeps ${order.received.minorUnits - order.refunded.minorUnits} that nobody decided about`,
  ],
  [
    "I9",
    ({ order }) =>
      isOpen(order.state) &&
      order.received.minorUnits - order.refunded.minorUnits >= order.total.minorUnits &&
      `holds ${order.received.minorUnits}, and is ${order.state}`,
  ],
  ["I11", ({ order }) => order.refunded.minorUnits > order.received.minorUnits && "gave back more than came in"],
  [
    "I11",
    ({ takings }) => {
      const over = takings.find(({ amount, refunds }) => sum(refunds.map((refund) => refund.amount)) > amount);
      return over && `gave back more of ${over.transaction} than it brought`;
    },
  ],
  [
    "I11",
    ({ tale, placed, order }) => {
      const { refunds } = tale.plan;
      const byHand = sum(order.refunds.filter(({ automatic }) => !automatic).map(({ amount }) => amount.minorUnits));
      const most = Math.floor(placed.total / 3) * refunds.length;
      return !refunds.includes("ALL") && byHand > most && `was asked to give back ${most}, and gave ${byHand}`;
    },
  ],
  [
    "I12",
    ({ order }) =>
      order.refunds.some(({ state }) => state !== "SUCCEEDED") &&
      `has refunds ${order.refunds.map(({ state }) => state).join(", ")}`,
  ],
  [
    "I12",
    ({ order }) =>
      !isOpen(order.state) &&
      order.state !== "REVIEW" &&
      order.payments.some(({ state }) => state === "PENDING") &&
      `is ${order.state}, and still waits for a payment`,
  ],
  [
    "I12",
    ({ tale, order }) => {
      const waitsForRest =
        tale.shop.policy.underPayment === "KEEP_OPEN" && order.received.minorUnits > order.refunded.minorUnits;
      return (
        isOpen(order.state) &&
        !waitsForRest &&
        Date.parse(order.expiresAt) + graceMs < Date.now() &&
        `is ${order.state} after its end`
      );
    },
  ],
];
