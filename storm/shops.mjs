// The merchants of a storm. Each has other policies and another currency, so that every end money can have comes up.

/**
 * @typedef {object} Shop
 * @property {number} index
 * @property {string} apiKey
 * @property {string} sandboxSecret
 * @property {string} accountId
 * @property {string} notificationUrl
 * @property {Policy} policy
 * @property {string} productId of the product whose pieces are counted
 * @property {number} stock how many pieces there were
 * @property {number} price of a piece, in minor units
 *
 * @typedef {object} Policy
 * @property {string} currency
 * @property {number} places of the currency
 * @property {"HONOR" | "HONOR_IF_STOCK" | "REFUND" | "REVIEW"} latePayment
 * @property {"REFUND" | "KEEP" | "REVIEW"} overPayment
 * @property {"REFUND" | "KEEP_OPEN" | "REVIEW"} underPayment
 */

/** @type {readonly Policy[]} */
export const policies = [
  { currency: "CNY", places: 2, latePayment: "HONOR_IF_STOCK", overPayment: "REFUND", underPayment: "REVIEW" },
  { currency: "JPY", places: 0, latePayment: "HONOR", overPayment: "KEEP", underPayment: "KEEP_OPEN" },
  { currency: "KWD", places: 3, latePayment: "REFUND", overPayment: "REVIEW", underPayment: "REFUND" },
  { currency: "EUR", places: 2, latePayment: "REVIEW", overPayment: "REFUND", underPayment: "REVIEW" },
];

/** @param {number} minor @param {Pick<Policy, "places">} of @returns {string} as the graph takes it */
export function decimal(minor, { places }) {
  const digits = String(minor).padStart(places + 1, "0");
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/**
 * Opens them all, each with a webhook endpoint for everything.
 * @param {import("./client.mjs").Client} client
 * @param {import("./receiver.mjs").Receiver} receiver
 * @param {{ adminToken: string, name: string, stock: number, money: (planned: Policy) => { currency: string, places: number } }} options `name` begins every slug
 * @returns {Promise<Shop[]>}
 */
export async function openShops(client, receiver, { adminToken, name, stock, money }) {
  /** @type {Shop[]} */
  const shops = [];
  for (const [index, planned] of policies.entries()) {
    const { currency: sold, places: digits } = money(planned);
    const policy = { ...planned, currency: sold, places: digits };
    const registered = await mutate(
      client,
      adminToken,
      "merchantRegister",
      "apiKey sandboxSecret sandboxAccount { id notificationUrl }",
      {
        name: `Storm ${policy.currency}`,
        slug: `${name}-${index}`,
        currency: policy.currency,
      },
    );
    const { apiKey, sandboxSecret, sandboxAccount } = registered;
    const { currency, places: _, ...rules } = policy;
    await mutate(client, apiKey, "merchantUpdate", "merchant { id }", { policy: rules });
    const price = 1_990;
    const { product } = await mutate(client, apiKey, "productCreate", "product { id }", {
      sku: "COUNTED",
      name: "Counted tea",
      price: { amount: decimal(price, policy), currency },
      stock,
    });
    const { secret } = await mutate(client, apiKey, "webhookEndpointCreate", "secret", {
      url: receiver.urlOf(index),
      types: await eventTypes(client, apiKey),
    });
    receiver.trust(index, secret);
    shops.push({
      index,
      apiKey,
      sandboxSecret,
      accountId: sandboxAccount.id,
      notificationUrl: sandboxAccount.notificationUrl,
      policy,
      productId: product.id,
      stock,
      price,
    });
  }
  return shops;
}

/**
 * One mutation of the contract's form.
 * @param {import("./client.mjs").Client} client @param {string} bearer
 * @param {string} name @param {string} selection on its success @param {unknown} input
 */
export async function mutate(client, bearer, name, selection, input) {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const { [name]: result } = await client.graph(
    bearer,
    `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Success { ${selection} } ... on UserError { code message } } }`,
    { input },
  );
  if (result.__typename !== `${type}Success`) throw new Error(`${name} was refused: ${JSON.stringify(result)}`);
  return result;
}

/** @param {import("./client.mjs").Client} client @param {string} apiKey @returns {Promise<string[]>} */
async function eventTypes(client, apiKey) {
  const { __type } = await client.graph(apiKey, `{ __type(name: "EventType") { enumValues { name } } }`);
  return __type.enumValues.map((/** @type {{ name: string }} */ { name }) => name);
}
