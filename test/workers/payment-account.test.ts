/** What an account keeps of money that no order takes, and what is left of an account that nobody got. */
import { env } from "cloudflare:workers";
import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import { depsOf } from "../../src/deps.ts";
import { configOf, type Config } from "../../src/env.ts";
import type { PaymentAccount } from "../../src/index.ts";
import { registerMerchant } from "../../src/resolvers/register-merchant.ts";
import { accountObject, notice, openAccount, tell } from "./payment-scene.ts";
import { randomKey, someCapture, someTerms } from "./terms.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const terms = someTerms("merchant_00A");

describe("money that no order takes", () => {
  it("is shown newest first, as it was heard of first, without reading what is not shown", async () => {
    const { id } = await openAccount();
    const start = Date.parse("2031-05-01T08:00:00Z");
    const count = limits.pageSizeMax + 5;
    const { shown, read } = await runInDurableObject(
      accountObject(id),
      async (account: PaymentAccount, { storage }) => {
        vi.useFakeTimers({ toFake: ["Date"], now: start });
        for (let index = 0; index < count; index += 1) {
          vi.setSystemTime(start + index);
          // So that neither the names nor the order they came in sort like the time.
          await account.keepUnmatched(
            someCapture(terms, { account: id, transaction: `${(index * 7919) % count}`, amount: 700 }),
            null,
            "UNKNOWN_ORDER",
          );
        }
        vi.setSystemTime(start + count);
        await account.keepUnmatched(
          someCapture(terms, { account: id, transaction: "0", amount: 1 }),
          null,
          "UNKNOWN_ORDER",
        );
        const kv = Object.getPrototypeOf(storage.kv) as SyncKvStorage;
        const { list } = kv;
        let rows = 0;
        vi.spyOn(kv, "list").mockImplementation(function* (this: SyncKvStorage, options): Generator<[string, unknown]> {
          for (const row of list.call(this, options)) {
            rows += 1;
            yield row;
          }
        } as typeof list);
        return { shown: await account.unmatched(), read: rows };
      },
    );
    expect(shown.map(({ heardAt }) => heardAt - start)).toEqual(
      Array.from({ length: limits.pageSizeMax }, (_, index) => count - 1 - index),
    );
    expect(new Set(shown.map(({ amount }) => amount))).toEqual(new Set([700]));
    expect(read).toBe(limits.pageSizeMax);
  });
});

describe("what is to be done about it", () => {
  const request = () => ({ call: crypto.randomUUID(), key: null, input: "" });
  const alarmOf = (id: string) =>
    runInDurableObject(accountObject(id), (_: unknown, { storage }) => storage.getAlarm());
  const ring = async (id: string): Promise<void> => {
    vi.setSystemTime(Math.max((await alarmOf(id)) ?? 0, Date.now()));
    await evictDurableObject(accountObject(id));
    await runDurableObjectAlarm(accountObject(id));
  };
  /** An account with so much money that no order has, whose provider is told of by what it is asked. */
  const lost = async (count: number, refund: (asked: { transaction: string }) => Promise<boolean>) => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2031-05-01T08:00:00Z") });
    const account = await openAccount();
    const { id, merchantId } = account;
    await evictDurableObject(accountObject(id));
    Object.assign(env, { SANDBOX_WALLET: { getByName: () => ({ refund }) } });
    for (let number = 0; number < count; number += 1)
      await accountObject(id).keepUnmatched(
        someCapture(terms, { account: id, transaction: `T${number}` }),
        null,
        "UNKNOWN_ORDER",
      );
    const payments = await accountObject(id).unmatched();
    const giveBack = (number: number, by = request()) =>
      accountObject(id).refundUnmatched(payments[number]?.id ?? "", merchantId, by);
    return { account, id, giveBack };
  };
  const { SANDBOX_WALLET } = env;
  afterEach(() => void Object.assign(env, { SANDBOX_WALLET }));

  it("is tried when it is due, whatever else the account is rung for, and however much of it there is", async () => {
    const asked: string[] = [];
    const count = 2 * limits.unmatchedWorkMax + 5;
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { id, giveBack } = await lost(count, ({ transaction }) => {
      asked.push(transaction);
      return Promise.reject(new Error("the provider is away"));
    });
    for (let number = 0; number < count; number += 1) await giveBack(number);
    // As the release before wrote it.
    await runInDurableObject(accountObject(id), (_: unknown, { storage }) => {
      for (const [key] of Array.from(storage.kv.list({ prefix: "work:", limit: 3 }))) storage.kv.put(key, true);
    });
    asked.length = 0;
    for (let time = 1; time <= 3; time += 1) {
      await ring(id);
      expect(asked.length).toBe(time * limits.unmatchedWorkMax);
      // What was never tried comes before what is due again.
      expect(new Set(asked).size).toBe(Math.min(count, time * limits.unmatchedWorkMax));
    }

    // Rung for something else, and for nothing, once nothing is due.
    while (((await alarmOf(id)) ?? Infinity) <= Date.now()) await ring(id);
    const due = (await alarmOf(id)) ?? 0;
    asked.length = 0;
    await runInDurableObject(accountObject(id), (_: unknown, { storage }) =>
      storage.kv.put("sweep", { at: Date.now(), after: "", left: false }),
    );
    for (const _ of [1, 2, 3]) {
      await evictDurableObject(accountObject(id));
      await runDurableObjectAlarm(accountObject(id));
    }
    expect(asked).toEqual([]);
    expect(await alarmOf(id)).toBeLessThanOrEqual(due);
    await ring(id);
    expect(asked).not.toEqual([]);
    silent.mockRestore();
  });

  it("is not done anew for whoever asks again because the answer was lost", async () => {
    const refund = vi.fn(() => Promise.resolve(false));
    const { giveBack } = await lost(1, refund);
    const [first, second] = [request(), request()];
    for (const by of [first, first, second, first, second])
      expect(await giveBack(0, by)).toMatchObject({ ok: true, value: { state: "REFUND_FAILED" } });
    expect(refund).toHaveBeenCalledTimes(2);
  });

  it("is not forgotten by a walk that has passed it, and a row that cannot be read stops none", async () => {
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const { account, id } = await lost(1, () => Promise.resolve(true));
    await runInDurableObject(accountObject(id), (_: unknown, { storage }) => {
      storage.kv.put("order:SANDBOX:A", null);
      storage.kv.put("sweep", { at: Date.now(), after: "order:SANDBOX:", left: false });
    });
    const key = randomKey();
    await tell(account, notice({ key, total: 700, currency: "CNY" as Currency }, { transaction: "0", payment: null }));
    await ring(id);
    expect(silent).toHaveBeenCalledWith("a row of an account's book", "order:SANDBOX:A", expect.anything());
    const swept = await runInDurableObject(accountObject(id), (_: unknown, { storage }) => storage.kv.get("sweep"));
    expect(swept).toMatchObject({ after: "", left: false });
    silent.mockRestore();
  });

  it("is logged where an order refuses to hear what its provider told", async () => {
    const { id } = await lost(0, () => Promise.resolve(true));
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await runInDurableObject(accountObject(id), (_: unknown, { storage }) => {
      const word = { refund: "R-1", capture: "SANDBOX:T", amount: 1, outcome: "SUCCEEDED" };
      storage.kv.put("order:SANDBOX:T", { order: randomKey(), at: Date.now() });
      storage.kv.put("owed:SANDBOX:T", { since: Date.now(), words: [word] });
    });
    const refusing = { apply: async () => ({ found: true, ok: false, refusal: { reason: "LIMIT" } }) };
    vi.spyOn(env.LIVE_CODE, "getByName").mockImplementation(() => refusing as never);
    await runInDurableObject(accountObject(id), (account: PaymentAccount) => account.alarm());
    expect(logged).toHaveBeenCalledWith("a refund that its order refuses", "SANDBOX:T", "R-1", { reason: "LIMIT" });
  });
});

describe("a merchant whose slug is taken", () => {
  it("leaves no account behind", async () => {
    const deps = depsOf(env, configOf(env) as Config, "https://pay.example", { waitUntil: () => undefined });
    const tea = {
      name: "Tea House",
      slug: `tea-${randomKey().toLowerCase()}`,
      currency: "CNY",
      locale: "en",
      timeZone: "UTC",
    };
    expect(await registerMerchant(deps, tea)).toMatchObject({ ok: true });
    const before = (await listDurableObjectIds(env.PAYMENT_ACCOUNT)).length;
    expect(await registerMerchant(deps, { ...tea, name: "Another" })).toEqual({
      ok: false,
      error: { reason: "VALIDATION", issues: [{ path: ["input", "slug"], message: "is taken" }] },
    });
    expect((await listDurableObjectIds(env.PAYMENT_ACCOUNT)).length).toBe(before);
  });
});
