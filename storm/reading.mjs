// What a merchant can read of the product: lists and the event log, a moment behind, and single orders, which are fresh.

/**
 * @typedef {object} Row an order as lists show it
 * @property {string} id
 * @property {string} state
 * @property {number} version
 * @property {{ minorUnits: number }} received
 * @property {{ minorUnits: number }} refunded
 * @property {string} settlement
 * @property {{ transaction: string | null, state: string }[]} payments
 * @property {{ state: string, automatic: boolean, amount: { minorUnits: number } }[]} refunds
 *
 * @typedef {{ id: string, type: string, sequence: number, data: { orderId: string, [field: string]: unknown } }} Event
 *
 * @typedef {Row & {
 *   total: { minorUnits: number, currency: string },
 *   expiresAt: string,
 *   allowedActions: string[],
 *   liveCode: { explain: string[] },
 *   conversion: { id: string, firstTime: boolean, customer: { id: string } } | null,
 *   timeline: (Event & { occurredAt: string })[],
 * }} Order an order as its live code tells it
 *
 * @typedef {object} Lists
 * @property {Row[]} orders
 * @property {Event[]} events
 * @property {{ id: string, ordersPaid: number, lifetimeValue: { minorUnits: number } }[]} customers
 * @property {{ transaction: string, state: string }[]} unmatched waiting and settled
 * @property {number} pieces of the counted product that can still be sold
 */

const rowFields = `id state version received { minorUnits } refunded { minorUnits } settlement
  payments { transaction state } refunds { state automatic amount { minorUnits } }`;

/** @param {import("./client.mjs").Client} client @param {import("./shops.mjs").Shop} shop @returns {Promise<Lists>} */
export async function readLists(client, shop) {
  const [orders, events, customers, waiting, settled, { viewer }] = await Promise.all([
    readAll(client, shop, "orders", rowFields, 50),
    readAll(client, shop, "events", "id type sequence data", 100),
    readAll(client, shop, "customers", "id ordersPaid lifetimeValue { minorUnits }", 100),
    readAll(client, shop, "unmatchedPayments", "transaction state", 100, "settled: false"),
    readAll(client, shop, "unmatchedPayments", "transaction state", 100, "settled: true"),
    client.graph(shop.apiKey, `{ viewer { merchant { products(first: 10) { nodes { id stock } } } } }`),
  ]);
  const { nodes } = viewer.merchant.products;
  const counted = nodes.find((/** @type {{ id: string }} */ { id }) => id === shop.productId);
  return { orders, events, customers, unmatched: [...waiting, ...settled], pieces: counted.stock };
}

/** @param {import("./client.mjs").Client} client @param {import("./shops.mjs").Shop} shop @param {string} list @param {string} fields @param {number} first @param {string} [more] arguments */
async function readAll(client, shop, list, fields, first, more = "") {
  const nodes = [];
  for (let after = null; ;) {
    const { viewer } = await client.graph(
      shop.apiKey,
      `query ($after: String) { viewer { merchant { ${list}(first: ${first}, after: $after, ${more}) { nodes { ${fields} } pageInfo { hasNextPage endCursor } } } } }`,
      { after },
    );
    const page = viewer.merchant[list];
    nodes.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return nodes;
    after = page.pageInfo.endCursor;
  }
}

/** @param {import("./client.mjs").Client} client @param {import("./shops.mjs").Shop} shop @param {string} id @returns {Promise<Order | null>} */
export async function readOrder(client, shop, id) {
  const { order } = await client.graph(
    shop.apiKey,
    `query ($id: ID!) { order(by: { id: $id }) { ${rowFields} total { minorUnits currency } expiresAt allowedActions
      liveCode { explain } conversion { id firstTime customer { id } } timeline { id type sequence occurredAt data } } }`,
    { id },
  );
  return order;
}

/** The list's word on one order. @param {import("./client.mjs").Client} client @param {import("./shops.mjs").Shop} shop @param {string} externalReference */
export async function readRow(client, shop, externalReference) {
  const { viewer } = await client.graph(
    shop.apiKey,
    `query ($filter: OrderFilter!) { viewer { merchant { orders(first: 1, filter: $filter) { nodes { id state version } } } } }`,
    { filter: { externalReference } },
  );
  return viewer.merchant.orders.nodes[0] ?? null;
}
