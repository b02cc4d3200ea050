/** What an account keeps of money that no order takes, and what is left of an account that nobody got. */
import { env } from "cloudflare:workers";
import { listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { depsOf } from "../../src/deps.ts";
import { configOf, type Config } from "../../src/env.ts";
import type { PaymentAccount } from "../../src/index.ts";
import { registerMerchant } from "../../src/resolvers/register-merchant.ts";
import { accountObject, openAccount } from "./payment-scene.ts";
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
