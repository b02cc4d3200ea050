// What happens in a storm, drawn from its seed before it begins: who buys what and does what with it, and when the product is killed.
import { chance } from "./chance.mjs";
import { policies } from "./shops.mjs";

/**
 * @typedef {"pays" | "paysCash" | "goesAstray" | "leaves" | "cancels" | "extends" | "expires" | "paysTooLate"} Life
 *   paysCash: at the counter, while a phone may be paying too. goesAstray: the money comes under the name of an order that nobody knows. leaves: goes to the wallet and not through with it. cancels: the merchant calls it off in the middle. extends: by the merchant, before or
 *   after its end. expires: the payer begins in its last seconds. paysTooLate: the money moves after the grace.
 *
 * @typedef {object} PlannedOrder
 * @property {number} index
 * @property {number} shop
 * @property {Life} life
 * @property {boolean} twice what the merchant asks for is asked by two requests at once, under one idempotency key
 * @property {boolean} stocked whether it takes pieces that are counted
 * @property {number} quantity
 * @property {number} price of one free line, in minor units
 * @property {number | null} lifetimeSeconds
 * @property {boolean} crowded two phones pay it at once
 * @property {boolean} declined the first try fails at the wallet
 * @property {boolean} calm its wallet behaves
 * @property {number} afterMs when the merchant cancels or extends
 * @property {("PART" | "ALL")[]} refunds one after the other, once it is paid
 * @property {"HONOR" | "REFUND" | null} clerk what a person decides, should one be needed
 * @property {string} person who pays; some come again
 *
 * @typedef {object} Plan
 * @property {PlannedOrder[]} orders
 * @property {number[]} kills after how many orders were begun
 * @property {number} outage after how many orders the database goes away
 */

/** The shortest life of a code: orders that expire need this long, so small storms have none. */
export const shortLifeSeconds = 60;
const ordersWithExpiry = 200;
/** Money after the grace needs three minutes. */
const ordersWithLateness = 500;

/** @param {Pick<import("./options.mjs").Options, "seed" | "orders" | "kills">} asked @returns {Plan} */
export function planStorm({ seed, orders, kills }) {
  const storm = chance(seed);
  return {
    orders: Array.from({ length: orders }, (_, index) => planOrder(storm.of("order", index), index, orders)),
    kills: Array.from({ length: kills }, (_, index) =>
      storm.between(`kill ${index}`, Math.ceil(orders / 20), orders),
    ).toSorted((a, b) => a - b),
    outage: storm.between("outage", Math.ceil(orders / 4), Math.ceil((orders * 3) / 4)),
  };
}

/** @param {import("./chance.mjs").Chance} drawn @param {number} index @param {number} orders @returns {PlannedOrder} */
function planOrder(drawn, index, orders) {
  const isEarly = index < orders / 3;
  const life = drawn.among(
    "life",
    /** @type {[number, Life][]} */ ([
      [60, "pays"],
      [6, "paysCash"],
      [4, "goesAstray"],
      [8, "leaves"],
      [16, "cancels"],
      ...(orders >= ordersWithExpiry && isEarly
        ? [
            [12, "extends"],
            [16, "expires"],
          ]
        : []),
      ...(orders >= ordersWithLateness && isEarly ? [[8, "paysTooLate"]] : []),
    ]),
  );
  const isShort = life === "extends" || life === "expires" || life === "paysTooLate";
  return {
    index,
    shop: drawn.between("shop", 0, policies.length - 1),
    life,
    twice: drawn.happens("twice", 15),
    stocked: drawn.happens("stocked", 40),
    quantity: drawn.between("quantity", 1, 3),
    price: drawn.between("price", 100, 99_999),
    lifetimeSeconds: isShort || (life === "leaves" && isEarly && orders >= ordersWithExpiry) ? shortLifeSeconds : null,
    crowded: drawn.happens("crowded", 12),
    declined: drawn.happens("declined", 10),
    calm: drawn.happens("calm", 15),
    afterMs:
      life === "extends" ? drawn.between("extended after", 30, 70) * 1000 : drawn.between("cancelled after", 0, 4_000),
    refunds: drawn.among(
      "refunds",
      /** @type {[number, ("PART" | "ALL")[]][]} */ ([
        [70, []],
        [10, ["ALL"]],
        [10, ["PART"]],
        [6, ["PART", "PART"]],
        [4, ["PART", "ALL"]],
      ]),
    ),
    clerk: drawn.among(
      "clerk",
      /** @type {[number, "HONOR" | "REFUND" | null][]} */ ([
        [40, "HONOR"],
        [40, "REFUND"],
        [20, null],
      ]),
    ),
    person: `person-${drawn.between("person", 1, Math.max(4, Math.floor(orders / 4)))}`,
  };
}
