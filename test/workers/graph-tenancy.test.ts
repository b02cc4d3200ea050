/**
 * A merchant's things in front of everybody who must not have them: strangers, a revoked key, keys with a single scope, and another merchant. Every
 * field and every mutation of the schema is tried; nothing may leak, and nothing may change.
 */
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it, vi } from "vitest";
import {
  getNamedType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
  type GraphQLField,
  type GraphQLObjectType,
} from "graphql";
import { orderKeyOf } from "../../src/core/ids.ts";
import { scopes } from "../../src/resolvers/caller.ts";
import { schema as build } from "../../src/schema/index.ts";
import { crawlOf, everyField, leaves, mutationsOf, packed, type Things } from "./graph-crawler.ts";
import { ask, at, cny, keyWith, openShop, placed, recorded, sell, tell, textAt, type Told } from "./graph-shop.ts";

const schema = build();
const query = schema.getQueryType()!;
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** In every text that is the merchant's own. */
const canary = `CANARY${crypto.randomUUID().replaceAll("-", "")}`;
/** In every way to somebody of the staff. */
const contact = `contact${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;
/** In everything that is known of a person. */
const personal = `person${crypto.randomUUID().replaceAll("-", "").slice(0, 12)}`;

let merchantId: string;
let owner: string;
let revoked: string;
let other: string;
let things: Things;
let ids: readonly string[];
/** What each id names. */
const kinds = new Map<string, GraphQLObjectType>();

beforeAll(async () => {
  const shop = await openShop({ name: `Tea ${canary}` });
  ({ merchantId, key: owner } = shop);
  other = (await openShop()).key;
  const narrow = await keyWith(owner, ...scopes);
  revoked = narrow.text;
  await ask(owner, `mutation ($id: ID!) { apiKeyRevoke(input: { apiKeyId: $id }) { __typename } }`, { id: narrow.id });
  const product = await sell(owner, { sku: `sku-${canary}`, name: canary, description: canary, stock: 9 });
  const saved = await ask(
    owner,
    `mutation ($url: URL) { staffPoolSave(input: { name: "${canary}", strategy: RANDOM, members: [{ name: "${canary}", contactUrl: $url }] }) { ... on StaffPoolSaveSuccess { staffPool { id } } } }`,
    { url: `https://contact.example/${contact}` },
  );
  const assignment = { pool: textAt(saved, "staffPoolSave.staffPool.id") };
  const definition = { assignment, actions: [], targets: [{ kind: "STAFF_CONTACT" }] };
  await ask(
    owner,
    `mutation ($definition: JSON!) { conversionBlockPublish(input: { name: "${canary}", definition: $definition }) { __typename } }`,
    { definition },
  );
  const externalReference = `ref-${canary}`;
  const { order, liveCode } = await placed(owner, {
    lines: [{ productId: product }, { name: canary, unitPrice: cny("1.00") }],
    metadata: { note: canary },
    attribution: { channel: canary, campaign: canary, staff: canary, partner: canary },
    externalReference,
  });
  const payment = await recorded(owner, {
    orderId: at(order, "id"),
    amount: cny("20.90"),
    reference: canary,
    payer: { email: `${personal}@example.com`, loyalty: personal, name: personal },
  });
  const open = await placed(owner, { lines: [{ name: canary, unitPrice: cny("2.00") }] });
  const endpoint = textAt(
    await ask(
      owner,
      `mutation ($input: WebhookEndpointCreateInput!) { webhookEndpointCreate(input: $input) { ... on WebhookEndpointCreateSuccess { webhookEndpoint { id } } ... on UserError { message } } }`,
      { input: { url: `https://127.0.0.1:9/${canary}`, types: [], description: canary } },
    ),
    "webhookEndpointCreate.webhookEndpoint.id",
  );
  await ask(
    owner,
    `mutation ($id: ID!) { orderRefund(input: { orderId: $id, amount: { amount: "1.00", currency: "CNY" }, reason: "${canary}" }) { __typename } }`,
    { id: at(order, "id") },
  );
  const customer = textAt(payment, "conversion.customer.id");
  const orderId = textAt(order, "id");
  things = {
    order: orderId,
    product,
    customer,
    conversion: orderId.replace("order", "conversion"),
    merchant: merchantId,
    apiKey: (await keyWith(owner, "ORDERS_READ")).id,
    paymentAccount: shop.accountId,
    webhookEndpoint: endpoint,
    number: textAt(order, "number"),
    externalReference,
    liveCode: textAt(liveCode, "slug"),
  };
  ids = [...Object.values(things).filter((id) => id.includes("_")), textAt(open, "order.id")];
  await vi.waitUntil(
    async () => {
      const known = await ask(owner, `query ($id: ID!) { customer(id: $id) { lifetimeValue { amount } } }`, {
        id: customer,
      });
      const { order: paid } = await ask(
        owner,
        `query ($id: ID!) { order(by: { id: $id }) { conversion { target { url } } } }`,
        { id: orderId },
      );
      return (
        known["customer"] &&
        textAt(known, "customer.lifetimeValue.amount") === "19.90" &&
        textAt(paid, "conversion.target.url").includes(contact)
      );
    },
    { timeout: 60_000 },
  );
  const found = await ask(owner, `query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }`, { ids });
  for (const node of found["nodes"] as ({ __typename: string; id: string } | null)[]) {
    const type = node && schema.getType(node.__typename);
    if (isObjectType(type)) kinds.set(node!.id, type);
  }
});

/** Whatever the merchant owns, wherever it is kept. */
async function owned(): Promise<string> {
  const { results: tables } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%' AND name <> 'd1_migrations'",
  ).all<{ name: string }>();
  const rows = await Promise.all(
    tables.map(async ({ name }) => {
      const { results: columns } = await env.DB.prepare(`SELECT name FROM pragma_table_info(?)`)
        .bind(name)
        .all<{ name: string }>();
      const column = columns.some((one) => one.name === "merchant_id")
        ? "merchant_id"
        : columns.some((one) => one.name === "id")
          ? "id"
          : null;
      return (
        column && (await env.DB.prepare(`SELECT * FROM ${name} WHERE ${column} = ?`).bind(merchantId).all()).results
      );
    }),
  );
  const orders = await Promise.all(
    ids.flatMap((id) => {
      const key = orderKeyOf(id);
      return key ? [env.LIVE_CODE.getByName(key).look()] : [];
    }),
  );
  const summary = await env.WEBHOOK_ENDPOINT.getByName(things["webhookEndpoint"] ?? "").summary();
  // From when on its log is whole moves with the clock.
  const endpoint = { ...summary, deliveriesSince: null };
  const account = await env.PAYMENT_ACCOUNT.getByName(things["paymentAccount"] ?? "").summary();
  return JSON.stringify([
    rows,
    orders,
    endpoint && { ...endpoint, backlog: 0, state: null, disabledReason: null },
    account,
  ]);
}

/** Like the ids of the merchant, and of nobody. */
const absent = (text: string): string =>
  ids.reduce(
    (inside, id) =>
      inside.replaceAll(id, `${id.slice(0, id.indexOf("_"))}_${"0".repeat(id.length - id.indexOf("_") - 1)}`),
    text,
  );

/** Everything that has an id, by its id, with all that hangs on it. */
const nodes = () =>
  Object.entries(things).flatMap(([, id]) => {
    const type = kinds.get(id);
    if (!type) return [];
    return Object.values(type.getFields()).map((field) => {
      const target = getNamedType(field.type);
      const needs = field.args.some(isRequiredArgument);
      const selection = needs
        ? "id"
        : isLeafType(target)
          ? field.name
          : `${field.name} { ${leaves(target, things).text} }`;
      return {
        document: `{ node(id: ${JSON.stringify(id)}) { __typename id ... on ${type.name} { ${selection} } } }`,
        visits: [],
      };
    });
  });
const questions = () => [...crawlOf(schema, query, things), ...nodes()];

describe("a crawler of the whole schema", () => {
  it("visits every field there is, and gets the owner's own things by it", async () => {
    const all = [...questions(), ...mutationsOf(schema, things)];
    const visited = new Set(all.flatMap(({ visits }) => visits));
    expect(everyField(schema).filter((field) => !visited.has(field))).toEqual([]);
    const answers = await Promise.all(crawlOf(schema, query, things).map(({ document }) => tell(owner, document)));
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    const text = JSON.stringify(answers);
    for (const one of [canary, personal, ...ids.slice(0, 5)]) expect(text).toContain(one);
    const reached = new Set([...text.matchAll(/"__typename":"(\w+)"/g)].map(([, name]) => name));
    for (const name of [
      "Merchant",
      "Order",
      "OrderLine",
      "Product",
      "Customer",
      "CustomerIdentity",
      "Conversion",
      "Event",
      "Payment",
      "Refund",
      "PaymentAccount",
      "WebhookEndpoint",
      "LiveCode",
      "QrImage",
      "OrderEdge",
    ])
      expect(reached).toContain(name);
  });

  it("shows nothing of it to strangers and to a revoked key, whatever they ask", async () => {
    for (const bearer of [null, revoked])
      for (const { document } of packed(questions())) {
        const { data, errors } = await tell(bearer, document);
        expect([
          document,
          isEmpty(data),
          errors.every(({ extensions }) => extensions.code === "UNAUTHENTICATED"),
        ]).toEqual([document, true, true]);
      }
  });

  it("shows nothing of it to another merchant, who cannot tell it from nothing", async () => {
    for (const { document } of packed(questions())) {
      const [theirs, nothing] = await Promise.all([tell(other, document), tell(other, absent(document))]);
      const told = JSON.stringify(theirs);
      expect([document, told.includes(personal), told.includes(canary)]).toEqual([document, false, false]);
      expect([document, areAnswers(theirs.errors)]).toEqual([document, true]);
      expect([document, absent(told)]).toEqual([document, JSON.stringify(nothing)]);
    }
  });

  it("lets none of them change anything, whatever they call with whatever ids", async () => {
    const before = await owned();
    for (const bearer of [null, revoked, other])
      for (const { document, name } of mutationsOf(schema, things)) {
        const theirs = await tell(bearer, document);
        const told = JSON.stringify(theirs);
        expect([name, told.includes(canary), told.includes(personal)]).toEqual([name, false, false]);
        expect([document, areAnswers(theirs.errors)]).toEqual([document, true]);
        expect([name, bearer === other || theirs.errors[0]?.extensions.code === "UNAUTHENTICATED"]).toEqual([
          name,
          true,
        ]);
      }
    expect(await owned()).toBe(before);
  });

  it("follows another merchant's cursors to its own list only", async () => {
    const pages = crawlOf(schema, query, things).filter(({ document }) => /pageInfo \{/.test(document));
    expect(pages.length).toBeGreaterThan(3);
    for (const { document } of pages) {
      const text = JSON.stringify(await ask(owner, document));
      for (const [, cursor] of text.matchAll(/"(?:start|end)Cursor":"([^"]+)"/g))
        for (const argument of ["after", "before"]) {
          const list = /(\w+)(?:\([^)]*\))? \{ pageInfo/.exec(document)?.[1];
          if (list === undefined || (list === "events" && argument === "before")) continue;
          const stolen = document.replace(
            /(\w+)(?:\([^)]*\))? \{ pageInfo/,
            `${list}(${argument}: ${JSON.stringify(cursor)}) { pageInfo`,
          );
          const told = JSON.stringify(await tell(other, stolen));
          expect([stolen, told.includes(canary), ids.some((id) => told.includes(id))]).toEqual([stolen, false, false]);
        }
    }
  });
});

describe("a key of the merchant's own with a single scope", () => {
  const needs = (field: GraphQLField<unknown, unknown>): readonly string[] => {
    const { authScopes } = (field.extensions["pothosOptions"] ?? {}) as { authScopes?: { anyOf?: readonly string[] } };
    return authScopes?.anyOf ?? [];
  };

  it("sees no person's data without the scope for it, and changes nothing that its scope does not open", async () => {
    const before = await owned();
    const keysBefore = JSON.parse(before) as unknown[];
    const fields = schema.getMutationType()!.getFields();
    // Only what shows the person to the owner can show it to others.
    const telling: string[] = [];
    for (const { document } of questions())
      if (new RegExp(`${personal}|${contact}`).test(JSON.stringify(await tell(owner, document))))
        telling.push(document);
    expect(telling.length).toBeGreaterThan(5);
    expect(telling.filter((document) => document.includes("contactUrl")).length).toBeGreaterThan(0);
    for (const scope of scopes) {
      const { text } = await keyWith(owner, scope);
      for (const document of scope === "CUSTOMERS_READ" ? [] : telling) {
        const told = JSON.stringify(await tell(text, document));
        // Whoever saves the pools reads them; where a code leads is the customer's.
        const isOwnPool = scope === "CONVERSIONS_WRITE" && /contactUrl/.test(document) && !/target \{/.test(document);
        expect([scope, document, told.includes(personal), !isOwnPool && told.includes(contact)]).toEqual([
          scope,
          document,
          false,
          false,
        ]);
      }
      for (const { document, name } of mutationsOf(schema, things)) {
        if (needs(fields[name]!).includes(scope)) continue;
        const { errors } = await tell(text, document);
        expect([scope, name, errors[0]?.extensions.code]).toEqual([scope, name, "FORBIDDEN"]);
      }
    }
    // The keys made here are the only news.
    const withoutKeys = (state: unknown) => JSON.stringify(state).replaceAll(/\{"id":"apikey_[^}]*\}/g, "");
    expect(withoutKeys(JSON.parse(await owned())).replaceAll(/,+/g, ",")).toBe(
      withoutKeys(keysBefore).replaceAll(/,+/g, ","),
    );
  });
});

/** No document was refused for its form, which would hide whatever it asks for. */
const areAnswers = (errors: Told["errors"]): boolean =>
  errors.every(({ extensions }) => !/^(GRAPHQL_|DOCUMENT_|TOO_COSTLY|BAD_USER_INPUT|INTERNAL)/.test(extensions.code));

/** Nothing but nulls and the names of roots. */
function isEmpty(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return value === null || value === "Query";
  return Object.values(value).every(isEmpty);
}
