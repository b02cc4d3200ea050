// The demo merchant and its orders, made through the public graph like anybody else's.
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const products = [
  { sku: "LONGJING-50", name: "Longjing green tea 龙井茶 50 g", price: cny("68.00") },
  { sku: "PUER-CAKE", name: "Aged pu'er cake 普洱茶饼 357 g", price: cny("198.00") },
  { sku: "MILK-TEA", name: "Jasmine milk tea 茉莉奶茶", price: cny("19.90") },
  {
    sku: "GAIWAN",
    name: "Porcelain gaiwan 白瓷盖碗",
    description: "Fired in small batches.",
    price: cny("128.00"),
    stock: 24,
  },
];

/** The product whose stock is not counted, so that no number of starts can sell it out. */
const orderedSku = "MILK-TEA";

/** @param {string} amount */
function cny(amount) {
  return { amount, currency: "CNY" };
}

/**
 * Registers the demo merchant with its products, once per state folder: its key is remembered there.
 * @param {{ url: string, adminToken: string, state: string }} where
 * @returns {Promise<string>} the merchant's API key
 */
export async function registerDemoMerchant({ url, adminToken, state }) {
  const memory = join(state, "demo.json");
  if (existsSync(memory)) {
    const { apiKey } = JSON.parse(readFileSync(memory, "utf8"));
    if (await isMerchant({ url, apiKey })) return apiKey;
  }
  // A start that was cut short may have left a merchant without a memory, so the slug must be new.
  const slug = `tea-house-${randomBytes(3).toString("hex")}`;
  const { apiKey } = await mutate({ url, token: adminToken }, "merchantRegister", "apiKey", {
    name: "Huoma Tea House 活码茶馆",
    slug,
    currency: "CNY",
    locale: "zh-CN",
    timeZone: "Asia/Shanghai",
  });
  for (const product of products) await mutate({ url, token: apiKey }, "productCreate", "product { id }", product);
  writeFileSync(memory, `${JSON.stringify({ apiKey, slug }, null, 2)}\n`, { mode: 0o600 });
  return apiKey;
}

/**
 * @param {{ url: string, apiKey: string }} where
 * @returns {Promise<{ order: { number: string, total: { formatted: string } }, liveCode: { url: string } }>}
 */
export async function placeDemoOrder({ url, apiKey }) {
  const { viewer } = await ask(
    { url, token: apiKey },
    "{ viewer { merchant { products(first: 50) { nodes { id sku } } } } }",
  );
  const product = viewer.merchant.products.nodes.find((/** @type {{ sku: string }} */ each) => each.sku === orderedSku);
  if (!product) throw new Error(`The demo merchant has no product ${orderedSku}.`);
  return mutate({ url, token: apiKey }, "orderPlace", "order { number total { formatted } } liveCode { url }", {
    lines: [{ productId: product.id, quantity: 2 }],
    attribution: { channel: "demo" },
  });
}

/** @param {{ url: string, apiKey: string }} where */
async function isMerchant({ url, apiKey }) {
  try {
    const { viewer } = await ask({ url, token: apiKey }, "{ viewer { merchant { id } } }");
    return viewer.merchant !== null;
  } catch {
    return false;
  }
}

/**
 * Runs one mutation of the contract's form and gives its success.
 * @param {{ url: string, token: string }} who
 * @param {string} name such as orderPlace; its input and success types are named after it
 * @param {string} selection on the success type
 * @param {unknown} input
 */
export async function mutate(who, name, selection, input) {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const document = `mutation ($input: ${type}Input!) {
    ${name}(input: $input) { __typename ... on ${type}Success { ${selection} } ... on UserError { code message } }
  }`;
  const { [name]: result } = await ask(who, document, { input });
  if (result.__typename !== `${type}Success`) throw new Error(`${name} was refused: ${result.code}, ${result.message}`);
  return result;
}

/**
 * @param {{ url: string, token: string }} who
 * @param {string} query
 * @param {unknown} [variables]
 */
export async function ask({ url, token }, query, variables) {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  const answer = response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : undefined;
  if (answer?.errors)
    throw new Error(
      `The graph answered: ${answer.errors.map((/** @type {{ message: string }} */ each) => each.message).join("; ")}`,
    );
  if (!answer?.data) throw new Error(`POST ${url}/graphql answered ${response.status}: ${text.slice(0, 500)}`);
  return answer.data;
}
