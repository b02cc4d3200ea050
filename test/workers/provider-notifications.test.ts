/**
 * The same trials for every real provider, at its public door: what is forged changes nothing, what is true is filed, however often, late or out of
 * order it comes. Each provider's own words are tried beside its port (test/unit/payments).
 */
import { env, exports } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { refundedOf } from "../../src/core/amounts.ts";
import { paymentId, refundId, type OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import type { OrderTerms } from "../../src/core/order.ts";
import { stateOf } from "../../src/core/state.ts";
import type { PaymentAccountProtocol } from "../../src/durable/protocol.ts";
import { inBeijing } from "../../src/payments/alipay-api.ts";
import { alipayBench } from "../providers/alipay-bench.ts";
import { stripeBench } from "../providers/stripe-bench.ts";
import { sealedNews, transactionOf, wechatBench } from "../providers/wechat-pay-bench.ts";
import type { ProviderBench, ProviderMessage, ToldPayment } from "../provider-contract.ts";
import { liveCode, newAccountId, newMerchantId, orderOf, origin } from "./payment-scene.ts";
import { randomKey, someTerms } from "./terms.ts";

type AnyBench = ProviderBench<unknown>;
const alipay = alipayBench();
const benches: readonly (readonly [string, AnyBench, string])[] = [
  ["Stripe", stripeBench(), `{"ok":true}`],
  ["WeChat Pay", wechatBench(), ""],
  ["Alipay", alipay, "success"],
];

// What is true comes by notification: only Alipay is asked about it, which knows nothing of what was not paid there.
const atAlipay = (request: Request): Promise<Response> => {
  if (new URL(request.url).host !== "openapi.alipay.com") throw new TypeError("nobody answers");
  return alipay.server.handle(request);
};
const answering = (answer: (request: Request) => Promise<Response>) =>
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => answer(new Request(input, init)));
beforeEach(() => void answering(atAlipay));
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function open({ port, credentials }: AnyBench, fields: Partial<OrderTerms> = {}) {
  const { provider } = port;
  const [id, merchantId] = [newAccountId(), newMerchantId()];
  const account = env.PAYMENT_ACCOUNT.getByName(id) as unknown as PaymentAccountProtocol;
  await account.open({ id, merchantId, provider, name: provider, credentials });
  const terms = someTerms(merchantId, { accounts: [{ id, provider }], ...fields });
  expect(await liveCode(terms.key).place(terms, "fingerprint")).toMatchObject({ kind: "placed" });
  const told = (more: Partial<ToldPayment> = {}): ToldPayment => ({
    order: terms.key,
    payment: paymentId(terms.key, 1),
    transaction: "4200001",
    amount: terms.total,
    currency: terms.currency,
    paidAt: Date.now() - 1000,
    person: "person-1",
    ...more,
  });
  return { id, terms, account, told, path: `/payments/${provider.toLowerCase()}/${id}/notifications` };
}
const send = (path: string, { headers, body }: ProviderMessage): Promise<Response> =>
  exports.default.fetch(new Request(origin + path, { method: "POST", headers, body: Buffer.from(body) }));
const stateNow = async (key: OrderKey) => stateOf(await orderOf(key), Date.now());

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** Signed with the right key, but for another merchant, app or seller: refused, or, where one endpoint hears of everything, passed over. */
const othersMoney: Readonly<Record<string, (told: ToldPayment) => readonly (readonly [number, Uint8Array])[]>> = {
  STRIPE: (told) => {
    const event = JSON.parse(new TextDecoder().decode(stripeBench().succeeded(told))) as {
      data: { object: { metadata: object } };
    };
    Object.assign(event.data.object.metadata, { account: "account_OTHER" });
    return [[200, bytes(JSON.stringify(event))]];
  },
  WECHAT_PAY: (told) =>
    [{ mchid: "1900000999" }, { appid: "wxffffffffffffffff" }].map((other) => [
      403,
      bytes(sealedNews("TRANSACTION.SUCCESS", { ...transactionOf(told), ...other })),
    ]),
  ALIPAY: (told) =>
    [
      ["seller_id", "2088999999999999"],
      ["app_id", "2021999999999999"],
    ].map(([name = "", value = ""]) => {
      const fields = new URLSearchParams(new TextDecoder().decode(alipayBench().succeeded(told)));
      fields.set(name, value);
      return [403, bytes(fields.toString())];
    }),
};

describe.each(benches)("news from %s", (_name, bench, thanks) => {
  const signed = (body: Uint8Array, by = bench.credentials): ProviderMessage => bench.sign(body, by, Date.now());

  it("that is forged, changed on the way, or too long is refused, and nothing is changed by it", async () => {
    const { terms, told, path, account } = await open(bench);
    const before = await orderOf(terms.key);
    const body = bench.succeeded(told());
    const good = signed(body);
    const at = good.body.length - 1;
    const forgeries: readonly (readonly [number, ProviderMessage])[] = [
      [401, signed(body, bench.strangers)],
      [401, { headers: new Headers(), body }],
      [401, { ...good, body: good.body.with(at, (good.body[at] ?? 0) ^ 1) }],
      [401, { ...good, body: new Uint8Array(0) }],
      [413, { ...good, body: Buffer.concat([good.body, Buffer.alloc(limits.notificationBytesMax)]) }],
    ];
    for (const [status, message] of forgeries) {
      const answer = await send(path, message);
      expect([answer.status, (await answer.text()) === thanks]).toEqual([status, false]);
    }
    expect(await orderOf(terms.key)).toEqual(before);
    expect(await account.unmatched()).toEqual([]);
    // At another provider's door, or an invented account's, even what is good is nothing.
    const elsewhere = path.replace(/^\/payments\/\w+/, "/payments/sandbox");
    expect((await send(elsewhere, good)).status).toBe(404);
    expect((await send(path.replace(/account_\w/, "account_Z"), good)).status).toBe(404);
    expect(await orderOf(terms.key)).toEqual(before);
  });

  it.skipIf(bench.exempt?.signedTime)("that is signed, and dated too long ago or ahead, is refused", async () => {
    const { terms, told, path } = await open(bench);
    const skew = limits.notificationSkewMs + 5_000;
    for (const off of [-skew, skew, 99_999_000]) {
      const message = bench.sign(bench.succeeded(told()), bench.credentials, Date.now() + off);
      expect((await send(path, message)).status).toBe(401);
    }
    expect(await orderOf(terms.key)).toMatchObject({ captures: [], paid: null });
  });

  it("that is truly the provider's, and about another account's money, changes nothing", async () => {
    const { terms, told, path, account } = await open(bench);
    for (const [status, body] of othersMoney[bench.port.provider]?.(told()) ?? []) {
      const answer = await send(path, signed(body));
      expect([answer.status, (await answer.text()) === thanks]).toEqual([status, status === 200]);
    }
    expect(await orderOf(terms.key)).toMatchObject({ captures: [], paid: null });
    expect(await account.unmatched()).toEqual([]);
  });

  it("of a payment pays once, however many copies come at once or later, and thanks for each alike", async () => {
    const { id, terms, told, path } = await open(bench);
    const body = bench.succeeded(told());
    const answers = await Promise.all(Array.from({ length: 20 }, () => send(path, signed(body))));
    await evictDurableObject(env.PAYMENT_ACCOUNT.getByName(id));
    answers.push(await send(path, signed(body)));
    for (const answer of answers) expect([answer.status, await answer.text()]).toEqual([200, thanks]);
    const order = await orderOf(terms.key);
    expect(order.captures).toMatchObject([{ transaction: "4200001", amount: terms.total, disposition: "ACCEPTED" }]);
    expect(order.conversion).toMatchObject({ payer: { provisional: false } });
  });

  it("of too little leaves the order open for the rest, and a payment on top is another payment", async () => {
    const { terms, told, path } = await open(bench);
    const part = 990;
    await send(path, signed(bench.succeeded(told({ amount: part, transaction: "T1" }))));
    expect(await orderOf(terms.key)).toMatchObject({ paid: null, conversion: null });
    await send(path, signed(bench.succeeded(told({ amount: terms.total - part, transaction: "T2" }))));
    expect(await stateNow(terms.key)).toBe("PAID");
    await send(path, signed(bench.succeeded(told({ transaction: "T3" }))));
    const { captures, refunds } = await orderOf(terms.key);
    expect(captures.map(({ disposition }) => disposition)).toEqual(["ACCEPTED", "ACCEPTED", "DUPLICATE"]);
    expect(refunds).toMatchObject([{ capture: `${bench.port.provider}:T3`, amount: terms.total, automatic: true }]);
  });

  it("of another amount for the same transaction lets the first stand, and needs a person while nothing is paid", async () => {
    const { terms, told, path } = await open(bench);
    await send(path, signed(bench.succeeded(told({ amount: 990 }))));
    await send(path, signed(bench.succeeded(told({ amount: 991 }))));
    expect(await orderOf(terms.key)).toMatchObject({
      captures: [{ amount: 990, conflict: 991, disposition: "REVIEW" }],
      paid: null,
    });
  });

  it("of money in another currency than the order's waits for a person", async () => {
    const { terms, told, path } = await open(bench, { currency: "JPY" as Currency });
    expect((await send(path, signed(bench.succeeded(told({ currency: "CNY" as Currency }))))).status).toBe(200);
    expect(await stateNow(terms.key)).toBe("REVIEW");
  });

  it("of money for an order that nobody knows is kept for a person to see, once", async () => {
    const { told, path, account } = await open(bench);
    const order = randomKey();
    const body = bench.succeeded(told({ order, payment: paymentId(order, 1) }));
    for (let copy = 0; copy < 2; copy += 1) expect((await send(path, signed(body))).status).toBe(200);
    expect(await account.unmatched()).toMatchObject([{ transaction: "4200001", amount: 1990 }]);
  });

  it("of money taken back at the provider goes to the order that has the money, also when a person gave it to it", async () => {
    const { id, terms, told, path, account } = await open(bench);
    await send(path, signed(bench.succeeded(told())));
    await evictDurableObject(env.PAYMENT_ACCOUNT.getByName(id));
    for (let copy = 0; copy < 2; copy += 1) await send(path, signed(bench.refunded(told(), "desk-refund-1")));
    const order = await orderOf(terms.key);
    expect(order.refunds).toMatchObject([{ state: "SUCCEEDED", amount: terms.total }]);
    expect(order.conversion).toMatchObject({ state: "REVERSED" });

    const [given, nobody] = [await open(bench), randomKey()];
    const lost = given.told({ order: nobody, payment: paymentId(nobody, 1), transaction: "4200002" });
    await send(given.path, signed(bench.succeeded(lost)));
    const [kept] = await given.account.unmatched();
    const { key, merchant } = given.terms;
    expect(await given.account.assignUnmatched(kept?.id ?? "", merchant.id, key)).toMatchObject({ ok: true });
    await send(given.path, signed(bench.refunded(lost, "desk-refund-2")));
    expect((await orderOf(key)).refunds).toMatchObject([{ state: "SUCCEEDED", amount: given.terms.total }]);
    expect(await account.unmatched()).toEqual([]);
  });

  it("of a refund that comes before its payment takes effect with it", async () => {
    const { id, terms, told, path } = await open(bench);
    const back = refundId(terms.key, 1);
    const theirs = back.replace(/refund_.*/, "desk-refund-1");
    for (let copy = 0; copy < 2; copy += 1)
      expect((await send(path, signed(bench.refunded(told(), theirs)))).status).toBe(200);
    expect(await orderOf(terms.key)).toMatchObject({ captures: [], paid: null });
    await evictDurableObject(env.PAYMENT_ACCOUNT.getByName(id));
    await send(path, signed(bench.succeeded(told())));
    // One that names no order, as Stripe's do, has waited with the account.
    await runDurableObjectAlarm(env.PAYMENT_ACCOUNT.getByName(id));
    const order = await orderOf(terms.key);
    expect(order.paid).not.toBeNull();
    expect(order.refunds).toMatchObject([{ state: "SUCCEEDED", amount: terms.total }]);
    expect(order.conversion).toMatchObject({ state: "REVERSED" });
  });
});

describe("refunds made at Alipay's own desk", () => {
  const bench = alipay;
  /** Alipay tells all that went back of the trade so far, whichever refund it tells of. */
  const back = (payment: ToldPayment, refund: string, soFar: string): ProviderMessage => {
    const fields = new URLSearchParams(new TextDecoder().decode(bench.refunded(payment, refund)));
    fields.set("trade_status", "TRADE_SUCCESS");
    fields.set("refund_fee", soFar);
    return bench.sign(new TextEncoder().encode(fields.toString()), bench.credentials, Date.now());
  };
  const amounts = async (key: OrderKey) => {
    const { refunds } = await orderOf(key);
    return refunds.map(({ amount, state }) => [amount, state]);
  };

  /** An order that was paid on Alipay's page. */
  const paidOn = async () => {
    const shop = await open(bench);
    const { id, terms, account, path } = shop;
    const begun = await liveCode(terms.key).apply({ kind: "begin", claimant: "browser", account: id });
    if (!begun.found || !begun.ok) throw new Error("the order could not be begun to be paid");
    const payment = begun.order.attempts[0]?.id ?? "";
    const made = await account.begin({
      payment,
      order: terms.key,
      amount: terms.total,
      currency: terms.currency,
      description: "Tea",
      returnUrl: origin,
      notificationUrl: origin + path,
      expiresAt: terms.expiresAt,
    });
    if (!made.ok || !("redirectUrl" in made.value)) throw new Error("no page to pay at");
    bench.server.open(made.value.redirectUrl);
    const hears = (body: string) => send(path, { headers: new Headers(), body: bytes(body) });
    expect((await hears(bench.server.pay(payment))).status).toBe(200);
    return { ...shop, payment, hears };
  };
  const giveBack = { kind: "refund", amount: 500, reason: null, reverseConversion: true, restock: false } as const;

  it("count once what went back by one of ours whose outcome nobody knows yet, before or after them", async () => {
    for (const isFirst of [true, false]) {
      const { id, terms, payment, hears } = await paidOn();
      const ours = async (): Promise<void> => {
        // Alipay does it, and its answer is lost.
        answering(async (request) => {
          await atAlipay(request);
          throw new TypeError("the line broke");
        });
        await liveCode(terms.key).apply(giveBack);
        await vi.waitFor(() => expect(bench.server.refunds.has(refundId(terms.key, 1))).toBe(true));
        answering(atAlipay);
      };
      if (isFirst) await ours();
      const told = bench.server.giveBack(payment, "3.00", `desk-${payment}`);
      if (!isFirst) await ours();
      await evictDurableObject(env.PAYMENT_ACCOUNT.getByName(id));
      for (let copy = 0; copy < 2; copy += 1) expect((await hears(told)).status).toBe(200);
      await runDurableObjectAlarm(env.LIVE_CODE.getByName(terms.key));
      await vi.waitFor(async () =>
        expect((await amounts(terms.key)).toSorted(([a], [b]) => Number(a) - Number(b))).toEqual([
          [300, "SUCCEEDED"],
          [500, "SUCCEEDED"],
        ]),
      );
    }
  });

  it("are told again while Alipay does not say how much went back by one, and count that, also under the payment's own number", async () => {
    const { terms, payment, hears } = await paidOn();
    const [first, second] = [bench.server.giveBack(payment, "3.00", "desk-a"), bench.server.giveBack(payment, "4.00")];
    answering(() => Promise.reject(new TypeError("nobody answers")));
    const refused = await hears(second);
    expect([refused.status, await refused.text()]).toEqual([503, "fail"]);
    expect(await amounts(terms.key)).toEqual([]);
    answering(atAlipay);
    for (const body of [second, first, second]) expect((await hears(body)).status).toBe(200);
    expect(await amounts(terms.key)).toEqual([
      [400, "SUCCEEDED"],
      [300, "SUCCEEDED"],
    ]);
    // No two things of an order have one name.
    const { attempts, refunds } = await orderOf(terms.key);
    expect(new Set([...attempts, ...refunds].map(({ id }) => id)).size).toBe(3);
  });

  /** Of a refund that was made then, of which Alipay knows nothing when it is asked. */
  const untraced = (payment: string, refund: string, soFar: string, gone: number): string =>
    bench.server.notificationOf(bench.server.trade(payment), {
      out_biz_no: refund,
      refund_fee: soFar,
      gmt_refund: `${inBeijing(gone)}.250`,
    });

  it("of which Alipay knows nothing count beside one of ours that was made after them and heard of before", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { terms, payment, hears } = await paidOn();
    vi.setSystemTime(Date.now() + 10_000);
    const told = untraced(payment, "desk-x", "2.00", Date.now() - 5_000);
    expect((await hears(told)).status).toBe(503);
    vi.setSystemTime(Date.now() + 60_000);
    await liveCode(terms.key).apply({ ...giveBack, amount: 300 });
    await vi.waitFor(async () => expect(await amounts(terms.key)).toEqual([[300, "SUCCEEDED"]]));
    vi.setSystemTime(Date.now() + 180_000);
    for (let copy = 0; copy < 2; copy += 1) expect((await hears(told)).status).toBe(200);
    expect(await amounts(terms.key)).toEqual([
      [300, "SUCCEEDED"],
      [200, "SUCCEEDED"],
    ]);
    // A later total holds both, and adds what is new.
    vi.setSystemTime(Date.now() + 120_000);
    const later = untraced(payment, "desk-y", "9.00", Date.now() - 90_000);
    for (const body of [later, told, later]) expect((await hears(body)).status).toBe(200);
    expect(refundedOf(await orderOf(terms.key))).toBe(900);
  });

  it("are taken as they are told once Alipay has not answered for an hour, since it tells for a day only", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const { terms, payment, hears } = await paidOn();
    const told = untraced(payment, "desk-z", "2.00", Date.now());
    answering(() => Promise.reject(new TypeError("nobody answers")));
    vi.setSystemTime(Date.now() + limits.alipayRefundUnansweredMs - 1_000);
    expect((await hears(told)).status).toBe(503);
    vi.setSystemTime(Date.now() + 2_000);
    for (let copy = 0; copy < 2; copy += 1) expect((await hears(told)).status).toBe(200);
    expect(await amounts(terms.key)).toEqual([[200, "SUCCEEDED"]]);
  });

  it("are asked about once, however often they are told of, and not told again once they count, though Alipay is away", async () => {
    const { id, terms, payment, path, told, account, hears } = await paidOn();
    const nobody = randomKey();
    const lost = told({ order: nobody, payment: paymentId(nobody, 1), transaction: "4200010" });
    await send(path, bench.sign(bench.succeeded(lost), bench.credentials, Date.now()));
    await send(path, back(lost, "desk-9", "5.00"));
    const desk = bench.server.giveBack(payment, "3.00", `desk-${payment}`);
    await hears(desk);
    await evictDurableObject(env.PAYMENT_ACCOUNT.getByName(id));
    let asked = 0;
    answering(() => Promise.reject(new TypeError(`nobody answers ${(asked += 1)}`)));
    for (let copy = 0; copy < 20; copy += 1) {
      expect((await hears(desk)).status).toBe(200);
      expect((await send(path, back(lost, "desk-9", "5.00"))).status).toBe(200);
    }
    expect(asked).toBe(0);
    expect(await amounts(terms.key)).toEqual([[300, "SUCCEEDED"]]);
    expect(await account.unmatched()).toMatchObject([{ returned: 500 }]);
  });

  it("count what each gave back, beside ours, told twice and in any order", async () => {
    const { terms, told, path, account } = await open(bench);
    await send(path, bench.sign(bench.succeeded(told()), bench.credentials, Date.now()));
    for (let copy = 0; copy < 2; copy += 1) await send(path, back(told(), "desk-1", "5.00"));
    const asked = { kind: "refund", amount: 400, reason: null, reverseConversion: true, restock: false } as const;
    expect(await liveCode(terms.key).apply(asked)).toMatchObject({ ok: true });
    for (const [refund, soFar] of [
      [refundId(terms.key, 2), "9.00"],
      ["desk-2", "12.00"],
      ["desk-1", "5.00"],
      ["desk-2", "12.00"],
    ] as const)
      expect((await send(path, back(told(), refund, soFar))).status).toBe(200);
    expect(await amounts(terms.key)).toEqual([
      [500, "SUCCEEDED"],
      [400, "SUCCEEDED"],
      [300, "SUCCEEDED"],
    ]);

    const late = await open(bench);
    await send(late.path, bench.sign(bench.succeeded(late.told()), bench.credentials, Date.now()));
    for (const [refund, soFar] of [
      ["desk-2", "12.00"],
      ["desk-1", "5.00"],
    ] as const)
      await send(late.path, back(late.told(), refund, soFar));
    expect(await amounts(late.terms.key)).toEqual([[1200, "SUCCEEDED"]]);

    // Of money that no order has, alike.
    const nobody = randomKey();
    const lost = told({ order: nobody, payment: paymentId(nobody, 1), transaction: "4200009" });
    await send(path, bench.sign(bench.succeeded(lost), bench.credentials, Date.now()));
    for (const [refund, soFar] of [
      ["desk-9", "12.00"],
      ["desk-8", "5.00"],
    ] as const)
      await send(path, back(lost, refund, soFar));
    expect(await account.unmatched()).toMatchObject([{ amount: 1990, returned: 1200, state: "WAITING" }]);
  });
});
