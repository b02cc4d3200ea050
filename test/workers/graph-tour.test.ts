/** The tour in docs/graphql.md, taken: every snippet is sent as it stands there, in its order. */
import { exports } from "cloudflare:workers";
import { createClient } from "graphql-sse";
import { afterAll, expect, it, vi } from "vitest";
import tour from "../../docs/graphql.md?raw";
import { adminToken, at, cny, origin, post, textAt, type Json } from "./graph-shop.ts";

vi.setConfig({ testTimeout: 120_000 });

const snippets = new Map(
  [...tour.matchAll(/```graphql\n(\w+ (\w+)[^`]*)```/g)].map(([, text = "", name = ""]) => [name, text]),
);
let key = adminToken;

async function asked(name: string, variables: Record<string, unknown> = {}): Promise<Json> {
  const query = snippets.get(name);
  if (query === undefined) throw new Error(`the tour has no ${name}`);
  taken.add(name);
  const { data, errors } = await (
    await post(JSON.stringify({ query, variables }), { authorization: `Bearer ${key}` })
  ).json<{ data: Json; errors?: unknown }>();
  expect([name, errors]).toEqual([name, undefined]);
  return data;
}
const taken = new Set<string>();
const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});

/** What a subscription of the tour was told. */
function watched(name: string, variables: Record<string, unknown>): Json[] {
  taken.add(name);
  const told: Json[] = [];
  const client = createClient({
    url: `${origin}/graphql`,
    headers: { authorization: `Bearer ${key}` },
    fetchFn: (url: string, init: RequestInit) => exports.default.fetch(new Request(url, init)),
    retryAttempts: 0,
  });
  ends.push(
    client.subscribe<Json>(
      { query: snippets.get(name) ?? "", variables },
      { next: ({ data }) => void told.push(data ?? {}), error: () => {}, complete: () => {} },
    ),
  );
  return told;
}

it("leads from a merchant's registration to the log, and does what it says on the way", async () => {
  const registered = await asked("Register", { input: { name: "Tea House", slug: "tour", currency: "CNY" } });
  key = textAt(registered, "merchantRegister.apiKey");

  const lines = [{ name: "Longjing", unitPrice: cny("19.90"), quantity: 2 }];
  const placed = await asked("Place", { lines, receipt: "till-7/42" });
  expect(at(placed, "orderPlace")).toMatchObject({ replayed: false, order: { total: { formatted: "CN¥39.80" } } });
  expect(at(await asked("Place", { lines, receipt: "till-7/42" }), "orderPlace")).toMatchObject({ replayed: true });
  const id = textAt(placed, "orderPlace.order.id");
  expect(at(await asked("Show", { id }), "order")).toMatchObject({
    state: "OPEN",
    timeline: [{ type: "ORDER_PLACED" }],
  });

  const watching = watched("Watch", { id });
  await vi.waitUntil(() => watching.length > 0, { timeout: 60_000 });
  expect(at(await asked("Record", { id, amount: cny("39.80") }), "paymentRecord.order.state")).toBe("PAID");
  await vi.waitUntil(() => at(watching.at(-1), "order.state") === "PAID", { timeout: 60_000 });

  const part = await asked("Refund", { id, amount: cny("19.90"), request: "refund/42" });
  expect(at(part, "orderRefund")).toMatchObject({ replayed: false, order: { refunded: { amount: "19.90" } } });
  await vi.waitUntil(async () => at(await asked("List"), "viewer.merchant.orders.totalCount") === 1, {
    timeout: 60_000,
  });
  expect(at(await asked("List"), "viewer.merchant.orders.nodes")).toMatchObject([
    { lines: [{ name: "Longjing", quantity: 2 }] },
  ]);

  const log = at(await asked("Log"), "viewer.merchant.events.nodes") as { id: string; type: string }[];
  const following = watched("Follow", { after: log[0]?.id });
  await vi.waitUntil(() => following.length === 2, { timeout: 60_000 });
  expect(following.map((one) => at(one, "events.type"))).toEqual(["ORDER_PAID", "CONVERSION_COMMITTED"]);
  expect(at(await asked("Wrong"), "orderPlace")).toMatchObject({
    code: "VALIDATION",
    issues: [{ path: ["input", "lines", "0", "unitPrice", "amount"] }],
  });

  expect([...snippets.keys()].filter((name) => !taken.has(name))).toEqual([]);
});
