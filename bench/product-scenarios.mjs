// What people do with the product, as a client on a raw socket does it. Every answer is checked: a wrong one ends the bench.
import { createHmac } from "node:crypto";
import { header, request } from "./connection.mjs";
import { expectStatus } from "./scenario.mjs";

/**
 * @typedef {import("./connection.mjs").Connection} Connection
 * @typedef {import("./scenario.mjs").Scenario} Scenario
 *
 * @typedef {object} Shop what the scenarios know of the server
 * @property {string} url
 * @property {string} apiKey
 * @property {{ notificationPath: string, secret: string }} wallet where a wallet tells of payments, and what it signs with
 * @property {string[]} leading slugs whose scan leads to the merchant's own checkout
 * @property {string[]} shown slugs whose scan shows the payer page
 * @property {string[]} paid ids of paid orders
 */

/** A phone as it is held over a counter, so that scans count. */
export const phone = {
  "user-agent":
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
  accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "accept-language": "zh-CN,zh;q=0.9",
};

const placeDocument = `mutation Place($input: OrderPlaceInput!) {
  orderPlace(input: $input) {
    __typename
    ... on OrderPlaceSuccess { order { id } liveCode { slug } }
    ... on UserError { code message }
  }
}`;

export const readDocument = `query Read($id: ID!) {
  order(by: { id: $id }) {
    id number state version createdAt paidAt
    lines { name quantity unitPrice { amount currency } total { amount currency } }
    total { amount currency } received { amount currency }
    payments { id provider transaction state amount { amount currency } paidAt }
    customer { id displayName tags }
  }
}`;

/** Fifty orders with what hangs on them. */
export const listDocument = `query List {
  viewer { merchant { orders(first: 50) { nodes {
    id number state version createdAt paidAt
    lines { name quantity unitPrice { amount currency } total { amount currency } }
    total { amount currency } received { amount currency }
    payments { id provider transaction state amount { amount currency } paidAt }
    customer { id displayName tags }
  } } } }
}`;

const countDocument = `{ viewer { merchant {
  orders(first: 1, filter: { state: [PAID] }) { totalCount }
  customers(first: 1) { totalCount }
} } }`;

/** Free lines: they need no catalogue. @param {string} [checkoutUrl] */
const orderInput = (checkoutUrl) => ({
  lines: [
    { name: "Jasmine milk tea", unitPrice: { amount: "19.90", currency: "CNY" }, quantity: 2 },
    { name: "Longjing green tea 50 g", unitPrice: { amount: "68.00", currency: "CNY" } },
  ],
  attribution: { channel: "bench" },
  ...(checkoutUrl && { checkoutUrl }),
});

/** @param {{ url: string, apiKey: string }} shop @param {string} query @param {unknown} [variables] @param {string} [path] */
export const question = ({ url, apiKey }, query, variables, path = "/graphql") =>
  request(
    "POST",
    path,
    {
      host: new URL(url).host,
      authorization: `Bearer ${apiKey}`,
      "content-type": "application/json",
      accept: "application/json",
    },
    JSON.stringify({ query, variables }),
  );

/** @param {Shop} shop @param {string} path @param {Record<string, string>} [more] */
const look = ({ url }, path, more = {}) => request("GET", path, { host: new URL(url).host, ...phone, ...more });

/** @param {Shop} shop @param {string} path @param {Record<string, string>} fields @param {Record<string, string>} [more] */
const submit = ({ url }, path, fields, more = {}) =>
  request(
    "POST",
    path,
    {
      host: new URL(url).host,
      ...phone,
      "content-type": "application/x-www-form-urlencoded",
      origin: url,
      "sec-fetch-site": "same-origin",
      ...more,
    },
    String(new URLSearchParams(fields)),
  );

/** @type {Record<string, (shop: Shop) => Scenario>} */
export const productScenarios = {
  picture: (shop) =>
    over(
      shop.shown.map((slug) => look(shop, `/c/${slug}/qr.svg`)),
      200,
    ),
  redirect: (shop) =>
    over(
      shop.leading.map((slug) => look(shop, `/c/${slug}`)),
      302,
    ),
  page: (shop) =>
    over(
      shop.shown.map((slug) => look(shop, `/c/${slug}`)),
      200,
    ),
  read: (shop) =>
    over(
      shop.paid.map((id) => question(shop, readDocument, { id })),
      200,
      `"state":"PAID"`,
    ),
  list: (shop) => over([question(shop, listDocument)], 200, `"state":"PAID"`),
  place: (shop) => ({ touch: 8, unit: placing(shop) }),
  sale: (shop) => selling(shop),
};

/** Asks one after another of prepared requests. @param {Buffer[]} requests @param {number} status @param {string} [part] of the body */
function over(requests, status, part = "") {
  return {
    touch: requests.length,
    /** @param {Connection} connection @param {number} index */
    async unit(connection, index) {
      expectStatus(await connection.ask(/** @type {Buffer} */ (requests[index % requests.length])), status, part);
    },
  };
}

/**
 * Places the same order again and again, each a new one.
 * @param {Shop} shop @param {string} [checkoutUrl]
 * @returns {(connection: Connection) => Promise<{ id: string, slug: string }>}
 */
export function placing(shop, checkoutUrl) {
  const place = question(shop, placeDocument, { input: orderInput(checkoutUrl) });
  return async (connection) => {
    const answer = await connection.ask(place);
    expectStatus(answer, 200, `"OrderPlaceSuccess"`);
    const { order, liveCode } = JSON.parse(answer.body).data.orderPlace;
    return { id: order.id, slug: liveCode.slug };
  };
}

/**
 * What a wallet tells when somebody has paid. The client is the wallet here: a real one's work happens elsewhere, and the pretend one's would be
 * measured as if it were the product's.
 * @param {Shop} shop @param {string} payment @param {string} order @param {string} payer
 */
function notification({ url, wallet }, payment, order, payer) {
  const paidAt = new Date();
  const body = JSON.stringify({
    id: `evt_${payment}`,
    type: "payment.succeeded",
    payment,
    order,
    transaction: `bench-${payment}`,
    amount: 10_780,
    currency: "CNY",
    paidAt: paidAt.toISOString(),
    payer: { id: payer },
  });
  const seconds = Math.floor(paidAt.getTime() / 1000);
  const signature = createHmac("sha256", wallet.secret).update(`${seconds}.${body}`).digest("hex");
  const headers = {
    host: new URL(url).host,
    "content-type": "application/json",
    "sandbox-signature": `t=${seconds},v1=${signature}`,
  };
  return request("POST", wallet.notificationPath, headers, body);
}

/**
 * A whole sale: placed, scanned, confirmed and begun to be paid, and paid by somebody new. It is over when the merchant's lists, which read
 * the projection, count every order as PAID and every payer as a customer.
 * @param {Shop} shop
 * @returns {Scenario & { unit: (connection: Connection) => Promise<string>, counted: (connection: Connection) => Promise<number> }} the unit
 *   gives the order's id
 */
export function selling(shop) {
  const place = placing(shop);
  const count = question(shop, countDocument);
  const run = Math.random().toString(36).slice(2);
  let payers = 0;
  /** @param {Connection} connection */
  const counted = async (connection) => {
    const answer = await connection.ask(count);
    expectStatus(answer, 200, `"totalCount"`);
    const { orders, customers } = JSON.parse(answer.body).data.viewer.merchant;
    return Math.min(orders.totalCount, customers.totalCount);
  };
  return {
    touch: 8,
    counted,
    async unit(connection) {
      const { id, slug } = await place(connection);

      const page = await connection.ask(look(shop, `/c/${slug}`));
      expectStatus(page, 200, slug);
      const nonce = /name="nonce" value="([^"]+)"/.exec(page.body)?.[1] ?? "";
      const cookie = header(page.head, "set-cookie")?.split(";")[0] ?? "";

      const begun = await connection.ask(submit(shop, `/c/${slug}/pay`, { nonce, provider: "SANDBOX" }, { cookie }));
      expectStatus(begun, 303);
      const [, payment] = /\/sandbox\/wallet\/(payment_\w+)$/.exec(header(begun.head, "location") ?? "") ?? [];
      if (payment === undefined) throw new Error("Paying did not lead to the wallet.");

      payers += 1;
      const paid = notification(shop, payment, id, `bench-${run}-${payers}`);
      expectStatus(await connection.ask(paid), 200, `"ok":true`);
      return id;
    },
  };
}
