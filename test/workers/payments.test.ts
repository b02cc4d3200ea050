/** What the wallet tells: believed only when signed, acknowledged only when committed, never lost and never counted twice. */
import { createHmac } from "node:crypto";
import { env } from "cloudflare:workers";
import { evictAllDurableObjects, listDurableObjectIds, runInDurableObject } from "cloudflare:test";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { orderId, paymentId, refundId } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import { stateOf } from "../../src/core/state.ts";
import { sandboxWallet } from "../../src/durable/sandbox-wallet.ts";
import { sandboxPort, type SandboxCredentials } from "../../src/payments/sandbox.ts";
import { benchAccount, providerContract, type ToldPayment } from "../provider-contract.ts";
import {
  accountObject,
  beginPayment,
  keys,
  liveCode,
  newAccountId,
  newMerchantId,
  notice,
  openAccount,
  orderOf,
  placeOrder,
  post,
  signature,
  tell,
  visit,
} from "./payment-scene.ts";
import { randomKey, someCapture } from "./terms.ts";

const decision = { payer: { id: "person-1" }, amount: null, notifications: 0, delayMs: 0, paidAt: null };
const walletOf = (payment: string) => sandboxWallet(env, randomKeyOf(payment));
const randomKeyOf = (payment: string) => payment.slice("payment_".length, -4) as ReturnType<typeof randomKey>;
const bodyOf = (
  type: string,
  { payment, order, transaction, amount, currency, paidAt, person }: ToldPayment,
  more = {},
) =>
  new TextEncoder().encode(
    JSON.stringify({
      id: "evt_1",
      type,
      payment,
      order: orderId(order),
      transaction,
      amount,
      currency,
      paidAt: new Date(paidAt).toISOString(),
      payer: { id: person },
      ...more,
    }),
  );

// The wallet tells of refunds, and asks this account to sign.
beforeAll(async () => {
  const credentials = { secret: "sandbox_the-account's-own" };
  await accountObject(benchAccount).open({
    id: benchAccount,
    merchantId: newMerchantId(),
    provider: "SANDBOX",
    name: "Bench",
    credentials,
  });
});

providerContract<SandboxCredentials>("the sandbox", () => ({
  port: sandboxPort((order) => sandboxWallet(env, order)),
  credentials: { secret: "sandbox_the-account's-own" },
  strangers: { secret: "sandbox_somebody-else's" },
  unusable: [{ secret: "short" }, { secret: 12_345_678 }, { secret: "x".repeat(201) }, { Secret: "long enough" }],
  secrets: ["sandbox_the-account's-own"],
  currencies: ["JPY", "CNY", "KWD"] as Currency[],
  sign: (body, { secret }, now) => ({
    headers: new Headers({ "sandbox-signature": signature(secret, body, Math.floor(now / 1000)) }),
    body,
  }),
  succeeded: (told) => bodyOf("payment.succeeded", told),
  failed: (told) => bodyOf("payment.failed", told),
  refunded: (told, refund) => bodyOf("refund.succeeded", told, { refund }),
  pay: (payment) => walletOf(payment).decide(payment, { ...decision, outcome: "pay" }),
  decline: (payment) => walletOf(payment).decide(payment, { ...decision, outcome: "fail" }),
}));

describe("a notification", () => {
  it("pays and converts the order, on which nothing was ever begun, and says so the same way every time", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const body = JSON.stringify(notice(terms));
    for (let copy = 0; copy < 3; copy += 1) {
      await evictAllDurableObjects();
      const answer = await post(account, body, signature(account.secret, body));
      expect([answer.status, await answer.text()]).toEqual([200, '{"ok":true}']);
    }
    const order = await orderOf(terms.key);
    expect(stateOf(order, Date.now())).toBe("PAID");
    expect(order.captures).toMatchObject([
      {
        id: "SANDBOX:4200001",
        account: account.id,
        attempt: paymentId(terms.key, 1),
        amount: 1990,
        disposition: "ACCEPTED",
      },
    ]);
    expect(order.conversion).toMatchObject({
      state: "COMMITTED",
      payer: {
        provisional: false,
        name: "Li Lei",
        identities: [{ kind: "WALLET", value: "wallet-42", verified: true }],
      },
    });
  });

  it("counts once when fifty copies come at once", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const body = JSON.stringify(notice(terms));
    const header = signature(account.secret, body);
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(account, body, header)));
    const said = await Promise.all(answers.map(async (answer) => `${answer.status} ${await answer.text()}`));
    expect(new Set(said)).toEqual(new Set(['200 {"ok":true}']));
    const order = await orderOf(terms.key);
    expect(order.captures).toHaveLength(1);
    const events = await liveCode(terms.key).timeline();
    expect(events.filter(({ type }) => type === "CONVERSION_COMMITTED")).toHaveLength(1);
  });

  it("is refused unless it is signed with the account's secret, over these bytes, within five minutes", async () => {
    const [account, other] = [await openAccount(), await openAccount()];
    const terms = await placeOrder(account);
    const body = JSON.stringify(notice(terms));
    const now = Math.floor(Date.now() / 1000);
    const good = signature(account.secret, body);
    const hex = good.slice(good.indexOf("v1=") + 3);
    const refused: readonly (readonly [string, string | null, string?])[] = [
      ["missing", null],
      ["empty", ""],
      ["wrong", `t=${now},v1=${"0".repeat(64)}`],
      ["no moment", `v1=${hex}`],
      ["two moments", `t=${now},t=${now},v1=${hex}`],
      ["a moment that is no number", `t=${now}.0,v1=${hex}`],
      ["another moment than was signed", `t=${now - 1},v1=${hex}`],
      ["no signature", `t=${now}`],
      ["a short signature", `t=${now},v1=${hex.slice(0, 62)}`],
      ["another scheme", `t=${now},v0=${hex}`],
      ["a bare MAC", hex],
      ["too many signatures", `t=${now},${`v1=${hex},`.repeat(20)}v1=${hex}`],
      ["old", signature(account.secret, body, now - 302)],
      ["from the future", signature(account.secret, body, now + 302)],
      ["the other account's secret", signature(other.secret, body)],
      ["no secret", signature("", body)],
      ["tampered", good, body.replace("1990", "1991")],
      ["with a space more", good, `${body} `],
      ["with a mark before", good, `\ufeff${body}`],
    ];
    for (const [what, header, sent = body] of refused) {
      const answer = await post(account, sent, header);
      expect([what, answer.status]).toEqual([what, 401]);
    }
    // A unit of the MAC itself: the same secret, without the moment in front.
    const bare = createHmac("sha256", account.secret).update(body).digest("hex");
    expect((await post(account, body, `t=${now},v1=${bare}`)).status).toBe(401);
    expect((await orderOf(terms.key)).captures).toEqual([]);

    const accepted = [
      good,
      `t=${now},v1=${"0".repeat(64)},v1=${createHmac("sha256", account.secret).update(`${now}.${body}`).digest("hex")}`,
      good.replace(/[0-9a-f]{64}/, (mac) => mac.toUpperCase()),
      good.replace(",", ", "),
      signature(account.secret, body, now - 298),
      signature(account.secret, body, now + 298),
    ];
    for (const header of accepted) expect((await post(account, body, header)).status).toBe(200);
    expect((await orderOf(terms.key)).captures).toHaveLength(1);
  });

  it("is 400 when it is signed and cannot be read, and nothing has changed", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const whole = notice(terms);
    const without = (field: keyof typeof whole) =>
      Object.fromEntries(Object.entries(whole).filter(([name]) => name !== field));
    const unreadable: readonly unknown[] = [
      "",
      "not json",
      `${JSON.stringify(whole)}x`,
      "null",
      "[]",
      "42",
      without("type"),
      without("transaction"),
      without("amount"),
      without("currency"),
      without("paidAt"),
      ...[-1, 19.9, 0.5, "1990", null, true, limits.amountMinorMax + 1, 2 ** 53, 1e300].map((amount) => ({
        ...whole,
        amount,
      })),
      JSON.stringify(whole).replace(":1990", ":1e400"),
      ...["XXX", "cny", "", 156, null].map((currency) => ({ ...whole, currency })),
      ...[
        "yesterday",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01",
        "2026-01-01T00:00:00",
        1_700_000_000,
        null,
        "",
      ].map((paidAt) => ({ ...whole, paidAt })),
      ...["payment.nonsense", "toString", "__proto__", 1, null].map((type) => ({ ...whole, type })),
      ...["", 1, null, [], "x".repeat(201)].map((transaction) => ({ ...whole, transaction })),
      { ...whole, payment: 7 },
      { ...whole, order: { id: whole.order } },
      { ...whole, payer: "wallet-42" },
      { ...whole, payer: { id: 42 } },
      { ...whole, type: "refund.succeeded" },
    ];
    for (const body of unreadable) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const answer = await tell(account, text);
      expect([text.slice(0, 300), answer.status]).toEqual([text.slice(0, 300), 400]);
    }
    const bytes = new Uint8Array([0xff, 0xfe, 0x7b, 0x7d]);
    expect((await post(account, bytes, signature(account.secret, bytes))).status).toBe(400);
    expect((await post(account, bytes, null)).status).toBe(401);
    const order = await orderOf(terms.key);
    expect([order.captures, order.version]).toEqual([[], 1]);
    expect(await accountObject(account.id).unmatched()).toEqual([]);
  });

  it("may be large up to a bound, and says more than we know", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const padded = (length: number) => {
      const body = JSON.stringify(notice(terms, { extra: "" }));
      return body.replace('"extra":""', `"extra":"${"x".repeat(length - body.length)}"`);
    };
    const tooLarge = padded(limits.notificationBytesMax + 1);
    expect((await tell(account, tooLarge)).status).toBe(413);
    const stream = new Blob([tooLarge]).stream();
    expect((await post(account, stream, signature(account.secret, tooLarge))).status).toBe(413);
    expect((await orderOf(terms.key)).captures).toEqual([]);
    expect((await tell(account, padded(limits.notificationBytesMax))).status).toBe(200);
    expect((await orderOf(terms.key)).captures).toHaveLength(1);
  });

  it("meets a closed door, and wakes nobody, at an address that was made up", async () => {
    const account = await openAccount();
    const body = JSON.stringify(notice(await placeOrder(account)));
    const before = await listDurableObjectIds(env.PAYMENT_ACCOUNT);
    const madeUp = [
      "account_",
      "account_0123456789",
      `account_${account.id.slice(8, -1)}${account.id.endsWith("0") ? "1" : "0"}`,
      "merchant_1",
      account.id.slice(8),
      account.id.toLowerCase(),
    ];
    for (const id of madeUp) expect((await post({ id }, body, signature(account.secret, body))).status).toBe(404);
    expect(await listDurableObjectIds(env.PAYMENT_ACCOUNT)).toHaveLength(before.length);

    const neverOpened = newAccountId();
    expect((await post({ id: neverOpened }, body, signature(account.secret, body))).status).toBe(404);
    const rows = await runInDurableObject(
      accountObject(neverOpened),
      (_, { storage }) => [...storage.kv.list()].length,
    );
    expect(rows).toBe(0);
    for (const provider of ["stripe", "SANDBOX", "manual", "wechat_pay"])
      expect((await post(account, body, signature(account.secret, body), provider)).status).toBe(404);
    expect((await visit(`/payments/sandbox/${account.id}/notifications`)).status).toBeGreaterThanOrEqual(404);
  });

  it("finds its order by either id, and money for neither is kept for a person to see", async () => {
    const account = await openAccount();
    const [byOrder, byPayment, byBoth] = [
      await placeOrder(account),
      await placeOrder(account),
      await placeOrder(account),
    ];
    await tell(account, notice(byOrder, { payment: undefined, transaction: "A" }));
    await tell(account, notice(byPayment, { order: undefined, transaction: "B" }));
    await tell(account, notice(byBoth, { order: orderId(randomKey()), transaction: "C" }));
    for (const { key } of [byOrder, byPayment, byBoth]) expect((await orderOf(key)).paid).not.toBeNull();

    const nowhere = { key: randomKey(), total: 700, currency: "CNY" as Currency };
    const lost = [
      notice(nowhere, { transaction: "D" }),
      notice(nowhere, { transaction: "E", order: "order_of another shop", payment: "pay_1" }),
      notice(nowhere, { transaction: "F", order: null, payment: undefined, payer: null }),
    ];
    for (const body of [...lost, ...lost]) expect((await tell(account, body)).status).toBe(200);
    await evictAllDurableObjects();
    const kept = await accountObject(account.id).unmatched();
    expect(Object.fromEntries(kept.map(({ transaction, amount }) => [transaction, amount]))).toEqual({
      D: 700,
      E: 700,
      F: 700,
    });
    expect(kept).toHaveLength(3);
    // Another amount later does not change what was kept.
    await tell(account, notice(nowhere, { transaction: "D", amount: 1 }));
    expect((await accountObject(account.id).unmatched()).find(({ transaction }) => transaction === "D")?.amount).toBe(
      700,
    );
  });

  it("of more money than its order can take is kept by the account, and the order waits for it no longer", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    for (let number = 0; number < limits.capturesPerOrderMax; number += 1)
      await liveCode(terms.key).apply(
        someCapture(terms, { account: account.id, transaction: `T${number}`, amount: 1 }),
      );
    await beginPayment(account, terms);
    expect((await tell(account, notice(terms, { transaction: "LAST" }))).status).toBe(200);
    expect(await accountObject(account.id).unmatched()).toMatchObject([{ transaction: "LAST" }]);
    expect((await orderOf(terms.key)).attempts).toMatchObject([{ state: "SUCCEEDED" }]);
  });

  it("speaks for its own merchant's orders only", async () => {
    const [mine, theirs] = [await openAccount(), await openAccount()];
    const terms = await placeOrder(theirs);
    const before = await orderOf(terms.key);
    expect((await tell(mine, notice(terms))).status).toBe(200);
    expect((await tell(mine, notice(terms, { type: "payment.failed" }))).status).toBe(200);
    expect(await orderOf(terms.key)).toEqual(before);
    expect(await accountObject(mine.id).unmatched()).toHaveLength(1);
    expect(await accountObject(theirs.id).unmatched()).toEqual([]);
  });

  it("of another account of the same merchant brings the money to review, not to PAID", async () => {
    const account = await openAccount();
    const second = await openAccount(account.merchantId);
    const terms = await placeOrder(account);
    expect((await tell(second, notice(terms))).status).toBe(200);
    expect(stateOf(await orderOf(terms.key), Date.now())).toBe("REVIEW");
  });

  it("of failure and of refunds finds its way, early or late, and is of no consequence where it has none", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const attempt = await liveCode(terms.key).apply({ kind: "begin", claimant: "browser", account: account.id });
    expect(attempt).toMatchObject({ ok: true });
    expect(
      (
        await tell(account, {
          id: "evt_1",
          type: "payment.failed",
          payment: paymentId(terms.key, 1),
          order: orderId(terms.key),
        })
      ).status,
    ).toBe(200);
    expect((await orderOf(terms.key)).attempts).toMatchObject([{ state: "FAILED" }]);
    await tell(account, notice(terms, { type: "refund.succeeded", refund: "R-1", amount: 90 }));
    await tell(account, notice(terms));
    const refund = notice(terms, { type: "refund.succeeded", refund: "R-1", amount: 90 });
    for (const body of [refund, refund]) expect((await tell(account, body)).status).toBe(200);
    const order = await orderOf(terms.key);
    expect(order.paid).not.toBeNull();
    expect(order.attempts).toMatchObject([{ state: "SUCCEEDED" }]);
    expect(order.refunds).toMatchObject([{ id: "R-1", capture: "SANDBOX:4200001", amount: 90, state: "SUCCEEDED" }]);

    const nowhere = { key: randomKey(), total: 1, currency: "CNY" as Currency };
    expect((await tell(account, notice(nowhere, { type: "payment.failed" }))).status).toBe(200);
    expect((await tell(account, { type: "payment.failed" })).status).toBe(200);
    expect(
      (await tell(account, notice(nowhere, { type: "refund.failed", refund: refundId(nowhere.key, 1) }))).status,
    ).toBe(200);
    expect(await accountObject(account.id).unmatched()).toEqual([]);
  });

  it("is not acknowledged while the live code cannot be reached", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const unreachable = vi.spyOn(env.LIVE_CODE, "getByName").mockImplementation(() => {
      throw new Error("unreachable");
    });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = await tell(account, notice(terms));
    unreachable.mockRestore();
    silent.mockRestore();
    expect([answer.status, await answer.json()]).toEqual([503, { ok: false, error: "UNAVAILABLE" }]);
    expect((await tell(account, notice(terms))).status).toBe(200);
    expect((await orderOf(terms.key)).captures).toHaveLength(1);
  });

  it("needs no database", async () => {
    const account = await openAccount();
    const terms = await placeOrder(account);
    const down = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1 is down");
    });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = await tell(account, notice(terms));
    expect(answer.status).toBe(200);
    expect((await orderOf(terms.key)).conversion).toMatchObject({ state: "COMMITTED" });
    down.mockRestore();
    silent.mockRestore();
  });
});

describe("the payer", () => {
  it("is the same customer of a merchant by the same wallet, another one elsewhere, and known by a verified phone or address without a wallet", async () => {
    const account = await openAccount();
    const elsewhere = await openAccount();
    const paidBy = async (payer: unknown, at = account) => {
      const terms = await placeOrder(at);
      await tell(at, notice(terms, { payer, transaction: crypto.randomUUID() }));
      return (await orderOf(terms.key)).conversion!.payer;
    };
    const first = await paidBy({ id: "wallet-42", name: "Li Lei", phone: "+86 138-0013-8000" });
    expect(first.identities).toEqual([
      { kind: "WALLET", value: "wallet-42", verified: true },
      { kind: "PHONE", value: "+8613800138000", verified: true },
    ]);
    expect((await paidBy({ id: "wallet-42" })).customerId).toBe(first.customerId);
    expect((await paidBy({ id: "wallet-42" }, elsewhere)).customerId).not.toBe(first.customerId);
    expect((await paidBy({ id: "wallet-43" })).customerId).not.toBe(first.customerId);

    const byPhone = await paidBy({ phone: "0086 (138) 0013 8000", email: "not an address" });
    expect(byPhone).toMatchObject({ provisional: false, identities: [{ kind: "PHONE", value: "+8613800138000" }] });
    expect(byPhone.customerId).toBe(
      keys.customer(account.merchantId, { kind: "PHONE", value: "+8613800138000", verified: true }),
    );
    expect(await paidBy({ email: " Li@Example.COM " })).toMatchObject({
      provisional: false,
      identities: [{ kind: "EMAIL", value: "li@example.com" }],
    });

    for (const nobody of [undefined, null, {}, { id: "" }, { name: "Li Lei" }]) {
      const [one, another] = [await paidBy(nobody), await paidBy(nobody)];
      expect([one.provisional, another.provisional]).toEqual([true, true]);
      expect(one.customerId).not.toBe(another.customerId);
    }
  });
});

describe("an account", () => {
  it("keeps its secret sealed: in no row, in no answer, and readable only in its own place", async () => {
    const account = await openAccount();
    await tell(
      account,
      notice(
        { key: randomKey(), total: 1, currency: "CNY" as Currency },
        { payer: { id: "wallet-42", phone: "+8613800138000" } },
      ),
    );
    await evictAllDurableObjects();
    const dump = await runInDurableObject(accountObject(account.id), (_, { storage }) =>
      JSON.stringify([...storage.kv.list()]),
    );
    expect(dump).toContain("4200001");
    for (const secret of [
      account.secret,
      account.secret.slice(8),
      Buffer.from(account.secret).toString("base64").slice(4, 30),
      Buffer.from(account.secret).toString("hex"),
      "138001",
    ])
      expect(dump).not.toContain(secret);
    const summary = await accountObject(account.id).summary();
    expect(summary).toEqual({
      id: account.id,
      merchantId: account.merchantId,
      provider: "SANDBOX",
      name: "Sandbox",
      enabled: true,
      fingerprints: [expect.stringMatching(/^sha256:[0-9a-f]{8}$/)],
    });

    // The sealed text of one account does not open as another's.
    const other = await openAccount();
    const sealed = await runInDurableObject(
      accountObject(account.id),
      (_, { storage }) => storage.kv.get<{ sealed: string }>("account")!.sealed,
    );
    await evictAllDurableObjects();
    await runInDurableObject(accountObject(other.id), async (instance, { storage }) => {
      storage.kv.put("account", { ...storage.kv.get<object>("account"), sealed });
      await expect(instance.summary()).rejects.toThrow(/Authentication failed/);
    });
  });

  it("is opened once: a second opening changes nothing", async () => {
    const account = await openAccount();
    const again = await accountObject(account.id).open({
      id: account.id,
      merchantId: newMerchantId(),
      provider: "SANDBOX",
      name: "Other",
      credentials: { secret: "another secret" },
    });
    expect(again).toMatchObject({ merchantId: account.merchantId, name: "Sandbox" });
    const terms = await placeOrder(account);
    expect((await tell(account, notice(terms))).status).toBe(200);
  });

  it("that was never opened answers everything, and writes nothing", async () => {
    const id = newAccountId();
    const never = accountObject(id);
    const key = randomKey();
    expect(await never.summary()).toBeNull();
    expect(await never.unmatched()).toEqual([]);
    expect(await never.signAsSandbox("{}")).toBeNull();
    expect(await never.query(paymentId(key, 1))).toMatchObject({ ok: false, error: { reason: "REFUSED" } });
    expect(await never.close(paymentId(key, 1))).toMatchObject({ ok: false });
    expect(
      await never.refund({
        refund: refundId(key, 1),
        payment: null,
        transaction: "T",
        captured: 1,
        amount: 1,
        currency: "CNY" as Currency,
      }),
    ).toMatchObject({ ok: false });
    expect(await runInDurableObject(never, (_, { storage }) => [...storage.kv.list()].length)).toBe(0);
  });
});
