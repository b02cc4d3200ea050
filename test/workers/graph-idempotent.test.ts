/** Every mutation that the graph has, asked for three times at once, again, and for something else with the same key: it does its work once. */
import { evictAllDurableObjects } from "cloudflare:test";
import { beforeAll, expect, it, vi } from "vitest";
import { orderKeyOf } from "../../src/core/ids.ts";
import type { Currency } from "../../src/core/money.ts";
import { schema } from "../../src/schema/index.ts";
import {
  adminToken,
  ask,
  at,
  openShop,
  placed,
  post,
  recorded,
  sell,
  textAt,
  type Json,
  type Shop,
} from "./graph-shop.ts";
import { liveCode, notice, orderOf, tell } from "./payment-scene.ts";
import { randomKey, someCapture } from "./terms.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** `input` is to succeed; `other` is another request; `shows`: what of its success stays as it is, whenever it is told. */
type Request = { readonly input: Json; readonly other: Json; readonly shows: string; readonly admin?: true };

const cny = (amount: string) => ({ amount, currency: "CNY" });
const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
const nowhere = "http://127.0.0.1:9/";

let shop: Shop;
let requests: Record<string, Request>;

const make = async (name: string, input: Json, selection: string): Promise<Json> => {
  const type = typeOf(name);
  const document = `mutation ($input: ${type}Input!) { result: ${name}(input: $input) { __typename ... on ${type}Success { ${selection} } ... on UserError { message } } }`;
  const result = at(await ask(shop.key, document, { input }), "result") as Json;
  expect(result["__typename"]).toBe(`${type}Success`);
  return result;
};
const typeOf = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
/** What the merchant has, once it is there. */
const seen = (selection: string, path: string): Promise<string> =>
  vi.waitFor(
    async () => textAt(await ask(shop.key, `{ viewer { merchant { ${selection} } } }`), `viewer.merchant.${path}`),
    {
      timeout: 60_000,
    },
  );

beforeAll(async () => {
  shop = await openShop();
  const { key, account } = shop;
  const productId = await sell(key, { sku: "S", stock: 100 });
  const definition = {
    actions: [
      { key: "points", kind: "POINTS_GRANT", perMajorUnit: 10, onRefund: "KEEP" },
      { key: "cup", kind: "COUPON_GRANT", name: "Next cup", value: "5.00", validDays: 30, onRefund: "KEEP" },
    ],
    targets: [{ kind: "RECEIPT" }],
  };
  const block = await make(
    "conversionBlockPublish",
    { name: "B", definition, makeDefault: true },
    "conversionBlock { id }",
  );
  const endpoint = await make("webhookEndpointCreate", { url: nowhere, types: [] }, "webhookEndpoint { id }");
  const webhookEndpointId = textAt(endpoint, "webhookEndpoint.id");
  const spareKey = await make("apiKeyCreate", { name: "n", scopes: ["ORDERS_READ"] }, "apiKey { id }");
  const another = async () => textAt(await placed(key), "order.id");
  const [open, paid, refundable, cancelled, lost] = [
    await another(),
    await another(),
    await another(),
    await another(),
    await another(),
  ];
  await recorded(key, { orderId: refundable, payer: { phone: "+8613812345678" } });
  const inReview = await another();
  const reviewed = await orderOf(orderKeyOf(inReview) ?? randomKey());
  await liveCode(reviewed.terms.key).apply(
    someCapture(reviewed.terms, { account: shop.accountId, currency: "USD" as Currency }),
  );
  for (const transaction of ["T1", "T2"])
    await tell(account, notice({ key: randomKey(), total: 1990, currency: "CNY" as Currency }, { transaction }));
  const unmatched = (nth: number) => seen("unmatchedPayments { nodes { id } }", `unmatchedPayments.nodes.${nth}.id`);
  const customerId = await seen("customers { nodes { id } }", "customers.nodes.0.id");
  const code = await seen("customers { nodes { coupons { code } } }", "customers.nodes.0.coupons.0.code");
  const webhookDeliveryId = await seen(
    "webhookEndpoints { nodes { deliveries { nodes { id } } } }",
    "webhookEndpoints.nodes.0.deliveries.nodes.0.id",
  );
  const conversionId = textAt(
    await ask(key, `query ($id: ID!) { order(by: { id: $id }) { conversion { id } } }`, { id: refundable }),
    "order.conversion.id",
  );
  const consent = { customerId, purpose: "PROFILING", textVersion: "v1", locale: "en", channel: "till" };
  const isOrder = "order { id }";
  requests = {
    apiKeyCreate: {
      input: { name: "k", scopes: ["ORDERS_READ"] },
      other: { name: "l", scopes: ["ORDERS_READ"] },
      shows: "apiKey { id } secret",
    },
    apiKeyRevoke: {
      input: { apiKeyId: textAt(spareKey, "apiKey.id") },
      other: { apiKeyId: "apikey_00X" },
      shows: "apiKey { id revokedAt }",
    },
    conversionBlockPublish: {
      input: { name: "N", definition },
      other: { name: "N", definition, conversionBlockId: textAt(block, "conversionBlock.id") },
      shows: "conversionBlock { id version publishedAt }",
    },
    conversionEndpointSave: {
      input: { kind: "CRM_PUSH", url: nowhere },
      other: { kind: "MESSAGE_SEND", url: nowhere },
      shows: "secret conversionEndpoint { kind }",
    },
    conversionRetry: { input: { conversionId }, other: { conversionId: "conversion_X" }, shows: "conversion { id }" },
    couponRedeem: { input: { code, reference: "r" }, other: { code, reference: "s" }, shows: "coupon { code state }" },
    customerConsentSet: {
      input: { ...consent, granted: true },
      other: { ...consent, granted: false },
      shows: "customer { id }",
    },
    customerUpdate: {
      input: { customerId, addTags: ["a"] },
      other: { customerId, addTags: ["b"] },
      shows: "customer { id }",
    },
    merchantRegister: {
      input: { name: "N", slug: "once", currency: "CNY" },
      other: { name: "M", slug: "once-2", currency: "CNY" },
      shows: "merchant { id } apiKey sandboxSecret sandboxAccount { id }",
      admin: true,
    },
    merchantUpdate: { input: { name: "Once" }, other: { name: "Twice" }, shows: "merchant { id name }" },
    orderCancel: { input: { orderId: cancelled }, other: { orderId: open }, shows: isOrder },
    orderExtend: {
      input: { orderId: open, expiresAt: inHours(24) },
      other: { orderId: open, expiresAt: inHours(27) },
      shows: "order { id expiresAt }",
    },
    orderPlace: { input: { lines: [{ productId }] }, other: { lines: [{ productId, quantity: 2 }] }, shows: isOrder },
    orderRefund: {
      input: { orderId: refundable, amount: cny("1.00") },
      other: { orderId: refundable, amount: cny("2.00") },
      shows: "refund { id }",
    },
    orderReviewResolve: {
      input: { orderId: inReview, decision: "HONOR", note: "seen" },
      other: { orderId: inReview, decision: "REFUND", note: "seen" },
      shows: isOrder,
    },
    paymentAccountCreate: {
      input: { sandbox: { name: "N", secret: "0123456789abcdef" } },
      other: { sandbox: { name: "M", secret: "0123456789abcdef" } },
      shows: "paymentAccount { id }",
    },
    paymentAccountUpdate: {
      input: { paymentAccountId: shop.accountId, name: "N" },
      other: { paymentAccountId: shop.accountId, name: "M" },
      shows: "paymentAccount { id name }",
    },
    paymentRecord: {
      input: { orderId: paid, amount: cny("19.90"), reference: "r" },
      other: { orderId: paid, amount: cny("1.00"), reference: "r" },
      shows: isOrder,
    },
    pointsSpend: {
      input: { customerId, points: 1, reference: "r" },
      other: { customerId, points: 2, reference: "r" },
      shows: "customer { id }",
    },
    productCreate: {
      input: { sku: "once", name: "N", price: cny("1.00") },
      other: { sku: "other", name: "N", price: cny("1.00") },
      shows: "product { id }",
    },
    productUpdate: { input: { productId, stock: 5 }, other: { productId, stock: 6 }, shows: "product { id }" },
    staffPoolSave: {
      input: { name: "N", strategy: "SEQUENTIAL", members: [{ name: "Mei" }] },
      other: { name: "M", strategy: "SEQUENTIAL", members: [{ name: "Mei" }] },
      shows: "staffPool { id members { id } }",
    },
    unmatchedPaymentAssign: {
      input: { unmatchedPaymentId: await unmatched(0), orderId: lost },
      other: { unmatchedPaymentId: await unmatched(0), orderId: open },
      shows: "unmatchedPayment { id } order { id }",
    },
    unmatchedPaymentRefund: {
      input: { unmatchedPaymentId: await unmatched(1) },
      other: { unmatchedPaymentId: "unmatched_X" },
      shows: "unmatchedPayment { id }",
    },
    webhookDeliveryRetry: {
      input: { webhookDeliveryId },
      other: { webhookDeliveryId: "delivery_X" },
      shows: "webhookDelivery { id }",
    },
    webhookEndpointCreate: {
      input: { url: `${nowhere}once`, types: [] },
      other: { url: `${nowhere}other`, types: [] },
      shows: "webhookEndpoint { id } secret",
    },
    webhookEndpointUpdate: {
      input: { webhookEndpointId, description: "a" },
      other: { webhookEndpointId, description: "b" },
      shows: "webhookEndpoint { id description }",
    },
    webhookPing: { input: { webhookEndpointId }, other: { webhookEndpointId: "endpoint_X" }, shows: "attempt { at }" },
    webhookRecover: {
      input: { webhookEndpointId, since: inHours(-1) },
      other: { webhookEndpointId, since: inHours(-2) },
      shows: "queued",
    },
    webhookSecretRotate: {
      input: { webhookEndpointId },
      other: { webhookEndpointId, overlapSeconds: 60 },
      shows: "secret",
    },
    // Last: it takes away what the others speak of.
    customerErase: { input: { customerId }, other: { customerId: "customer_X" }, shows: "customer { id }" },
  };
});

it("does its work once for each key, whichever mutation it is, and says whether this was the time", async () => {
  const names = Object.keys(schema().getMutationType()?.getFields() ?? {});
  // Whoever adds a mutation says here how it is asked for.
  expect(names.filter((name) => !requests[name])).toEqual([]);
  const order = Object.keys(requests);
  for (const name of names.toSorted((a, b) => order.indexOf(a) - order.indexOf(b))) {
    const { input, other, shows, admin } = requests[name]!;
    const type = typeOf(name);
    const query = `mutation ($input: ${type}Input!) { result: ${name}(input: $input) { __typename ... on ${type}Success { ${shows} } ... on UserError { code message } ... on IdempotencyError { key } } }`;
    const asked = async (given: Json) => {
      const headers = { authorization: `Bearer ${admin ? adminToken : shop.key}`, "idempotency-key": "once" };
      const response = await post(JSON.stringify({ query, variables: { input: given } }), headers);
      const { data, errors, extensions } = await response.json<{ data: Json; errors?: unknown; extensions: Json }>();
      expect([name, errors]).toEqual([name, undefined]);
      const { replayed, key } = (extensions["idempotency"] ?? {}) as Json;
      return { result: data["result"] as Json, replayed, key };
    };
    const [first, ...others] = await Promise.all([asked(input), asked(input), asked(input)]);
    expect([name, first.result]).toMatchObject([name, { __typename: `${type}Success` }]);
    await evictAllDurableObjects();
    const all = [first, ...others, await asked(input)];
    expect([name, all.map(({ result }) => result)]).toEqual([name, all.map(() => first.result)]);
    expect([name, all.map(({ key }) => key)]).toEqual([name, all.map(() => "once")]);
    expect([name, all.filter(({ replayed }) => replayed === false).length]).toEqual([name, 1]);
    expect([name, all.at(-1)?.replayed]).toEqual([name, true]);
    const refused = await asked(other);
    expect([name, refused.result]).toMatchObject([
      name,
      { __typename: "IdempotencyError", code: "IDEMPOTENCY", key: "once" },
    ]);
  }
});
