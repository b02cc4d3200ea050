/** WeChat Pay's port against an official-protocol library: it signs and seals the news here, and its requests are what ours must equal. */
import { sign } from "node:crypto";
import { Aes, Formatter, Rsa, Wechatpay } from "wechatpay-axios-plugin";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { paymentId, refundId } from "../../../src/core/ids.ts";
import type { Currency } from "../../../src/core/money.ts";
import type { Scene } from "../../../src/core/order.ts";
import type { PayerDevice, PaymentRequest } from "../../../src/payments/provider.ts";
import { authorization, isFromWechat } from "../../../src/payments/wechat-pay-api.ts";
import { wechatPayPort as port } from "../../../src/payments/wechat-pay.ts";
import { providerContract } from "../../provider-contract.ts";
import {
  apiV3Key,
  formerApiV3Key,
  merchantKeys,
  nextPlatform,
  platform,
  sealedNews,
  transactionOf,
  wechatBench,
  wechatCredentials as credentials,
} from "../../providers/wechat-pay-bench.ts";
import * as vector from "../../providers/wechat-pay-vector.ts";
import { randomKey } from "../../workers/terms.ts";

const bench = wechatBench();
const { server } = bench;
const seen: { method: string; url: string; body: string; headers: Headers }[] = [];
const serve = async (url: string, init: RequestInit): Promise<Response> => {
  const request = new Request(url, init);
  seen.push({ method: request.method, url, body: await request.clone().text(), headers: request.headers });
  return server.handle(request);
};
beforeAll(() => vi.stubGlobal("fetch", serve));
afterAll(() => vi.unstubAllGlobals());

type Signer = { readonly privateKey: string; readonly serial: string };
/** Headers that the library itself verifies. */
function signedByLibrary(
  body: string,
  { privateKey, serial }: Signer = platform,
  seconds = Formatter.timestamp(),
): Headers {
  const nonce = Formatter.nonce();
  return new Headers({
    "wechatpay-timestamp": String(seconds),
    "wechatpay-nonce": nonce,
    "wechatpay-serial": serial,
    "wechatpay-signature": Rsa.sign(Formatter.response(seconds, nonce, body), privateKey),
  });
}

providerContract("WeChat Pay", () => bench);

const call = (now = Date.now()) => ({
  now,
  account: "account_1",
  notificationUrl: "https://pay.example/payments/wechat_pay/account_1/notifications",
});
const hear = (body: string, headers = signedByLibrary(body), now = Date.now()) =>
  port.verify(credentials, headers, new TextEncoder().encode(body), call(now));
const told = () => {
  const order = randomKey();
  const common = { amount: 1990, currency: "CNY" as Currency, paidAt: Date.now(), person: "openid-1" };
  return { order, payment: paymentId(order, 1), transaction: "4200001", ...common };
};
const device = (scene: Scene, grant: string | null = null): PayerDevice => ({
  scene,
  address: "203.0.113.7",
  grantUrl: "https://pay.example/c/SLUG/wallet?provider=WECHAT_PAY",
  grantState: "STATE",
  grant,
});
const request = (scene: Scene, fields: Partial<PaymentRequest> = {}): PaymentRequest => {
  const order = randomKey();
  return {
    payment: paymentId(order, 1),
    order,
    amount: 1990,
    currency: "CNY" as Currency,
    description: "茶馆 · 1001",
    returnUrl: "https://pay.example/c/SLUG",
    notificationUrl: "https://pay.example/payments/wechat_pay/account_1/notifications",
    startedAt: Date.now(),
    expiresAt: Date.now() + 7_200_000,
    device: device(scene),
    ...fields,
  };
};

describe("a notification of WeChat Pay", () => {
  it("that the library sealed is opened, under each key in use, from each platform key in use", async () => {
    for (const key of [apiV3Key, formerApiV3Key]) {
      const [nonce, aad] = [Formatter.nonce(12), "transaction"];
      const ciphertext = Aes.AesGcm.encrypt(JSON.stringify(transactionOf(told())), key, nonce, aad);
      const resource = { algorithm: "AEAD_AES_256_GCM", ciphertext, nonce, associated_data: aad, original_type: aad };
      const body = JSON.stringify({
        id: "1",
        event_type: "TRANSACTION.SUCCESS",
        resource_type: "encrypt-resource",
        resource,
      });
      for (const signer of [platform, nextPlatform])
        expect(await hear(body, signedByLibrary(body, signer))).toMatchObject({
          ok: true,
          value: { kind: "captured", capture: { amount: 1990, identities: [{ kind: "WALLET", value: "openid-1" }] } },
        });
    }
  });

  it("that WeChat's own library verifies is verified by the same certificate here, in its time", () => {
    const keys = [{ serial: vector.serial, publicKey: vector.certificate }];
    const verified = (text: string, now = vector.seconds * 1000) =>
      isFromWechat(keys, new Headers(vector.headers), new TextEncoder().encode(text), now);
    expect(verified(vector.body)).toBe(true);
    expect(verified(vector.body.replace("成功", "成攻"))).toBe(false);
    expect(verified(vector.body, Date.now())).toBe(false);
    expect(port.issues({ ...credentials, platformPublicKeys: keys })).toEqual([]);
  });

  it("is believed under any key of the serial that it names, in capitals or not", () => {
    const text = "{}";
    const verified = (serials: readonly string[], serial = nextPlatform.serial) => {
      const keys = serials.map((one, index) => {
        const { publicKey } = index === serials.length - 1 ? nextPlatform : platform;
        return { serial: one, publicKey };
      });
      return isFromWechat(
        keys,
        signedByLibrary(text, { ...nextPlatform, serial }),
        new TextEncoder().encode(text),
        Date.now(),
      );
    };
    const { serial } = nextPlatform;
    expect(verified([serial.toLowerCase()])).toBe(true);
    expect(verified([serial], serial.toLowerCase())).toBe(true);
    expect(verified([serial, serial])).toBe(true);
    expect(verified([platform.serial])).toBe(false);
  });

  const body = sealedNews("TRANSACTION.SUCCESS", transactionOf(told()));
  const good = signedByLibrary(body);
  const but = (name: string, value: string | null): Headers => {
    const headers = new Headers(good);
    if (value === null) headers.delete(name);
    else headers.set(name, value);
    return headers;
  };
  const seconds = Number(good.get("wechatpay-timestamp"));
  const sha1 = sign(
    "RSA-SHA1",
    Buffer.from(Formatter.response(seconds, good.get("wechatpay-nonce") ?? "", body)),
    platform.privateKey,
  ).toString("base64");

  it.each<[string, string, Headers]>([
    [
      "a signature of another key under a known serial",
      body,
      signedByLibrary(body, { ...nextPlatform, serial: platform.serial }),
    ],
    ["a signature of a key that is not known", body, signedByLibrary(body, { ...platform, serial: "PUB_KEY_ID_0" })],
    ["a signature with SHA-1", body, but("wechatpay-signature", sha1)],
    ["another kind of signature by its own word", body, but("wechatpay-signature-type", "WECHATPAY2-SM2-WITH-SM3")],
    [
      "a probe that is to be refused",
      body,
      but("wechatpay-signature", `WECHATPAY/SIGNTEST/${good.get("wechatpay-signature")}`),
    ],
    ["another nonce", body, but("wechatpay-nonce", "x")],
    ["another moment", body, but("wechatpay-timestamp", String(seconds + 1))],
    ["no moment", body, but("wechatpay-timestamp", null)],
    ["no serial", body, but("wechatpay-serial", null)],
    ["no signature", body, but("wechatpay-signature", null)],
    ["a changed envelope", body.replace("支付成功", "支付成功!"), good],
    ["a date 301 seconds ago", body, signedByLibrary(body, platform, seconds - 301)],
    ["a date 301 seconds ahead", body, signedByLibrary(body, platform, seconds + 301)],
  ])("is refused with %s", async (_, text, headers) => {
    expect(await hear(text, headers, seconds * 1000)).toEqual({ ok: false, error: "SIGNATURE" });
  });

  it("of which a byte of ciphertext or tag was changed is not opened, though it be signed", async () => {
    type Envelope = { resource: { ciphertext: string; algorithm: string; associated_data: string } };
    const sealedBytes = Buffer.from((JSON.parse(body) as Envelope).resource.ciphertext, "base64");
    const changes: ((resource: Envelope["resource"]) => void)[] = [
      ...[0, sealedBytes.length - 17, sealedBytes.length - 16, sealedBytes.length - 1].map(
        (at) => (resource: Envelope["resource"]) => {
          const changed = Buffer.from(sealedBytes);
          changed[at] = (changed[at] ?? 0) ^ 1;
          resource.ciphertext = changed.toString("base64");
        },
      ),
      (resource) => void (resource.ciphertext = sealedBytes.subarray(0, -16).toString("base64")),
      (resource) => void (resource.ciphertext = "AAAA"),
      (resource) => void (resource.associated_data = "other"),
      (resource) => void (resource.algorithm = "NONE"),
    ];
    for (const change of changes) {
      const envelope = JSON.parse(body) as Envelope;
      change(envelope.resource);
      const text = JSON.stringify(envelope);
      expect(await hear(text, signedByLibrary(text))).toEqual({ ok: false, error: "UNREADABLE" });
    }
    const strangers = sealedNews("TRANSACTION.SUCCESS", transactionOf(told()), "s".repeat(32));
    expect(await hear(strangers)).toEqual({ ok: false, error: "UNREADABLE" });
  });

  it("about another merchant or another app is not for this account", async () => {
    const other = { error: "MISADDRESSED" };
    expect(
      await hear(sealedNews("TRANSACTION.SUCCESS", { ...transactionOf(told()), mchid: "1900000110" })),
    ).toMatchObject(other);
    expect(
      await hear(sealedNews("TRANSACTION.SUCCESS", { ...transactionOf(told()), appid: "wxffffffffffffffff" })),
    ).toMatchObject(other);
    expect(await hear(sealedNews("REFUND.SUCCESS", { mchid: "1900000110" }))).toMatchObject(other);
  });

  it("counts what was asked, not what was left to pay after a coupon, and every state that money can be in", async () => {
    const payment = told();
    const state = (trade_state: string) =>
      hear(sealedNews("TRANSACTION.SUCCESS", { ...transactionOf(payment), trade_state }));
    expect(await state("SUCCESS")).toMatchObject({ value: { kind: "captured", capture: { amount: 1990 } } });
    expect(await state("REFUND")).toMatchObject({ value: { kind: "captured", capture: { amount: 1990 } } });
    expect(await state("NOTPAY")).toMatchObject({ value: { kind: "ignored" } });
    expect(await state("CLOSED")).toMatchObject({ value: { kind: "ended", command: { outcome: "CLOSED" } } });
    expect(await state("NONSENSE")).toEqual({ ok: false, error: "UNREADABLE" });
    for (const lack of [
      { amount: { total: "1990", currency: "CNY" } },
      { amount: null },
      { success_time: "yesterday" },
      { transaction_id: "" },
    ])
      expect(await hear(sealedNews("TRANSACTION.SUCCESS", { ...transactionOf(payment), ...lack }))).toEqual({
        ok: false,
        error: "UNREADABLE",
      });
    const strange = await hear(
      sealedNews("TRANSACTION.SUCCESS", { ...transactionOf(payment), out_trade_no: "shop-2026-1" }),
    );
    expect(strange).toMatchObject({ value: { kind: "captured", order: null, capture: { attempt: null } } });
  });

  it("of a refund names it as we do, or as WeChat does when it began there, and says when it failed", async () => {
    const payment = told();
    const refund = {
      mchid: credentials.merchantNumber,
      out_trade_no: payment.payment,
      transaction_id: "4200001",
      refund_id: "50001",
      amount: { refund: 500, total: 1990 },
    };
    const theirs = await hear(
      sealedNews("REFUND.SUCCESS", { ...refund, out_refund_no: "desk-1", refund_status: "SUCCESS" }),
    );
    expect(theirs).toMatchObject({
      value: { order: payment.order, command: { refund: "50001", amount: 500, outcome: "SUCCEEDED" } },
    });
    for (const refund_status of ["ABNORMAL", "CLOSED"])
      expect(
        await hear(
          sealedNews(`REFUND.${refund_status}`, {
            ...refund,
            out_refund_no: refundId(payment.order, 1),
            refund_status,
          }),
        ),
      ).toMatchObject({
        value: { order: payment.order, command: { refund: refundId(payment.order, 1), outcome: "FAILED" } },
      });
  });

  it("is answered with an empty 200, or with WeChat's word for a failure", () => {
    expect(port.answer?.(null).body).toBe("");
    expect(JSON.parse(port.answer?.("SIGNATURE").body ?? "")).toEqual({ code: "FAIL", message: "SIGNATURE" });
  });
});

describe("paying by WeChat", () => {
  it("inside WeChat first asks who pays, then hands a signed payment to WeChat", async () => {
    const asked = request("IN_WECHAT");
    expect(port.asks?.scenes).toEqual(["IN_WECHAT"]);
    const url = new URL(port.asks?.at(credentials, asked.device ?? device("IN_WECHAT")) ?? "");
    expect(url.origin + url.pathname + url.hash).toBe(
      "https://open.weixin.qq.com/connect/oauth2/authorize#wechat_redirect",
    );
    expect(Object.fromEntries(url.searchParams)).toEqual({
      appid: credentials.appId,
      redirect_uri: "https://pay.example/c/SLUG/wallet?provider=WECHAT_PAY",
      response_type: "code",
      scope: "snsapi_base",
      state: "STATE",
    });
    const granted = { ...asked, device: device("IN_WECHAT", server.grant("openid-7")) };
    const made = await port.begin(credentials, granted, call());
    const invocation = made.ok && "invocation" in made.value ? made.value.invocation : {};
    const { appId = "", timeStamp = "", nonceStr = "", package: prepay = "", signType, paySign = "" } = invocation;
    expect([appId, signType, prepay]).toEqual([credentials.appId, "RSA", `prepay_id=wx${asked.payment}`]);
    expect(
      Rsa.verify(Formatter.joinedByLineFeed(appId, timeStamp, nonceStr, prepay), paySign, merchantKeys.publicKey),
    ).toBe(true);
    expect(server.order(asked.payment).openid).toBe("openid-7");
    // The grant is good once.
    expect(await port.begin(credentials, granted, call())).toMatchObject({ error: { reason: "UNAVAILABLE" } });
    const crippled = { ...credentials, appSecret: null };
    expect(port.asks?.at(crippled, device("IN_WECHAT"))).toBeNull();
    for (const refused of [port.begin(crippled, granted, call()), port.begin(credentials, asked, call())])
      expect(await refused).toMatchObject({ error: { reason: "REFUSED" } });
  });

  it("in a phone's browser leads to WeChat's own page and back, and on a larger screen shows a code", async () => {
    const phone = request("PHONE");
    const led = await port.begin(credentials, phone, call());
    expect(led).toEqual({
      ok: true,
      value: {
        redirectUrl: `https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx${phone.payment}&package=1&redirect_url=https%3A%2F%2Fpay.example%2Fc%2FSLUG`,
        tellsOrigin: true,
        reference: null,
      },
    });
    expect(server.order(phone.payment)["scene_info"]).toEqual({
      payer_client_ip: "203.0.113.7",
      h5_info: { type: "Wap" },
    });
    const desk = request("DESKTOP");
    const shown = await port.begin(credentials, desk, call());
    expect(shown).toEqual({
      ok: true,
      value: { scanText: `weixin://wxpay/bizpayurl?pr=${desk.payment}`, reference: null },
    });
    // The same order again gives its link again.
    expect(await port.begin(credentials, desk, call())).toEqual(shown);
    expect(await port.begin(credentials, request("DESKTOP", { currency: "USD" as Currency }), call())).toMatchObject({
      error: { reason: "REFUSED" },
    });
  });

  it("is one person's: for another, for other terms, or once closed, the attempt is gone", async () => {
    const first = request("IN_WECHAT");
    const as = (openid: string) => ({ ...first, device: device("IN_WECHAT", server.grant(openid)) });
    expect(await port.begin(credentials, as("openid-1"), call())).toMatchObject({ ok: true });
    expect(await port.begin(credentials, as("openid-2"), call())).toMatchObject({ error: { reason: "GONE" } });
    expect(() => server.pay(first.payment, "openid-2")).toThrow("同一笔订单不允许使用不同的微信号扫码调起支付");
    expect(await port.begin(credentials, { ...first, device: device("DESKTOP") }, call())).toMatchObject({
      error: { reason: "GONE" },
    });
    await port.close(credentials, first.payment, call());
    expect(await port.begin(credentials, as("openid-1"), call())).toMatchObject({ error: { reason: "GONE" } });
    const paid = request("DESKTOP");
    await port.begin(credentials, paid, call());
    server.pay(paid.payment);
    expect(await port.begin(credentials, paid, call())).toEqual({
      ok: true,
      value: { redirectUrl: paid.returnUrl, reference: null },
    });
  });

  it("leads to no place that is not WeChat's", async () => {
    const spy = vi.spyOn(server, "handle").mockImplementation(async () => {
      const body = JSON.stringify({ h5_url: "https://wx.tenpay.com.evil.example/" });
      return new Response(body, { headers: server.sign(body) });
    });
    expect(await port.begin(credentials, request("PHONE"), call())).toMatchObject({ error: { reason: "UNAVAILABLE" } });
    spy.mockRestore();
  });
});

describe("WeChat's answers", () => {
  it.each<[string, () => Response]>([
    ["without a signature", () => Response.json({ code_url: "weixin://evil" })],
    [
      "signed by somebody else",
      () => new Response("{}", { headers: signedByLibrary("{}", { ...nextPlatform, serial: platform.serial }) }),
    ],
    ["signed for another body", () => new Response(`{"code_url":"weixin://evil"}`, { headers: signedByLibrary("{}") })],
    ["a fault of its own", () => new Response("{}", { status: 502 })],
    ["a fault of the moment with another status", () => Response.json({ code: "SYSTEM_ERROR" }, { status: 403 })],
    ["a page", () => new Response("<html>", { headers: signedByLibrary("<html>") })],
  ])("%s leave it open what was done", async (_, answer) => {
    const spy = vi.spyOn(server, "handle").mockImplementation(async () => answer());
    expect(await port.begin(credentials, request("DESKTOP"), call())).toMatchObject({
      error: { reason: "UNAVAILABLE" },
    });
    expect(await port.close(credentials, paymentId(randomKey(), 1), call())).toMatchObject({
      ok: expect.any(Boolean) as boolean,
    });
    spy.mockRestore();
  });

  it("that nobody knows a refund lets it be made, once, and a full one is not made again", async () => {
    const asked = request("DESKTOP");
    await port.begin(credentials, asked, call());
    server.pay(asked.payment);
    const transaction = server.order(asked.payment).transaction_id ?? "";
    const back = {
      refund: refundId(asked.order, 1),
      payment: asked.payment,
      transaction,
      captured: 1990,
      amount: 1990,
      currency: "CNY" as Currency,
    };
    seen.length = 0;
    expect(await port.refund(credentials, back, call())).toEqual({ ok: true, value: { state: "PENDING" } });
    expect(await port.refund(credentials, back, call())).toEqual({ ok: true, value: { state: "SUCCEEDED" } });
    expect(seen.map(({ method }) => method)).toEqual(["GET", "POST", "GET"]);
    expect(JSON.parse(seen[1]?.body ?? "")).toMatchObject({
      notify_url: call().notificationUrl,
      amount: { refund: 1990, total: 1990 },
    });
    expect(await port.query(credentials, asked.payment, call())).toMatchObject({
      value: { news: { kind: "captured" } },
    });
  });
});

describe("a request to WeChat Pay", () => {
  it("carries the signature and the words that the library would send, byte for byte", async () => {
    const library: { method: string; url: string; body: string; authorization: string }[] = [];
    const merchant = {
      mchid: credentials.merchantNumber,
      serial: credentials.merchantSerial,
      privateKey: credentials.merchantPrivateKey,
    };
    const sdk = new Wechatpay({ ...merchant, certs: { [platform.serial]: platform.publicKey } });
    const adapter = async (config: {
      method?: string;
      url?: string;
      data?: unknown;
      baseURL?: string;
      params?: object;
      headers: { get(name: string): unknown };
    }) => {
      const url = new URL(config.url ?? "", config.baseURL);
      for (const [name, value] of Object.entries(config.params ?? {})) url.searchParams.set(name, String(value));
      const { data } = config;
      library.push({
        method: (config.method ?? "").toUpperCase(),
        url: url.pathname + url.search,
        body: typeof data === "string" ? data : "",
        authorization: String(config.headers.get("authorization")),
      });
      const body = "{}";
      return { data: body, status: 200, statusText: "OK", headers: Object.fromEntries(signedByLibrary(body)), config };
    };
    const asked = request("DESKTOP");
    seen.length = 0;
    await port.begin(credentials, asked, call());
    await port.query(credentials, asked.payment, call());
    await port.close(credentials, asked.payment, call());
    const { v3 } = sdk as unknown as { v3: Record<string, unknown> };
    type Chain = { post(data: unknown, config: unknown): Promise<unknown>; get(config: unknown): Promise<unknown> };
    const at = (path: string): Chain =>
      path.split("/").reduce((chain: Record<string, unknown>, part) => chain[part] as never, v3) as unknown as Chain;
    await at("pay/transactions/native").post(JSON.parse(seen[0]?.body ?? ""), { adapter });
    await at("pay/transactions/out-trade-no/{payment}").get({
      adapter,
      payment: asked.payment,
      params: { mchid: credentials.merchantNumber },
    });
    await at("pay/transactions/out-trade-no/{payment}/close").post(
      { mchid: credentials.merchantNumber },
      { adapter, payment: asked.payment },
    );
    expect(library).toHaveLength(3);
    for (const [index, theirs] of library.entries()) {
      const ours = seen[index];
      const field = (name: string): string => new RegExp(`${name}="([^"]*)"`).exec(theirs.authorization)?.[1] ?? "";
      const signing = {
        method: theirs.method as "GET",
        path: theirs.url,
        body: ours?.body ?? "",
        seconds: Number(field("timestamp")),
        nonce: field("nonce_str"),
      };
      expect([ours?.method, ours?.url, ours?.body]).toEqual([
        theirs.method,
        `https://api.mch.weixin.qq.com${theirs.url}`,
        theirs.body,
      ]);
      expect(authorization(credentials, signing)).toBe(theirs.authorization);
      expect(ours?.headers.get("wechatpay-serial")).toBe(nextPlatform.serial);
    }
  });
});
