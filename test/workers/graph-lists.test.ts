/** Every list of the graph, found by introspection: pages as Relay has them, and what a page costs the database. */
import { env } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { depsOf } from "../../src/deps.ts";
import { configOf } from "../../src/env.ts";
import { schema as build } from "../../src/schema/index.ts";
import { graphqlHandler } from "../../src/schema/server.ts";
import { pagesOf, type Things } from "./graph-crawler.ts";
import { ask, at, cny, openShop, origin, placed, recorded, sell, tell, textAt, type Json } from "./graph-shop.ts";

const schema = build();
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

/** One merchant with more than a usual page of everything. */
let key: string;
let things: Things;
let pages: ReturnType<typeof pagesOf>;
const many = 24;

const payer = (index: number) => ({ email: `person-${index}@example.com`, name: `Person ${index}` });
const paidOrder = async (index: number, lines?: unknown) => {
  const { order } = await placed(key, lines ? { lines } : {});
  const told = await recorded(key, { orderId: at(order, "id"), reference: `till ${index}`, payer: payer(index) });
  return textAt(told, "conversion.customer.id");
};
const countOfLists = async (): Promise<unknown> => {
  const { viewer } = await ask(
    key,
    `{ viewer { merchant { orders(filter: { state: [PAID] }) { totalCount } customers { totalCount } } } }`,
  );
  return [at(viewer, "merchant.orders.totalCount"), at(viewer, "merchant.customers.totalCount")];
};

beforeAll(async () => {
  const shop = await openShop();
  ({ key } = shop);
  const webhookEndpoint = textAt(
    await ask(
      key,
      `mutation { webhookEndpointCreate(input: { url: "http://127.0.0.1:9/", types: [] }) { ... on WebhookEndpointCreateSuccess { webhookEndpoint { id } } ... on UserError { message } } }`,
    ),
    "webhookEndpointCreate.webhookEndpoint.id",
  );
  for (let index = 0; index < many; index += 1) await sell(key, { sku: `sku-${index}` });
  const customers = await Promise.all(Array.from({ length: many }, (_, index) => paidOrder(index)));
  await Promise.all(
    Array.from({ length: many }, (_, index) => paidOrder(0, [{ name: `${index}`, unitPrice: cny("19.90") }])),
  );
  await vi.waitUntil(async () => String(await countOfLists()) === String([many * 2, many]), { timeout: 60_000 });
  things = { customer: customers[0]!, webhookEndpoint, merchant: shop.merchantId };
  const order = at(
    await ask(key, `query ($id: ID!) { customer(id: $id) { orders(first: 1) { nodes { id } } } }`, {
      id: customers[0],
    }),
    "customer.orders.nodes.0.id",
  );
  things = { ...things, order: String(order) };
  pages = pagesOf(schema, schema.getQueryType()!, things);
});

type PageOf = {
  readonly edges: readonly { readonly cursor: string; readonly node: Json }[];
  readonly nodes: readonly Json[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
};
/** The page that an answer leads to, wherever in it. */
function pageIn(value: unknown): PageOf {
  if (Array.isArray(value)) return pageIn(value[0]);
  if (typeof value !== "object" || value === null) throw new Error("no page in the answer");
  return "pageInfo" in value ? (value as PageOf) : pageIn(Object.values(value)[0]);
}
const whole = `edges { cursor node { id } } nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`;
const listed = async (name: string, args: string): Promise<PageOf> =>
  pageIn(await ask(key, pages.get(name)!.document(args, whole)));
const idsIn = ({ nodes }: PageOf): unknown[] => nodes.map(({ id }) => id);
const argument = (name: string, value: unknown): string =>
  value === null ? "" : `, ${name}: ${JSON.stringify(value)}`;
const goesBack = (name: string): boolean => pages.get(name)!.field.args.some((arg) => arg.name === "last");

async function walk(
  name: string,
  size: number,
  backward: boolean,
  between: () => Promise<unknown>,
): Promise<unknown[]> {
  const met: unknown[] = [];
  for (let cursor: string | null = null; ;) {
    const page = await listed(
      name,
      backward ? `last: ${size}${argument("before", cursor)}` : `first: ${size}${argument("after", cursor)}`,
    );
    expect(page.edges.map(({ node }) => node)).toEqual(page.nodes);
    expect(page.pageInfo.startCursor).toBe(page.edges[0]?.cursor ?? null);
    expect(page.pageInfo.endCursor).toBe(page.edges.at(-1)?.cursor ?? null);
    if (backward) met.unshift(...idsIn(page));
    else met.push(...idsIn(page));
    if (!(backward ? page.pageInfo.hasPreviousPage : page.pageInfo.hasNextPage)) return met;
    cursor = backward ? page.pageInfo.startCursor : page.pageInfo.endCursor;
    await between();
  }
}

describe("every list", () => {
  it("is found by introspection, and known to this test", () => {
    expect([...pages.keys()]).toEqual(
      expect.arrayContaining([
        "Merchant.products",
        "Merchant.orders",
        "Merchant.customers",
        "Merchant.events",
        "Merchant.webhookEndpoints",
        "Customer.orders",
        "WebhookEndpoint.deliveries",
      ]),
    );
  });

  it("meets everything once in its order, forwards and backwards, in pages of any size, while others come", async () => {
    let arrivals = 0;
    const somethingNew = async () => {
      arrivals += 1;
      await Promise.all([sell(key, { sku: `new-${arrivals}` }), placed(key)]);
    };
    for (const name of pages.keys()) {
      const whether = goesBack(name) ? fc.boolean() : fc.constant(false);
      await fc.assert(
        fc.asyncProperty(fc.integer({ min: 5, max: 40 }), whether, async (size, backward) => {
          const before = await walk(name, 100, false, async () => {});
          const met = await walk(name, size, backward, somethingNew);
          expect(new Set(met).size).toBe(met.length);
          const known = new Set(before);
          expect([name, met.filter((id) => known.has(id))]).toEqual([name, before]);
        }),
        { numRuns: 3 },
      );
    }
  });

  it("has 20 to a page unless said otherwise, at most 100, and names the argument that makes no sense", async () => {
    const cursors = new Map(
      await Promise.all(
        [...pages.keys()].map(async (name) => [name, (await listed(name, "first: 1")).pageInfo.endCursor] as const),
      ),
    );
    for (const name of pages.keys()) {
      const page = await listed(name, "");
      const all = await listed(name, "first: 100");
      expect([name, page.nodes.length]).toEqual([name, Math.min(20, all.nodes.length)]);
      expect(idsIn(await listed(name, "first: 0"))).toEqual([]);
      const foreign = [...cursors].find(([other]) => other.split(".")[1] !== name.split(".")[1])?.[1];
      const wrong: [string, string][] = [
        ["first: 101", "first"],
        ["first: -1", "first"],
        [`after: "nonsense"`, "after"],
        [`after: ""`, "after"],
        [`after: ${JSON.stringify(foreign)}`, "after"],
        [`after: ${JSON.stringify(btoa('["orders",null,{}]'))}`, "after"],
        ...(goesBack(name)
          ? ([
              ["last: 101", "last"],
              ["last: -1", "last"],
              ["first: 1, last: 1", "last"],
              [`before: ${JSON.stringify(foreign)}`, "before"],
            ] as [string, string][])
          : []),
      ];
      for (const [args, named] of wrong) {
        const { errors } = await tell(key, pages.get(name)!.document(args, whole));
        expect([name, args, errors[0]?.extensions.code, errors[0]?.message.split(" ")[0]]).toEqual([
          name,
          args,
          "BAD_REQUEST",
          named,
        ]);
      }
    }
  });
});

describe("the database", () => {
  /** Asks with a database that counts what is asked of it. */
  async function statementsFor(
    query: string,
  ): Promise<{ readonly statements: readonly string[]; readonly data: Json }> {
    const config = configOf(env);
    if (typeof config === "string") throw new Error(config);
    const deps = depsOf(env, config, origin, createExecutionContext());
    const statements: string[] = [];
    const counting = (database: D1Database): D1Database =>
      new Proxy(database, {
        get: (target, name) => {
          if (name === "prepare") return (sql: string) => (statements.push(sql), target.prepare(sql));
          const value: unknown = Reflect.get(target, name, target);
          return typeof value === "function" ? (value as () => unknown).bind(target) : value;
        },
      });
    const response = await graphqlHandler(
      new Request(`${origin}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
        body: JSON.stringify({ query }),
      }),
      { ...deps, database: (id) => counting(deps.database(id)) },
      { qrImage: async () => ({ dataUri: "" }) },
    );
    const { data, errors } = await response.json<{ data: Json; errors?: unknown }>();
    expect(errors).toBeUndefined();
    return { statements, data };
  }
  // The key and its merchant are remembered from here on.
  beforeAll(() => statementsFor("{ viewer { scopes } }"));

  it("counts a list only when the count is asked for", async () => {
    for (const [name, { field, document }] of pages) {
      const isCounting = (sql: string): boolean => /count\(\*\)/.test(sql);
      const { statements } = await statementsFor(document("first: 1", "nodes { id }"));
      expect([name, statements.filter(isCounting)]).toEqual([name, []]);
      if (["WebhookEndpoint.deliveries", "Merchant.events", "Merchant.unmatchedPayments"].includes(name)) continue;
      const asked = await statementsFor(document("first: 1", "totalCount"));
      expect([name, asked.statements.filter(isCounting).length]).toEqual([name, 1]);
      expect(field.args.length).toBeGreaterThan(1);
    }
  });

  it("is asked a few times for fifty orders with their lines, customers and conversions, however many there are", async () => {
    const asking = (
      first: number,
    ) => `{ viewer { merchant { orders(first: ${first}, filter: { state: [PAID] }) { nodes {
      number lines { name product { name } total { amount } } customer { displayName tags ordersPaid lifetimeValue { amount } }
      conversion { firstTime state customer { id identities { value } } } } } } } }`;
    const few = await statementsFor(asking(2));
    const fifty = await statementsFor(asking(50));
    expect(at(fifty.data, "viewer.merchant.orders.nodes")).toHaveLength(many * 2);
    expect(fifty.statements.length).toBeLessThanOrEqual(4);
    expect(fifty.statements.length - few.statements.length).toBeLessThanOrEqual(1);
  });
});
