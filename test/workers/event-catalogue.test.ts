/** What partners are told, against what the catalogue promises: every type, as it is really pushed and as it is read from the log. */
import { env, exports } from "cloudflare:workers";
import { Validator } from "@cfworker/json-schema";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { eventTypes, wireType, type FeedEvent } from "../../src/core/events.ts";
import { orderId } from "../../src/core/ids.ts";
import type { OrderTerms } from "../../src/core/order.ts";
import { pageEvents } from "../../src/db/event-log.ts";
import { forget, listen, opened, partner, ring, rpc, settled, stopListening, until } from "./partner.ts";
import { liveCode, newMerchantId, openAccount, orderOf, origin } from "./payment-scene.ts";
import { someCapture, somePayer, someTerms } from "./terms.ts";

beforeEach(listen);
afterEach(stopListening);

/** They say yes at the counter. */
const receipt = {
  purpose: "MARKETING_MESSAGE",
  granted: true,
  textVersion: "1",
  textHash: null,
  locale: "en",
  channel: "till",
} as const;

type Schema = { [name: string]: unknown };
type Body = { type: string; data: { orderId?: string; sequence: number } };

const get = (path: string) => exports.default.fetch(new Request(`${origin}${path}`));
const schemaOf = async (type: string): Promise<Schema> => (await get(`/schemas/events/${type}.json`)).json();

/** The same schema, with nothing allowed that it does not name: what is sent and not described fails too. */
function closed(schema: Schema): Schema {
  const inside = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [
      name,
      value && typeof value === "object" && !Array.isArray(value) ? closed(value as Schema) : value,
    ]),
  );
  return schema["properties"] ? { ...inside, additionalProperties: false } : inside;
}
async function faultsOf(body: unknown): Promise<unknown[]> {
  const schema = await schemaOf((body as Body).type);
  return new Validator(closed(schema), "2020-12", false).validate(body).errors;
}

/** Every moment of which partners hear, in a few orders' lives. */
async function live(merchantId: string): Promise<void> {
  const account = await openAccount(merchantId);
  const place = async (fields: Partial<OrderTerms> = {}) => {
    const terms = someTerms(merchantId, {
      accounts: [{ id: account.id, provider: "SANDBOX" }],
      metadata: { table: 7 },
      ...fields,
    });
    await liveCode(terms.key).place(terms, "fingerprint");
    return terms;
  };
  const tell = (terms: OrderTerms, ...commands: Parameters<ReturnType<typeof liveCode>["apply"]>[0][]) =>
    commands.reduce<Promise<unknown>>(
      (before, command) => before.then(() => liveCode(terms.key).apply(command)),
      Promise.resolve(),
    );

  const paid = await place();
  await tell(paid, { kind: "begin", claimant: "browser_1", account: account.id });
  const [attempt] = (await orderOf(paid.key)).attempts;
  await tell(
    paid,
    { kind: "ended", attempt: attempt!.id, outcome: "FAILED", reason: "insufficient funds" },
    someCapture(paid, { account: account.id }),
    someCapture(paid, { account: account.id, transaction: "T2" }),
    { kind: "consent", receipt: { ...receipt, at: Date.now() } },
    { kind: "refund", amount: null, reason: null, reverseConversion: true, restock: true },
  );
  for (const { id, capture, amount } of (await orderOf(paid.key)).refunds)
    await tell(paid, { kind: "refundHeard", refund: id, capture, amount, outcome: "SUCCEEDED" });

  await tell(await place(), { kind: "cancel", reason: "changed their mind" });
  const late = await place({ policy: { ...paid.policy, latePayment: "REVIEW" } });
  vi.setSystemTime(late.expiresAt + limits.lateGraceMs + limits.attemptLifeMs);
  await tell(late, { kind: "tick" }, someCapture(late, { account: account.id, transaction: "T3" }));
  const other = await opened({ merchantId });
  await rpc(other.id).update({ state: "DISABLED" });
}

async function logOf(merchantId: string): Promise<readonly FeedEvent[]> {
  const events: FeedEvent[] = [];
  for (let after: string | null = null; ;) {
    const page = await pageEvents(env.DB, merchantId, { first: 5, after });
    if (!page.ok) throw new Error(page.error.message);
    events.push(...page.value.edges.map(({ node }) => node));
    if (!page.value.pageInfo.hasNextPage) return events;
    after = page.value.pageInfo.endCursor;
  }
}

describe("the catalogue of events", () => {
  it("says exactly what is sent, by push and by pull alike, of every type, without a gap in any sequence", async () => {
    const merchantId = newMerchantId();
    const { id } = await opened({ merchantId });
    await env.MERCHANT_FEED.getByName(merchantId).subscribe({ id, types: [] });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await live(merchantId);
    // That one is told by no object of the merchant's orders: test/workers/erasure.test.ts.
    const expected = eventTypes.map(wireType).filter((type) => type !== "customer.erased");
    await until(async () => {
      await ring(id);
      const types = new Set(partner.heard.map(({ body }) => (JSON.parse(body) as Body).type));
      return expected.every((type) => types.has(type));
    });
    await settled(id);
    silent.mockRestore();

    const bodies = partner.heard.map(({ body }) => JSON.parse(body) as Body);
    for (const body of bodies) expect([body.type, await faultsOf(body)]).toEqual([body.type, []]);
    const bySubject = Map.groupBy(bodies, ({ data }) => data.orderId ?? "endpoint");
    for (const own of bySubject.values())
      expect(own.map(({ data }) => data.sequence)).toEqual(own.map((_, index) => index + 1));

    await until(async () => (await logOf(merchantId)).length >= partner.heard.length - 3);
    const pulled = new Map((await logOf(merchantId)).map((event) => [event.id, event.body]));
    const pushed = new Map(partner.heard.map((heard) => [heard.id, heard.body]));
    expect(pulled.size).toBeGreaterThan(8);
    for (const [event, body] of pulled) expect(body).toBe(pushed.get(event));
  }, 120_000);

  it("has a schema and an example of every type, which fits it, and a page that names them all", async () => {
    const response = await get("/docs/events");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    const page = await response.text();
    for (const type of eventTypes.map(wireType)) {
      const schema = await get(`/schemas/events/${type}.json`);
      expect([
        schema.status,
        schema.headers.get("content-type"),
        schema.headers.get("access-control-allow-origin"),
      ]).toEqual([200, "application/schema+json; charset=utf-8", "*"]);
      const said = await schema.json<Schema>();
      expect(said).toMatchObject({ $id: `${origin}/schemas/events/${type}.json`, title: type });
      const [example] = said["examples"] as Body[];
      expect(example!.type).toBe(type);
      expect([type, await faultsOf(example)]).toEqual([type, []]);
      expect(page).toContain(`id="${type}"`);
    }
    for (const unknown of ["order.eaten.json", "order.paid", "__proto__.json"])
      expect((await get(`/schemas/events/${unknown}`)).status).toBe(404);
  });

  it("is a test that can fail: what is missing, wrong or unnamed is found", async () => {
    const schema = await schemaOf("order.placed");
    const [example] = schema["examples"] as (Body & { data: Record<string, unknown> })[];
    const { number: _, ...less } = example!.data;
    for (const data of [
      less,
      { ...example!.data, state: "EATEN" },
      { ...example!.data, secret: 1 },
      { ...example!.data, total: "19.90" },
    ])
      expect(await faultsOf({ ...example, data })).not.toEqual([]);
  });
});

describe("a partner", () => {
  it("may go from pull to push and back, while writers are busy, reads only one of them at a time, and misses nothing", async () => {
    const merchantId = newMerchantId();
    const placed: OrderTerms[] = [];
    const write = async (count: number) => {
      await Promise.all(
        Array.from({ length: count }, async () => {
          const terms = someTerms(merchantId);
          placed.push(terms);
          await liveCode(terms.key).place(terms, "fingerprint");
          await liveCode(terms.key).apply(someCapture(terms, { transaction: terms.key, payer: somePayer(terms.key) }));
        }),
      );
    };
    const told = () => placed.length * 4;
    /** What the partner knows, by id. The same event says the same, however it comes. */
    const known = new Map<string, string>();
    const hear = (id: string, body: string) => {
      expect(known.get(id) ?? body).toBe(body);
      known.set(id, body);
    };
    /** In the order of the log, as far as it was read. */
    let read: string[] = [];
    let cursor: string | null = null;
    const pull = async () => {
      const page = await pageEvents(env.DB, merchantId, { first: 7, after: cursor });
      if (!page.ok) throw new Error(page.error.message);
      for (const { node } of page.value.edges) hear(node.id, node.body);
      read = [...read, ...page.value.edges.map(({ node }) => node.id)];
      cursor = page.value.pageInfo.endCursor ?? cursor;
    };
    const pulling = async (work: Promise<void>) => {
      let busy = true;
      void work.then(() => (busy = false));
      while (busy) await pull();
      await work;
    };

    // From pull to push: it registers while writers are busy, and reads on until the log has all that happened before.
    const busy = write(6);
    await pull();
    const { id } = await opened({ merchantId });
    let sound = true;
    partner.answer = (heard) => {
      if (!sound) return new Response(null, { status: 500 });
      hear(heard.id, heard.body);
      return new Response();
    };
    await env.MERCHANT_FEED.getByName(merchantId).subscribe({ id, types: [] });
    // Answering took it as long as a live code may believe that nobody listens.
    vi.setSystemTime(Date.now() + limits.feedQuietMs);
    await pulling(busy);
    await until(async () => {
      await pull();
      return read.length === told();
    });

    // Pushed only, while writers are busy, the endpoint dies, and the log is read by nobody.
    const reading = read.length;
    const more = write(8);
    await until(() => known.size > reading + 5);
    await forget(id);
    await more;
    await until(async () => {
      await ring(id);
      return known.size === told();
    });
    expect(read).toHaveLength(reading);

    // From push to pull: the endpoint fails in the middle of it all, and the log goes on from the cursor of then.
    const last = write(6);
    await until(() => known.size > told() - 20);
    sound = false;
    await last;
    await env.MERCHANT_FEED.getByName(merchantId).unsubscribe(id);
    await until(async () => {
      await pull();
      return read.length === told();
    });

    expect(known.size).toBe(told());
    expect(new Set(read).size).toBe(told());
    const log = await logOf(merchantId);
    expect(read).toEqual(log.map((event) => event.id));
    for (const { key } of placed)
      expect(log.filter((event) => event.orderKey === key).map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    expect(log.every((event) => event.body.includes(orderId(event.orderKey!)))).toBe(true);
  }, 120_000);
});
