/** What an alarm leaves behind when it meets a fault: another alarm, or whatever waits would wait for ever. Each fault is a table that is away. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { SandboxWallet, WebhookEndpoint } from "../../src/index.ts";
import { beginPayment, newMerchantId, openAccount, orderOf, placeOrder, walletObject } from "./payment-scene.ts";
import { randomKey } from "./terms.ts";

type Stub = DurableObjectStub<WebhookEndpoint> | DurableObjectStub<SandboxWallet>;

// Far from now, so that no alarm rings by itself: the tests ring it when their clock says so.
beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2031-05-01T08:00:00Z") }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

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

describe("an alarm that meets a fault leaves another", () => {
  it("at a webhook endpoint, which then sends what waited", async () => {
    const answers = [new Response(null, { status: 500 }), new Response()];
    const sent = vi.spyOn(globalThis, "fetch").mockImplementation(async () => answers.shift() ?? new Response());
    const [id, key] = [`endpoint_${crypto.randomUUID()}`, randomKey()];
    const stub = env.WEBHOOK_ENDPOINT.getByName(id);
    const rest = { types: [], description: null, payload: "FULL", selection: null, ratePerSecond: null } as const;
    await stub.open({ id, merchantId: newMerchantId(), url: "https://partner.example/hook", ...rest });
    const paid = {
      id: `event_${key}0001`,
      type: "ORDER_PAID",
      orderKey: key,
      sequence: 1,
      at: Date.now(),
      body: "{}",
    } as const;
    await stub.enqueue([paid]);
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
    const payer = { id: "wallet-42", name: null };
    await stub.decide(payment, {
      outcome: "pay",
      payer,
      amount: null,
      notifications: 1,
      delayMs: 60_000,
      paidAt: null,
    });

    await evictDurableObject(stub);
    await ringWithout(stub, "notifications");
    await ring(stub);
    expect((await orderOf(terms.key)).captures).toHaveLength(1);
    await ring(stub);
    expect(await alarmOf(stub)).toBeNull();
  });
});
