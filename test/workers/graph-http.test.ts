/** `/graphql` as strangers' tools meet it: the published audits of GraphQL over HTTP, and the probes that attackers run first. */
import { env, exports } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { serverAudits } from "graphql-http";
import { describe, expect, it } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { depsOf } from "../../src/deps.ts";
import { configOf } from "../../src/env.ts";
import { liveGraph } from "../../src/schema/live.ts";
import { graphqlHandler } from "../../src/schema/server.ts";
import { keyWith, openShop, origin, tell, type Json } from "./graph-shop.ts";

describe("GraphQL over HTTP", () => {
  // The audits ask by GET as well, which needs the header that no foreign page can send.
  const fetchFn = (url: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    headers.set("x-csrf", "1");
    return exports.default.fetch(new Request(url, { ...init, headers }));
  };
  const audits = serverAudits({ url: `${origin}/graphql`, fetchFn });

  it("has as many audits as we think", () => {
    expect(audits).toHaveLength(61);
  });

  it.each(audits.map((audit) => [`${audit.id} ${audit.name}`, audit] as const))("%s", async (_name, audit) => {
    const { status, ...rest } = await audit.fn();
    expect({ status, reason: "reason" in rest ? rest.reason : null }).toEqual({ status: "ok", reason: null });
  });
});

/** What graphql-cop asks, as a stranger and of a deployed Worker: each probe answers whether it found something. */
describe("an attacker's first probes", () => {
  const config = configOf(env);
  if (typeof config === "string") throw new Error(config);
  const deps = depsOf(env, { ...config, local: false }, origin, createExecutionContext());
  const door = (request: Request) => graphqlHandler(request, deps, { qrImage: async () => ({ dataUri: "" }) });

  type Answer = {
    readonly data?: Readonly<Record<string, unknown>> | null;
    readonly errors?: readonly { readonly message: string; readonly extensions?: Readonly<Record<string, unknown>> }[];
    readonly extensions?: Readonly<Record<string, unknown>>;
  };
  const post = async (body: unknown) => {
    const headers = { "content-type": "application/json" };
    const response = await door(
      new Request(`${origin}/graphql`, { method: "POST", headers, body: JSON.stringify(body) }),
    );
    return response.json<Answer>();
  };
  const query = (text: string) => post({ query: text, operationName: "cop" });
  const get = (text: string, headers: Record<string, string> = {}) =>
    door(new Request(`${origin}/graphql?query=${encodeURIComponent(text)}`, { headers }));
  const repeat = (count: number, text: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => text(index)).join(" ");

  const probes: Record<string, () => Promise<boolean>> = {
    "101 aliases": async () =>
      Boolean((await query(`query cop { ${repeat(101, (index) => `alias${index}: __typename`)} }`)).data),
    "a batch of ten": async () =>
      Array.isArray(await post(Array.from({ length: 10 }, () => ({ query: "query cop { __typename }" })))),
    "introspection in circles": async () =>
      Boolean(
        (
          await query(
            `query cop { __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }`,
          )
        ).data,
      ),
    "ten unknown directives on one field": async () =>
      (await query(`query cop { __typename ${"@aa".repeat(10)} }`)).errors?.length !== 1,
    "one field 500 times": async () => Boolean((await query(`query cop { ${repeat(500, () => "__typename")} }`)).data),
    "suggestions of fields": async () =>
      JSON.stringify(await query(`query cop { __schema { directive } }`)).includes("Did you mean"),
    "suggestions of arguments": async () =>
      JSON.stringify(await query(`query cop { order(byy: { id: "x" }) { idd } }`)).includes("Did you mean"),
    "a mutation by GET": async () => (await get("mutation cop { __typename }")).status < 400,
    "a query by GET from any page": async () => (await get("query cop { __typename }")).status < 400,
    "GraphiQL or another playground": async () =>
      /graphiql|playground/i.test(await (await get("", { accept: "text/html" })).text()),
    introspection: async () => Boolean((await query(`query cop { __schema { types { name } } }`)).data),
    "introspection of one type": async () =>
      Boolean((await query(`query cop { __type(name: "Order") { name } }`)).data),
    "a form from another page": async () => {
      const response = await door(
        new Request(`${origin}/graphql`, {
          method: "POST",
          headers: { "content-type": "application/x-www-form-urlencoded" },
          body: "query=query%20cop%20%7B__typename%7D",
        }),
      );
      return response.status < 400;
    },
    "a file upload from another page": async () => {
      const body = new FormData();
      body.set("operations", JSON.stringify({ query: "query cop { __typename }" }));
      return (await door(new Request(`${origin}/graphql`, { method: "POST", body }))).status < 400;
    },
    tracing: async () => JSON.stringify(await query("query cop { __typename }")).includes("tracing"),
    "a stack trace in an error": async () => {
      const told = await query("qwerty cop { abc }");
      return "exception" in (told.errors?.[0]?.extensions ?? {}) || /\.ts|node_modules|at /.test(JSON.stringify(told));
    },
  };

  it.each(Object.entries(probes))("find nothing: %s", async (_name, found) => {
    expect(await found()).toBe(false);
  });

  it("would find something if there were something to find", async () => {
    expect((await query("query cop { __typename }")).data).toEqual({ __typename: "Query" });
  });
});

it("gives each key a budget over time, says when there will be enough again, and never makes a change wait", async () => {
  const { key, merchantId } = await openShop();
  const [ours, theirs] = [await keyWith(key, "ORDERS_READ", "CATALOG_WRITE"), await keyWith(key, "ORDERS_READ")];
  const config = configOf(env);
  if (typeof config === "string") throw new Error(config);
  let now = Date.now();
  // As where it is deployed: on a developer's machine nobody counts.
  const deps = { ...depsOf(env, config, origin, createExecutionContext()), local: false, now: () => now };
  const asked = async (bearer: string, query: string) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${bearer}` };
    const request = new Request(`${origin}/graphql`, { method: "POST", headers, body: JSON.stringify({ query }) });
    const response = await graphqlHandler(request, deps, { qrImage: async () => ({ dataUri: "" }) });
    const { errors, extensions } = await response.json<{ errors?: Json[]; extensions?: { cost?: Json } }>();
    return { status: response.status, retryAfter: response.headers.get("retry-after"), errors, cost: extensions?.cost };
  };
  const large = `{ viewer { merchant { orders(first: 100) { nodes { id ${Array.from({ length: 20 }, (_, index) => `a${index}: number`).join(" ")} } } } } }`;
  const first = await asked(ours.text, large);
  const { requested } = first.cost as { requested: number };
  const { budgetPoints, budgetPointsPerSecond, newDocumentPoints, requestPoints } = limits.graphql;
  const whole = requestPoints + requested;
  expect(first).toMatchObject({ status: 200, cost: { available: budgetPoints - newDocumentPoints - whole } });
  const many = Math.floor((budgetPoints - newDocumentPoints) / whole);
  for (let index = 1; index < many; index += 1) expect((await asked(ours.text, large)).status).toBe(200);
  const refused = await asked(ours.text, large);
  expect(refused).toMatchObject({
    status: 429,
    retryAfter: "1",
    errors: [{ extensions: { code: "RATE_LIMITED", retryAfterSeconds: 1 } }],
  });
  const change = `mutation { productCreate(input: { sku: "S", name: "N", price: { amount: "1.00", currency: "CNY" } }) { __typename } }`;
  expect(await asked(ours.text, change)).toMatchObject({ status: 200, errors: undefined });
  expect(await asked(theirs.text, large)).toMatchObject({ status: 200 });
  now += 1_000;
  expect(await asked(ours.text, large)).toMatchObject({ status: 200 });
  now += (1_000 * budgetPoints) / budgetPointsPerSecond;
  expect(await asked(ours.text, large)).toMatchObject({ cost: { available: budgetPoints - whole } });

  // What is refused costs, too, though it has to be read first: that is the dear part.
  const nonsense = `{ viewer { nonsense } }`;
  let answered = 0;
  for (; (await asked(ours.text, nonsense)).status === 200; answered += 1);
  expect(answered).toBe(Math.floor((budgetPoints - whole) / (requestPoints + newDocumentPoints)));
  expect(await asked(ours.text, nonsense)).toMatchObject({ errors: [{ extensions: { code: "RATE_LIMITED" } }] });
  expect(await asked(ours.text, change)).toMatchObject({ status: 200, errors: undefined });
  // So does watching: who asks for too much at once is to come back.
  const { topicOf } = liveGraph(() => deps, { qrImage: async () => ({ dataUri: "" }) });
  const listener = {
    merchantId,
    keyId: ours.id,
    scopes: ["ORDERS_READ"],
    documents: null,
    acceptLanguage: null,
    origin,
  };
  const query = `subscription { events { id } }`;
  expect(await topicOf({ query }, listener)).toEqual({ ok: false, error: "LATER" });
  expect(await topicOf({ query }, { ...listener, keyId: theirs.id })).toMatchObject({ ok: true });
  expect((await tell(ours.text, large)).status).toBe(200);
});
