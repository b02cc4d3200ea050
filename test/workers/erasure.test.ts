/** A customer is erased: what was theirs is in no table, no object, no body and no answer; the money stays; and nothing brings them back but themselves. */
import { Validator } from "@cfworker/json-schema";
import {
  evictAllDurableObjects,
  listDurableObjectIds,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { orderKeyOf, type OrderKey } from "../../src/core/ids.ts";
import type { Said } from "../../src/core/conversion.ts";
import { limits } from "../../src/core/limits.ts";
import { depsOf } from "../../src/deps.ts";
import { endErasure, markTold, ordersToForget, takeErasures, type ErasedOrder } from "../../src/db/erasures.ts";
import { configOf } from "../../src/env.ts";
import type { Deps } from "../../src/resolvers/deps.ts";
import { eraseCustomer } from "../../src/resolvers/erase-customer.ts";
import { sweepErasures } from "../../src/resolvers/sweep-erasures.ts";
import {
  ask,
  at,
  cny,
  eachAt,
  keyWith,
  openShop,
  placed,
  recorded,
  tell as tellGraph,
  textAt,
  type Json,
  type Shop,
} from "./graph-shop.ts";
import { liveCode, notice, orderOf, tell, visit } from "./payment-scene.ts";

vi.setConfig({ testTimeout: 120_000 });
afterEach(() => void vi.restoreAllMocks());

/** In everything that is a person's, and in nothing else. */
const canary = "CANARY";
const wallet = {
  id: `${canary}-wallet`,
  name: `${canary} Li Lei`,
  phone: "+8613800007777",
  email: "canary@li.example",
};
const theirs = [canary, "8613800007777", "canary@", "8613800008888"];
const traceIn = (text: string, more: readonly string[] = []): readonly string[] =>
  [...theirs, ...more].filter((word) => text.includes(word));

type Heard = { readonly url: string; readonly id: string; readonly body: string };
/** The internet: the merchant's own server, and partners. It tells back what it was told. */
function internet(answer: (heard: Heard) => number | Promise<number> = () => 200): Heard[] {
  const heard: Heard[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const one = { url: request.url, id: request.headers.get("webhook-id") ?? "", body: await request.text() };
    heard.push(one);
    const status = await answer(one);
    return new Response(status === 204 ? null : `taken: ${one.body}`, { status });
  });
  return heard;
}

const save = async (key: string, name: string, selection: string, input: Json): Promise<unknown> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const document = `mutation ($input: ${type}Input!) { ${name}(input: $input) {
    __typename ... on ${type}Success { ${selection} } ... on UserError { code message } } }`;
  return at(await ask(key, document, { input }), name);
};
const erase = (key: string, customerId: string): Promise<unknown> =>
  save(key, "customerErase", customerFields, { customerId });
const customerFields = `customer { id erasedAt displayName identities { kind value } tags tier notes points ordersPaid lifetimeValue { amount }
  consents { purpose granted channel } coupons { code } assignedStaff { name } firstConversion { id }
  orders(first: 10) { nodes { number received { amount } conversion { state target { kind } assignedStaff { name } actions { key state detail } } } } }`;
const customerOf = async (key: string, id: string): Promise<Json> =>
  (
    await ask(key, `query ($id: ID!) { node(id: $id) { ... on Customer { ${customerFields.slice(11, -1)} } } }`, { id })
  )["node"] as Json;

/** Every value of every table of D1, and of every object's storage, as one text. */
async function everything(): Promise<string> {
  const { DB } = env;
  const found: unknown[] = [];
  const { results: tables } = await DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '_cf_%'",
  ).all<{ name: string }>();
  expect(tables.length).toBeGreaterThan(15);
  for (const { name } of tables) found.push(name, (await DB.prepare(`SELECT * FROM ${name}`).all()).results);
  // All but the pretend wallet: what a provider knows of its payers is its own.
  const { LIVE_CODE, PAYMENT_ACCOUNT, WEBHOOK_ENDPOINT, MERCHANT_FEED, STAFF_POOL, OUTCOMES, PROJECTOR } = env;
  const all = { LIVE_CODE, PAYMENT_ACCOUNT, WEBHOOK_ENDPOINT, MERCHANT_FEED, STAFF_POOL, OUTCOMES, PROJECTOR };
  for (const [name, namespace] of Object.entries(all)) {
    const ids = await listDurableObjectIds(namespace as unknown as DurableObjectNamespace);
    for (const id of ids) {
      const stub = (namespace as unknown as DurableObjectNamespace).get(id);
      found.push(
        name,
        await runInDurableObject(stub, async (_, { storage }) => {
          const kept = [...(await storage.list())];
          const own = storage.sql
            .exec<{ name: string }>(
              "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite_%'",
            )
            .toArray()
            .map((table) => storage.sql.exec(`SELECT * FROM "${table.name}"`).toArray());
          return JSON.stringify([kept, own]);
        }),
      );
    }
  }
  return JSON.stringify(found);
}

const block = {
  identity: { ask: ["PHONE", "NAME", "EMAIL"] },
  consents: [{ purpose: "MARKETING_MESSAGE", textVersion: "mkt-v3", text: { en: "May we write to you?" } }],
  actions: [
    { key: "tag", kind: "TAG_ADD", tags: ["table"], onRefund: "REVERSE" },
    { key: "points", kind: "POINTS_GRANT", perMajorUnit: 10, onRefund: "PRORATE" },
    { key: "cup", kind: "COUPON_GRANT", name: "Next cup", value: "5.00", validDays: 30, onRefund: "REVERSE" },
    { key: "tier", kind: "TIER_SET", tier: "leaf", onRefund: "KEEP" },
    { key: "note", kind: "NOTE_ADD", note: "Paid at a table", onRefund: "KEEP" },
    {
      key: "hello",
      kind: "MESSAGE_SEND",
      requires: "MARKETING_MESSAGE",
      template: { en: "Hello {name}" },
      onRefund: "KEEP",
    },
    { key: "crm", kind: "CRM_PUSH", fields: { source: "{name}" }, onRefund: "REVERSE" },
  ],
  targets: [{ kind: "COUPON" }],
};

/** A shop with everything that may come to know a customer. */
async function wholeShop(): Promise<Shop & { readonly endpoint: string; readonly pool: string }> {
  const shop = await openShop();
  const { key } = shop;
  for (const kind of ["MESSAGE_SEND", "CRM_PUSH"])
    await save(key, "conversionEndpointSave", "secret", { kind, url: `https://crm.example/${kind}` });
  const pool = textAt(
    await save(key, "staffPoolSave", "staffPool { id }", {
      name: "Advisers",
      strategy: "STICKY_FIRST",
      members: [{ name: "Mei", contactUrl: "https://mei.example/" }],
    }),
    "staffPool.id",
  );
  const definition = { ...block, assignment: { pool } };
  await save(key, "conversionBlockPublish", "conversionBlock { id }", { name: "Tea", definition });
  const endpoint = textAt(
    await save(key, "webhookEndpointCreate", "webhookEndpoint { id }", {
      url: "https://partner.example/selected",
      types: [],
      selection:
        "{ number state customer { displayName identities { value } coupons { code } } conversion { actions { key detail } } }",
    }),
    "webhookEndpoint.id",
  );
  await save(key, "webhookEndpointCreate", "webhookEndpoint { id }", {
    url: "https://partner.example/plain",
    types: [],
  });
  return { ...shop, endpoint, pool };
}

const saying = (fields: Partial<Said> = {}): Said => ({
  name: `${canary} entered`,
  identities: [{ kind: "PHONE", value: "+8613800008888", verified: false }],
  consents: [
    {
      purpose: "MARKETING_MESSAGE",
      granted: true,
      textVersion: "mkt-v3",
      textHash: "00",
      locale: "en",
      at: Date.now(),
      channel: "payer page",
    },
  ],
  locale: "en",
  country: "CN",
  ...fields,
});
const keyIn = ({ order }: Json): OrderKey => orderKeyOf(textAt(order, "id")) as OrderKey;

let transactions = 0;
/** Somebody else tries first; then our customer says who they are, and pays through the wallet, which tells more. */
async function paidBy(shop: Shop, payer: Json = wallet, said: Said = saying()): Promise<OrderKey> {
  const key = keyIn(await placed(shop.key));
  const code = liveCode(key);
  const begin = (claimant: string) => code.apply({ kind: "begin", claimant, account: shop.accountId, said });
  expect(await begin(`${canary} browser`)).toMatchObject({ ok: true });
  transactions += 1;
  const { attempts, terms } = await orderOf(key);
  const paying = { payment: attempts.at(-1)?.id, transaction: `T-${transactions}`, payer };
  expect((await tell(shop.account, notice(terms, paying))).status).toBe(200);
  await known(key);
  return key;
}
/** The read model knows what the order is now. */
const known = (key: OrderKey): Promise<void> =>
  vi.waitFor(
    async () => {
      const order = await orderOf(key);
      const row = await env.DB.prepare("SELECT version, doc FROM orders WHERE id = ?")
        .bind(key)
        .first<{ version: number; doc: string }>();
      expect(row?.version).toBe(order.version);
      expect(order.conversion?.firstTime).not.toBeNull();
    },
    { timeout: 20_000, interval: 50 },
  );
const still = async (endpoint: string): Promise<void> =>
  vi.waitFor(
    async () => {
      const open = await runInDurableObject(env.WEBHOOK_ENDPOINT.getByName(endpoint), (_, { storage }) =>
        storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM deliveries WHERE settled = 0").one(),
      );
      expect(open.n).toBe(0);
    },
    { timeout: 20_000, interval: 50 },
  );
const customerIn = async (key: OrderKey): Promise<string> => (await orderOf(key)).conversion!.payer.customerId;
const stateOfActions = async (key: OrderKey): Promise<Json> =>
  Object.fromEntries((await orderOf(key)).conversion!.actions.map((one) => [one.key, one.state]));

const deps = (fields: Partial<Deps> = {}): Deps => {
  const config = configOf(env);
  if (typeof config === "string") throw new Error(config);
  return { ...depsOf(env, config, "https://pay.example", { waitUntil: () => undefined }), ...fields };
};
/** So long after that nothing of it is under way any more. */
const later = (fields: Partial<Deps> = {}): Deps =>
  deps({ now: () => Date.now() + 2 * limits.erasureSettledMs, ...fields });
const dead = (): never => {
  throw new Error("the Worker died");
};
const erasuresLeft = (): Promise<number | null> =>
  env.DB.prepare("SELECT count(*) AS n FROM erasures").first<number>("n");
const eventsOf = async (shop: Shop): Promise<readonly Json[]> => {
  const { viewer } = await ask(
    shop.key,
    `{ viewer { merchant { events(first: 100) { nodes { id type sequence data order { id } } } } } }`,
  );
  return at(viewer, "merchant.events.nodes") as readonly Json[];
};

/** The database takes nothing of conversions until what this answers is called. */
function nothingOfConversionsArrives(): () => void {
  const { prepare, batch } = env.DB;
  const telling = new WeakSet<D1PreparedStatement>();
  const prepared = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
    const statement = prepare.call(env.DB, sql);
    const bind = statement.bind.bind(statement);
    statement.bind = (...values) => {
      const bound = bind(...values);
      if (sql.includes("INSERT INTO customers")) telling.add(bound);
      return bound;
    };
    return statement;
  });
  const away = vi.spyOn(env.DB, "batch").mockImplementation(async (statements) => {
    if (statements.some((statement) => telling.has(statement))) throw new Error("the database is away");
    return batch.call(env.DB, statements);
  });
  return () => {
    prepared.mockRestore();
    away.mockRestore();
  };
}

describe("an erased customer", () => {
  it("is in no table, no object, no body and no answer, and their money is what it was", async () => {
    const waiting = new Set(["https://crm.example/MESSAGE_SEND"]);
    const heard = internet(({ url }) => (waiting.has(url) ? 500 : 200));
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const second = await paidBy(shop);
    const customerId = await customerIn(first);
    expect(await customerIn(second)).toBe(customerId);
    const other = keyIn(await placed(shop.key));
    await recorded(shop.key, { orderId: `order_${other}`, payer: { phone: "+8613900000001", name: "Han Meimei" } });
    await known(other);
    // Somebody pays on top of another's order: that order knows its own customer and nobody else.
    const { terms } = await orderOf(other);
    await tell(shop.account, notice(terms, { payment: null, transaction: "T-top", payer: wallet }));
    await save(shop.key, "customerUpdate", "customer { id }", {
      customerId,
      displayName: `${canary} by hand`,
      addTags: [`${canary} tag`],
      tier: `${canary} tier`,
    });
    await save(shop.key, "pointsSpend", "customer { id }", { customerId, points: 7, reference: `${canary} cake` });
    const before = await customerOf(shop.key, customerId);
    expect(before).toMatchObject({
      displayName: `${canary} by hand`,
      erasedAt: null,
      points: 373,
      notes: ["Paid at a table", "Paid at a table"],
      assignedStaff: { name: "Mei" },
      consents: [{ granted: true }, { granted: true }],
    });
    const codes = eachAt(before, "coupons", "code") as string[];
    expect(codes).toHaveLength(2);
    await vi.waitFor(() => expect(heard.filter(({ url }) => waiting.has(url))).not.toHaveLength(0), 20_000);
    await still(shop.endpoint);
    expect(traceIn(await everything(), codes)).toEqual([...theirs, ...codes]);
    expect(traceIn(JSON.stringify(heard), codes)).toEqual([...theirs, ...codes]);

    const stranger = await openShop();
    expect(await erase(stranger.key, customerId)).toMatchObject({ code: "NOT_FOUND" });
    expect(await erase(shop.key, "customer_NOBODY")).toMatchObject({ code: "NOT_FOUND" });
    const reader = await keyWith(shop.key, "CUSTOMERS_READ");
    const document = `mutation ($input: CustomerEraseInput!) { customerErase(input: $input) { __typename } }`;
    expect((await tellGraph(reader.text, document, { input: { customerId } })).errors).toMatchObject([
      { extensions: { code: "FORBIDDEN" } },
    ]);
    expect(at(await customerOf(shop.key, customerId), "erasedAt")).toBeNull();

    const told = heard.length;
    const erased = await erase(shop.key, customerId);
    const after = {
      id: customerId,
      erasedAt: expect.any(String) as string,
      displayName: null,
      identities: [],
      tags: [],
      tier: null,
      notes: [],
      points: 0,
      coupons: [],
      assignedStaff: null,
      ordersPaid: 2,
      lifetimeValue: { amount: "39.80" },
    };
    expect(erased).toMatchObject({ __typename: "CustomerEraseSuccess", customer: after });
    await Promise.all([known(first), known(second)]);
    await still(shop.endpoint);
    await evictAllDurableObjects();

    expect(traceIn(await everything(), codes)).toEqual([]);
    expect(traceIn(JSON.stringify(heard.slice(told)), codes)).toEqual([]);
    const shown = await customerOf(shop.key, customerId);
    expect(shown).toMatchObject({ ...after, firstConversion: { id: `conversion_${first}` } });
    expect(traceIn(JSON.stringify(shown), codes)).toEqual([]);
    expect(at(shown, "orders.nodes")).toMatchObject([
      { received: { amount: "19.90" }, conversion: { state: "COMMITTED", target: { kind: "RECEIPT" } } },
      { received: { amount: "19.90" }, conversion: { state: "COMMITTED", target: { kind: "RECEIPT" } } },
    ]);
    // The proof of what was agreed to stays, and says that it is over.
    expect(at(shown, "consents")).toMatchObject([
      { purpose: "MARKETING_MESSAGE", granted: false, channel: "erasure" },
      { granted: true, channel: "payer page" },
      { granted: true, channel: "payer page" },
    ]);
    const search = async (text: string) =>
      at(
        await ask(
          shop.key,
          `query ($text: String) { viewer { merchant { customers(first: 10, filter: { search: $text }) { totalCount nodes { id } } } } }`,
          { text },
        ),
        "viewer.merchant.customers",
      );
    for (const word of theirs) expect(await search(word)).toEqual({ totalCount: 0, nodes: [] });
    expect(eachAt(await search(""), "nodes", "id")).toContain(customerId);
    expect(
      await save(shop.key, "couponRedeem", "coupon { code }", { code: codes[0], reference: "till" }),
    ).toMatchObject({
      code: "NOT_FOUND",
    });
    expect(
      await save(shop.key, "pointsSpend", "customer { id }", { customerId, points: 1, reference: "x" }),
    ).toMatchObject({ code: "VALIDATION" });

    const log = (await eventsOf(shop)).filter(({ type }) => type === "CUSTOMER_ERASED");
    const event = {
      type: "CUSTOMER_ERASED",
      sequence: 1,
      data: { customerId, sequence: 1, merchantId: shop.merchantId },
    };
    expect(log).toMatchObject([{ ...event, order: null }]);
    await vi.waitFor(() => {
      const hooks = heard.filter(({ body }) => body.includes('"customer.erased"'));
      expect(hooks.map(({ id, url }) => `${id} ${url}`).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
        `${textAt(log[0], "id")} https://partner.example/plain`,
        `${textAt(log[0], "id")} https://partner.example/selected`,
      ]);
    }, 20_000);

    const schema = await (await visit("/schemas/events/customer.erased.json")).json<Json>();
    const pushed = JSON.parse(heard.find(({ id }) => id === log[0]!["id"])!.body) as Json;
    expect(new Validator(schema, "2020-12", false).validate(pushed)).toMatchObject({ valid: true, errors: [] });
    expect(pushed).toMatchObject({ type: "customer.erased", data: event.data });

    // Again: the same erasure, and no second event.
    expect(at(await erase(shop.key, customerId), "customer.erasedAt")).toBe(at(shown, "erasedAt"));
    expect((await eventsOf(shop)).filter(({ type }) => type === "CUSTOMER_ERASED")).toHaveLength(1);

    // The message that waited is never sent, and whatever is sent again is made anew.
    expect(await stateOfActions(first)).toMatchObject({ hello: "SKIPPED_NO_CONSENT", crm: "DONE", cup: "DONE" });
    waiting.clear();
    const calls = heard.filter(({ url }) => url.startsWith("https://crm.example/")).length;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    await runDurableObjectAlarm(env.LIVE_CODE.getByName(first));
    await save(shop.key, "conversionRetry", "conversion { id }", { conversionId: `conversion_${first}` });
    vi.useRealTimers();
    expect(heard.filter(({ url }) => url.startsWith("https://crm.example/"))).toHaveLength(calls);
    const since = heard.length;
    const recovered = { webhookEndpointId: shop.endpoint, since: new Date(0), until: new Date(), onlyFailed: false };
    await save(shop.key, "webhookRecover", "queued", recovered);
    await still(shop.endpoint);
    const again = heard.slice(since).filter(({ url }) => url.endsWith("/selected"));
    expect(again.length).toBeGreaterThan(8);
    expect(traceIn(JSON.stringify(again), codes)).toEqual([]);

    // News of old: the wallet tells its payment again, and one more of the same payer.
    const paidAgain = await orderOf(first);
    for (const transaction of [paidAgain.captures[0]!.transaction, "T-late"])
      await tell(shop.account, notice(paidAgain.terms, { transaction, payer: wallet, payment: null }));
    expect((await orderOf(first)).captures).toHaveLength(2);
    await known(first);
    // A refund takes back what was done, by the id that names nobody.
    await save(shop.key, "orderRefund", "refund { id }", { orderId: `order_${first}` });
    await vi.waitFor(async () => {
      const undone = heard.filter(({ id }) => id === `conversion_${first}:crm:undo`);
      expect(undone.map(({ body }) => (JSON.parse(body) as { data: Json }).data)).toMatchObject([
        { undo: true, customerId, customer: { name: null, identities: [] } },
      ]);
    }, 20_000);
    await known(first);
    await sweepErasures(later(), env.DB);
    expect(await erasuresLeft()).toBe(0);
    await evictAllDurableObjects();
    expect(traceIn(await everything(), codes)).toEqual([]);
    expect(traceIn(JSON.stringify(await customerOf(shop.key, customerId)), codes)).toEqual([]);
    expect(at(await customerOf(shop.key, customerId), "tags")).toEqual([]);
    const owners = await runInDurableObject(env.STAFF_POOL.getByName(shop.pool), (_, { storage }) =>
      storage.sql.exec("SELECT * FROM owners WHERE customer = ?", customerId).toArray(),
    );
    expect(owners).toEqual([]);
    // Whom nobody erased is as they were.
    expect(await customerOf(shop.key, await customerIn(other))).toMatchObject({
      displayName: "Han Meimei",
      erasedAt: null,
    });
  });

  it("stays erased whoever dies on the way: the sweep goes on, order by order, and ends", async () => {
    let isDown = true;
    const heard = internet(({ url }) => (isDown && url.endsWith("MESSAGE_SEND") ? 500 : 200));
    const shop = await wholeShop();
    const orders = [await paidBy(shop), await paidBy(shop), await paidBy(shop)];
    const customerId = await customerIn(orders[0]!);
    await still(shop.endpoint);
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    // After the one transaction: partners, pools and orders know nothing of it.
    const died = await eraseCustomer(deps({ feed: dead, liveCode: dead, pool: dead }), shop.merchantId, { customerId });
    expect(died).toMatchObject({ ok: true, value: { customer: { displayName: null, identities: [] } } });
    expect((await orderOf(orders[0]!)).conversion?.payer.name).toBe(wallet.name);
    // Nobody is shown or told of them all the same.
    expect(traceIn(JSON.stringify(await customerOf(shop.key, customerId)))).toEqual([]);
    const told = heard.length;
    isDown = false;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 60_000 });
    await runDurableObjectAlarm(env.LIVE_CODE.getByName(orders[2]!));
    vi.useRealTimers();
    await vi.waitFor(async () => expect((await orderOf(orders[2]!)).conversion?.erasedAt).toBeDefined(), 20_000);
    expect(heard.slice(told).filter(({ url }) => url.startsWith("https://crm.example/"))).toEqual([]);
    expect(await erasuresLeft()).toBe(1);

    // It is not due at once, lest a sweep that comes just then does the same; then one order after the other.
    expect(await sweepErasures(deps(), env.DB)).toBe(0);
    expect((await orderOf(orders[0]!)).conversion?.payer.name).toBe(wallet.name);
    let lives = 1;
    const dying = (by: Deps) => (key: OrderKey) => (lives-- > 0 ? by.liveCode(key) : dead());
    await sweepErasures(later({ liveCode: dying(deps()), feed: dead }), env.DB);
    expect(await erasuresLeft()).toBe(1);
    await evictAllDurableObjects();
    const muchLater = deps({ now: () => Date.now() + 4 * limits.erasureSettledMs });
    expect(await sweepErasures(muchLater, env.DB)).toBe(0);
    for (const key of orders) expect((await orderOf(key)).conversion).toMatchObject({ payer: { name: null } });
    const last = deps({ now: () => Date.now() + 6 * limits.erasureSettledMs });
    expect(await sweepErasures(last, env.DB)).toBe(1);
    expect(await erasuresLeft()).toBe(0);
    silent.mockRestore();
    await Promise.all(orders.map(known));
    await still(shop.endpoint);
    const trace = traceIn(await everything());
    expect(trace).toEqual([]);
    expect((await eventsOf(shop)).filter(({ type }) => type === "CUSTOMER_ERASED")).toHaveLength(1);
  });

  it("is forgotten by all the other orders where one cannot hear, which stays named until it does; and a part that never answers is asked ever more rarely", async () => {
    internet();
    const shop = await wholeShop();
    const orders: OrderKey[] = [];
    for (let count = 0; count < 4; count += 1) orders.push(await paidBy(shop));
    const [, broken] = orders;
    const customerId = await customerIn(orders[0]!);
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const but = (by: Deps) => (key: OrderKey) => (key === broken ? dead() : by.liveCode(key));
    const start = Date.now();
    const after = (minutes: number, fields: Partial<Deps> = {}): Deps =>
      deps({ now: () => start + minutes * limits.erasureSettledMs, liveCode: but(deps()), pool: dead, ...fields });
    await eraseCustomer(after(0, { now: () => start }), shop.merchantId, { customerId });
    const payers = async () =>
      (await Promise.all(orders.map((key) => orderOf(key)))).map(({ conversion }) => conversion?.payer.name);
    expect(await payers()).toEqual([null, wallet.name, null, null]);
    const row = () =>
      env.DB.prepare("SELECT told_order AS told, missed, due_at - ?1 AS wait FROM erasures").bind(start).first<{
        told: string;
        missed: string;
        wait: number;
      }>();
    expect(await row()).toMatchObject({ told: orders.at(-1), missed: JSON.stringify([broken]) });
    // An order that comes when others are passed over hears as well.
    orders.push(await paidBy(shop));
    const waits: number[] = [];
    for (const minutes of [2, 10, 60, 600]) {
      expect(await sweepErasures(after(minutes), env.DB)).toBe(0);
      waits.push(Math.round((await row())!.wait / limits.erasureSettledMs) - minutes);
    }
    expect(waits).toEqual([1, 5, 30, 60]);
    expect(await row()).toMatchObject({ told: orders.at(-1), missed: JSON.stringify([broken]) });
    // It is not done with an order before partners have forgotten what they keep of it.
    await sweepErasures(after(670, { liveCode: deps().liveCode, endpoint: dead }), env.DB);
    expect((await payers())[1]).toBeNull();
    expect((await row())?.missed).toBe(JSON.stringify([broken]));
    // Everybody answers at last.
    const sound = { liveCode: deps().liveCode, pool: deps().pool };
    expect(await sweepErasures(after(740, sound), env.DB)).toBe(0);
    expect((await row())?.missed).toBe("[]");
    expect(await sweepErasures(after(800, sound), env.DB)).toBe(1);
    silent.mockRestore();
    expect(await erasuresLeft()).toBe(0);
    expect(await payers()).toEqual([null, null, null, null, wallet.name]);
    await erase(shop.key, customerId);
    await sweepErasures(later(), env.DB);
    expect(await erasuresLeft()).toBe(0);
    await Promise.all(orders.map(known));
    await still(shop.endpoint);
    expect(traceIn(await everything())).toEqual([]);
  });

  it("is on the list of work until all orders have heard, whatever is put on it while somebody goes through", async () => {
    internet();
    const shop = await wholeShop();
    const orders = [await paidBy(shop), await paidBy(shop), await paidBy(shop)];
    const customerId = await customerIn(orders[0]!);
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await eraseCustomer(deps({ liveCode: dead }), shop.merchantId, { customerId });
    silent.mockRestore();
    // As somebody leaves it who dies right after the one transaction.
    await env.DB.prepare("UPDATE erasures SET told_placed_at = -1, told_order = '', missed = '[]'").run();
    const [erasure] = await takeErasures(env.DB, Date.now() + 2 * limits.erasureSettledMs, 10);
    expect(await takeErasures(env.DB, Date.now() + 2 * limits.erasureSettledMs, 10)).toEqual([]);
    const list = await ordersToForget(env.DB, erasure!, 10);
    expect(list.map(({ key }) => key)).toEqual(orders);
    // Ended by somebody who saw nothing to do, a moment before.
    await endErasure(env.DB, erasure!);
    const upTo = ({ placedAt, key }: ErasedOrder) => ({ toldPlacedAt: placedAt, toldOrder: key, missed: [] });
    const first = await markTold(env.DB, erasure!, upTo(list[0]!));
    const left = async () => {
      const row = await env.DB.prepare(
        "SELECT told_placed_at AS toldPlacedAt, told_order AS toldOrder FROM erasures",
      ).first<Json>();
      return row && (await ordersToForget(env.DB, { ...erasure!, ...row }, 10)).map(({ key }) => key);
    };
    expect(await left()).toEqual(orders.slice(1));
    // An order before those that one is told of at this moment.
    await env.DB.prepare("UPDATE erasures SET told_placed_at = -1, told_order = ''").run();
    await markTold(env.DB, first, upTo(list[2]!));
    expect(await left()).toEqual(orders);
    await sweepErasures(deps({ now: () => Date.now() + 4 * limits.erasureSettledMs }), env.DB);
    await sweepErasures(deps({ now: () => Date.now() + 6 * limits.erasureSettledMs }), env.DB);
    expect(await left()).toBeNull();
    await Promise.all(orders.map(known));
    expect(traceIn(await everything())).toEqual([]);
  });

  it("is forgotten by an order that the read model had not heard of when the erasure was over, as soon as it hears", async () => {
    const heard = internet();
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const customerId = await customerIn(first);
    await still(shop.endpoint);
    // Nothing of conversions reaches the database for a while.
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const back = nothingOfConversionsArrives();
    const key = keyIn(await placed(shop.key));
    await liveCode(key).apply({ kind: "begin", claimant: "browser", account: shop.accountId, said: saying() });
    await tell(shop.account, notice((await orderOf(key)).terms, { transaction: "T-away", payer: wallet }));
    await vi.waitFor(() => {
      const called = heard.filter(({ id }) => id.startsWith(`conversion_${key}:`)).map(({ id }) => id.split(":")[1]);
      expect(called.toSorted((a = "", b = "") => (a < b ? -1 : 1))).toEqual(["crm", "hello"]);
    }, 20_000);
    expect(await erase(shop.key, customerId)).toMatchObject({ customer: { displayName: null, identities: [] } });
    for (const minutes of [2, 4])
      await sweepErasures(deps({ now: () => Date.now() + minutes * limits.erasureSettledMs }), env.DB);
    expect(await erasuresLeft()).toBe(0);
    expect((await orderOf(key)).conversion?.payer).toMatchObject({ customerId, name: wallet.name });

    back();
    await evictAllDurableObjects();
    await vi.waitFor(async () => {
      await runDurableObjectAlarm(env.LIVE_CODE.getByName(key));
      expect((await orderOf(key)).conversion?.erasedAt).toBeDefined();
    }, 30_000);
    silent.mockRestore();
    await Promise.all([known(first), known(key)]);
    await still(shop.endpoint);
    // What partners keep of it is the sweep's, which has been given it anew.
    expect(await erasuresLeft()).toBe(1);
    for (const minutes of [6, 8])
      await sweepErasures(deps({ now: () => Date.now() + minutes * limits.erasureSettledMs }), env.DB);
    expect(await erasuresLeft()).toBe(0);
    const row = await customerOf(shop.key, customerId);
    expect(row).toMatchObject({ displayName: null, identities: [], tags: [], tier: null, points: 0, coupons: [] });
    expect(traceIn(JSON.stringify(row))).toEqual([]);
    const { results } = await env.DB.prepare("SELECT code FROM grants WHERE order_key = ?").bind(key).all();
    expect(results).toEqual([{ code: null }]);
    expect(traceIn(await everything())).toEqual([]);
  });

  it("who pays again is a customer again: what is told since counts, what is older does not come back, and may be erased again", async () => {
    const heard = internet();
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const customerId = await customerIn(first);
    await save(shop.key, "pointsSpend", "customer { id }", { customerId, points: 100, reference: "cake" });
    await erase(shop.key, customerId);
    const second = await paidBy(
      shop,
      { id: wallet.id, name: "New Name" },
      saying({ consents: [], name: null, identities: [] }),
    );
    expect(await customerIn(second)).toBe(customerId);
    for (const minutes of [2, 4])
      await sweepErasures(deps({ now: () => Date.now() + minutes * limits.erasureSettledMs }), env.DB);
    expect(await erasuresLeft()).toBe(0);
    // The first order tells again: a refund of it, at last.
    await save(shop.key, "orderRefund", "refund { id }", { orderId: `order_${first}` });
    await vi.waitFor(async () => expect((await orderOf(first)).conversion?.state).toBe("REVERSED"), 20_000);
    await Promise.all([known(first), known(second)]);
    const row = await customerOf(shop.key, customerId);
    expect(row).toMatchObject({
      displayName: "New Name",
      erasedAt: expect.any(String) as string,
      identities: [{ kind: "WALLET", value: wallet.id }],
      tags: ["table"],
      tier: "leaf",
      points: 190,
      notes: ["Paid at a table"],
      coupons: [{ code: expect.stringMatching(/^[0-9A-Z]{12}$/) as string }],
    });
    // Agreed to nothing since: what they had said was taken back.
    expect(await stateOfActions(second)).toMatchObject({ hello: "SKIPPED_NO_CONSENT", crm: "DONE" });
    expect(heard.filter(({ id }) => id === `conversion_${second}:hello`)).toEqual([]);
    expect((await orderOf(first)).conversion).toMatchObject({ payer: { name: null, identities: [] } });

    const again = await erase(shop.key, customerId);
    expect(Date.parse(textAt(again, "customer.erasedAt"))).toBeGreaterThan(Date.parse(textAt(row, "erasedAt")));
    await Promise.all([known(first), known(second)]);
    await still(shop.endpoint);
    expect(traceIn(await everything(), ["New Name"])).toEqual([]);
    const told = (await eventsOf(shop)).filter(({ type }) => type === "CUSTOMER_ERASED");
    expect(eachAt({ told }, "told", "sequence")).toEqual([1, 2]);
  });

  it("may ask again before the read model knows that they have come back, and is erased of that, too", async () => {
    internet();
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const customerId = await customerIn(first);
    await erase(shop.key, customerId);
    await known(first);
    for (const minutes of [2, 4])
      await sweepErasures(deps({ now: () => Date.now() + minutes * limits.erasureSettledMs }), env.DB);
    expect(await erasuresLeft()).toBe(0);
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const back = nothingOfConversionsArrives();
    const key = keyIn(await placed(shop.key));
    await tell(
      shop.account,
      notice((await orderOf(key)).terms, { transaction: "T-back", payment: null, payer: wallet }),
    );
    expect((await orderOf(key)).conversion?.payer).toMatchObject({ customerId, name: wallet.name });
    expect(await erase(shop.key, customerId)).toMatchObject({ customer: { displayName: null } });
    back();
    await vi.waitFor(async () => {
      await runDurableObjectAlarm(env.LIVE_CODE.getByName(key));
      expect((await orderOf(key)).conversion?.erasedAt).toBeDefined();
    }, 30_000);
    silent.mockRestore();
    await known(key);
    await still(shop.endpoint);
    for (const minutes of [2, 4, 6])
      await sweepErasures(deps({ now: () => Date.now() + minutes * limits.erasureSettledMs }), env.DB);
    expect(await erasuresLeft()).toBe(0);
    expect(traceIn(await everything())).toEqual([]);
    // Nothing was known of them here, so partners had heard all there was to hear.
    expect((await eventsOf(shop)).filter(({ type }) => type === "CUSTOMER_ERASED")).toHaveLength(1);
  });

  it("is not in what a partner answers to a body that was on its way", async () => {
    const { promise: hold, resolve: release } = Promise.withResolvers<number>();
    const isHeld = ({ url, body }: Heard) => url.endsWith("/selected") && body.includes('"order.refunded"');
    const heard = internet((one) => (isHeld(one) ? hold : 200));
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const customerId = await customerIn(first);
    await still(shop.endpoint);
    await save(shop.key, "orderRefund", "refund { id }", { orderId: `order_${first}`, amount: cny("1.00") });
    await vi.waitFor(() => expect(heard.filter(isHeld)).toHaveLength(1), { timeout: 20_000, interval: 5 });
    expect(traceIn(heard.find(isHeld)!.body)).toContain(canary);
    await erase(shop.key, customerId);
    release(200);
    await still(shop.endpoint);
    await known(first);
    expect(traceIn(await everything())).toEqual([]);
  });

  it("is erased once, however many ask at the same moment, and while their wallet pays", async () => {
    internet();
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const customerId = await customerIn(first);
    const [paying, ...answers] = await Promise.all([
      paidBy(shop, wallet, saying({ consents: [] })),
      ...Array.from({ length: 4 }, () => erase(shop.key, customerId)),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ __typename: "CustomerEraseSuccess" });
    const events = (await eventsOf(shop)).filter(({ type }) => type === "CUSTOMER_ERASED");
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => index + 1));
    // Which of the two came first says when the money was known; either way the older is gone, and the newer is whole or gone.
    const { conversion } = await orderOf(paying);
    const row = await env.DB.prepare("SELECT erased_at FROM customers WHERE id = ?")
      .bind(customerId)
      .first<{ erased_at: number }>();
    const isAnew = conversion!.convertedAt > row!.erased_at;
    await vi.waitFor(async () => {
      const now = (await orderOf(paying)).conversion!;
      expect([now.payer.name, now.erasedAt !== undefined]).toEqual(isAnew ? [wallet.name, false] : [null, true]);
    }, 20_000);
    expect((await orderOf(first)).conversion?.payer.name).toBeNull();
    await erase(shop.key, customerId);
    await Promise.all([known(first), known(paying)]);
    await still(shop.endpoint);
    expect(traceIn(await everything())).toEqual([]);
  });

  it("has no name where their money waits for its place, and cannot claim what they had claimed", async () => {
    internet();
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const customerId = await customerIn(first);
    const nobodys = { payment: null, order: null, transaction: "T-lost", amount: 1990, currency: "CNY", payer: wallet };
    const { terms } = await orderOf(first);
    expect((await tell(shop.account, notice(terms, nobodys))).status).toBe(200);
    // A payer of whom nothing is known, who said who they are.
    const key = keyIn(await placed(shop.key));
    const attempt = await liveCode(key).apply({ kind: "begin", claimant: "browser", account: shop.accountId });
    expect(attempt).toMatchObject({ ok: true });
    await tell(shop.account, notice((await orderOf(key)).terms, { transaction: "T-anonymous", payer: null }));
    const said = saying();
    expect(await liveCode(key).apply({ kind: "claimRecord", said })).toMatchObject({ ok: true });
    await known(key);
    const provisional = await customerIn(key);
    expect(JSON.stringify(await customerOf(shop.key, provisional))).toContain("8613800008888");

    await erase(shop.key, customerId);
    await erase(shop.key, provisional);
    expect(await liveCode(key).apply({ kind: "claimRecord", said })).toMatchObject({ ok: false });
    await Promise.all([known(first), known(key)]);
    await still(shop.endpoint);
    expect(traceIn(await everything())).toEqual([]);
    const lost = await env.PAYMENT_ACCOUNT.getByName(shop.accountId).unmatched();
    expect(lost).toMatchObject([{ transaction: "T-lost", state: "WAITING" }]);
    const open = keyIn(await placed(shop.key));
    await save(shop.key, "unmatchedPaymentAssign", "order { state }", {
      unmatchedPaymentId: lost[0]!.id,
      orderId: `order_${open}`,
    });
    expect((await orderOf(open)).conversion).toMatchObject({
      payer: { customerId, name: null, identities: [] },
    });
  });

  it("is not in what a selection was being asked when they were forgotten", async () => {
    const heard = internet();
    const shop = await wholeShop();
    const first = await paidBy(shop);
    const customerId = await customerIn(first);
    await still(shop.endpoint);
    const other = keyIn(await placed(shop.key));
    await recorded(shop.key, { orderId: `order_${other}`, payer: { phone: "+8613900000001", name: "Han Meimei" } });
    await known(other);
    await still(shop.endpoint);
    const told = heard.length;
    // The next event's selection has read its order, and waits for the customer's row.
    const { promise, resolve } = Promise.withResolvers<void>();
    const { prepare } = env.DB;
    let asking = 0;
    const slow = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      const statement = prepare.call(env.DB, sql);
      if (!sql.includes("FROM grants")) return statement;
      const bind = statement.bind.bind(statement);
      statement.bind = (...values) => {
        const bound = bind(...values);
        const all = bound.all.bind(bound);
        bound.all = async () => {
          asking += 1;
          await promise;
          return all();
        };
        return bound;
      };
      return statement;
    });
    for (const key of [first, other])
      await save(shop.key, "orderRefund", "refund { id }", { orderId: `order_${key}`, amount: cny("1.00") });
    await vi.waitFor(() => expect(asking).toBe(2), { timeout: 20_000, interval: 5 });
    const erasing = erase(shop.key, customerId);
    await vi.waitFor(async () => expect((await orderOf(first)).conversion?.erasedAt).toBeDefined(), 20_000);
    await vi.waitFor(async () => {
      const stored = await env.DB.prepare("SELECT told_order FROM erasures WHERE customer_id = ?")
        .bind(customerId)
        .first();
      expect(stored).toEqual({ told_order: first });
    }, 20_000);
    slow.mockRestore();
    resolve();
    await erasing;
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 30_000 });
    await runDurableObjectAlarm(env.WEBHOOK_ENDPOINT.getByName(shop.endpoint));
    vi.useRealTimers();
    await still(shop.endpoint);
    expect(heard.slice(told).some(({ body }) => body.includes('"order.refunded"'))).toBe(true);
    expect(traceIn(JSON.stringify(heard.slice(told)))).toEqual([]);
    const deliveries = await env.WEBHOOK_ENDPOINT.getByName(shop.endpoint).deliveries(100, null);
    const triesOf = (key: OrderKey) =>
      deliveries.find(({ event }) => event.type === "ORDER_REFUNDED" && event.orderKey === key)?.attempts;
    expect(triesOf(first)).toMatchObject([{ error: "selection: somebody was forgotten meanwhile" }, { status: 200 }]);
    // What was being asked of somebody else is none of it.
    expect(triesOf(other)).toMatchObject([{ status: 200 }]);
    await known(first);
    expect(traceIn(await everything())).toEqual([]);
  });
});
