/** What an alarm leaves behind when it meets a fault: another alarm, or whatever waits would wait for ever. Each fault is a table that is away. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import type { LiveCode, PaymentAccount, SandboxWallet, WebhookEndpoint } from "../../src/index.ts";
import {
  accountObject,
  beginPayment,
  liveCode,
  notice,
  openAccount,
  orderOf,
  paying,
  placeOrder,
  tell,
  visit,
  keys,
  walletObject,
} from "./payment-scene.ts";
import { opened, stubOf } from "./partner.ts";
import { randomKey, someEvent, someTerms } from "./terms.ts";

type Stub =
  | DurableObjectStub<WebhookEndpoint>
  | DurableObjectStub<SandboxWallet>
  | DurableObjectStub<LiveCode>
  | DurableObjectStub<PaymentAccount>;

// Far from now, so that no alarm rings by itself: the tests ring it when their clock says so.
beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2031-05-01T08:00:00Z") }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** The wallet tells of it in a minute. */
const later = { ...paying, delayMs: 60_000 };
/** A person's request, another one every time. */
const aRequest = () => ({ call: crypto.randomUUID(), key: null, input: "" });
const alarmOf = (stub: Stub) => runInDurableObject(stub, (_: unknown, { storage }) => storage.getAlarm());
const rename = (stub: Stub, from: string, to: string) =>
  runInDurableObject(stub, (_: unknown, { storage }) => void storage.sql.exec(`ALTER TABLE ${from} RENAME TO ${to}`));

/** Lets the clock run to the alarm and rings it while `table` is away; then the table is back, and whatever is in memory is forgotten. */
async function ringWithout(stub: Stub, table: string): Promise<void> {
  const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
  await rename(stub, table, "away");
  vi.setSystemTime((await alarmOf(stub)) ?? 0);
  expect(await runDurableObjectAlarm(stub)).toBe(true);
  expect(silent).toHaveBeenCalled();
  silent.mockRestore();
  await rename(stub, "away", table);
}

async function ring(stub: Stub): Promise<void> {
  const at = await alarmOf(stub);
  expect(at).toBeGreaterThan(Date.now());
  vi.setSystemTime(at ?? 0);
  await runDurableObjectAlarm(stub);
}

async function endpointWithWork(): Promise<DurableObjectStub<WebhookEndpoint>> {
  const { id } = await opened();
  const stub = stubOf(id);
  await stub.enqueue([someEvent(someTerms("merchant_00A"), 1, "ORDER_PAID")]);
  return stub;
}

describe("an alarm that meets a fault leaves another", () => {
  it("at a webhook endpoint, which then sends what waited", async () => {
    const answers = [new Response(null, { status: 500 }), new Response()];
    const sent = vi.spyOn(globalThis, "fetch").mockImplementation(async () => answers.shift() ?? new Response());
    const stub = await endpointWithWork();
    const stateNow = async () => (await stub.deliveries(1, null))[0]?.state;
    await vi.waitUntil(async () => (await stateNow()) === "RETRYING", { timeout: 10_000 });

    await evictDurableObject(stub);
    await ringWithout(stub, "deliveries");
    await ring(stub);
    await vi.waitUntil(async () => (await stateNow()) === "SUCCEEDED", { timeout: 10_000 });
    expect(sent).toHaveBeenCalledTimes(2);
  });

  it("at a pretend wallet, which then tells what it promised, and rests", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const payment = await beginPayment(account, terms);
    const stub = walletObject(terms.key);
    await stub.decide(payment, later);

    await evictDurableObject(stub);
    await ringWithout(stub, "notifications");
    await ring(stub);
    expect((await orderOf(terms.key)).captures).toHaveLength(1);
    await ring(stub);
    expect(await alarmOf(stub)).toBeNull();
  });
});

const codeObject = (key: OrderKey): DurableObjectStub<LiveCode> => env.LIVE_CODE.getByName(key);

describe("an object that is brought into memory to be rung", () => {
  it("sets its alarm as often as one that was there, for it is shown none", async () => {
    vi.useRealTimers();
    const stub = env.OUTCOMES.getByName(crypto.randomUUID());
    await stub.begin("a request", "input");
    const set = await runInDurableObject(stub, async (_: unknown, { storage }) => {
      await storage.setAlarm(Date.now() + 100);
      return vi.spyOn(Object.getPrototypeOf(storage) as DurableObjectStorage, "setAlarm");
    });
    const began = Date.now();
    await evictDurableObject(stub);
    await vi.waitUntil(() => set.mock.calls.length > 1, { timeout: 20_000 });
    expect(await runInDurableObject(stub, (_: unknown, { storage }) => storage.getAlarm())).toBeGreaterThan(
      began + limits.outcomeKeptMs / 2,
    );
    expect(set.mock.calls.map(([at]) => Math.round((Number(at) - began) / limits.outcomesPurgeMs))).toEqual([
      1,
      limits.outcomeKeptMs / limits.outcomesPurgeMs,
    ]);
  });
});

describe("a dependency that fails a hundred times", () => {
  /** Rings every alarm that comes, as the platform would: a throw fails the test, and so does an alarm that is not there. */
  async function ringThrough(stub: Stub, times: number): Promise<void> {
    for (let time = 0; time < times; time += 1) {
      vi.setSystemTime((await alarmOf(stub)) ?? Number.NaN);
      if (time % 25 === 0) await evictDurableObject(stub);
      expect(await runDurableObjectAlarm(stub)).toBe(true);
      expect(await alarmOf(stub)).not.toBeNull();
    }
  }

  it("ends no live code: a payment whose provider is silent is found when it speaks again, and so is the end of a refund", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account, { expiresAt: Date.now() + 20 * 24 * 3_600_000 });
    const payment = await beginPayment(account, terms);
    const wallet = walletObject(terms.key);
    await wallet.decide(payment, { ...paying, notifications: 0 });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const away = () =>
      vi.spyOn(env.PAYMENT_ACCOUNT, "getByName").mockImplementation(() => {
        throw new Error("the account is away");
      });
    let gone = away();
    await ringThrough(codeObject(terms.key), 100);
    expect(gone.mock.calls.length).toBeGreaterThanOrEqual(100);
    gone.mockRestore();
    await ring(codeObject(terms.key));
    await vi.waitFor(async () => expect((await orderOf(terms.key)).paid).not.toBeNull());

    gone = away();
    const asked = { kind: "refund", amount: null, reason: null, reverseConversion: true, restock: true } as const;
    await liveCode(terms.key).apply(asked);
    await ringThrough(codeObject(terms.key), 100);
    expect((await orderOf(terms.key)).refunds).toMatchObject([{ state: "PENDING" }]);
    gone.mockRestore();
    silent.mockRestore();
    await ring(codeObject(terms.key));
    await vi.waitFor(async () => expect((await orderOf(terms.key)).refunds).toMatchObject([{ state: "SUCCEEDED" }]));
  });

  it("ends no live code: a feed that takes nothing is told everything when it does", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    await vi.waitFor(async () => expect(await alarmOf(codeObject(terms.key))).not.toBeNull());
    const { MERCHANT_FEED } = env;
    const published: string[] = [];
    let failing = true;
    const publish = (events: readonly { id: string }[]) => {
      if (failing) return Promise.reject(new Error("the feed is away"));
      published.push(...events.map(({ id }) => id));
      return Promise.resolve({ quietMs: 0 });
    };
    Object.assign(env, { MERCHANT_FEED: { getByName: () => ({ publish }) } });
    try {
      vi.setSystemTime(Date.now() + 60_000);
      await tell(account, notice(terms));
      await ringThrough(codeObject(terms.key), 100);
      failing = false;
      await ring(codeObject(terms.key));
      await vi.waitFor(() => expect(new Set(published).size).toBeGreaterThanOrEqual(3));
    } finally {
      Object.assign(env, { MERCHANT_FEED });
    }
  });

  it("ends no pretend wallet and no webhook endpoint, though it is their own table", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 500 }));
    const account = await openAccount();
    const terms = await placeOrder(account);
    const payment = await beginPayment(account, terms);
    await walletObject(terms.key).decide(payment, later);
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    for (const [stub, table] of [
      [walletObject(terms.key), "notifications"],
      [await endpointWithWork(), "deliveries"],
    ] as const) {
      await evictDurableObject(stub);
      await rename(stub, table, "away");
      for (let time = 0; time < 100; time += 1) {
        vi.setSystemTime((await alarmOf(stub)) ?? Number.NaN);
        expect(await runDurableObjectAlarm(stub)).toBe(true);
        expect(await alarmOf(stub)).not.toBeNull();
      }
      await rename(stub, "away", table);
    }
    silent.mockRestore();
    await ring(walletObject(terms.key));
    await vi.waitFor(async () => expect((await orderOf(terms.key)).captures).toHaveLength(1));
  });
});

describe("an object with work pending whose alarm the platform has given up", () => {
  const forget = async (stub: Stub): Promise<void> => {
    await runInDurableObject(stub, (_: unknown, { storage }) => storage.deleteAlarm());
    await evictDurableObject(stub);
  };
  const isArmed = (stub: Stub) =>
    vi.waitFor(async () => expect(await alarmOf(stub)).not.toBeNull(), { timeout: 5_000 });

  it("has one again as soon as anybody touches it, and rests when nothing is left", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 500 }));
    const account = await openAccount();
    const terms = await placeOrder(account);
    const code = codeObject(terms.key);
    for (const touch of [
      () => liveCode(terms.key).scan(false),
      () => liveCode(terms.key).look(),
      () => liveCode(terms.key).timeline(),
    ]) {
      await forget(code);
      await touch();
      await isArmed(code);
    }

    const payment = await beginPayment(account, terms);
    const wallet = walletObject(terms.key);
    await wallet.decide(payment, later);
    await forget(wallet);
    await wallet.look(payment);
    await isArmed(wallet);

    const endpoint = await endpointWithWork();
    await vi.waitUntil(async () => (await endpoint.deliveries(1, null))[0]?.state === "RETRYING", { timeout: 10_000 });
    await forget(endpoint);
    await endpoint.summary();
    await isArmed(endpoint);

    const nowhere = { key: randomKey(), total: 700, currency: terms.currency };
    await tell(account, notice(nowhere, { transaction: "LOST" }));
    const [lost] = await accountObject(account.id).unmatched();
    const { SANDBOX_WALLET } = env;
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    Object.assign(env, { SANDBOX_WALLET: { getByName: () => ({ refund: () => Promise.reject(new Error("away")) }) } });
    await evictDurableObject(accountObject(account.id));
    await accountObject(account.id).refundUnmatched(lost?.id ?? "", account.merchantId, aRequest());
    Object.assign(env, { SANDBOX_WALLET });
    silent.mockRestore();
    await forget(accountObject(account.id));
    await accountObject(account.id).summary();
    await isArmed(accountObject(account.id));
    await ring(accountObject(account.id));
    // Nothing but to forget what is old, in a month.
    expect(await alarmOf(accountObject(account.id))).toBeGreaterThan(Date.now() + limits.paymentsSweepMs / 2);
  });

  it("has one again though it could not even see that it has none, and rings at once, so that none that was due is put off", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 500 }));
    const account = await openAccount();
    const terms = await placeOrder(account);
    const payment = await beginPayment(account, terms);
    await walletObject(terms.key).decide(payment, later);
    const endpoint = await endpointWithWork();
    await vi.waitUntil(async () => (await endpoint.deliveries(1, null))[0]?.state === "RETRYING", { timeout: 10_000 });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    for (const [stub, touch] of [
      [codeObject(terms.key), () => liveCode(terms.key).look()],
      [walletObject(terms.key), () => walletObject(terms.key).look(payment)],
      [endpoint, () => endpoint.summary()],
    ] as const) {
      for (const leave of [forget, evictDurableObject]) {
        const blind = await runInDurableObject(stub as Stub, (_: unknown, { storage }) => {
          const every = Object.getPrototypeOf(storage) as DurableObjectStorage;
          return vi.spyOn(every, "getAlarm").mockRejectedValue(new Error("it cannot be seen"));
        });
        await leave(stub);
        await touch();
        expect(blind).toHaveBeenCalled();
        blind.mockRestore();
        expect(await alarmOf(stub)).toBe(Date.now());
      }
    }
    silent.mockRestore();
  });
});

describe("a payment under way", () => {
  const wait = async (key: OrderKey) => ((await alarmOf(codeObject(key))) ?? 0) - Date.now();

  it("is looked after within ten seconds while its payer's page is open, and every minute when it is not", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    await beginPayment(account, terms);
    const code = codeObject(terms.key);
    vi.setSystemTime(Date.now() + 5 * 60_000);
    // Once the read model has been told, only the payment is waited for.
    await vi.waitFor(async () => {
      await runDurableObjectAlarm(code);
      expect(await wait(terms.key)).toBeGreaterThan(50_000);
    });

    await evictDurableObject(code);
    const gone = new AbortController();
    const page = await visit(`/c/${keys.slug(terms.key)}/events`, { signal: gone.signal });
    expect(page.status).toBe(200);
    await vi.waitFor(async () => expect(await wait(terms.key)).toBeLessThanOrEqual(10_000));
    for (const _ of [1, 2]) {
      await evictDurableObject(code);
      await ring(code);
      expect(await wait(terms.key)).toBe(10_000);
    }
    // A watcher by itself keeps nobody awake: without a payment there is nothing to look for.
    const idle = await placeOrder(account);
    await vi.waitFor(async () => expect(await wait(idle.key)).toBeGreaterThan(3_600_000), { timeout: 10_000 });
    await (await visit(`/c/${keys.slug(idle.key)}/events`)).body?.cancel();
    expect(await wait(idle.key)).toBeGreaterThan(3_600_000);

    await page.body?.cancel();
    await vi.waitFor(async () => {
      await ring(code);
      expect(await wait(terms.key)).toBe(60_000);
    });
  });

  it("is looked after in its time though somebody changes something ever again before, and everything is forgotten in between", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account, { expiresAt: Date.now() + 20 * 3_600_000 });
    await beginPayment(account, terms, "browser");
    const code = codeObject(terms.key);
    const asked = vi.spyOn(env.PAYMENT_ACCOUNT, "getByName");
    for (const [minutes, patience] of [
      [0, 10_000],
      [5, 60_000],
      [180, 600_000],
    ] as const) {
      vi.setSystemTime(Date.now() + minutes * 60_000);
      await vi.waitFor(async () => {
        await runDurableObjectAlarm(code);
        expect(await wait(terms.key)).toBeLessThanOrEqual(patience);
      });
      const due = await alarmOf(code);
      asked.mockClear();
      for (const part of [0.3, 0.6, 0.9]) {
        vi.setSystemTime((due ?? 0) - Math.floor(patience * (1 - part)));
        if (part !== 0.6) await evictDurableObject(code);
        const held = await liveCode(terms.key).apply({ kind: "confirm", claimant: "browser" });
        expect(held).toMatchObject({ found: true, ok: true, changed: true });
        expect(await alarmOf(code)).toBeLessThanOrEqual(due ?? 0);
      }
      // An alarm that is due and has not rung yet is not put off either, though nobody remembers it.
      vi.setSystemTime((due ?? 0) + 1);
      await evictDurableObject(code);
      await liveCode(terms.key).apply({ kind: "confirm", claimant: "browser" });
      expect(await alarmOf(code)).toBeLessThanOrEqual(due ?? 0);
      expect(asked).not.toHaveBeenCalled();
      await runDurableObjectAlarm(code);
      expect(asked).toHaveBeenCalledWith(account.id);
    }
  });
});

describe("what an account is still to do about its money", () => {
  it("is done in its time though more money comes ever again before, and everything is forgotten in between", async () => {
    const account = await openAccount();
    const object = accountObject(account.id);
    const money = (transaction: string) =>
      notice({ key: randomKey(), total: 700, currency: "CNY" as Currency }, { transaction, payment: null });
    await tell(account, money("FIRST"));
    const [lost] = await object.unmatched();
    const refund = vi.fn(() => Promise.reject(new Error("the provider is away")));
    const { SANDBOX_WALLET } = env;
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    Object.assign(env, { SANDBOX_WALLET: { getByName: () => ({ refund }) } });
    try {
      await evictDurableObject(object);
      await object.refundUnmatched(lost?.id ?? "", account.merchantId, aRequest());
      const due = (await alarmOf(object)) ?? 0;
      expect(due - Date.now()).toBeLessThanOrEqual(limits.pollMs.early);
      refund.mockClear();
      for (const late of [-5_000, -1, 1, 30_000]) {
        vi.setSystemTime(due + late);
        await evictDurableObject(object);
        await tell(account, money(`MORE${late}`));
        const [newest] = await object.unmatched();
        await object.refundUnmatched(newest?.id ?? "", account.merchantId, aRequest());
        expect(await alarmOf(object)).toBe(due);
      }
      refund.mockClear();
      await runDurableObjectAlarm(object);
      expect(refund).toHaveBeenCalled();
    } finally {
      Object.assign(env, { SANDBOX_WALLET });
      silent.mockRestore();
    }
  });
});
