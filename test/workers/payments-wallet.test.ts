/** The pretend wallet, met as a payer meets it: by its page. What it tells the product travels over the public door, signed. */
import { env } from "cloudflare:workers";
import { evictAllDurableObjects, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { paymentId, refundId } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import { stateOf } from "../../src/core/state.ts";
import type { SandboxWallet } from "../../src/durable/sandbox-wallet.ts";
import {
  accountObject,
  beginPayment,
  keys,
  liveCode,
  notice,
  openAccount,
  orderOf,
  origin,
  payUntold,
  placeOrder,
  signature,
  tell,
  visit,
  walletObject,
} from "./payment-scene.ts";
import { randomKey } from "./terms.ts";

const decide = (payment: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  visit(`/sandbox/wallet/${payment}`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: new URLSearchParams(fields),
  });
const pay = (payment: string, fields: Record<string, string> = {}) =>
  decide(payment, { outcome: "pay", payer: "wallet-42", ...fields });

async function scene(fields: Parameters<typeof placeOrder>[1] = {}) {
  const account = await openAccount();
  const terms = await placeOrder(account, fields);
  const payment = await beginPayment(account, terms);
  await evictAllDurableObjects();
  return { account, terms, payment, back: `/c/${keys.slug(terms.key)}` };
}
const stateNow = async (key: ReturnType<typeof randomKey>) => stateOf(await orderOf(key), Date.now());
const waiting = (key: ReturnType<typeof randomKey>, payment: string) =>
  runInDurableObject(walletObject(key), (_: SandboxWallet, { storage }) =>
    storage.sql
      .exec<{ document: string }>("SELECT document FROM notifications WHERE document LIKE ?", `%${payment}%`)
      .toArray()
      .map(({ document }) => JSON.parse(document) as { copies: number; attempts: number; dueAt: number; body: string }),
  );
/** Everything that is due at `now` is sent, as the platform's alarm would have it. */
const ring = async (key: ReturnType<typeof randomKey>, now: number) => {
  vi.setSystemTime(now);
  await runDurableObjectAlarm(walletObject(key));
};

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("the wallet's page", () => {
  it("shows a phone what is asked, in its language, marked as pretend, under a strict policy and without a script", async () => {
    const { payment } = await scene();
    const english = await visit(`/sandbox/wallet/${payment}`);
    const text = await english.text();
    expect(english.status).toBe(200);
    expect(text).toContain("pretend wallet");
    expect(text).toContain("19.90");
    expect(text).toContain("Tea House");
    for (const outcome of ["pay", "fail", "abandon"]) expect(text).toContain(`value="${outcome}"`);
    expect(text).toContain("<details");
    expect(text).not.toContain("<script");
    expect(english.headers.get("cache-control")).toBe("no-store");
    const policy = english.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("unsafe");

    const chinese = await visit(`/sandbox/wallet/${payment}`, {
      headers: { "accept-language": "zh-CN,zh;q=0.9,en;q=0.8" },
    });
    expect(await chinese.text()).toContain("模拟钱包");
    expect(chinese.headers.get("content-language")).toBe("zh-CN");
  });

  it("knows no payment that was never begun, and makes none of it", async () => {
    const key = randomKey();
    for (const id of [paymentId(key, 1), `order_${key}`, "payment_x", "..%2f", `payment_${key}000`]) {
      expect((await visit(`/sandbox/wallet/${id}`)).status).toBe(404);
      expect((await pay(id)).status).toBe(404);
    }
    expect(await walletObject(key).query(paymentId(key, 1))).toEqual({ state: "OPEN" });
    expect((await visit(`/sandbox/wallet/${paymentId(key, 1)}`)).status).toBe(404);
  });

  it("remembers one person per browser, unless another is named", async () => {
    const [one, two, three] = [await scene(), await scene(), await scene()];
    const page = await visit(`/sandbox/wallet/${one.payment}`);
    const cookie = page.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    expect(page.headers.getSetCookie()[0]).toMatch(
      /^wallet=wallet-[0-9A-Z]{10}; Path=\/sandbox; .*HttpOnly; SameSite=Lax; Secure$/,
    );
    await decide(one.payment, { outcome: "pay" }, { cookie });
    await decide(two.payment, { outcome: "pay", payer: "" }, { cookie });
    await decide(three.payment, { outcome: "pay" });
    const payers = await Promise.all(
      [one, two, three].map(async ({ terms }) => (await orderOf(terms.key)).conversion!.payer.identities[0]!.value),
    );
    expect(payers[0]).toBe(cookie.slice("wallet=".length));
    expect(payers[1]).toBe(payers[0]);
    expect(payers[2]).toMatch(/^wallet-[0-9A-Z]{10}$/);
    expect(payers[2]).not.toBe(payers[0]);
  });

  it("refuses what it cannot read, names the fields, and does nothing", async () => {
    const { payment, terms } = await scene();
    const wrong: readonly (readonly [string, Record<string, string>])[] = [
      ["outcome", { outcome: "steal" }],
      ["outcome", {}],
      ...["0", "-1", "1.999", "19,90", "1e3", "abc", "0.00", "99999999999999"].map(
        (amount) => ["amount", { outcome: "pay", amount }] as const,
      ),
      ...["101", "-1", "1.5", "many"].map(
        (notifications) => ["notifications", { outcome: "pay", notifications }] as const,
      ),
      ...["86401", "-1", "soon"].flatMap((seconds) =>
        ["delaySeconds", "lateSeconds"].map((field) => [field, { outcome: "pay", [field]: seconds }] as const),
      ),
      ...["yesterday", "2026-02-30T00:00:00Z", "1700000000"].map(
        (paidAt) => ["paidAt", { outcome: "pay", paidAt }] as const,
      ),
      ["payer", { outcome: "pay", payer: "x".repeat(limits.referenceLengthMax + 1) }],
    ];
    for (const [field, fields] of wrong) {
      const answer = await decide(payment, fields);
      expect([fields, answer.status, (await answer.text()).includes(field)]).toEqual([fields, 400, true]);
    }
    expect((await decide(payment, { outcome: "pay", name: "x".repeat(limits.formBytesMax) })).status).toBe(413);
    expect(
      (
        await visit(`/sandbox/wallet/${payment}`, {
          method: "POST",
          body: "outcome=pay",
          headers: { "content-type": "text/plain" },
        })
      ).status,
    ).toBe(400);
    expect((await orderOf(terms.key)).captures).toEqual([]);
    expect(await walletObject(terms.key).query(payment)).toEqual({ state: "OPEN" });
  });
});

describe("paying at the wallet", () => {
  it("has told the product, and converted the payer, before the payer is back", async () => {
    const { account, terms, payment, back } = await scene();
    const answer = await pay(payment, { name: "Li Lei", phone: "+86 138 0013 8000", email: "li@example.com" });
    expect([answer.status, answer.headers.get("location")]).toEqual([303, back]);
    await evictAllDurableObjects();
    const order = await orderOf(terms.key);
    expect(stateOf(order, Date.now())).toBe("PAID");
    expect(order.attempts).toMatchObject([{ id: payment, state: "SUCCEEDED" }]);
    expect(order.captures).toMatchObject([{ account: account.id, attempt: payment, amount: 1990 }]);
    expect(order.conversion?.payer).toMatchObject({
      name: "Li Lei",
      identities: [
        { kind: "WALLET", value: "wallet-42" },
        { kind: "PHONE", value: "+8613800138000" },
        { kind: "EMAIL", value: "li@example.com" },
      ],
    });
    expect(await waiting(terms.key, payment)).toEqual([]);
    expect(await (await visit(`/sandbox/wallet/${payment}`)).text()).toContain("cannot be made twice");
  });

  it("happens once, however often and however fast the button is pressed, and however many copies are sent", async () => {
    const { terms, payment, back } = await scene();
    const answers = await Promise.all(Array.from({ length: 10 }, () => pay(payment, { notifications: "20" })));
    answers.push(await pay(payment), await decide(payment, { outcome: "fail" }));
    for (const answer of answers) expect([answer.status, answer.headers.get("location")]).toEqual([303, back]);
    const order = await orderOf(terms.key);
    expect(order.captures).toHaveLength(1);
    expect(order.attempts).toMatchObject([{ state: "SUCCEEDED" }]);
  });

  it("may be too little or too much, in the places of the currency, and at another time", async () => {
    const little = await scene();
    await pay(little.payment, { amount: "10.5", paidAt: "2026-01-31T12:00:00+08:00" });
    expect((await orderOf(little.terms.key)).captures).toMatchObject([
      { amount: 1050, paidAt: Date.parse("2026-01-31T04:00:00Z") },
    ]);
    const much = await scene({ currency: "KWD" as Currency });
    await pay(much.payment, { amount: "2.001" });
    const order = await orderOf(much.terms.key);
    expect(order.captures).toMatchObject([{ amount: 2001, currency: "KWD" }]);
    expect(order.paid).not.toBeNull();
  });

  it("can fail, be left, and be tried again", async () => {
    const { terms, payment, back } = await scene();
    const left = await decide(payment, { outcome: "abandon" });
    expect([left.status, left.headers.get("location")]).toEqual([303, back]);
    expect((await orderOf(terms.key)).attempts).toMatchObject([{ state: "PENDING" }]);
    expect((await decide(payment, { outcome: "fail" })).status).toBe(303);
    expect((await orderOf(terms.key)).attempts).toMatchObject([{ state: "FAILED" }]);
    expect(await (await visit(`/sandbox/wallet/${payment}`)).text()).toContain("last try failed");
    await pay(payment);
    expect(await stateNow(terms.key)).toBe("PAID");
  });

  it("that no notification tells of is found by asking", async () => {
    const { account, terms, payment } = await scene();
    expect((await pay(payment, { notifications: "0" })).status).toBe(303);
    expect(await stateNow(terms.key)).toBe("PAYING");
    await evictAllDurableObjects();
    const report = await accountObject(account.id).query(payment);
    expect(report).toMatchObject({
      ok: true,
      value: { state: "NEWS", command: { kind: "capture", capture: { attempt: payment, account: account.id } } },
    });
    await vi.waitFor(async () => {
      await runDurableObjectAlarm(env.LIVE_CODE.getByName(terms.key));
      expect(await stateNow(terms.key)).toBe("PAID");
    });
  });

  it("that failed, then succeeded with another card on the same page, is found by asking though nothing tells of it", async () => {
    const { account, terms, payment } = await scene();
    await decide(payment, { outcome: "fail", notifications: "0" });
    const alarm = () => runDurableObjectAlarm(env.LIVE_CODE.getByName(terms.key));
    for (let time = 0; time < 3; time += 1) await alarm();
    const types = async () => (await liveCode(terms.key).timeline()).map(({ type }) => type);
    expect(await types()).toEqual(["ORDER_PLACED", "ORDER_CONFIRMED", "PAYMENT_FAILED"]);
    expect(await stateNow(terms.key)).toBe("CLAIMED");
    expect(await accountObject(account.id).query(payment)).toMatchObject({ value: { command: { outcome: "FAILED" } } });
    await pay(payment, { notifications: "0" });
    await evictAllDurableObjects();
    await vi.waitFor(async () => {
      await alarm();
      expect(await stateNow(terms.key)).toBe("PAID");
    });
    expect((await orderOf(terms.key)).attempts).toMatchObject([{ state: "SUCCEEDED", failureReason: null }]);
  });

  it("that failed is closed there as soon as its payer begins again, and either page's money is the order's", async () => {
    const { account, terms, payment } = await scene();
    await decide(payment, { outcome: "fail" });
    const another = await beginPayment(account, terms);
    expect(another).not.toBe(payment);
    await vi.waitFor(async () =>
      expect(await walletObject(terms.key).look(payment)).toMatchObject({ state: "CLOSED" }),
    );
    await pay(payment);
    expect((await orderOf(terms.key)).captures).toEqual([]);
    await pay(another);
    expect(await stateNow(terms.key)).toBe("PAID");
  });

  it("is told of late when so asked, by an alarm that outlives the object", async () => {
    const { terms, payment } = await scene();
    const now = Date.now();
    await pay(payment, { delaySeconds: "3600", notifications: "3" });
    expect(await waiting(terms.key, payment)).toMatchObject([{ copies: 3, attempts: 0 }]);
    expect((await orderOf(terms.key)).captures).toEqual([]);
    await evictDurableObject(walletObject(terms.key));
    await ring(terms.key, now + 3_599_000 - 1000);
    expect((await orderOf(terms.key)).captures).toEqual([]);
    await evictDurableObject(walletObject(terms.key));
    await ring(terms.key, now + 3_601_000);
    expect((await orderOf(terms.key)).captures).toHaveLength(1);
    expect(await waiting(terms.key, payment)).toEqual([]);
  });

  it("is told again until it is taken, only as often as it was not, and then no more", async () => {
    const { terms, payment } = await scene();
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const name = env.LIVE_CODE.getByName.bind(env.LIVE_CODE);
    const calls = vi.spyOn(env.LIVE_CODE, "getByName");
    const unreachable = (times: number) => {
      let left = times;
      calls.mockImplementation((key) => {
        if ((left -= 1) >= 0) throw new Error("unreachable");
        return name(key);
      });
    };
    unreachable(2);
    expect((await pay(payment, { notifications: "3" })).status).toBe(303);
    expect(await stateNow(terms.key)).toBe("PAID");
    const [left] = await waiting(terms.key, payment);
    expect(left).toMatchObject({ copies: 2, attempts: 1 });
    for (const wait of limits.sandboxRetryMs) {
      await evictDurableObject(walletObject(terms.key));
      unreachable(1000);
      await ring(terms.key, Date.now() + wait + 1000);
    }
    expect(await waiting(terms.key, payment)).toEqual([]);
    calls.mockRestore();
    silent.mockRestore();
    expect((await orderOf(terms.key)).captures).toHaveLength(1);
  });

  it("is told after all when the wallet died between deciding and telling", async () => {
    const { terms, payment } = await scene();
    const now = Date.now();
    await payUntold(terms.key, payment);
    expect(await waiting(terms.key, payment)).toMatchObject([{ copies: 1 }]);
    vi.restoreAllMocks();
    await ring(terms.key, now + 60_000);
    expect(await stateNow(terms.key)).toBe("PAID");
    expect(await waiting(terms.key, payment)).toEqual([]);
  });

  it("is told over the network when the product lives elsewhere", async () => {
    const account = await openAccount();
    const key = randomKey();
    const payment = paymentId(key, 1);
    const elsewhere = `https://relay.example/payments/sandbox/${account.id}/notifications`;
    await accountObject(account.id).begin({
      payment,
      order: key,
      amount: 500,
      currency: "JPY" as Currency,
      description: "Tea",
      returnUrl: "https://shop.example/c/SLUG",
      notificationUrl: elsewhere,
      expiresAt: Date.now() + 1000,
    });
    const sent: { url: string; header: string; body: string }[] = [];
    vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
      const request = new Request(input, init);
      sent.push({
        url: request.url,
        header: request.headers.get("sandbox-signature") ?? "",
        body: await request.text(),
      });
      return new Response(null, { status: 204 });
    });
    const answer = await pay(payment, { payer: "钱包-1" });
    expect(answer.headers.get("location")).toBe("https://shop.example/c/SLUG");
    expect(sent).toHaveLength(1);
    const [{ url, header, body }] = sent as [{ url: string; header: string; body: string }];
    expect(url).toBe(elsewhere);
    expect(header).toBe(signature(account.secret, body, Number(/t=(\d+)/.exec(header)?.[1])));
    expect(JSON.parse(body)).toMatchObject({
      type: "payment.succeeded",
      payment,
      order: `order_${key}`,
      amount: 500,
      currency: "JPY",
      payer: { id: "钱包-1" },
    });
  });
});

describe("closing and giving back at the wallet", () => {
  it("takes no money once the payment is closed, says so, and leads the payer back", async () => {
    const { account, terms, payment, back } = await scene();
    expect(await accountObject(account.id).close(payment)).toMatchObject({
      value: { command: { kind: "ended", attempt: payment, outcome: "CLOSED" } },
    });
    await evictAllDurableObjects();
    expect(await (await visit(`/sandbox/wallet/${payment}`)).text()).toContain("can no longer be paid");
    const answer = await pay(payment);
    expect([answer.status, answer.headers.get("location")]).toEqual([303, back]);
    expect((await orderOf(terms.key)).captures).toEqual([]);
    expect(await accountObject(account.id).query(payment)).toMatchObject({ value: { command: { outcome: "CLOSED" } } });
  });

  it("a payment closed before it arrived finds itself closed", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const payment = paymentId(terms.key, 1);
    expect(await accountObject(account.id).close(payment)).toMatchObject({ value: { state: "NEWS" } });
    await expect(beginPayment(account, terms)).rejects.toThrow("to deeply equal");
    expect((await visit(`/sandbox/wallet/${payment}`)).status).toBe(404);
  });

  it("an order cancelled while its payer is in the wallet is closed there first", async () => {
    const { terms, payment } = await scene();
    await liveCode(terms.key).apply({ kind: "cancel", reason: null });
    await vi.waitFor(async () => expect(await stateNow(terms.key)).toBe("CANCELLED"));
    await pay(payment);
    expect((await orderOf(terms.key)).captures).toEqual([]);
  });

  it("an order cancelled after its payer was declined is closed there too, before the payer tries another card", async () => {
    const { terms, payment } = await scene();
    await decide(payment, { outcome: "fail" });
    await liveCode(terms.key).apply({ kind: "cancel", reason: null });
    await vi.waitFor(async () => expect(await stateNow(terms.key)).toBe("CANCELLED"));
    await pay(payment);
    expect(await (await visit(`/sandbox/wallet/${payment}`)).text()).toContain("can no longer be paid");
    expect((await orderOf(terms.key)).captures).toEqual([]);
  });

  it("gives back once per refund, tells of it, and never gives more than came", async () => {
    const { account, terms, payment } = await scene();
    await pay(payment);
    const { transaction } = (await orderOf(terms.key)).captures[0]!;
    const asked = await liveCode(terms.key).apply({
      kind: "refund",
      amount: 990,
      reason: null,
      reverseConversion: true,
      restock: false,
    });
    expect(asked).toMatchObject({ ok: true });
    await vi.waitFor(async () =>
      expect((await orderOf(terms.key)).refunds).toMatchObject([{ amount: 990, state: "SUCCEEDED" }]),
    );
    await vi.waitFor(async () => expect(await waiting(terms.key, payment)).toEqual([]));

    const give = (number: number, amount: number) =>
      accountObject(account.id).refund({
        refund: refundId(terms.key, number),
        payment,
        transaction,
        captured: terms.total,
        amount,
        currency: terms.currency,
      });
    for (let time = 0; time < 3; time += 1) {
      await evictAllDurableObjects();
      expect(await give(1, 990)).toEqual({ ok: true, value: { state: "SUCCEEDED" } });
    }
    const posted = await runInDurableObject(walletObject(terms.key), (wallet: SandboxWallet) =>
      vi.spyOn(wallet as unknown as { post: (notification: { body: string }) => Promise<number> }, "post"),
    );
    expect(await give(2, 1001)).toEqual({ ok: true, value: { state: "FAILED" } });
    expect(await give(3, 1000)).toEqual({ ok: true, value: { state: "SUCCEEDED" } });
    expect(await give(4, 1)).toEqual({ ok: true, value: { state: "FAILED" } });
    const told = await runInDurableObject(walletObject(terms.key), () =>
      posted.mock.calls.map(([{ body }]) => JSON.parse(body) as Record<string, unknown>),
    );
    expect(told).toMatchObject([
      {
        type: "refund.succeeded",
        payment,
        order: `order_${terms.key}`,
        transaction,
        amount: 1000,
        currency: "CNY",
        refund: refundId(terms.key, 3),
      },
    ]);
  });

  it("gives back what was told of by notification only, such as a second payment of a paid order", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    await tell(account, notice(terms, { transaction: "A" }));
    await tell(account, notice(terms, { transaction: "B" }));
    await vi.waitFor(async () => {
      const order = await orderOf(terms.key);
      expect(order.captures).toMatchObject([{ disposition: "ACCEPTED" }, { disposition: "DUPLICATE" }]);
      expect(order.refunds).toMatchObject([
        { capture: "SANDBOX:B", amount: 1990, state: "SUCCEEDED", automatic: true },
      ]);
    });
  });

  it("keeps no secret of any account", async () => {
    const { account, terms, payment } = await scene();
    await pay(payment, { delaySeconds: "600" });
    const dump = await runInDurableObject(walletObject(terms.key), (_: SandboxWallet, { storage }) =>
      JSON.stringify(
        ["payments", "refunds", "notifications"].map((table) => storage.sql.exec(`SELECT * FROM ${table}`).toArray()),
      ),
    );
    expect(dump).toContain(account.id);
    expect(dump).not.toContain(account.secret);
    expect(dump).not.toContain(account.secret.slice(8));
    expect(origin).toBe("https://pay.example");
  });
});
