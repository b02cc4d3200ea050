/** The same request twice, at once, later, with another input, cut off in the middle: it does its work once, and says what it did. */
import { env } from "cloudflare:workers";
import { createExecutionContext, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { orderKeyOf } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import { depsOf } from "../../src/deps.ts";
import type { OutcomesProtocol } from "../../src/durable/outcomes-protocol.ts";
import { configOf } from "../../src/env.ts";
import { graphqlHandler } from "../../src/schema/server.ts";
import {
  adminToken,
  ask,
  at,
  cny,
  eachAt,
  keyWith,
  openShop,
  origin,
  placed,
  post,
  recorded,
  sell,
  tell,
  textAt,
  type Json,
} from "./graph-shop.ts";
import { liveCode, orderOf } from "./payment-scene.ts";
import { randomKey, someCapture } from "./terms.ts";

vi.setConfig({ testTimeout: 120_000 });
afterEach(() => void vi.useRealTimers());

type Answer = { readonly data: Json | null; readonly errors?: readonly Json[]; readonly extensions?: Json };
const asked = async (
  bearer: string,
  query: string,
  variables: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Promise<Answer> =>
  (await post(JSON.stringify({ query, variables }), { authorization: `Bearer ${bearer}`, ...headers })).json<Answer>();

const withKey = (key: string) => ({ "idempotency-key": key });
const selling = `mutation ($input: ProductCreateInput!) { result: productCreate(input: $input) {
  __typename ... on ProductCreateSuccess { product { id name } } ... on UserError { code message } ... on IdempotencyError { key } } }`;
const tea = (sku: string) => ({ sku, name: "Tea", price: cny("1.00") });

describe("a mutation with an idempotency key", () => {
  it("makes one thing of a storm, and everybody hears of the same", async () => {
    const { key } = await openShop();
    const making = `mutation { result: apiKeyCreate(input: { name: "storm", scopes: [ORDERS_READ] }) { ... on ApiKeyCreateSuccess { secret apiKey { id } } ... on UserError { message } } }`;
    for (const [document, variables] of [
      [selling, { input: tea("storm") }],
      [making, {}],
    ] as const) {
      const answers = await Promise.all(
        Array.from({ length: 40 }, () => asked(key, document, variables, withKey("storm"))),
      );
      expect(new Set(answers.map(({ data }) => JSON.stringify(data))).size).toBe(1);
      expect(answers.filter(({ extensions }) => at(extensions, "idempotency.replayed") === false)).toHaveLength(1);
    }
    const { results } = await env.DB.prepare(
      "SELECT (SELECT count(*) FROM products WHERE sku = 'storm') AS products, (SELECT count(*) FROM api_keys WHERE name = 'storm') AS keys",
    ).all();
    expect(results).toEqual([{ products: 1, keys: 1 }]);
  });

  it("registers one merchant, however many ask at once", async () => {
    const register = `mutation { result: merchantRegister(input: { name: "N", slug: "storm-shop", currency: "CNY" }) { ... on MerchantRegisterSuccess { apiKey merchant { id } } ... on UserError { message } } }`;
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => asked(adminToken, register, {}, withKey("storm"))),
    );
    expect(new Set(answers.map(({ data }) => JSON.stringify(data))).size).toBe(1);
    expect(
      at(
        await ask(textAt(answers[0]?.data, "result.apiKey"), `{ viewer { merchant { slug } } }`),
        "viewer.merchant.slug",
      ),
    ).toBe("storm-shop");
  });

  it("is another request for another merchant, another mutation, and after 72 hours", async () => {
    const [ours, theirs] = [await openShop(), await openShop()];
    const sold = async (key: string, sku: string) =>
      at((await asked(key, selling, { input: tea(sku) }, withKey("K"))).data, "result") as Json;
    const first = await sold(ours.key, "one");
    expect(at(await sold(theirs.key, "one"), "__typename")).toBe("ProductCreateSuccess");
    expect(await sold(ours.key, "two")).toMatchObject({ code: "IDEMPOTENCY" });
    const order = await placed(ours.key, {}, withKey("K"));
    expect(order["replayed"]).toBe(false);
    await runDurableObjectAlarm(env.OUTCOMES.getByName(ours.merchantId));
    expect(await sold(ours.key, "one")).toEqual(first);
    vi.setSystemTime(Date.now() + limits.outcomeKeptMs);
    await runDurableObjectAlarm(env.OUTCOMES.getByName(ours.merchantId));
    const rows = await runInDurableObject(env.OUTCOMES.getByName(ours.merchantId), (_, { storage }) =>
      storage.sql.exec("SELECT * FROM outcomes").toArray(),
    );
    expect(rows).toEqual([]);
    expect(at(await sold(ours.key, "two"), "__typename")).toBe("ProductCreateSuccess");
  });

  it("is another request by another API key, which is told no secret of the first", async () => {
    const { key } = await openShop();
    const other = await keyWith(key, "KEYS_WRITE", "CATALOG_WRITE");
    const making = `mutation { result: apiKeyCreate(input: { name: "own", scopes: [CATALOG_WRITE] }) { __typename ... on ApiKeyCreateSuccess { apiKey { id } secret } ... on UserError { message } } }`;
    const [first, second] = [
      await asked(key, making, {}, withKey("own")),
      await asked(other.text, making, {}, withKey("own")),
    ];
    expect(at(second.data, "result.__typename")).toBe("ApiKeyCreateSuccess");
    expect(at(second.extensions, "idempotency.replayed")).toBe(false);
    for (const shown of ["result.secret", "result.apiKey.id"])
      expect(at(second.data, shown)).not.toBe(at(first.data, shown));
    for (const [bearer, { data }] of [
      [key, first],
      [other.text, second],
    ] as const)
      expect((await asked(bearer, making, {}, withKey("own"))).data).toEqual(data);
  });

  it("may be tried again when it was refused, with a better input too", async () => {
    const { key } = await openShop();
    const refused = await asked(key, selling, { input: { ...tea("R"), name: "" } }, withKey("R"));
    expect(at(refused.data, "result.code")).toBe("VALIDATION");
    const better = await asked(key, selling, { input: tea("R") }, withKey("R"));
    expect(at(better.data, "result.__typename")).toBe("ProductCreateSuccess");
    expect(better.extensions).toMatchObject({ idempotency: { key: "R", replayed: false } });
  });

  it("says of each of several mutations whether it was carried out", async () => {
    const { key } = await openShop();
    const both = (sku: string) => `mutation {
      a: productCreate(input: { sku: "a", name: "A", price: { amount: "1.00", currency: "CNY" } }) @idempotent(key: "a") { __typename }
      b: productCreate(input: { sku: "${sku}", name: "B", price: { amount: "1.00", currency: "CNY" } }) @idempotent(key: "${sku}") { __typename } }`;
    await asked(key, both("b"));
    const { extensions } = await asked(key, both("c"));
    expect(at(extensions, "idempotency.fields")).toEqual({
      a: { key: "a", replayed: true },
      b: { key: "c", replayed: false },
    });
    const wrong = await asked(key, both("d"), {}, withKey("x"));
    expect(JSON.stringify(wrong.errors)).toMatch(/different keys/);
    expect((await tell(key, selling, { input: tea("z") }, withKey("x".repeat(256)))).errors[0]?.extensions.code).toBe(
      "BAD_REQUEST",
    );
  });
});

describe("an outcome", () => {
  it("shows orders as they are now, and outlives the object's memory", async () => {
    const { key, merchantId } = await openShop();
    const { order } = await placed(key);
    const extend = `mutation ($id: ID!, $at: DateTime!) { result: orderExtend(input: { orderId: $id, expiresAt: $at }) { ... on OrderExtendSuccess { order { state } } } }`;
    const variables = { id: at(order, "id"), at: new Date(Date.now() + 86_400_000).toISOString() };
    expect(at((await asked(key, extend, variables, withKey("E"))).data, "result.order.state")).toBe("OPEN");
    await recorded(key, { orderId: at(order, "id") });
    await evictDurableObject(env.OUTCOMES.getByName(merchantId));
    const again = await asked(key, extend, variables, withKey("E"));
    expect([at(again.data, "result.order.state"), at(again.extensions, "idempotency.replayed")]).toEqual([
      "PAID",
      true,
    ]);
  });

  it("keeps no secret and no name in clear", async () => {
    const { key, merchantId } = await openShop();
    const { data } = await asked(
      key,
      `mutation { result: apiKeyCreate(input: { name: "CANARY", scopes: [ORDERS_READ] }) { ... on ApiKeyCreateSuccess { secret } } }`,
      {},
      withKey("CANARY"),
    );
    const rows = JSON.stringify(
      await runInDurableObject(env.OUTCOMES.getByName(merchantId), (_, { storage }) =>
        storage.sql.exec("SELECT * FROM outcomes").toArray(),
      ),
    );
    expect(rows).toContain("v1.");
    for (const secret of [textAt(data, "result.secret").slice(-32), "CANARY"]) expect(rows).not.toContain(secret);
  });
});

describe("the memory of outcomes", () => {
  it("forgets what is too old however often it is evicted meanwhile, and whatever comes", async () => {
    const outcomes = env.OUTCOMES.getByName("thin traffic");
    const alarm = () => runInDurableObject(outcomes, (_, { storage }) => storage.getAlarm());
    const start = Date.now();
    vi.setSystemTime(start);
    await outcomes.begin("first", "input");
    const due = await alarm();
    expect(due).toBe(start + limits.outcomeKeptMs);
    for (const hours of [20, 40, 60]) {
      await evictDurableObject(outcomes);
      vi.setSystemTime(start + hours * 3_600_000);
      await outcomes.begin(`after ${hours} h`, "input");
      expect(await alarm()).toBe(due);
    }
  });
});

describe("a request that was cut off", () => {
  const config = configOf(env);
  if (typeof config === "string") throw new Error(config);
  /** The Worker dies where `outcomes` throws: what was done is done, and nobody remembers it. */
  const cutOff = async (
    bearer: string,
    query: string,
    variables: Record<string, unknown>,
    broken: Partial<OutcomesProtocol>,
  ) => {
    const deps = depsOf(env, config, origin, createExecutionContext());
    const outcomes = (owner: string): OutcomesProtocol => {
      const real = deps.outcomes(owner);
      return {
        begin: (...given) => real.begin(...given),
        finish: (...given) => real.finish(...given),
        forget: (...given) => real.forget(...given),
        lapse: (...given) => real.lapse(...given),
        ...broken,
      };
    };
    const response = await graphqlHandler(
      new Request(`${origin}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${bearer}`, ...withKey("cut") },
        body: JSON.stringify({ query, variables }),
      }),
      { ...deps, outcomes },
      { qrImage: async () => ({ dataUri: "" }) },
    );
    return response.json<Answer>();
  };
  const lost = { finish: () => Promise.reject(new Error("gone")) };
  const cases: Record<string, [string, Record<string, unknown>]> = {
    productCreate: [selling, { input: tea("cut") }],
    apiKeyCreate: [
      `mutation { result: apiKeyCreate(input: { name: "cut", scopes: [ORDERS_READ] }) { ... on ApiKeyCreateSuccess { apiKey { id } secret } ... on UserError { message } } }`,
      {},
    ],
    webhookEndpointCreate: [
      `mutation { result: webhookEndpointCreate(input: { url: "http://127.0.0.1:9/cut", types: [] }) { ... on WebhookEndpointCreateSuccess { webhookEndpoint { id } } ... on UserError { message } } }`,
      {},
    ],
    paymentAccountCreate: [
      `mutation { result: paymentAccountCreate(input: { sandbox: { name: "cut", secret: "0123456789abcdef" } }) { ... on PaymentAccountCreateSuccess { paymentAccount { id } } ... on UserError { message } } }`,
      {},
    ],
    merchantRegister: [
      `mutation { result: merchantRegister(input: { name: "N", slug: "cut", currency: "CNY" }) { ... on MerchantRegisterSuccess { merchant { id } apiKey sandboxSecret } ... on UserError { message } } }`,
      {},
    ],
  };

  it.each(Object.entries(cases))("finds what it made when it comes again: %s", async (name, [query, variables]) => {
    const { key } = await openShop();
    const bearer = name === "merchantRegister" ? adminToken : key;
    const first = await cutOff(bearer, query, variables, lost);
    expect(JSON.stringify(first.data)).toMatch(/_/);
    vi.setSystemTime(Date.now() + limits.outcomeLeaseMs + 1);
    const again = await asked(bearer, query, variables, withKey("cut"));
    expect(again.data).toEqual(first.data);
    expect((await asked(bearer, query, variables, withKey("cut"))).data).toEqual(first.data);
    const sold = await ask(key, `{ viewer { merchant { products { nodes { id } } } } }`);
    const count = eachAt(sold, "viewer.merchant.products.nodes", "id").length;
    expect(count).toBe(name === "productCreate" ? 1 : 0);
  });

  it("that decided about money is answered as the first time, and decides nothing again", async () => {
    const { key, accountId } = await openShop();
    const id = textAt(await placed(key), "order.id");
    const { terms } = await orderOf(orderKeyOf(id) ?? randomKey());
    await liveCode(terms.key).apply(someCapture(terms, { account: accountId, currency: "USD" as Currency }));
    const query = `mutation { result: orderReviewResolve(input: { orderId: "${id}", decision: HONOR, note: "seen" }) {
      __typename ... on OrderReviewResolveSuccess { order { id state } } } }`;
    const first = await cutOff(key, query, {}, lost);
    expect(first.data).toMatchObject({ result: { __typename: "OrderReviewResolveSuccess", order: { state: "PAID" } } });
    vi.setSystemTime(Date.now() + limits.outcomeLeaseMs + 1);
    expect((await asked(key, query, {}, withKey("cut"))).data).toMatchObject({
      result: { __typename: "OrderReviewResolveSuccess", order: { state: "PAID" } },
    });
    expect((await orderOf(terms.key)).decisions).toHaveLength(1);
    expect((await asked(key, query, {}, withKey("another"))).data).toMatchObject({
      result: { __typename: "OrderStateError" },
    });
  });

  const atTheLimit: Record<string, [keyof typeof limits, number, string]> = {
    webhookEndpointCreate: [
      "webhookEndpointsPerMerchantMax",
      1,
      `webhookEndpointCreate(input: { url: "http://127.0.0.1:9/full", types: [] }) { __typename ... on WebhookEndpointCreateSuccess { webhookEndpoint { id } }`,
    ],
    // Beside the pretend wallet's, which every merchant begins with.
    paymentAccountCreate: [
      "paymentAccountsPerMerchantMax",
      2,
      `paymentAccountCreate(input: { sandbox: { name: "full", secret: "0123456789abcdef" } }) { __typename ... on PaymentAccountCreateSuccess { paymentAccount { id } }`,
    ],
    staffPoolSave: [
      "staffPoolsPerMerchantMax",
      1,
      `staffPoolSave(input: { name: "full", strategy: SEQUENTIAL, members: [{ name: "Mei" }] }) { __typename ... on StaffPoolSaveSuccess { staffPool { id } }`,
    ],
    conversionBlockPublish: [
      "blocksPerMerchantMax",
      1,
      `conversionBlockPublish(input: { name: "full", definition: { actions: [], targets: [{ kind: "RECEIPT" }] } }) { __typename ... on ConversionBlockPublishSuccess { conversionBlock { id version } }`,
    ],
  };
  it.each(Object.entries(atTheLimit))(
    "finds what it made also when there is room for nothing more: %s",
    async (_name, [limit, max, field]) => {
      const { key } = await openShop();
      const { [limit]: before } = limits;
      Object.assign(limits, { [limit]: max });
      try {
        const query = `mutation { result: ${field} ... on ValidationError { issues { message } } } }`;
        const first = await cutOff(key, query, {}, lost);
        expect(JSON.stringify(first)).toMatch(/Success/);
        vi.setSystemTime(Date.now() + limits.outcomeLeaseMs + 1);
        expect((await asked(key, query, {}, withKey("cut"))).data).toEqual(first.data);
        const another = await asked(key, query, {}, withKey("another"));
        expect(at(another.data, "result.issues.0.message")).toContain(`at most ${max}`);
      } finally {
        Object.assign(limits, { [limit]: before });
      }
    },
  );

  it("lets those who wait go on when the first fails, at once", async () => {
    const { key, merchantId } = await openShop();
    const outcomes = env.OUTCOMES.getByName(merchantId);
    const begun = await outcomes.begin("request", "input");
    if (begun.kind !== "BEGUN") throw new Error("nothing was begun");
    const waiting = outcomes.begin("request", "input");
    expect(await outcomes.begin("request", "another input")).toEqual({ kind: "OTHER" });
    await outcomes.lapse("request", begun.lease);
    const next = await waiting;
    expect(next).toMatchObject({ kind: "BEGUN", at: begun.at });
    await outcomes.finish("request", "first");
    await outcomes.finish("request", "second");
    expect(await outcomes.begin("request", "input")).toEqual({ kind: "DONE", outcome: "first" });
    await outcomes.forget("request", begun.lease);
    expect(await outcomes.begin("request", "input")).toEqual({ kind: "DONE", outcome: "first" });
    expect(await sell(key, { sku: "alive" })).toMatch(/^product_/);
  });
});
