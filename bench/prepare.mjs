// What must exist before anything is measured: a merchant, and pools of orders and objects.
import { creating } from "./ceiling-scenarios.mjs";
import { Connection } from "./connection.mjs";
import { poolSize } from "./plan.mjs";
import { placing, question, readDocument, selling } from "./product-scenarios.mjs";

/** @typedef {import("./product-scenarios.mjs").Shop} Shop */

const checkoutUrl = "https://shop.example/checkout/1234567890";

const registerDocument = `mutation Register($input: MerchantRegisterInput!) {
  merchantRegister(input: $input) {
    __typename
    ... on MerchantRegisterSuccess { apiKey sandboxSecret sandboxAccount { notificationUrl } }
    ... on UserError { code message }
  }
}`;

/** @param {import("./servers.mjs").Measured} server @returns {Promise<Shop>} */
export async function prepareShop({ url, vars }) {
  const input = { name: "Bench Tea House", slug: "bench-tea-house", currency: "CNY", locale: "zh-CN" };
  const wallet = { notificationPath: "", secret: "" };
  const admin = { url, apiKey: vars["ADMIN_TOKEN"] ?? "", wallet, leading: [], shown: [], paid: [] };
  const { merchantRegister: registered } = await ask(admin, registerDocument, { input });
  if (!registered.apiKey) throw new Error(`No merchant: ${JSON.stringify(registered)}`);
  const { pathname } = new URL(registered.sandboxAccount.notificationUrl);
  const shop = {
    ...admin,
    apiKey: registered.apiKey,
    wallet: { notificationPath: pathname, secret: registered.sandboxSecret },
  };
  const sale = selling(shop);
  const slugs = async (/** @type {string | undefined} */ leadsTo) =>
    (await gather(url, placing(shop, leadsTo))).map(({ slug }) => slug);
  const ready = {
    ...shop,
    leading: await slugs(checkoutUrl),
    shown: await slugs(undefined),
    paid: await gather(url, sale.unit),
  };
  await sold(sale, url);
  return ready;
}

/** Waits until the pool's sales are in the merchant's lists, as slices count from there. @param {ReturnType<typeof selling>} sale @param {string} url */
async function sold(sale, url) {
  const connection = await Connection.open(url);
  for (const patience = Date.now() + 30_000; (await sale.counted(connection)) < poolSize;)
    if (Date.now() > patience) throw new Error("The pool's sales never reached the merchant's lists.");
  connection.close();
}

/** What the ceilings are to answer: the very bytes and data that the product answers. @param {Shop} shop */
export async function answersOf(shop) {
  const { order } = await ask(shop, readDocument, { id: shop.paid[0] });
  const picture = await fetch(`${shop.url}/c/${shop.shown[0]}/qr.svg`);
  return { ORDER: JSON.stringify(order), PICTURE: await picture.text() };
}

/** @param {import("./servers.mjs").Measured} server */
export const prepareCeilings = async ({ url }) => ({ url, names: await gather(url, creating({ url, names: [] })) });

/**
 * @template T
 * @param {string} url
 * @param {(connection: Connection) => Promise<T>} make
 * @returns {Promise<T[]>} a pool of what was made
 */
async function gather(url, make) {
  const connections = await Promise.all(Array.from({ length: 10 }, () => Connection.open(url)));
  const made = [];
  while (made.length < poolSize) made.push(...(await Promise.all(connections.map(make))));
  for (const connection of connections) connection.close();
  return made;
}

/** @param {Shop} shop @param {string} query @param {unknown} variables */
async function ask(shop, query, variables) {
  const connection = await Connection.open(shop.url);
  const { body } = await connection.ask(question(shop, query, variables));
  connection.close();
  const { data, errors } = JSON.parse(Buffer.from(body, "latin1").toString());
  if (errors) throw new Error(`The graph answered: ${JSON.stringify(errors)}`);
  return data;
}
