// Everything that can be seen of a storm from outside, once it is over.
import { readLists, readOrder } from "./reading.mjs";

/**
 * @typedef {object} Evidence
 * @property {Sale[]} sales the orders that were placed
 * @property {import("./lives.mjs").Tale[]} tales all of them
 * @property {ShopEvidence[]} shops
 * @property {import("./payer.mjs").Books} books
 * @property {Map<string, import("./receiver.mjs").Heard>} heard
 *
 * @typedef {object} Sale one order in every book
 * @property {import("./lives.mjs").Tale} tale
 * @property {import("./lives.mjs").Placed} placed
 * @property {import("./reading.mjs").Order | null} order
 * @property {import("./reading.mjs").Row | undefined} row
 * @property {import("./payer.mjs").Taking[]} takings
 * @property {import("./receiver.mjs").Heard[]} heard in the order in which they came
 *
 * @typedef {{ shop: import("./shops.mjs").Shop, lists: import("./reading.mjs").Lists }} ShopEvidence
 */

const readersMax = 8;

/**
 * @param {import("./lives.mjs").Scene} scene @param {import("./lives.mjs").Tale[]} tales
 * @param {import("./receiver.mjs").Receiver} receiver @returns {Promise<Evidence>}
 */
export async function gather({ client, shops, payer }, tales, { heard }) {
  const books = await payer.books();
  const seen = await Promise.all(shops.map(async (shop) => ({ shop, lists: await readLists(client, shop) })));
  const rows = new Map(seen.flatMap(({ lists }) => lists.orders.map((row) => [row.id, row])));
  const takings = Map.groupBy(books.takings, ({ orderId }) => orderId);
  const heardOf = Map.groupBy(heard.values(), ({ orderId }) => orderId);
  const sales = await inTurn(tales, readersMax, async (tale) => {
    const { placed, shop } = tale;
    if (placed === null || placed === "SOLD_OUT") return [];
    const { id } = placed;
    const order = await readOrder(client, shop, id);
    return [{ tale, placed, order, row: rows.get(id), takings: takings.get(id) ?? [], heard: heardOf.get(id) ?? [] }];
  });
  return { sales: sales.flat(), tales, shops: seen, books, heard };
}

/**
 * So many at once, answers in order.
 * @template T, R
 * @param {readonly T[]} items @param {number} max @param {(item: T) => Promise<R>} act @returns {Promise<R[]>}
 */
export async function inTurn(items, max, act) {
  /** @type {R[]} */
  const answers = Array.from({ length: items.length });
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) answers[at] = await act(/** @type {T} */ (items[at]));
  };
  await Promise.all(Array.from({ length: Math.min(max, items.length) }, worker));
  return answers;
}
