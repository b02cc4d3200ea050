import { abortAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EventType, FeedEvent } from "../../src/core/events.ts";
import { conversionId, orderId, type OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { MerchantFeedProtocol } from "../../src/durable/protocol.ts";
import type { Delivery } from "../../src/durable/webhook-protocol.ts";
import type { MerchantFeed, WebhookEndpoint } from "../../src/index.ts";
import { leaseMs } from "../../src/webhooks/queue.ts";
import {
  alarmOf,
  listen,
  opened,
  partner,
  rpc,
  settled,
  start,
  stopListening,
  stubOf,
  until,
  type Answer,
} from "./partner.ts";
import { randomKey as key, someEvent, someTerms } from "./terms.ts";

const second = 1000;
const hour = 3_600_000;
const { heard, ids } = partner;

beforeEach(listen);
afterEach(stopListening);

const event = (order: OrderKey, sequence: number, type: EventType = "ORDER_PAID", at?: number): FeedEvent =>
  someEvent(someTerms("merchant_00A", { key: order }), sequence, type, at);
const untilHeard = (count: number) => until(() => heard.length >= count);
const never = (): Promise<Response> => new Promise(() => undefined);

/** Lets the clock run to the next alarm and rings it, in an object that remembers everything. False when none is set. */
async function ring(id: string): Promise<boolean> {
  const at = await alarmOf(id);
  if (at === null) return false;
  if (at > Date.now()) vi.setSystemTime(at);
  return runDurableObjectAlarm(stubOf(id));
}

describe("an endpoint", () => {
  it("shows its secret once and keeps it sealed", async () => {
    const { id, secret } = await opened({ description: "Till" });
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    const again = await rpc(id).open({
      id,
      merchantId: "merchant_00A",
      url: "https://other.example/",
      types: [],
      description: null,
      payload: "THIN",
      selection: null,
      ratePerSecond: null,
    });
    expect(again).toMatchObject({
      secret: null,
      summary: { url: "https://partner.example/hook", payload: "FULL", state: "ENABLED", backlog: 0 },
    });
    expect(again.summary.secrets).toEqual([
      { hint: `whsec_…${secret.slice(0, -1).slice(-4)}`, createdAt: start, expiresAt: null },
    ]);

    await rpc(id).enqueue([event(key(), 1)]);
    await settled(id);
    await evictDurableObject(stubOf(id));
    expect(await rpc(id).summary()).toEqual(again.summary);
    const stored = await runInDurableObject(stubOf(id), (_: WebhookEndpoint, state) =>
      JSON.stringify([[...state.storage.kv.list()], state.storage.sql.exec("SELECT * FROM deliveries").toArray()]),
    );
    expect(stored).toContain("partner.example");
    for (const clear of [secret, secret.slice("whsec_".length), Buffer.from(secret.slice(6), "base64").toString("hex")])
      expect(stored).not.toContain(clear);
  });

  it("sends at once, signed so that the reference library accepts it, and shows what came of it", async () => {
    const { id, secret } = await opened();
    const paid = event(key(), 3);
    const began = performance.now();
    await rpc(id).enqueue([paid]);
    await untilHeard(1);
    expect(performance.now() - began).toBeLessThan(1000);
    const [request] = heard;
    expect(request).toMatchObject({ id: paid.id, body: paid.body, url: "https://partner.example/hook" });
    expect(request!.headers["webhook-timestamp"]).toBe(String(start / second));
    expect(new Webhook(secret).verify(request!.body, request!.headers)).toMatchObject({
      type: "order.paid",
      data: { sequence: 3 },
    });

    const [delivery] = await settled(id);
    expect(delivery).toMatchObject({ event: paid, state: "SUCCEEDED", nextAttemptAt: null });
    expect(delivery!.attempts).toEqual([
      { number: 1, at: start, status: 200, error: null, durationMs: 0, responseBody: "ok" },
    ]);
  });

  it("sends only ids when it is THIN", async () => {
    const { id } = await opened({ payload: "THIN" });
    const order = key();
    await rpc(id).enqueue([event(order, 1)]);
    await settled(id);
    expect(JSON.parse(heard[0]!.body)).toEqual({
      type: "order.paid",
      timestamp: "2031-05-01T08:00:00.000Z",
      data: {
        orderId: orderId(order),
        sequence: 1,
        merchantId: "merchant_00A",
        conversionId: conversionId(order),
        customerId: "customer_1",
      },
    });
  });

  it("lets events pass that come before it was opened, and writes nothing", async () => {
    const id = `endpoint_${key()}`;
    await rpc(id).enqueue([event(key(), 1)]);
    expect(await rpc(id).summary()).toBeNull();
    expect(await rpc(id).deliveries(10, null)).toEqual([]);
    expect(heard).toEqual([]);
    const tables = await runInDurableObject(stubOf(id), (_: WebhookEndpoint, state) =>
      state.storage.sql.exec("SELECT name FROM sqlite_master").toArray(),
    );
    expect(tables).toEqual([]);
  });
});

describe("a queue", () => {
  it("takes the same event once, however often it is told, before, during and after its delivery", async () => {
    const { id } = await opened();
    const paid = event(key(), 1);
    let landed = false;
    partner.answer = () => until(() => landed).then(() => new Response(null, { status: 204 }));
    await rpc(id).enqueue([paid, paid]);
    await rpc(id).enqueue([paid]);
    await untilHeard(1);
    landed = true;
    await settled(id);
    await evictDurableObject(stubOf(id));
    await rpc(id).enqueue([paid]);
    expect(await settled(id)).toHaveLength(1);
    expect(ids()).toEqual([paid.id]);
  });

  it("keeps each order in order while orders go side by side, across evictions", async () => {
    const { id } = await opened();
    const [slow, quick] = [key(), key()];
    let failing = true;
    partner.answer = ({ body }) =>
      failing && body.includes(slow) ? new Response("no", { status: 500 }) : new Response();
    await rpc(id).enqueue([event(slow, 1), event(slow, 2), event(quick, 1), event(quick, 2)]);
    await settled(id);
    expect(ids().toSorted()).toEqual([event(slow, 1).id, event(quick, 1).id, event(quick, 2).id].toSorted());

    await evictDurableObject(stubOf(id));
    await rpc(id).enqueue([event(slow, 3), event(quick, 3)]);
    await settled(id);
    expect(ids().filter((one) => one.includes(slow))).toEqual([event(slow, 1).id]);
    expect(ids().filter((one) => one.includes(quick))).toEqual([1, 2, 3].map((sequence) => event(quick, sequence).id));
    expect(await rpc(id).summary()).toMatchObject({ state: "ENABLED", backlog: 3 });

    failing = false;
    await evictDurableObject(stubOf(id));
    expect(await ring(id)).toBe(true);
    await settled(id);
    expect(ids().filter((one) => one.includes(slow))).toEqual([1, 1, 2, 3].map((sequence) => event(slow, sequence).id));
    expect(await rpc(id).summary()).toMatchObject({ state: "ENABLED", backlog: 0 });
  });

  it("sends at most six at once", async () => {
    const { id } = await opened();
    let landed = 0;
    let flying = 0;
    let most = 0;
    partner.answer = async () => {
      const place = heard.length;
      most = Math.max(most, (flying += 1));
      await until(() => landed >= place);
      flying -= 1;
      return new Response();
    };
    await rpc(id).enqueue(Array.from({ length: 20 }, () => event(key(), 1)));
    await untilHeard(6);
    for (; landed < 20; landed += 1) await untilHeard(Math.min(20, landed + 6));
    await settled(id);
    expect(most).toBe(6);
    expect(new Set(ids()).size).toBe(20);
  });

  it("keeps to the rate that the endpoint asked for: a second's worth at once, then each its share, also when it dies in between", async () => {
    const { id } = await opened({ ratePerSecond: 4 });
    await rpc(id).enqueue(Array.from({ length: 8 }, () => event(key(), 1)));
    await settled(id);
    const ringing = async (count: number) => {
      while (heard.length < count) {
        expect(await ring(id)).toBe(true);
        await settled(id);
      }
    };
    await ringing(8);
    expect(heard.map(({ at }) => at - start)).toEqual([0, 0, 0, 0, 250, 500, 750, 1000]);

    // Whoever forgets pauses for a second at most, and never sends more than it might have.
    heard.length = 0;
    const before = Date.now();
    await abortAllDurableObjects();
    await rpc(id).enqueue(Array.from({ length: 3 }, () => event(key(), 1)));
    expect(heard).toEqual([]);
    await ringing(3);
    const [first, ...later] = heard.map(({ at }) => at - before);
    expect(first).toBeLessThanOrEqual(second + 250);
    expect(later).toEqual([first! + 250, first! + 500]);

    vi.setSystemTime(before + hour);
    await rpc(id).enqueue(Array.from({ length: 4 }, () => event(key(), 1)));
    await settled(id);
    expect(heard).toHaveLength(7);
    // Another rate does not begin with another second's worth.
    await rpc(id).update({ ratePerSecond: 100 });
    await rpc(id).enqueue([event(key(), 1)]);
    expect(heard).toHaveLength(7);
    await rpc(id).update({ ratePerSecond: null });
    await settled(id);
    expect(heard).toHaveLength(8);
  });
});

describe("a failed attempt", () => {
  it("is made again on schedule with the same bytes, until the twelfth; then the event is DEAD, kept, and lets its order go on", async () => {
    const { id, secret } = await opened();
    const order = key();
    const [bad, next] = [event(order, 1), event(order, 2)];
    partner.answer = (request) => (request.id === bad.id ? new Response("cannot", { status: 500 }) : new Response());
    await rpc(id).enqueue([bad, next]);
    await settled(id);
    for (let rings = 0; heard.length < 13 && rings < 40; rings += 1) {
      await evictDurableObject(stubOf(id));
      expect(await ring(id)).toBe(true);
      await settled(id);
    }
    expect(ids()).toEqual([...Array.from({ length: 12 }, () => bad.id), next.id]);
    const tries = heard.slice(0, 12);
    tries.slice(1).forEach(({ at }, index) => {
      const waited = at - tries[index]!.at;
      expect(waited / limits.webhookRetryMs[index]!).toBeGreaterThanOrEqual(0.8);
      expect(waited / limits.webhookRetryMs[index]!).toBeLessThanOrEqual(1.2);
    });
    for (const request of tries) {
      expect(request.body).toBe(bad.body);
      expect(request.headers["webhook-timestamp"]).toBe(String(Math.floor(request.at / second)));
    }
    expect(new Set(tries.map(({ headers }) => headers["webhook-signature"])).size).toBe(12);
    vi.setSystemTime(tries.at(-1)!.at);
    expect(() => new Webhook(secret).verify(tries.at(-1)!.body, tries.at(-1)!.headers)).not.toThrow();

    const [second2, first] = await rpc(id).deliveries(10, null);
    expect(first).toMatchObject({ event: { id: bad.id }, state: "DEAD", nextAttemptAt: null });
    expect(first!.attempts.map(({ number, status, responseBody }) => [number, status, responseBody])).toEqual(
      Array.from({ length: 12 }, (_, index) => [index + 1, 500, "cannot"]),
    );
    expect(second2).toMatchObject({ event: { id: next.id }, state: "SUCCEEDED" });
  });

  it("is what a redirect, silence, a broken connection and a refused URL are", async () => {
    const { id } = await opened();
    const kinds: Record<string, () => Answer> = {
      redirect: () => new Response(null, { status: 302, headers: { location: "https://elsewhere.example/" } }),
      silence: () => Promise.reject(new DOMException("The operation was aborted due to timeout", "TimeoutError")),
      broken: () => Promise.reject(new TypeError("Network connection lost.")),
    };
    const orders = Object.keys(kinds).map((kind) => ({ kind, made: event(key(), 1) }));
    partner.answer = (request) => kinds[orders.find(({ made }) => made.id === request.id)!.kind]!();
    await rpc(id).enqueue(orders.map(({ made }) => made));
    const deliveries = await settled(id);
    const failed = (kind: string) =>
      deliveries.find(({ event: { id: one } }) => one === orders.find((order) => order.kind === kind)!.made.id);
    expect(failed("redirect")).toMatchObject({
      state: "RETRYING",
      attempts: [{ status: 302, error: "redirects are not followed" }],
    });
    expect(failed("silence")).toMatchObject({
      state: "RETRYING",
      attempts: [{ status: null, error: "The operation was aborted due to timeout" }],
    });
    expect(failed("broken")).toMatchObject({
      state: "RETRYING",
      attempts: [{ status: null, error: "Network connection lost." }],
    });
    expect(heard.map(({ url }) => url)).toEqual(Array.from({ length: 3 }, () => "https://partner.example/hook"));

    const { id: forbidden } = await opened({ url: "ftp://partner.example/" });
    await rpc(forbidden).enqueue([event(key(), 1)]);
    expect(await settled(forbidden)).toMatchObject([
      { state: "RETRYING", attempts: [{ status: null, error: "the URL must begin with https://" }] },
    ]);
    expect(heard).toHaveLength(3);
  });

  it("keeps one KiB of whatever the partner says, however much that is", async () => {
    const { id } = await opened();
    let given = 0;
    partner.answer = () =>
      new Response(
        new ReadableStream({
          pull(controller) {
            given += 4096;
            controller.enqueue(new Uint8Array(4096).fill(120));
          },
        }),
        { status: 500 },
      );
    await rpc(id).enqueue([event(key(), 1)]);
    const [delivery] = await settled(id);
    expect(delivery!.attempts[0]!.responseBody).toBe("x".repeat(1024));
    expect(given).toBeLessThan(10 * limits.webhookResponseBytesMax);
  });

  it("obeys Retry-After for the whole endpoint", async () => {
    const { id } = await opened();
    const [limited, other] = [event(key(), 1), event(key(), 1)];
    partner.answer = () =>
      heard.length === 1 ? new Response("slow", { status: 429, headers: { "retry-after": "3600" } }) : new Response();
    await rpc(id).enqueue([limited]);
    expect(await settled(id)).toMatchObject([{ state: "RETRYING", nextAttemptAt: start + hour }]);
    await evictDurableObject(stubOf(id));
    await rpc(id).enqueue([other]);
    await settled(id);
    expect(ids()).toEqual([limited.id]);
    while (heard.length < 3) {
      expect(await ring(id)).toBe(true);
      await settled(id);
    }
    expect(heard.slice(1).map(({ at }) => at)).toEqual([start + hour, start + hour]);
  });

  it("is the endpoint's end when the partner says 410: the rest shows DEAD, what is under way may still succeed, what comes later is kept as DEAD", async () => {
    const { id } = await opened();
    const [gone, flying, resting] = [event(key(), 1), event(key(), 1), event(key(), 1)];
    let landed = false;
    partner.answer = (request) => {
      if (request.id === resting.id) return new Response(null, { status: 500 });
      return request.id === gone.id
        ? new Response(null, { status: 410 })
        : until(() => landed).then(() => new Response());
    };
    await rpc(id).enqueue([resting]);
    await settled(id);
    await rpc(id).enqueue([flying]);
    await untilHeard(2);
    await rpc(id).enqueue([gone, event(key(), 1)]);
    await until(async () => (await rpc(id).summary())?.state === "DISABLED");
    landed = true;
    await settled(id);
    const late = event(key(), 1);
    await rpc(id).enqueue([late]);
    const states = new Map((await settled(id)).map(({ event: { id: one }, state }) => [one, state]));
    expect(states.get(gone.id)).toBe("DEAD");
    expect(states.get(resting.id)).toBe("DEAD");
    expect(states.get(late.id)).toBe("DEAD");
    expect(states.get(flying.id)).toBe("SUCCEEDED");
    expect(await rpc(id).summary()).toMatchObject({ disabledReason: "The partner answered 410 Gone.", backlog: 0 });
    expect(ids()).not.toContain(late.id);
  });
});

describe("a death in the middle", () => {
  it("between sending and recording is found at the lease's end, counted, and the event is sent again under the same id", async () => {
    const { id } = await opened();
    const order = key();
    const paid = event(order, 1);
    partner.answer = never;
    await rpc(id).enqueue([paid, event(order, 2)]);
    await untilHeard(1);
    await abortAllDurableObjects();
    partner.answer = () => new Response();

    expect(await alarmOf(id)).toBe(start + leaseMs);
    await rpc(id).enqueue([paid]);
    expect(ids()).toEqual([paid.id]);
    await ring(id);
    await settled(id);
    expect(ids()).toEqual([paid.id]);
    await ring(id);
    await settled(id);
    expect(ids()).toEqual([paid.id, paid.id, event(order, 2).id]);
    expect(heard[1]!.body).toBe(heard[0]!.body);
    const first = (await rpc(id).deliveries(10, null)).at(-1);
    expect(first).toMatchObject({
      state: "SUCCEEDED",
      attempts: [
        { number: 1, status: null, error: "interrupted before its outcome was known" },
        { number: 2, status: 200 },
      ],
    });
  });

  it("right after an event was taken loses nothing", async () => {
    const { id } = await opened();
    const events = Array.from({ length: 10 }, () => event(key(), 1));
    partner.answer = never;
    await rpc(id).enqueue(events);
    await abortAllDurableObjects();
    partner.answer = () => new Response();
    for (let rings = 0; rings < 20 && (await rpc(id).summary())!.backlog > 0; rings += 1) {
      await ring(id);
      await settled(id);
    }
    expect(new Set(ids())).toEqual(new Set(events.map(({ id: one }) => one)));
    expect((await settled(id)).map(({ state }) => state)).toEqual(events.map(() => "SUCCEEDED"));
  });

  it("over and over ends in DEAD, so that no event can kill its endpoint for ever", async () => {
    const { id } = await opened();
    partner.answer = never;
    await rpc(id).enqueue([event(key(), 1)]);
    for (let deaths = 0; deaths < 40; deaths += 1) {
      await abortAllDurableObjects();
      const [delivery] = await rpc(id).deliveries(1, null);
      if (delivery?.state === "DEAD") break;
      await ring(id);
    }
    expect(await rpc(id).deliveries(1, null)).toMatchObject([{ state: "DEAD", attempts: { length: 12 } }]);
  });
});

describe("a merchant's feed", () => {
  const feedOf = (merchantId: string) => env.MERCHANT_FEED.getByName(merchantId) as unknown as MerchantFeedProtocol;
  const merchant = () => `merchant_00${key()}`;

  it("hands each endpoint the types it wants, all of them durable when it answers", async () => {
    const merchantId = merchant();
    const [all, paid, other] = [
      await opened({ merchantId }),
      await opened({ merchantId }),
      await opened({ merchantId }),
    ];
    await feedOf(merchantId).subscribe({ id: all.id, types: [] });
    await feedOf(merchantId).subscribe({ id: paid.id, types: ["ORDER_EXPIRED"] });
    await feedOf(merchantId).subscribe({ id: paid.id, types: ["ORDER_PAID", "ORDER_REFUNDED"] });
    await feedOf(merchantId).subscribe({ id: other.id, types: [] });
    await feedOf(merchantId).unsubscribe(other.id);
    await evictDurableObject(env.MERCHANT_FEED.getByName(merchantId));

    const order = key();
    const events = [
      event(order, 1, "ORDER_PLACED"),
      event(order, 2, "ORDER_PAID"),
      event(order, 3, "CUSTOMER_CREATED"),
    ];
    partner.answer = never;
    await feedOf(merchantId).publish(events);
    await abortAllDurableObjects();
    const queued = async (id: string) => (await rpc(id).deliveries(10, null)).map((one) => one.event.id).toReversed();
    expect(await queued(all.id)).toEqual(events.map(({ id }) => id));
    expect(await queued(paid.id)).toEqual([events[1]!.id]);
    expect(await queued(other.id)).toEqual([]);
  });

  it("keeps the events of an endpoint that does not take them until it does, whoever dies meanwhile, and queues nothing twice", async () => {
    const merchantId = merchant();
    const feed = () => env.MERCHANT_FEED.getByName(merchantId);
    const [sound, broken] = [await opened({ merchantId }), await opened({ merchantId })];
    await feedOf(merchantId).subscribe({ id: broken.id, types: [] });
    await feedOf(merchantId).subscribe({ id: sound.id, types: [] });
    const rename = (from: string, to: string) =>
      runInDurableObject(
        stubOf(broken.id),
        (_: WebhookEndpoint, { storage }) => void storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`),
      );
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await rename("deliveries", "hidden");
    const order = key();
    const [placed, paid] = [event(order, 1), event(order, 2)];
    await feedOf(merchantId).publish([placed]);
    expect(await settled(sound.id)).toHaveLength(1);
    await runDurableObjectAlarm(feed());

    await rename("hidden", "deliveries");
    await abortAllDurableObjects();
    // Nothing overtakes what is held.
    await feedOf(merchantId).publish([placed, paid]);
    expect(await rpc(broken.id).deliveries(10, null)).toEqual([]);
    await runDurableObjectAlarm(feed());
    silent.mockRestore();
    expect((await settled(broken.id)).map((one) => one.event.id)).toEqual([paid.id, placed.id]);
    expect(await settled(sound.id)).toHaveLength(2);
    expect(ids()).toEqual([placed.id, paid.id, placed.id, paid.id]);
    const left = await runInDurableObject(feed(), (_: MerchantFeed, { storage }) => [
      ...storage.kv.list({ prefix: "held:" }),
    ]);
    expect(left).toEqual([]);
  });

  it("of a merchant without endpoints writes nothing and asks nobody", async () => {
    const merchantId = merchant();
    await feedOf(merchantId).publish([event(key(), 1)]);
    await feedOf(merchantId).unsubscribe("endpoint_NOBODY");
    const stored = await runInDurableObject(env.MERCHANT_FEED.getByName(merchantId), (_: MerchantFeed, { storage }) => [
      ...storage.kv.list(),
    ]);
    expect(stored).toEqual([]);
  });
});

describe("a delivery log", () => {
  it("is paged newest first, whatever the deliveries' states", async () => {
    const { id } = await opened();
    const made: FeedEvent[] = [];
    partner.answer = (request) =>
      new Response(null, { status: made.findIndex((one) => one.id === request.id) % 2 ? 500 : 200 });
    for (let index = 0; index < 7; index += 1) {
      vi.setSystemTime(start + index);
      made.push(event(key(), 1));
      await rpc(id).enqueue(made.slice(-1));
      await settled(id);
    }
    const newest = made.toReversed().map((one) => one.id);
    const pages: string[] = [];
    for (let before: string | null = null; ;) {
      const page: readonly Delivery[] = await rpc(id).deliveries(3, before);
      if (page.length === 0) break;
      pages.push(...page.map((one) => one.event.id));
      before = page.at(-1)!.id;
    }
    expect(pages).toEqual(newest);
    expect(await rpc(id).deliveries(10, "delivery_OTHER_1_X")).toEqual([]);
    expect(await rpc(id).deliveries(10, "nonsense")).toEqual([]);
  });

  it("is kept thirty days and then deleted, without anybody asking", async () => {
    const { id } = await opened();
    await rpc(id).enqueue([event(key(), 1)]);
    await settled(id);
    while ((await rpc(id).deliveries(10, null)).length > 0) expect(await ring(id)).toBe(true);
    expect(Date.now() - start).toBeGreaterThanOrEqual(limits.webhookAttemptsKeptMs);
    expect(Date.now() - start).toBeLessThanOrEqual(limits.webhookAttemptsKeptMs + 25 * hour);
    expect(await alarmOf(id)).toBeNull();
  });
});

describe("what it costs", () => {
  /** Counts rows as the platform bills them: what statements wrote, values put, alarms set. */
  async function counting(id: string, work: () => Promise<unknown>): Promise<number> {
    let rows = 0;
    const restore = await runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) => {
      const sql = Object.getPrototypeOf(storage.sql) as {
        exec: (...query: unknown[]) => SqlStorageCursor<Record<string, SqlStorageValue>>;
      };
      const { exec } = sql;
      sql.exec = function (...query) {
        const cursor = exec.apply(this, query);
        const text = String(query[0]);
        // A cursor counts when it has run; ours that write return nothing, so they ran at once.
        if (!/^\s*SELECT/i.test(text)) rows += cursor.rowsWritten;
        return cursor;
      };
      const puts = vi.spyOn(Object.getPrototypeOf(storage.kv) as typeof storage.kv, "put");
      const alarms = vi.spyOn(Object.getPrototypeOf(storage) as typeof storage, "setAlarm");
      return () => {
        sql.exec = exec;
        rows += puts.mock.calls.length + alarms.mock.calls.length;
        puts.mockRestore();
        alarms.mockRestore();
      };
    });
    await work();
    await settled(id);
    restore();
    return rows;
  }

  it("is two rows and an alarm for a single event, and no more", async () => {
    const { id } = await opened();
    const rows = await counting(id, () => rpc(id).enqueue([event(key(), 1)]));
    expect(rows).toBe(3);
    const more = await counting(id, async () => {
      for (let index = 0; index < 20; index += 1) {
        await rpc(id).enqueue([event(key(), 1)]);
        await settled(id);
      }
    });
    expect(more / 20).toBe(2);
  });

  it("is at most three rows an event for a thousand at once, which all arrive in order per order", async () => {
    const { id } = await opened();
    const orders = Array.from({ length: 100 }, key);
    const events = Array.from({ length: 10 }, (_, index) => orders.map((order) => event(order, index + 1))).flat();
    const rows = await counting(id, async () => {
      await rpc(id).enqueue(events.slice(0, 500));
      await rpc(id).enqueue(events.slice(400));
      await untilHeard(1000);
    });
    expect(heard).toHaveLength(1000);
    for (const order of orders) {
      expect(ids().filter((one) => one.includes(order))).toEqual(
        Array.from({ length: 10 }, (_, index) => event(order, index + 1).id),
      );
    }
    expect(rows / 1000).toBeLessThanOrEqual(3.01);
  });
});
