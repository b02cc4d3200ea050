/** Who may see and do what: strangers, operators, keys with few scopes, keys that ended, and other merchants. And what a document may be. */
import { env, exports } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { depsOf } from "../../src/deps.ts";
import { configOf } from "../../src/env.ts";
import { graphqlHandler } from "../../src/schema/server.ts";
import {
  adminToken,
  ask,
  at,
  cny,
  keyWith,
  openShop,
  origin,
  placed,
  placing,
  post,
  recorded,
  sell,
  tell,
  textAt,
} from "./graph-shop.ts";

const me = `{ viewer { scopes merchant { id } } }`;
const codeOf = async (...asked: Parameters<typeof tell>) => (await tell(...asked)).errors[0]?.extensions.code ?? "OK";

afterEach(() => void vi.useRealTimers());

describe("a credential", () => {
  it("is a merchant's key, the admin token, or nothing at all; whoever guesses learns nothing", async () => {
    const { key, merchantId } = await openShop();
    expect(at(await ask(key, me), "viewer.merchant")).toEqual({ id: merchantId });
    expect(at(await ask(adminToken, me), "viewer")).toEqual({ scopes: [], merchant: null });
    expect(await tell(null, me)).toMatchObject({
      status: 401,
      data: null,
      errors: [{ extensions: { code: "UNAUTHENTICATED" } }],
    });
    const forged = key.replace(/.{32}$/, "0".repeat(32));
    const wrong = [
      forged,
      key.slice(0, -1),
      key.toLowerCase(),
      `${key}0`,
      key.replace("hk_00", "hk_0Z"),
      "hk_",
      "local-admin-toke",
      "x",
    ];
    const answers = await Promise.all(wrong.map((one) => tell(one, me)));
    expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, errors: [{ extensions: { code: "UNAUTHENTICATED" } }] });
    for (const authorization of ["Basic eDp5", key, `Bearer  ${key}`, "Bearer"])
      expect((await post(JSON.stringify({ query: me }), { authorization })).status).toBe(401);
  });

  it("can be made with fewer scopes, never with more, and is kept as a hash", async () => {
    const { key } = await openShop();
    const narrow = await keyWith(key, "KEYS_WRITE", "ORDERS_READ");
    const create = `mutation ($input: ApiKeyCreateInput!) { apiKeyCreate(input: $input) { __typename ... on ApiKeyCreateSuccess { apiKey { scopes expiresAt revokedAt } } ... on ValidationError { issues { path } } } }`;
    const made = async (scopes: string[], expiresAt: string | null = null) =>
      at(await ask(narrow.text, create, { input: { name: "x", scopes, expiresAt } }), "apiKeyCreate");
    expect(await made(["ORDERS_READ", "ORDERS_READ"])).toMatchObject({
      apiKey: { scopes: ["ORDERS_READ"], expiresAt: null, revokedAt: null },
    });
    expect(await made(["ORDERS_WRITE"])).toMatchObject({ issues: [{ path: ["input", "scopes"] }] });
    expect(await made([])).toMatchObject({ issues: [{ path: ["input", "scopes"] }] });
    expect(await made(["ORDERS_READ"], "2020-01-01T00:00:00Z")).toMatchObject({
      issues: [{ path: ["input", "expiresAt"] }],
    });
    const { results } = await env.DB.prepare("SELECT * FROM api_keys").all();
    expect(results.length).toBeGreaterThan(0);
    for (const secret of [key, narrow.text]) expect(JSON.stringify(results)).not.toContain(secret.slice(-32));
  });

  it("ends when it is revoked, and when its time has come", async () => {
    const { key } = await openShop();
    const revoke = `mutation ($id: ID!) { apiKeyRevoke(input: { apiKeyId: $id }) { __typename ... on ApiKeyRevokeSuccess { apiKey { revokedAt } } } }`;
    const one = await keyWith(key, "ORDERS_READ");
    expect(await codeOf(one.text, me)).toBe("OK");
    const first = await ask(key, revoke, { id: one.id });
    expect(await codeOf(one.text, me)).toBe("UNAUTHENTICATED");
    expect(await ask(key, revoke, { id: one.id })).toEqual(first);
    expect(at(await ask(key, revoke, { id: "apikey_00NOPE" }), "apiKeyRevoke")).toEqual({
      __typename: "NotFoundError",
    });
    const other = await openShop();
    const theirs = await keyWith(other.key, "ORDERS_READ");
    expect(at(await ask(key, revoke, { id: theirs.id }), "apiKeyRevoke")).toEqual({ __typename: "NotFoundError" });
    expect(await codeOf(theirs.text, me)).toBe("OK");

    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const { apiKeyCreate } = await ask(
      key,
      `mutation ($at: DateTime) { apiKeyCreate(input: { name: "short", scopes: [ORDERS_READ], expiresAt: $at }) { ... on ApiKeyCreateSuccess { secret } } }`,
      { at: expiresAt },
    );
    expect(await codeOf(textAt(apiKeyCreate, "secret"), me)).toBe("OK");
    vi.setSystemTime(Date.parse(expiresAt));
    expect(await codeOf(textAt(apiKeyCreate, "secret"), me)).toBe("UNAUTHENTICATED");
  });

  it("is believed for no longer than the limit after another isolate revoked it", async () => {
    const { key } = await openShop();
    const one = await keyWith(key, "ORDERS_READ");
    expect(await codeOf(one.text, me)).toBe("OK");
    await env.DB.prepare("UPDATE api_keys SET revoked_at = 1 WHERE id = ?").bind(one.id).run();
    vi.setSystemTime(Date.now() + limits.apiKeyCacheMs);
    expect(await codeOf(one.text, me)).toBe("UNAUTHENTICATED");
    expect(limits.apiKeyCacheMs).toBeLessThanOrEqual(60_000);
  });
});

describe("a scope", () => {
  it("opens its own doors and no other", async () => {
    const { key } = await openShop();
    const orderId = at(await placed(key), "order.id");
    await recorded(key, { orderId, payer: { email: "li@example.com", name: "Li" } });
    const mutations: Record<string, string> = {
      productCreate: `mutation { productCreate(input: { sku: "S", name: "N", price: { amount: "1.00", currency: "CNY" } }) { __typename } }`,
      productUpdate: `mutation { productUpdate(input: { productId: "product_X" }) { __typename } }`,
      orderPlace: `mutation { orderPlace(input: { lines: [] }) { __typename } }`,
      orderExtend: `mutation { orderExtend(input: { orderId: "order_X", expiresAt: "2030-01-01T00:00:00Z" }) { __typename } }`,
      orderCancel: `mutation { orderCancel(input: { orderId: "order_X" }) { __typename } }`,
      paymentRecord: `mutation { paymentRecord(input: { orderId: "order_X", reference: "r", amount: { amount: "1.00", currency: "CNY" } }) { __typename } }`,
      orderRefund: `mutation { orderRefund(input: { orderId: "order_X" }) { __typename } }`,
      orderReviewResolve: `mutation { orderReviewResolve(input: { orderId: "order_X", decision: HONOR, note: "n" }) { __typename } }`,
      webhookEndpointCreate: `mutation { webhookEndpointCreate(input: { url: "no", types: [] }) { __typename } }`,
      merchantUpdate: `mutation { merchantUpdate(input: {}) { __typename } }`,
      apiKeyCreate: `mutation { apiKeyCreate(input: { name: "n", scopes: [] }) { __typename } }`,
      apiKeyRevoke: `mutation { apiKeyRevoke(input: { apiKeyId: "apikey_00X" }) { __typename } }`,
      merchantRegister: `mutation { merchantRegister(input: { name: "", slug: "", currency: "" }) { __typename } }`,
    };
    const queries: Record<string, string> = {
      order: `{ order(by: { id: "order_X" }) { id } }`,
      orders: `{ viewer { merchant { orders { totalCount } } } }`,
      events: `{ viewer { merchant { events { pageInfo { hasNextPage } } } } }`,
      customers: `{ viewer { merchant { customers { totalCount } } } }`,
      endpoints: `{ viewer { merchant { webhookEndpoints { totalCount } } } }`,
      accounts: `{ viewer { merchant { paymentAccounts { id } } } }`,
      products: `{ viewer { merchant { products { totalCount } } } }`,
    };
    const opens: Record<string, string[]> = {
      CATALOG_WRITE: ["productCreate", "productUpdate"],
      ORDERS_READ: ["order", "orders", "events"],
      ORDERS_WRITE: ["orderPlace", "orderExtend", "orderCancel"],
      PAYMENTS_WRITE: ["paymentRecord", "orderRefund", "orderReviewResolve", "accounts"],
      CUSTOMERS_READ: ["customers"],
      CUSTOMERS_WRITE: [],
      CONVERSIONS_WRITE: [],
      WEBHOOKS_WRITE: ["webhookEndpointCreate", "endpoints"],
      ANALYTICS_READ: [],
      SETTINGS_WRITE: ["merchantUpdate", "accounts"],
      KEYS_WRITE: ["apiKeyCreate", "apiKeyRevoke"],
    };
    const doors = { ...mutations, ...queries };
    for (const [scope, open] of Object.entries(opens)) {
      const { text } = await keyWith(key, scope);
      const found = await Promise.all(
        Object.entries(doors).map(async ([name, document]) => [name, await codeOf(text, document)] as const),
      );
      const opened = found.filter(([, code]) => code === "OK").map(([name]) => name);
      expect({ scope, opened: opened.toSorted() }).toEqual({ scope, opened: [...open, "products"].toSorted() });
      for (const [, code] of found) expect(["OK", "FORBIDDEN"]).toContain(code);
    }
    for (const [name, document] of Object.entries(doors)) {
      expect([name, await codeOf(null, document)]).toEqual([name, "UNAUTHENTICATED"]);
      // The operator is no merchant: `viewer.merchant` is null, and there is nothing behind it to open.
      const closed = name !== "merchantRegister" && !document.includes("viewer");
      expect([name, await codeOf(adminToken, document)]).toEqual([name, closed ? "FORBIDDEN" : "OK"]);
    }
    const forbidden = await tell((await keyWith(key, "CATALOG_WRITE")).text, queries["order"]!);
    expect(forbidden).toMatchObject({
      status: 403,
      data: { order: null },
      errors: [{ extensions: { code: "FORBIDDEN", scopes: ["ORDERS_READ"] } }],
    });
  });

  it("that may change an order shows what it changed, and one that may not see people shows them masked", async () => {
    const { key } = await openShop();
    const writer = await keyWith(key, "ORDERS_WRITE");
    const { order } = await placed(writer.text);
    expect(at(order, "state")).toBe("OPEN");
    expect(await codeOf(writer.text, `query ($id: ID!) { node(id: $id) { id } }`, { id: at(order, "id") })).toBe(
      "FORBIDDEN",
    );
    await recorded(key, {
      orderId: at(order, "id"),
      payer: { email: "li.lei@example.com", phone: "+8613812345678", loyalty: "VIP", name: "Li Lei" },
    });
    const seen = async (text: string) =>
      at(
        await ask(
          text,
          `query ($id: ID!) { order(by: { id: $id }) { customer { displayName identities { kind value } } } }`,
          { id: at(order, "id") },
        ),
        "order.customer",
      );
    expect(await seen((await keyWith(key, "ORDERS_READ")).text)).toEqual({
      displayName: null,
      identities: [
        { kind: "PHONE", value: "•••5678" },
        { kind: "EMAIL", value: "l•••@example.com" },
        { kind: "LOYALTY", value: "•••IP" },
      ],
    });
    expect(await seen((await keyWith(key, "ORDERS_READ", "CUSTOMERS_READ")).text)).toMatchObject({
      displayName: "Li Lei",
      identities: [{ value: "+8613812345678" }, {}, {}],
    });
  });
});

describe("another merchant", () => {
  it("is told of a foreign id exactly what is told of none", async () => {
    const [ours, theirs] = [await openShop(), await openShop()];
    const product = await sell(theirs.key, { sku: "A" });
    const { order, liveCode } = await placed(theirs.key, { externalReference: "secret-1" });
    const paid = await recorded(theirs.key, { orderId: at(order, "id"), payer: { email: "a@b.example" } });
    const conversion = `conversion_${textAt(order, "id").slice("order_".length)}`;
    const ids = [
      theirs.merchantId,
      theirs.accountId,
      product,
      at(order, "id"),
      conversion,
      at(paid, "conversion.customer.id"),
    ] as string[];
    const none = ids.map((id) => id.replace(/_.*/, "_00000000000000000000"));
    const find = `query ($ids: [ID!]!) { nodes(ids: $ids) { id } }`;
    await vi.waitFor(
      async () => expect(at(await ask(theirs.key, find, { ids }), "nodes")).toEqual(ids.map((id) => ({ id }))),
      { timeout: 10_000 },
    );
    expect(await tell(ours.key, find, { ids })).toEqual(await tell(ours.key, find, { ids: none }));
    expect(at(await ask(ours.key, find, { ids }), "nodes")).toEqual(ids.map(() => null));
    const mixed = [product, ours.merchantId, "bogus", ours.accountId];
    expect(at(await ask(ours.key, find, { ids: mixed }), "nodes")).toEqual([
      null,
      { id: ours.merchantId },
      null,
      { id: ours.accountId },
    ]);

    const by = `query ($by: OrderBy!) { order(by: $by) { id } }`;
    for (const name of [
      { id: at(order, "id") },
      { liveCode: at(liveCode, "slug") },
      { externalReference: "secret-1" },
      { number: at(order, "number") },
    ])
      expect(at(await ask(ours.key, by, { by: name }), "order")).toBeNull();
    const id = textAt(order, "id");
    const told = async (document: string, variables: Record<string, unknown>, foreign: string, absent: string) => {
      const [a, b] = await Promise.all(
        [foreign, absent].map((one) => tell(ours.key, document, { ...variables, id: one })),
      );
      expect(JSON.stringify(a).replaceAll(foreign, "?")).toBe(JSON.stringify(b).replaceAll(absent, "?"));
      expect(JSON.stringify(a)).toContain("NOT_FOUND");
    };
    const nobody = "order_0000000000000000";
    await told(
      `mutation ($id: ID!) { r: orderCancel(input: { orderId: $id }) { ... on UserError { code message } } }`,
      {},
      id,
      nobody,
    );
    await told(
      `mutation ($id: ID!) { r: orderExtend(input: { orderId: $id, expiresAt: "2026-12-31T00:00:00Z" }) { ... on UserError { code message } } }`,
      {},
      id,
      nobody,
    );
    await told(
      `mutation ($id: ID!) { r: paymentRecord(input: { orderId: $id, reference: "x", amount: { amount: "19.90", currency: "CNY" } }) { ... on UserError { code message } } }`,
      {},
      id,
      nobody,
    );
    await told(
      `mutation ($id: ID!) { r: productUpdate(input: { productId: $id, name: "ours now" }) { ... on UserError { code message } } }`,
      {},
      product,
      "product_00000000000000000000000000",
    );
    await told(
      `mutation ($id: ID!) { r: orderPlace(input: { lines: [{ productId: $id }] }) { ... on UserError { code message } } }`,
      {},
      product,
      "product_00000000000000000000000000",
    );
    expect(at(await ask(theirs.key, by, { by: { id } }), "order")).toEqual({ id });
  });
});

describe("a document", () => {
  const typename = JSON.stringify({ query: "{ __typename }" });

  it("comes by POST as JSON, or by GET with a header that no foreign page can send, and then changes nothing", async () => {
    const { key } = await openShop();
    const get = (query: string, headers: Record<string, string>) =>
      exports.default.fetch(new Request(`${origin}/graphql?query=${encodeURIComponent(query)}`, { headers }));
    expect((await post(typename)).headers.get("cache-control")).toBe("no-store");
    expect((await post(typename, { "content-type": "text/plain" })).status).toBe(415);
    expect((await post("query=%7B__typename%7D", { "content-type": "application/x-www-form-urlencoded" })).status).toBe(
      415,
    );
    expect((await get("{ __typename }", {})).status).toBe(400);
    expect((await get("{ __typename }", { "x-csrf": "1" })).status).toBe(200);
    const change = await get(`mutation { merchantUpdate(input: { name: "x" }) { __typename } }`, {
      "x-csrf": "1",
      authorization: `Bearer ${key}`,
    });
    expect([change.status, change.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await exports.default.fetch(new Request(`${origin}/graphql`, { method: "PUT" }))).status).toBe(405);
    expect((await post(JSON.stringify([{ query: "{ __typename }" }]))).status).toBe(400);
    expect((await post("{", {})).status).toBe(400);
    expect(
      (await post(JSON.stringify({ query: `{ viewer { scopes } }` }), { accept: "application/graphql-response+json" }))
        .status,
    ).toBe(401);
    const preflight = await exports.default.fetch(
      new Request(`${origin}/graphql`, { method: "OPTIONS", headers: { origin: "https://shop.example" } }),
    );
    expect([
      preflight.status,
      preflight.headers.get("access-control-allow-origin"),
      preflight.headers.get("access-control-allow-credentials"),
    ]).toEqual([204, "*", null]);
    const page = await get("", { accept: "text/html" });
    expect(await page.text()).toContain("GraphiQL");
  });

  it("is bounded in bytes, tokens, depth, aliases and cost", async () => {
    const { key } = await openShop();
    const bytes = JSON.stringify({ query: `{ __typename } # ${"x".repeat(limits.graphqlBodyBytesMax)}` });
    expect((await post(bytes)).status).toBe(413);
    const chunked = new Request(`${origin}/graphql`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: new Blob([bytes]).stream(),
    });
    expect((await exports.default.fetch(chunked)).status).toBe(413);
    const fields = (count: number, field: (index: number) => string) =>
      Array.from({ length: count }, (_, index) => field(index)).join(" ");
    expect(await codeOf(key, `{ ${fields(1_000, () => "__typename")} }`)).toBe("GRAPHQL_PARSE_FAILED");
    expect(await codeOf(key, `{ ${fields(101, (index) => `a${index}: __typename`)} }`)).toBe("DOCUMENT_TOO_LARGE");
    expect(await codeOf(key, `{ __typename ${fields(300, () => "@include(if: true)")} }`)).toBe("GRAPHQL_PARSE_FAILED");
    const deep = `${fields(6, () => "conversion { order {")} id ${"}".repeat(12)}`;
    expect(await codeOf(key, `{ order(by: { id: "x" }) { ${deep} } }`)).toBe("DOCUMENT_TOO_LARGE");
    const hidden = `{ order(by: { id: "x" }) { ...A } } fragment A on Order { conversion { order { ...B } } } fragment B on Order { ${deep} }`;
    expect(await codeOf(key, hidden)).toBe("DOCUMENT_TOO_LARGE");
    const page = `query ($n: Int) { viewer { merchant { orders(first: $n) { nodes { timeline { id type data } customer { orders(first: $n) { nodes { id number } } } } } } } }`;
    expect(await tell(key, page, { n: 100 })).toMatchObject({
      status: 400,
      errors: [{ extensions: { code: "TOO_COSTLY" } }],
    });
    expect(await codeOf(key, page, { n: 5 })).toBe("OK");
    expect(
      await codeOf(key, `query ($ids: [ID!]!) { nodes(ids: $ids) { id } }`, {
        ids: Array.from({ length: 101 }, () => "x"),
      }),
    ).toBe("BAD_REQUEST");
    expect(await codeOf(key, `query a { __typename } query b { __typename }`)).toBe("BAD_REQUEST");
    expect(await codeOf(key, placing, { input: { lines: [{ quantity: 2 ** 40 }] } })).toBe("BAD_USER_INPUT");
    expect(await codeOf(key, placing, { input: { lines: [], unknown: 1 } })).toBe("BAD_USER_INPUT");
    expect(
      await codeOf(key, placing, { input: { lines: [{ name: "x", unitPrice: { ...cny("1.00"), amount: 1 } }] } }),
    ).toBe("BAD_USER_INPUT");
  });

  it("from a stranger learns nothing of the graph where it is deployed", async () => {
    const config = configOf(env);
    if (typeof config === "string") throw new Error(config);
    const deployed = depsOf(env, { ...config, local: false }, origin, createExecutionContext());
    const { key } = await openShop();
    const askDeployed = async (query: string, headers: Record<string, string> = {}) => {
      const request = new Request(`${origin}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ query }),
      });
      return (await graphqlHandler(request, deployed, { qrImage: async () => ({ dataUri: "" }) })).json<{
        data?: unknown;
        errors?: { message: string; extensions: { code: string } }[];
      }>();
    };
    const introspection = `{ __schema { queryType { name } } }`;
    expect((await askDeployed(introspection)).errors![0]!.extensions.code).toBe("UNAUTHENTICATED");
    expect((await askDeployed(introspection, { authorization: `Bearer ${key}` })).data).toEqual({
      __schema: { queryType: { name: "Query" } },
    });
    expect((await askDeployed(`{ viewr { scopes } }`)).errors![0]!.message).toBe(
      'Cannot query field "viewr" on type "Query".',
    );
    expect(
      (await askDeployed(`{ viewr { scopes } }`, { authorization: `Bearer ${key}` })).errors![0]!.message,
    ).toContain("Did you mean");
    const html = await graphqlHandler(
      new Request(`${origin}/graphql`, { headers: { accept: "text/html" } }),
      deployed,
      { qrImage: async () => ({ dataUri: "" }) },
    );
    expect(html.status).toBe(400);
  });
});
