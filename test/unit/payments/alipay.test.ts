/** Alipay's port against the official SDK: it verifies the notifications here, and makes the links and calls that ours must equal. */
import { createServer } from "node:http";
import { AlipaySdk } from "alipay-sdk";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { paymentId, refundId } from "../../../src/core/ids.ts";
import type { Currency } from "../../../src/core/money.ts";
import { limits } from "../../../src/core/limits.ts";
import { authorization, fromBeijing, inBeijing } from "../../../src/payments/alipay-api.ts";
import { inYuan, newsOfTrade, returnedBy } from "../../../src/payments/alipay-news.ts";
import { alipayPort as port } from "../../../src/payments/alipay.ts";
import type { Scene } from "../../../src/core/order.ts";
import type { PayerDevice, PaymentRequest } from "../../../src/payments/provider.ts";
import { providerContract } from "../../provider-contract.ts";
import { signAsAlipay } from "../../providers/alipay.ts";
import {
  alipayBench,
  alipayCredentials as credentials,
  alipayKeys,
  appKeys,
  nextAlipayKeys,
  noticeOf,
} from "../../providers/alipay-bench.ts";
import { bare, newKeyPair } from "../../providers/keys.ts";
import { randomKey } from "../../workers/terms.ts";

const bench = alipayBench();
const { server } = bench;
const serve = (url: string, init: RequestInit): Promise<Response> => server.handle(new Request(url, init));
beforeAll(() => vi.stubGlobal("fetch", serve));
afterAll(() => vi.unstubAllGlobals());
afterEach(() => vi.useRealTimers());

const sdk = (gateway?: string): AlipaySdk =>
  new AlipaySdk({
    appId: credentials.appId,
    privateKey: bare(appKeys.privateKey),
    keyType: "PKCS8",
    alipayPublicKey: bare(alipayKeys.publicKey),
    ...(gateway && { gateway: `${gateway}/gateway.do`, endpoint: gateway }),
  });

providerContract("Alipay", () => bench);

const call = (reference: string | null = null, now = Date.now()) => ({ now, account: "account_1", reference });
const hear = (fields: URLSearchParams | string) =>
  port.verify(credentials, new Headers(), new TextEncoder().encode(fields.toString()), call());
const told = () => {
  const order = randomKey();
  const common = { amount: 1990, currency: "CNY" as Currency, paidAt: Date.now(), person: "buyer-1" };
  return { order, payment: paymentId(order, 1), transaction: "20261125220014", ...common };
};
const device = (scene: Scene): PayerDevice => ({ scene, address: null, grantUrl: "", grantState: "", grant: null });
const request = (scene: Scene, fields: Partial<PaymentRequest> = {}): PaymentRequest => {
  const order = randomKey();
  return {
    payment: paymentId(order, 1),
    order,
    amount: 1990,
    currency: "CNY" as Currency,
    description: "茶馆 & Co. · 1001",
    returnUrl: "https://pay.example/c/SLUG",
    notificationUrl: "https://pay.example/payments/alipay/account_1/notifications",
    startedAt: Date.now(),
    expiresAt: Date.now() + 7_200_000,
    device: device(scene),
    ...fields,
  };
};
const linkIn = (made: Awaited<ReturnType<typeof port.begin>>): string =>
  made.ok && "redirectUrl" in made.value ? made.value.redirectUrl : "";

describe("a notification of Alipay", () => {
  const notice = noticeOf(told());
  const good = signAsAlipay(alipayKeys.privateKey, notice);
  const but = (change: (fields: URLSearchParams) => void): URLSearchParams => {
    const fields = new URLSearchParams(good);
    change(fields);
    return fields;
  };

  it("that the SDK believes is believed here, under each key in use, percent signs, pluses and empty fields included", async () => {
    expect(sdk().checkNotifySignV2(Object.fromEntries(good))).toBe(true);
    expect(await hear(good)).toMatchObject({ ok: true, value: { kind: "captured", capture: { amount: 1990 } } });
    expect(await hear(signAsAlipay(nextAlipayKeys.privateKey, notice))).toMatchObject({ ok: true });
  });

  const sha1 = signAsAlipay(alipayKeys.privateKey, notice, "RSA-SHA1");
  it.each<[string, URLSearchParams]>([
    ["another key's signature", signAsAlipay(newKeyPair().privateKey, notice)],
    ["a signature with SHA-1, which the SDK itself accepts", sha1],
    ["SHA-1 under the name of RSA2", new URLSearchParams({ ...Object.fromEntries(sha1), sign_type: "RSA2" })],
    ["a good signature under the name of SHA-1", but((fields) => fields.set("sign_type", "RSA"))],
    ["no kind of signature", but((fields) => fields.delete("sign_type"))],
    ["no signature", but((fields) => fields.delete("sign"))],
    ["an empty signature", but((fields) => fields.set("sign", ""))],
    ["another amount", but((fields) => fields.set("total_amount", "19.91"))],
    ["another order", but((fields) => fields.set("out_trade_no", paymentId(randomKey(), 1)))],
    ["a field more", but((fields) => fields.set("extra", "1"))],
    ["a field less", but((fields) => fields.delete("subject"))],
    ["an empty field less", but((fields) => fields.delete("passback_params"))],
    ["a field told twice", but((fields) => fields.append("total_amount", "0.01"))],
  ])("is refused with %s", async (_, fields) => {
    expect(await hear(fields)).toEqual({ ok: false, error: "SIGNATURE" });
  });

  it("was accepted by the SDK with SHA-1, which is why the digest is pinned here", () => {
    expect(sdk().checkNotifySignV2(Object.fromEntries(sha1))).toBe(true);
  });

  it("about another application or another seller is not for this account", async () => {
    for (const other of [{ app_id: "2021000000000002" }, { seller_id: "2088000000000002" }])
      expect(await hear(signAsAlipay(alipayKeys.privateKey, { ...notice, ...other }))).toEqual({
        ok: false,
        error: "MISADDRESSED",
      });
    const { seller_id: _, ...nameless } = notice;
    expect(await hear(signAsAlipay(alipayKeys.privateKey, nameless))).toEqual({ ok: false, error: "UNREADABLE" });
  });

  it("is money in two states only, and a refund is never another payment", async () => {
    const payment = told();
    const fields = noticeOf(payment);
    const hearing = (more: Record<string, string>) => hear(signAsAlipay(alipayKeys.privateKey, { ...fields, ...more }));
    const { gmt_payment: _, ...unpaid } = fields;
    const captured = { value: { kind: "captured", capture: { id: "ALIPAY:20261125220014", amount: 1990 } } };
    expect(await hearing({})).toMatchObject(captured);
    expect(await hearing({ trade_status: "TRADE_FINISHED" })).toMatchObject(captured);
    expect(
      await hear(signAsAlipay(alipayKeys.privateKey, { ...unpaid, trade_status: "WAIT_BUYER_PAY" })),
    ).toMatchObject({ value: { kind: "ignored" } });
    expect(await hear(signAsAlipay(alipayKeys.privateKey, { ...unpaid, trade_status: "TRADE_CLOSED" }))).toMatchObject({
      value: { kind: "ended", command: { outcome: "CLOSED", attempt: payment.payment } },
    });
    const refund = refundId(payment.order, 1);
    for (const trade_status of ["TRADE_SUCCESS", "TRADE_CLOSED"])
      expect(
        await hearing({ trade_status, out_biz_no: refund, refund_fee: "5.00", gmt_refund: "2026-11-25 12:00:00.123" }),
      ).toMatchObject({
        value: { kind: "refunded", order: payment.order, command: { refund, amount: 500, outcome: "SUCCEEDED" } },
      });
    const own = await hearing({ out_biz_no: refund, refund_fee: "5.00" });
    expect(own.ok && own.value.kind === "refunded" && "soFar" in own.value.command).toBe(false);
    expect(await hearing({ out_biz_no: "desk-1", refund_fee: "5.00" })).toMatchObject({
      value: { kind: "refunded", order: payment.order, command: { refund: "desk-1", soFar: true } },
    });
    // Alipay is asked how much went back by that alone, and may not know it yet.
    const desk = { out_biz_no: "desk-1", refund_fee: "5.00" };
    const young = { ...desk, gmt_refund: `${inBeijing(Date.now() - 10_000)}.123` };
    expect(await hearing(young)).toEqual({ ok: false, error: "UNAVAILABLE" });
    const older = { ...desk, gmt_refund: inBeijing(Date.now() - limits.alipayRefundUnknownMs - 1_000) };
    expect(await hearing(older)).toMatchObject({ value: { command: { amount: 500, soFar: true } } });
    for (const wrong of [
      { total_amount: "1e3" },
      { total_amount: "19.901" },
      { total_amount: "-1" },
      { gmt_payment: "yesterday" },
      { trade_status: "?" },
      { trade_no: "" },
    ])
      expect([wrong, await hearing(wrong)]).toEqual([wrong, { ok: false, error: "UNREADABLE" }]);
    expect(await hearing({ out_trade_no: "shop-7" })).toMatchObject({
      value: { kind: "captured", order: null, capture: { attempt: null } },
    });
  });

  it("has given back what Alipay says was made, in a text or a number, and nothing where it does not say so", () => {
    const made = { refund_status: "REFUND_SUCCESS", refund_amount: "3.30" };
    expect([returnedBy(made), returnedBy({ ...made, refund_amount: 3.3 })]).toEqual([330, 330]);
    for (const wrong of [
      { refund_amount: "3.30" },
      { ...made, refund_status: "REFUND_FAIL" },
      { ...made, refund_amount: 3.301 },
      { ...made, refund_amount: 0 },
      { refund_status: "REFUND_SUCCESS" },
    ])
      expect([wrong, returnedBy(wrong)]).toEqual([wrong, null]);
  });

  it("is answered with exactly the word that Alipay waits for", () => {
    expect(port.answer?.(null)).toEqual({ contentType: "text/plain", body: "success" });
    expect(port.answer?.("SIGNATURE").body).toBe("fail");
  });

  it("writes and reads every amount of yuan to the fen", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: limits.amountMinorMax }), (amount) => {
        const news = newsOfTrade(
          {
            out_trade_no: "1",
            trade_no: "2",
            trade_status: "TRADE_SUCCESS",
            total_amount: inYuan(amount),
            gmt_payment: "2026-11-25 12:00:00",
          },
          "gmt_payment",
        );
        expect(news).toMatchObject({ kind: "captured", capture: { amount } });
      }),
      { numRuns: 2_000 },
    );
  });

  it("counts Beijing's time, on whatever clock this runs", () => {
    expect(inBeijing(Date.parse("2026-12-31T16:00:00Z"))).toBe("2027-01-01 00:00:00");
    expect(fromBeijing("2027-01-01 00:00:00")).toBe(Date.parse("2026-12-31T16:00:00Z"));
    for (const wrong of [null, "", "2027-01-01T00:00:00Z", "2027-13-01 00:00:00"])
      expect(fromBeijing(wrong)).toBeNull();
  });
});

describe("paying by Alipay", () => {
  it("sends a phone to Alipay's page, and a larger screen shows a code, or its page for computers where codes are not allowed", async () => {
    for (const scene of ["IN_ALIPAY", "PHONE", "IN_WECHAT"] as const) {
      const link = new URL(linkIn(await port.begin(credentials, request(scene), call())));
      expect(link.origin + link.pathname).toBe("https://openapi.alipay.com/gateway.do");
      expect(link.searchParams.get("method")).toBe("alipay.trade.wap.pay");
    }
    const desk = request("DESKTOP");
    expect(await port.begin(credentials, desk, call())).toMatchObject({
      ok: true,
      value: {
        scanText: `https://qr.alipay.com/bax${desk.payment}`,
        reference: expect.stringMatching(/^until:\d+$/) as string,
      },
    });
    const spy = vi
      .spyOn(server, "handle")
      .mockImplementation(async () => Response.json({ code: "ACQ.ACCESS_FORBIDDEN", message: "" }, { status: 403 }));
    const link = new URL(linkIn(await port.begin(credentials, request("DESKTOP"), call())));
    expect(link.searchParams.get("method")).toBe("alipay.trade.page.pay");
    expect(JSON.parse(link.searchParams.get("biz_content") ?? "")).toMatchObject({
      product_code: "FAST_INSTANT_TRADE_PAY",
      total_amount: "19.90",
      subject: "茶馆   Co. · 1001",
    });
    spy.mockRestore();
    expect(await port.begin(credentials, request("PHONE", { currency: "USD" as Currency }), call())).toMatchObject({
      error: { reason: "REFUSED" },
    });
  });

  it("cannot be ended while nobody has come and the link still works; then it can, and once the link has run out", async () => {
    const asked = request("PHONE");
    const made = await port.begin(credentials, asked, call());
    const reference = made.ok ? made.value.reference : null;
    expect(await port.query(credentials, asked.payment, call(reference))).toEqual({
      ok: true,
      value: { state: "PENDING" },
    });
    expect(await port.close(credentials, asked.payment, call(reference))).toEqual({
      ok: true,
      value: { state: "PENDING" },
    });
    const later = Date.now() + limits.alipayLinkLifeMs + 1000;
    const ended = { value: { state: "NEWS", news: { command: { outcome: "CLOSED" } } } };
    expect(await port.close(credentials, asked.payment, call(reference, later))).toMatchObject(ended);
    server.open(linkIn(made));
    expect(await port.close(credentials, asked.payment, call(reference))).toMatchObject(ended);
    expect(() => server.pay(asked.payment)).toThrow("交易已关闭");
    // Whoever comes again gets another attempt.
    expect(await port.begin(credentials, { ...asked, reference }, call())).toMatchObject({ error: { reason: "GONE" } });
  });

  it("gives the same attempt a fresh link when the old one has run out, and leads back when it was paid", async () => {
    const asked = request("PHONE");
    const made = await port.begin(credentials, asked, call());
    const reference = made.ok ? made.value.reference : null;
    const now = Date.now() + limits.alipayLinkLifeMs;
    const again = await port.begin(credentials, { ...asked, reference }, call(null, now));
    const until = JSON.parse(new URL(linkIn(again)).searchParams.get("biz_content") ?? "{}") as {
      time_expire?: string;
    };
    expect(until.time_expire).toBe(inBeijing(now + limits.alipayLinkLifeMs));
    server.open(linkIn(again));
    server.pay(asked.payment);
    expect(await port.begin(credentials, { ...asked, reference }, call())).toMatchObject({
      value: { redirectUrl: asked.returnUrl },
    });
  });
});

describe("Alipay's answers", () => {
  const asked = request("PHONE", { reference: "until:1" });
  it.each<[string, () => Response]>([
    ["without a signature", () => Response.json({ trade_status: "TRADE_SUCCESS" })],
    [
      "signed by somebody else",
      () =>
        new Response("{}", {
          headers: { "alipay-timestamp": "1", "alipay-nonce": "n", "alipay-signature": "A".repeat(344) },
        }),
    ],
    ["a fault of the moment", () => Response.json({ code: "ACQ.SYSTEM_ERROR" }, { status: 400 })],
    ["a fault of its own", () => new Response("", { status: 502 })],
    ["a page", () => new Response("<html>")],
  ])("%s leave it open what was done", async (_, answer) => {
    const spy = vi.spyOn(server, "handle").mockImplementation(async () => answer());
    const unknown = { ok: false, error: { reason: "UNAVAILABLE" } };
    expect(await port.begin(credentials, asked, call())).toMatchObject(unknown);
    expect(await port.query(credentials, asked.payment, call())).toMatchObject(unknown);
    expect(await port.close(credentials, asked.payment, call())).toMatchObject(unknown);
    spy.mockRestore();
  });
});

describe("a request to Alipay", () => {
  const seen: { url: string; body: string; headers: Record<string, unknown> }[] = [];
  const capture = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      seen.push({ url: incoming.url ?? "", body: Buffer.concat(parts).toString(), headers: incoming.headers });
      outgoing.statusCode = 400;
      outgoing.end(`{"code":"ACQ.TRADE_NOT_EXIST","message":""}`);
    });
  });
  let gateway = "";
  beforeAll(async () => {
    await new Promise<void>((resolve) => void capture.listen(0, "127.0.0.1", resolve));
    gateway = `http://127.0.0.1:${(capture.address() as { port: number }).port}`;
  });
  afterAll(() => void capture.close());

  it("for a page is the address that the SDK signs, field by field and byte by byte", async () => {
    const asked = request("PHONE");
    const now = Math.floor(Date.now() / 1000) * 1000;
    const ours = Object.fromEntries(
      new URL(linkIn(await port.begin(credentials, asked, call(null, now)))).searchParams,
    );
    // The SDK reads the machine's own clock, in the machine's own zone.
    vi.useFakeTimers({ toFake: ["Date"], now: now + (480 + new Date(now).getTimezoneOffset()) * 60_000 });
    const text = sdk().sdkExecute(
      "alipay.trade.wap.pay",
      {
        bizContent: JSON.parse(ours["biz_content"] ?? "{}") as Record<string, string>,
        returnUrl: asked.returnUrl,
        notifyUrl: asked.notificationUrl,
      },
      { bizContentAutoSnakeCase: false },
    );
    expect(ours).toEqual(Object.fromEntries(new URLSearchParams(text)));
  });

  it("for a question, an end and a refund equals the SDK's under its nonce and time", async () => {
    vi.unstubAllGlobals();
    const asked = request("DESKTOP");
    const back = {
      refund: refundId(asked.order, 1),
      payment: asked.payment,
      transaction: "2026",
      captured: 1990,
      amount: 500,
      currency: "CNY" as Currency,
    };
    const at = { ...credentials, apiBase: gateway };
    await port.begin(at, asked, call());
    await port.query(at, asked.payment, call());
    await port.close(at, asked.payment, call());
    await port.refund(at, back, call());
    const ours = seen.splice(0);
    for (const { url, body } of ours)
      await sdk(gateway)
        .curl("POST", url, { body: JSON.parse(body) as Record<string, string> })
        .catch(() => undefined);
    vi.stubGlobal("fetch", serve);
    const theirs = seen.splice(0);
    expect(ours.map(({ url }) => url.replace("/v3/alipay/trade/", ""))).toEqual([
      "precreate",
      "query",
      "close",
      "query",
      "refund",
    ]);
    expect(ours.map(({ url, body }) => [url, body])).toEqual(theirs.map(({ url, body }) => [url, body]));
    for (const { url, body, headers } of theirs) {
      const header = String(headers["authorization"]);
      const [, nonce = "", stamp = ""] = /nonce=([^,]+),timestamp=(\d+)/.exec(header) ?? [];
      expect(authorization(credentials, { path: url, body, nonce, now: Number(stamp) })).toBe(header);
    }
  });
});
