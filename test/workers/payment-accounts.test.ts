/** A merchant connects its accounts, and payers pay through them: over the public doors, with pretend providers where the real ones would be. */
import { env, exports } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { depsOf } from "../../src/deps.ts";
import { configOf, type Config } from "../../src/env.ts";
import { createPaymentAccount } from "../../src/resolvers/create-payment-account.ts";
import { updatePaymentAccount } from "../../src/resolvers/update-payment-account.ts";
import { newKeyPair } from "../providers/keys.ts";
import { signAsStripe, stripeServer } from "../providers/stripe.ts";
import { wechatServer } from "../providers/wechat-pay.ts";
import { apiV3Key, merchantKeys, nextPlatform, platform, wechatCredentials } from "../providers/wechat-pay-bench.ts";
import { ask, at, cny, fieldsIn, keyWith, openShop, origin, placed, tell, textAt, type Json } from "./graph-shop.ts";

const [secretKey, webhookSecret] = ["sk_test_shop0000000000000", "whsec_shop00000000000000"];
const stripe = stripeServer({ secretKey, webhookSecret });
const wechat = wechatServer({ ...wechatCredentials, appSecret: wechatCredentials.appSecret ?? "", apiV3Key, platform });
/** Where each provider is, as the product asks for it. */
const providers: Record<string, (request: Request) => Promise<Response>> = {
  "api.stripe.com": stripe.handle,
  "api.mch.weixin.qq.com": wechat.handle,
  "api.weixin.qq.com": wechat.handle,
};

beforeEach(() => {
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    const provider = providers[new URL(request.url).host];
    if (!provider) throw new TypeError(`nobody is at ${request.url}`);
    return provider(request);
  });
});
afterEach(() => vi.restoreAllMocks());

const stripeInput = { name: "Card", secretKey, webhookSecrets: [webhookSecret] };
const { apiBase: nowhere, ...wechatSecrets } = wechatCredentials;
const wechatInput = { name: "WeChat", apiBase: nowhere, ...wechatSecrets };
const creating = `mutation ($input: PaymentAccountCreateInput!) { paymentAccountCreate(input: $input) {
  __typename
  ... on PaymentAccountCreateSuccess { paymentAccount { id provider name enabled notificationUrl fingerprints } }
  ... on ValidationError { issues { path message } }
} }`;
const updating = `mutation ($input: PaymentAccountUpdateInput!) { paymentAccountUpdate(input: $input) {
  __typename
  ... on PaymentAccountUpdateSuccess { paymentAccount { id name enabled fingerprints } }
  ... on ValidationError { issues { path message } }
  ... on NotFoundError { id }
} }`;
const create = async (key: string, input: Json) =>
  at(await ask(key, creating, { input }), "paymentAccountCreate") as Json;
const update = async (key: string, input: Json) =>
  at(await ask(key, updating, { input }), "paymentAccountUpdate") as Json;
const messageOf = (error: Json): string => textAt(error, "issues.0.message");

const weChatAgent = "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.54";
const phoneAgent = "Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 Mobile/15E148 Safari/604.1";
const visit = (path: string, init: RequestInit = {}) =>
  exports.default.fetch(new Request(new URL(path, origin), { redirect: "manual", ...init }));

/** A browser with a code open. */
async function scan(slug: string, agent: string) {
  // As a reload: scans wait in the object to be counted together, and an object that waits cannot be made to forget.
  const page = await visit(`/c/${slug}`, { headers: { "user-agent": agent, "sec-fetch-site": "same-origin" } });
  const cookie = /huoma=\w+/.exec(page.headers.get("set-cookie") ?? "")?.[0] ?? "";
  const nonce = /name="nonce" value="(\w+)"/.exec(await page.text())?.[1] ?? "";
  const headers = { "user-agent": agent, cookie };
  const pay = async (fields: Record<string, string>) => {
    const answer = await visit(`/c/${slug}/pay`, {
      method: "POST",
      headers,
      body: new URLSearchParams({ nonce, ...fields }),
    });
    expect(answer.status).toBe(303);
    return answer.headers.get("location") ?? "";
  };
  return { pay, open: (path: string) => visit(path, { headers }) };
}
const show = async (key: string, id: unknown) =>
  at(
    await ask(
      key,
      `query ($id: ID!) { order(by: { id: $id }) { state received { amount } payments { id state provider transaction duplicate } refunds { state } conversion { customer { identities { kind value verified } } } } }`,
      { id },
    ),
    "order",
  ) as Json;
const notify = (url: unknown, body: string, headers: Headers) =>
  visit(new URL(String(url)).pathname, { method: "POST", headers, body });
const codeOf = (id: unknown) => env.LIVE_CODE.getByName(String(id).slice("order_".length));
const alarmOf = (id: unknown) => runDurableObjectAlarm(codeOf(id));
/** Whatever the objects have only in mind is gone. */
const forgetMemory = async (id: unknown, url: unknown) => {
  await evictDurableObject(codeOf(id));
  await evictDurableObject(env.PAYMENT_ACCOUNT.getByName(String(url).split("/")[5] ?? ""));
};

describe("connecting an account", () => {
  it("checks what was pasted at once, field by field, and keeps nothing of what is wrong", async () => {
    const { key } = await openShop();
    const wrong = await create(key, {
      wechatPay: {
        ...wechatInput,
        name: " ",
        merchantPrivateKey: merchantKeys.publicKey,
        apiV3Keys: [apiV3Key, "short"],
        platformPublicKeys: [{ serial: platform.serial, publicKey: platform.publicKey.slice(0, 200) }],
      },
    });
    expect(fieldsIn(wrong)).toEqual([
      "wechatPay.name",
      "wechatPay.merchantPrivateKey",
      "wechatPay.apiV3Keys.1",
      "wechatPay.platformPublicKeys.0.publicKey",
    ]);
    expect(JSON.stringify(wrong)).toContain("is a public key: the private key is needed");
    const pem = (merchantPrivateKey: string) => create(key, { wechatPay: { ...wechatInput, merchantPrivateKey } });
    expect(
      messageOf(await pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----")),
    ).toContain("pass phrase");
    expect(messageOf(await pem("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"))).toContain(
      "is a certificate",
    );
    expect(messageOf(await pem("no key at all"))).toContain("is no private key");
    expect(messageOf(await pem(newKeyPair(1024).privateKey))).toContain("at least 2048 bits");
    expect(messageOf(await create(key, { stripe: { ...stripeInput, secretKey: "pk_test_0000000000" } }))).toContain(
      "sk_live_",
    );
    for (const apiBase of [
      "https://api.stripe.example",
      "http://127.0.0.1.evil.example",
      "http://user@127.0.0.1",
      "file:///etc/passwd",
    ])
      expect(fieldsIn(await create(key, { stripe: { ...stripeInput, apiBase } }))).toEqual(["stripe.apiBase"]);
    expect(
      at(await ask(key, `{ viewer { merchant { paymentAccounts { provider } } } }`), "viewer.merchant.paymentAccounts"),
    ).toEqual([{ provider: "SANDBOX" }]);
    expect((await tell(key, creating, { input: { stripe: stripeInput, wechatPay: wechatInput } })).errors).not.toEqual(
      [],
    );
    expect((await tell(key, creating, { input: {} })).errors).not.toEqual([]);
  });

  it("seals what it was given: no row, no answer and no log shows it again", async () => {
    const { key } = await openShop();
    const made = await create(key, { wechatPay: wechatInput });
    const id = textAt(made, "paymentAccount.id");
    expect(made["paymentAccount"]).toMatchObject({
      provider: "WECHAT_PAY",
      enabled: true,
      notificationUrl: `${origin}/payments/wechat_pay/${id}/notifications`,
      fingerprints: expect.arrayContaining([
        platform.serial,
        expect.stringMatching(/^sha256:[0-9a-f]{8}$/),
      ]) as string[],
    });
    const kept = await runInDurableObject(env.PAYMENT_ACCOUNT.getByName(id), (_account, { storage }) =>
      JSON.stringify([...storage.kv.list()]),
    );
    const rows = JSON.stringify((await env.DB.prepare("SELECT * FROM payment_accounts").all()).results);
    const secrets = [apiV3Key, wechatCredentials.appSecret ?? "", merchantKeys.privateKey.slice(60, 100)];
    for (const secret of secrets)
      for (const text of [kept, rows, JSON.stringify(made)]) expect(text).not.toContain(secret);
  });

  it("elsewhere than on this machine is for local mode only", async () => {
    const { merchantId } = await openShop();
    const local = depsOf(env, configOf(env) as Config, origin, { waitUntil: () => undefined });
    const credentials = { secretKey, webhookSecrets: [webhookSecret], apiBase: "http://127.0.0.1:4242" };
    const input = { provider: "STRIPE", field: "stripe", name: "Card", credentials } as const;
    const refused = {
      ok: false,
      error: { issues: [{ path: ["input", "stripe", "apiBase"], message: "is for local mode only" }] },
    };
    expect(await createPaymentAccount({ ...local, local: false }, merchantId, input)).toMatchObject(refused);
    const made = await createPaymentAccount(local, merchantId, input);
    if (!made.ok) throw new Error("an account was to be made");
    const change = { provider: "STRIPE", field: "stripe", given: { apiBase: "http://127.0.0.1:1" } } as const;
    expect(
      await updatePaymentAccount({ ...local, local: false }, merchantId, {
        paymentAccountId: made.value.paymentAccount.id,
        credentials: [change],
      }),
    ).toMatchObject(refused);
  });

  it("is bounded in number, and needs the right scope", async () => {
    const { key } = await openShop();
    for (let count = 1; count < limits.paymentAccountsPerMerchantMax; count += 1)
      expect(await create(key, { sandbox: { name: `Wallet ${count}`, secret: "a long enough secret" } })).toMatchObject(
        { __typename: "PaymentAccountCreateSuccess" },
      );
    expect(messageOf(await create(key, { stripe: stripeInput }))).toContain("at most 20");
    const { text } = await keyWith(key, "PAYMENTS_WRITE");
    expect((await tell(text, creating, { input: { stripe: stripeInput } })).errors[0]?.extensions.code).toBe(
      "FORBIDDEN",
    );
  });
});

describe("changing an account", () => {
  it("renames it, takes it out of new orders, and leaves what is absent as it is", async () => {
    const { key, accountId } = await openShop();
    const { paymentAccount } = await create(key, { stripe: stripeInput });
    const id = textAt(paymentAccount, "id");
    const before = await placed(key);
    expect(await update(key, { paymentAccountId: id, name: "Cards", enabled: false })).toMatchObject({
      paymentAccount: { name: "Cards", enabled: false, fingerprints: at(paymentAccount, "fingerprints") },
    });
    const after = await placed(key);
    const offered = async (order: Json) =>
      [
        ...(await (await visit(`/c/${textAt(order, "liveCode.slug")}`)).text()).matchAll(/value="(STRIPE|SANDBOX)"/g),
      ].map(([, name]) => name);
    expect(await offered(before)).toEqual(["SANDBOX", "STRIPE"]);
    expect(await offered(after)).toEqual(["SANDBOX"]);
    await update(key, { paymentAccountId: accountId, enabled: false });
    await update(key, { paymentAccountId: id, enabled: true });
    expect(await offered(await placed(key))).toEqual(["STRIPE"]);
    const listed = at(
      await ask(key, `{ viewer { merchant { paymentAccounts { name enabled } } } }`),
      "viewer.merchant.paymentAccounts",
    );
    expect(listed).toEqual([
      { name: "Sandbox", enabled: false },
      { name: "Cards", enabled: true },
    ]);
  });

  it("adds a key beside the one in use, believes both, and forgets one when told, but never the last", async () => {
    const { key } = await openShop();
    const made = await create(key, { stripe: stripeInput });
    const [id, url] = [textAt(made, "paymentAccount.id"), textAt(made, "paymentAccount.notificationUrl")];
    const next = "whsec_next00000000000000";
    const body = stripe.event("customer.created", {});
    const send = async (secret: string) =>
      (await notify(url, body, new Headers({ "stripe-signature": signAsStripe(secret, body, Date.now()) }))).status;
    expect([await send(webhookSecret), await send(next)]).toEqual([200, 401]);
    const added = await update(key, { paymentAccountId: id, stripe: { webhookSecrets: [next, next] } });
    const [keyPrint, former, latest] = at(added, "paymentAccount.fingerprints") as string[];
    expect(latest).toBeDefined();
    await evictDurableObject(env.PAYMENT_ACCOUNT.getByName(id));
    expect([await send(webhookSecret), await send(next)]).toEqual([200, 200]);
    expect(await update(key, { paymentAccountId: id, forgetFingerprints: [former] })).toMatchObject({
      paymentAccount: { fingerprints: [keyPrint, latest] },
    });
    expect([await send(webhookSecret), await send(next)]).toEqual([401, 200]);
    expect(fieldsIn(await update(key, { paymentAccountId: id, forgetFingerprints: [latest] }))).toEqual([
      "forgetFingerprints.webhookSecrets",
    ]);
    expect(fieldsIn(await update(key, { paymentAccountId: id, forgetFingerprints: ["sha256:00000000"] }))).toEqual([
      "forgetFingerprints",
    ]);
    const many = Array.from({ length: limits.credentialKeysMax }, (_, index) => `whsec_more0000000000000${index}`);
    expect(messageOf(await update(key, { paymentAccountId: id, stripe: { webhookSecrets: many } }))).toContain(
      "at most 8",
    );
    expect([await send(next)]).toEqual([200]);
  });

  it("takes away what an account can do without, and what it cannot only for another in its place", async () => {
    const { key } = await openShop();
    const made = await create(key, { wechatPay: wechatInput });
    const paymentAccountId = textAt(made, "paymentAccount.id");
    const [privatePrint] = at(made, "paymentAccount.fingerprints") as string[];
    const secretOf = async (input: Json) => {
      const { paymentAccount } = await update(key, { paymentAccountId, ...input });
      const prints = at(paymentAccount, "fingerprints") as string[];
      return prints.length === (at(made, "paymentAccount.fingerprints") as string[]).length ? prints.at(-1) : null;
    };
    expect(fieldsIn(await update(key, { paymentAccountId, forgetFingerprints: [privatePrint] }))).toEqual([
      "forgetFingerprints.merchantPrivateKey",
    ]);
    const { appSecret } = wechatCredentials;
    const print = await secretOf({ name: "WeChat" });
    expect(await secretOf({ wechatPay: { appSecret: null, merchantPrivateKey: null } })).toBeNull();
    expect(await secretOf({ wechatPay: { appSecret } })).toBe(print);
    expect(await secretOf({ forgetFingerprints: [print] })).toBeNull();
    const others = { wechatPay: { appSecret }, stripe: { secretKey } };
    expect(fieldsIn(await update(key, { paymentAccountId, ...others }))).toEqual(["stripe"]);
    expect(await secretOf({ name: "WeChat again" })).toBeNull();
  });

  it("says what is wrong with a new key, refuses another provider's, and finds nobody else's account", async () => {
    const { key } = await openShop();
    const { paymentAccount } = await create(key, { wechatPay: wechatInput });
    const paymentAccountId = textAt(paymentAccount, "id");
    expect(fieldsIn(await update(key, { paymentAccountId, wechatPay: { merchantPrivateKey: "x" } }))).toEqual([
      "wechatPay.merchantPrivateKey",
    ]);
    expect(messageOf(await update(key, { paymentAccountId, stripe: { secretKey } }))).toContain("another provider");
    const stranger = await openShop();
    for (const id of [paymentAccountId, `${paymentAccountId.slice(0, -1)}0`, "account_", "bogus"])
      expect(await update(stranger.key, { paymentAccountId: id, name: "mine" })).toEqual({
        __typename: "NotFoundError",
        id,
      });
  });
});

describe("paying through Stripe", () => {
  async function shop() {
    const { key } = await openShop({ currency: "USD" });
    const { paymentAccount } = await create(key, { stripe: stripeInput });
    const { order, liveCode } = await placed(key, {
      lines: [{ name: "Tea", unitPrice: { amount: "19.90", currency: "USD" } }],
    });
    const browser = await scan(textAt(liveCode, "slug"), phoneAgent);
    return {
      key,
      url: at(paymentAccount, "notificationUrl"),
      id: at(order, "id"),
      slug: textAt(liveCode, "slug"),
      browser,
    };
  }

  it("leads to Checkout, and the webhook makes the payer a customer, however often and in whatever order it comes", async () => {
    const { key, url, id, browser, slug } = await shop();
    const location = await browser.pay({ provider: "STRIPE" });
    expect(location).toMatch(/^https:\/\/checkout\.stripe\.com\/c\/pay\/cs_test_/);
    expect(await browser.pay({ provider: "STRIPE" })).toBe(location);
    const payment = textAt(await show(key, id), "payments.0.id");
    const events = stripe.pay(payment, { customer_details: { name: "Ada", email: "ada@example.com" } });
    await forgetMemory(id, url);
    const statuses = await Promise.all(
      [...events, ...events].toReversed().map(async (event) => (await notify(url, event, stripe.sign(event))).status),
    );
    expect(statuses).toEqual([200, 200, 200, 200]);
    expect(await show(key, id)).toMatchObject({
      state: "PAID",
      received: { amount: "19.90" },
      payments: [{ state: "SUCCEEDED", provider: "STRIPE", duplicate: false }],
      conversion: { customer: { identities: [{ kind: "EMAIL", value: "ada@example.com", verified: false }] } },
    });
    expect(await (await browser.open(`/c/${slug}`)).text()).toContain("Ada");

    await ask(
      key,
      `mutation ($id: ID!) { orderRefund(input: { orderId: $id, amount: { amount: "9.90", currency: "USD" } }) { __typename } }`,
      { id },
    );
    await vi.waitFor(async () => expect(await show(key, id)).toMatchObject({ refunds: [{ state: "SUCCEEDED" }] }), {
      timeout: 10_000,
    });
  });

  it("is found by asking when no webhook ever comes, and makes a new session when the old one has ended", async () => {
    const { key, url, id, browser } = await shop();
    const first = await browser.pay({ provider: "STRIPE" });
    stripe.session(textAt(await show(key, id), "payments.0.id")).status = "expired";
    const second = await browser.pay({ provider: "STRIPE" });
    expect(second).not.toBe(first);
    const { payments } = await show(key, id);
    expect(payments).toMatchObject([{ state: "CLOSED" }, { state: "PENDING" }]);
    stripe.pay(textAt(payments, "1.id"));
    await forgetMemory(id, url);
    await alarmOf(id);
    await vi.waitFor(async () => expect(await show(key, id)).toMatchObject({ state: "PAID" }), { timeout: 10_000 });
  });

  it("closes the session when the order is cancelled, and money that was quicker wins", async () => {
    const { key, id, browser } = await shop();
    await browser.pay({ provider: "STRIPE" });
    const payment = textAt(await show(key, id), "payments.0.id");
    const cancel = `mutation ($id: ID!) { orderCancel(input: { orderId: $id }) { __typename } }`;
    await ask(key, cancel, { id });
    await vi.waitFor(async () => expect(await show(key, id)).toMatchObject({ state: "CANCELLED" }), {
      timeout: 10_000,
    });
    expect(stripe.session(payment).status).toBe("expired");

    const other = await shop();
    await other.browser.pay({ provider: "STRIPE" });
    stripe.pay(textAt(await show(other.key, other.id), "payments.0.id"));
    await ask(other.key, cancel, { id: other.id });
    await vi.waitFor(async () => expect(await show(other.key, other.id)).toMatchObject({ state: "PAID" }), {
      timeout: 10_000,
    });
  });
});

describe("paying by WeChat", () => {
  async function shop() {
    const { key } = await openShop();
    const { paymentAccount } = await create(key, { wechatPay: wechatInput });
    const { order, liveCode } = await placed(key);
    return { key, url: at(paymentAccount, "notificationUrl"), id: at(order, "id"), slug: textAt(liveCode, "slug") };
  }

  it("inside WeChat asks who pays, hands over the payment, and hears of it signed and sealed", async () => {
    const { key, url, id, slug } = await shop();
    const browser = await scan(slug, weChatAgent);
    const who = new URL(await browser.pay({ provider: "WECHAT_PAY" }));
    expect(who.host).toBe("open.weixin.qq.com");
    const grant = wechat.grant("openid-42");
    const back = new URL(who.searchParams.get("redirect_uri") ?? "");
    expect(back.pathname).toBe(`/c/${slug}/wallet`);
    const state = who.searchParams.get("state") ?? "";
    expect(await (await browser.open(`${back.pathname}${back.search}&code=${grant}&state=${state}`)).text()).toContain(
      `value="${grant}"`,
    );
    const step = await browser.pay({ provider: "WECHAT_PAY", grant });
    expect(await (await browser.open(step)).text()).toContain("prepay_id=wxpayment_");
    const payment = textAt(await show(key, id), "payments.0.id");
    const body = wechat.pay(payment, "openid-42");
    await forgetMemory(id, url);
    for (const signer of [platform, platform, { ...nextPlatform, serial: platform.serial }]) {
      const answer = await notify(url, body, signer === platform ? wechat.sign(body) : new Headers());
      expect([answer.status, await answer.text()]).toEqual(
        signer === platform ? [200, ""] : [401, `{"code":"FAIL","message":"SIGNATURE"}`],
      );
    }
    expect(await show(key, id)).toMatchObject({
      state: "PAID",
      payments: [{ state: "SUCCEEDED", provider: "WECHAT_PAY" }],
      conversion: { customer: { identities: [{ kind: "WALLET", verified: true }] } },
    });
  });

  it("asks who pays once more, by itself, when the order behind a spent grant is gone, and keeps what the payer entered", async () => {
    const { key, url, id, slug } = await shop();
    const browser = await scan(slug, weChatAgent);
    const asked = async (location: string) => {
      const who = new URL(location);
      expect(who.host).toBe("open.weixin.qq.com");
      const back = new URL(who.searchParams.get("redirect_uri") ?? "");
      const grant = wechat.grant("openid-7");
      const shown = await browser.open(
        `${back.pathname}${back.search}&code=${grant}&state=${who.searchParams.get("state") ?? ""}`,
      );
      expect(await shown.text()).toContain(`value="${grant}"`);
      await forgetMemory(id, url);
      return browser.pay({ provider: "WECHAT_PAY", grant });
    };
    const first = await browser.pay({ provider: "WECHAT_PAY", language: "zh", phone: "13800138000" });
    await asked(first);
    const payments = async () => (await show(key, id))["payments"] as Json[];
    wechat.order(textAt((await payments())[0], "id")).trade_state = "CLOSED";
    // Its payer comes back later, and presses once.
    const spent = await asked(await browser.pay({ provider: "WECHAT_PAY" }));
    const step = await asked(spent);
    expect(await (await browser.open(step)).text()).toContain("prepay_id=wxpayment_");
    const [former, latter, ...others] = await payments();
    expect([former, latter, others]).toMatchObject([{ state: "CLOSED" }, { state: "PENDING" }, []]);
    const body = wechat.pay(textAt(latter, "id"), "openid-7");
    expect((await notify(url, body, wechat.sign(body))).status).toBe(200);
    expect(await show(key, id)).toMatchObject({
      state: "PAID",
      conversion: { customer: { identities: [{ kind: "WALLET" }, { kind: "PHONE", value: "13800138000" }] } },
    });
  });

  it("gives each payer an order at WeChat of their own, and closes the former one's", async () => {
    const { key, id, slug } = await shop();
    const first = await scan(slug, phoneAgent);
    expect(await first.pay({ provider: "WECHAT_PAY" })).toContain("https://wx.tenpay.com/");
    const former = textAt(await show(key, id), "payments.0.id");
    wechat.scan(former, "openid-1");
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + limits.claimMs + 1_000 });
    try {
      const second = await scan(slug, phoneAgent);
      await second.pay({ provider: "WECHAT_PAY" });
      const latter = textAt(await show(key, id), "payments.1.id");
      await vi.waitFor(() => expect(wechat.order(former).trade_state).toBe("CLOSED"), { timeout: 10_000 });
      wechat.pay(latter, "openid-2");
      await alarmOf(id);
      await vi.waitFor(async () => expect(await show(key, id)).toMatchObject({ state: "PAID" }), { timeout: 10_000 });
    } finally {
      vi.useRealTimers();
    }
  });

  it("keeps what no order takes for a person to see, and answers that it has it", async () => {
    const { key, url } = await shop();
    const other = await shop();
    const browser = await scan(other.slug, "");
    await browser.pay({ provider: "WECHAT_PAY" });
    const payment = textAt(await show(other.key, other.id), "payments.0.id");
    const body = wechat.pay(payment, "openid-3");
    // The same merchant number, connected by two merchants: the order is another's.
    expect((await notify(url, body, wechat.sign(body))).status).toBe(200);
    expect(await show(other.key, other.id)).not.toMatchObject({ state: "PAID" });
    const accounts = at(
      await ask(key, `{ viewer { merchant { paymentAccounts { id provider } } } }`),
      "viewer.merchant.paymentAccounts",
    ) as Json[];
    const account = accounts.find(({ provider }) => provider === "WECHAT_PAY");
    expect(await env.PAYMENT_ACCOUNT.getByName(textAt(account, "id")).unmatched()).toMatchObject([
      { provider: "WECHAT_PAY", amount: 1990 },
    ]);
    expect(cny("19.90").amount).toBe("19.90");
  });
});
