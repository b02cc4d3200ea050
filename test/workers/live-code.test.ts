/** The live code in workerd: commits, outbox, alarm and memory, with the object evicted wherever it may be. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, it, vi } from "vitest";
import { paymentId } from "../../src/core/ids.ts";
import type { FeedEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import { stateOf } from "../../src/core/state.ts";
import type { LiveCode } from "../../src/index.ts";
import { merchantIdFrom } from "../../src/db/database.ts";
import type { LiveCodeProtocol } from "../../src/durable/protocol.ts";
import type { StoredLiveCode } from "../../src/durable/live-code-store.ts";
import { isDrained, owedOf } from "../../src/durable/outbox.ts";
import { randomKey, someCapture, someTerms } from "./terms.ts";

const newMerchant = () => merchantIdFrom(Date.now(), crypto.getRandomValues(new Uint8Array(10)), "00");
const objectOf = (key: string) => env.LIVE_CODE.getByName(key);
const codeOf = (key: string) => objectOf(key) as unknown as LiveCodeProtocol;

const stored = (key: string): Promise<StoredLiveCode> =>
  runInDurableObject(objectOf(key), (_: LiveCode, state) => {
    const [row] = state.storage.sql.exec<{ body: string }>("SELECT body FROM live_code").toArray();
    return JSON.parse(row?.body ?? "null") as StoredLiveCode;
  });
const drained = (key: string) =>
  vi.waitFor(async () => expect(isDrained(owedOf(await stored(key)))).toBe(true), { timeout: 10_000 });

async function placed(fields: Parameters<typeof someTerms>[1] = {}) {
  const terms = someTerms(newMerchant(), fields);
  const answer = await codeOf(terms.key).place(terms, "fingerprint");
  expect(answer.kind).toBe("placed");
  return terms;
}

describe("a live code", () => {
  it("is paid, converted and told of in one step, and survives eviction between all of them", async () => {
    const terms = await placed();
    await drained(terms.key);
    await evictDurableObject(objectOf(terms.key));

    const begun = await codeOf(terms.key).apply({ kind: "begin", claimant: "browser", account: "account_TEST" });
    expect(begun).toMatchObject({ found: true, ok: true });
    await evictDurableObject(objectOf(terms.key));

    const paid = await codeOf(terms.key).apply(someCapture(terms));
    expect(paid).toMatchObject({
      found: true,
      ok: true,
      changed: true,
      order: { paid: { late: false }, conversion: { state: "COMMITTED" } },
    });
    await drained(terms.key);
    await evictDurableObject(objectOf(terms.key));

    const order = await codeOf(terms.key).look();
    expect(order && stateOf(order, Date.now())).toBe("PAID");
    expect(order?.conversion?.firstTime).toBe(true);
    const events = await codeOf(terms.key).timeline();
    expect(events.map(({ type }) => type)).toEqual([
      "ORDER_PLACED",
      "ORDER_CONFIRMED",
      "ORDER_PAID",
      "CONVERSION_COMMITTED",
      "CUSTOMER_CREATED",
    ]);
    expect(events.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
  });

  it("writes at most 12 rows from placing to drained, its tables and alarms included", async () => {
    const terms = someTerms(newMerchant());
    let rows = 0;
    await runInDurableObject(objectOf(terms.key), (_: LiveCode, state) => {
      const { sql } = state.storage;
      const exec = sql.exec.bind(sql);
      const setAlarm = state.storage.setAlarm.bind(state.storage);
      vi.spyOn(sql, "exec").mockImplementation((query: string, ...bindings: unknown[]) => {
        const cursor = exec(query, ...bindings);
        const found = cursor.toArray();
        rows += cursor.rowsWritten;
        return { toArray: () => found, one: () => found[0], rowsWritten: cursor.rowsWritten } as unknown as ReturnType<
          typeof sql.exec
        >;
      });
      vi.spyOn(state.storage, "setAlarm").mockImplementation((at, options) => {
        rows += 1;
        return setAlarm(at, options);
      });
    });
    await codeOf(terms.key).place(terms, "fingerprint");
    await drained(terms.key);
    await codeOf(terms.key).scan(true);
    await codeOf(terms.key).apply({ kind: "begin", claimant: "browser", account: "account_TEST" });
    await codeOf(terms.key).apply(someCapture(terms));
    await drained(terms.key);
    expect(rows).toBeGreaterThan(5);
    expect(rows).toBeLessThanOrEqual(12);
  });

  it("answers 50 copies of one notification alike and pays once", async () => {
    const terms = await placed();
    const answers = await Promise.all(Array.from({ length: 50 }, () => codeOf(terms.key).apply(someCapture(terms))));
    expect(answers.every((answer) => answer.found && answer.ok)).toBe(true);
    expect(answers.filter((answer) => answer.found && answer.ok && answer.changed)).toHaveLength(1);
    const order = await codeOf(terms.key).look();
    expect(order?.captures).toHaveLength(1);
  });

  it("gives two payers of one code one winner and one duplicate that goes back", async () => {
    const terms = await placed();
    await Promise.all(["T1", "T2"].map((transaction) => codeOf(terms.key).apply(someCapture(terms, { transaction }))));
    const order = await codeOf(terms.key).look();
    expect(order?.captures.map(({ disposition }) => disposition).toSorted()).toEqual(["ACCEPTED", "DUPLICATE"]);
    expect(order?.refunds).toMatchObject([{ amount: terms.total, automatic: true }]);
  });

  it("is the same order for the same request, and refuses another request under the same key", async () => {
    const terms = await placed();
    await evictDurableObject(objectOf(terms.key));
    expect(await codeOf(terms.key).place({ ...terms, number: "9999" }, "fingerprint")).toMatchObject({
      kind: "replayed",
      order: { terms: { number: "1001" } },
    });
    expect(await codeOf(terms.key).place(terms, "another")).toEqual({ kind: "conflict" });
  });

  it("is not found by another merchant, and nothing is written where nothing was placed", async () => {
    const terms = await placed();
    expect(await codeOf(terms.key).look(newMerchant())).toBeNull();
    expect(await codeOf(terms.key).apply({ kind: "cancel", reason: null }, newMerchant())).toEqual({ found: false });
    const key = randomKey();
    expect(await codeOf(key).scan(true)).toBeNull();
    expect(await codeOf(key).apply({ kind: "tick" })).toEqual({ found: false });
    await runInDurableObject(objectOf(key), (_: LiveCode, state) => {
      expect(state.storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'live_code'").toArray()).toEqual([]);
    });
  });

  it("expires by its alarm, tells of it, and leaves no alarm behind", async () => {
    const terms = await placed();
    await drained(terms.key);
    vi.setSystemTime(terms.expiresAt + 1);
    try {
      await runDurableObjectAlarm(objectOf(terms.key));
      await drained(terms.key);
      const events = await codeOf(terms.key).timeline();
      expect(events.map(({ type }) => type)).toEqual(["ORDER_PLACED", "ORDER_EXPIRED"]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("keeps an alarm while anything is owed, though the read model fails a hundred times", async () => {
    const terms = someTerms(newMerchant());
    const failing = vi.fn(() => Promise.reject(new Error("D1 is away")));
    const { PROJECTOR } = env;
    Object.assign(env, { PROJECTOR: { getByName: () => ({ project: failing }) } });
    await codeOf(terms.key).place(terms, "fingerprint");
    for (let failure = 0; failure < 100; failure += 1) {
      await runDurableObjectAlarm(objectOf(terms.key));
      const alarm = await runInDurableObject(objectOf(terms.key), (_: LiveCode, state) => state.storage.getAlarm());
      expect(alarm).not.toBeNull();
    }
    expect(failing.mock.calls.length).toBeGreaterThanOrEqual(100);
    Object.assign(env, { PROJECTOR });
    await evictDurableObject(objectOf(terms.key));
    await runDurableObjectAlarm(objectOf(terms.key));
    await drained(terms.key);
  });

  it("keeps an alarm even when this version cannot read what a newer one stored, and goes on when it can", async () => {
    const terms = await placed();
    await drained(terms.key);
    const store = (version: number) =>
      runInDurableObject(objectOf(terms.key), (_: LiveCode, state) => {
        state.storage.sql.exec("UPDATE live_code SET body = json_set(body, '$.storage', ?)", version);
      });
    await store(99);
    await evictDurableObject(objectOf(terms.key));
    await runDurableObjectAlarm(objectOf(terms.key));
    expect(
      await runInDurableObject(objectOf(terms.key), (_: LiveCode, state) => state.storage.getAlarm()),
    ).not.toBeNull();
    await store(1);
    await evictDurableObject(objectOf(terms.key));
    await codeOf(terms.key).apply(someCapture(terms));
    await drained(terms.key);
  });

  it("asks a feed that nobody listens to only once in a while, and tells all to whoever has begun to listen", async () => {
    const merchant = newMerchant();
    const { MERCHANT_FEED, WEBHOOK_ENDPOINT } = env;
    const asked = vi.fn();
    const enqueue = vi.fn(async (_events: readonly FeedEvent[]) => ({ troubled: false }));
    Object.assign(env, {
      WEBHOOK_ENDPOINT: { getByName: () => ({ enqueue }) },
      MERCHANT_FEED: {
        getByName: (id: string) => {
          asked(id);
          return MERCHANT_FEED.getByName(id);
        },
      },
    });
    const order = async () => {
      const terms = someTerms(merchant);
      await codeOf(terms.key).place(terms, "fingerprint");
      await drained(terms.key);
      return terms.key;
    };
    try {
      await order();
      await order();
      await order();
      expect(asked).toHaveBeenCalledTimes(1);
      await MERCHANT_FEED.getByName(merchant).subscribe({ id: "endpoint_TEST", types: [] });
      const heard = await order();
      expect(enqueue.mock.calls.flatMap(([events]) => events.map(({ orderKey }) => orderKey))).toEqual([heard]);
    } finally {
      Object.assign(env, { MERCHANT_FEED, WEBHOOK_ENDPOINT });
    }
  });

  it("keeps polled money that its order can take no more of with the account, asks for it no more, and believes a provider that refuses a refund", async () => {
    const terms = await placed();
    for (let count = 0; count < limits.capturesPerOrderMax; count += 1)
      await codeOf(terms.key).apply(someCapture(terms, { transaction: `T${count}`, amount: 1 }));
    await codeOf(terms.key).apply({ kind: "begin", claimant: "browser", account: "account_TEST" });
    const late = someCapture(terms, { transaction: "LAST", attempt: paymentId(terms.key, 1) });
    const kept = vi.fn(() => Promise.resolve());
    const { PAYMENT_ACCOUNT } = env;
    const account = {
      query: () => Promise.resolve({ ok: true, value: { state: "NEWS", command: late } }),
      close: () => Promise.resolve({ ok: true, value: { state: "PENDING" } }),
      refund: () => Promise.resolve({ ok: false, error: { reason: "REFUSED", message: "no" } }),
      keepUnmatched: kept,
    };
    Object.assign(env, { PAYMENT_ACCOUNT: { getByName: () => account } });
    try {
      await runDurableObjectAlarm(objectOf(terms.key));
      await vi.waitFor(() => expect(kept).toHaveBeenCalledWith(late, terms.key, "REFUSED"));
      await codeOf(terms.key).apply({ kind: "cancel", reason: null });
      await vi.waitFor(async () => {
        const order = await codeOf(terms.key).look();
        expect(order?.attempts).toMatchObject([{ state: "SUCCEEDED" }]);
        expect(order?.refunds.length).toBeGreaterThan(0);
        expect(order?.refunds.every(({ state }) => state === "FAILED")).toBe(true);
      });
    } finally {
      Object.assign(env, { PAYMENT_ACCOUNT });
    }
  });

  it("counts a burst of scans without writing each of them, and never a robot's", async () => {
    const terms = await placed();
    await Promise.all(Array.from({ length: 200 }, () => codeOf(terms.key).scan(true)));
    await codeOf(terms.key).scan(false);
    expect(await codeOf(terms.key).look()).toMatchObject({ scans: { count: 200 }, version: 1 });
    await codeOf(terms.key).apply({ kind: "confirm", claimant: "browser" });
    await evictDurableObject(objectOf(terms.key));
    const order = await codeOf(terms.key).look();
    expect(order).toMatchObject({ scans: { count: 200 }, version: 2 });
    expect(order?.scans.firstAt).not.toBeNull();
  });

  it("tells a watching page at once and at every change, also after the object was evicted", async () => {
    const terms = await placed();
    const response = await codeOf(terms.key).fetch(
      new Request("https://live-code/", { headers: { upgrade: "websocket" } }),
    );
    const socket = response.webSocket;
    expect(socket).not.toBeNull();
    const states: string[] = [];
    socket?.addEventListener("message", ({ data }) =>
      states.push((JSON.parse(String(data)) as { state: string }).state),
    );
    socket?.accept();
    await evictDurableObject(objectOf(terms.key));
    await codeOf(terms.key).apply(someCapture(terms));
    await vi.waitFor(() => expect(states).toContain("PAID"));
    expect(states[0]).toBe("OPEN");
  });
});
