/**
 * WeChat Pay, API v3: JSAPI inside WeChat, H5 in a phone's browser, Native on a larger screen. One order at WeChat per attempt, under the
 * attempt's id. WeChat lets one account only pay an order, and its links die within minutes or hours, so every payer has an attempt of their own.
 */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { apiBase, credentialsOf, fieldOf, form, optional, publicLike, secretLike, several } from "./credentials.ts";
import { askProvider, refused, unavailable } from "./http.ts";
import { beginning, mapIn, parseMap, textIn, type JsonMap } from "./json.ts";
import type {
  AttemptReport,
  BegunPayment,
  PayerDevice,
  PaymentPort,
  PaymentRequest,
  ProviderFault,
} from "./provider.ts";
import { privateKey, publicKey } from "./rsa.ts";
import { askWechat, isFromWechat, nonce, signedLines } from "./wechat-pay-api.ts";
import { newsOfRefund, newsOfTransaction, opened, refundStateOf } from "./wechat-pay-news.ts";

export type PlatformKey = { readonly serial: string; readonly publicKey: string };
export type WechatPayCredentials = {
  readonly appId: string;
  readonly merchantNumber: string;
  readonly merchantSerial: string;
  readonly merchantPrivateKey: string;
  readonly apiV3Keys: readonly string[];
  readonly platformPublicKeys: readonly PlatformKey[];
  readonly appSecret: string | null;
  readonly apiBase: string | null;
};

const platformKey = form("WechatPlatformKey", {
  serial: publicLike(
    "Its serial number, or PUB_KEY_ID_…",
    /^[0-9A-Za-z_]{8,80}$/,
    "must be PUB_KEY_ID_… or a certificate's serial number",
  ),
  publicKey: publicKey("The public key, or the platform certificate, as PEM."),
});
const wechatPayForm = form("WechatPayAccount", {
  appId: publicLike(
    "The official account's or app's id, bound to the merchant number.",
    /^wx[0-9A-Za-z]{4,30}$/,
    "must be an app id: wx…",
  ),
  merchantNumber: publicLike("The merchant number (mchid).", /^\d{6,12}$/, "must be a merchant number: digits only"),
  merchantSerial: publicLike(
    "The serial number of the merchant's API certificate.",
    /^[0-9A-Za-z]{8,64}$/,
    "must be a certificate's serial number, without colons or spaces",
  ),
  merchantPrivateKey: privateKey("The merchant API certificate's private key (apiclient_key.pem)."),
  apiV3Keys: several(
    secretLike(
      "API v3 keys: the one in use, and a former one while news is still sealed under it.",
      /^[\x21-\x7e]{32}$/,
      "must be 32 characters",
    ),
  ),
  platformPublicKeys: several(fieldOf("Keys that WeChat signs with.", platformKey, ({ serial }) => [serial])),
  appSecret: optional(
    secretLike(
      "The official account's secret. Without it nobody can pay by WeChat inside WeChat.",
      /^[\x21-\x7e]{8,128}$/,
      "must be the account's AppSecret",
    ),
  ),
  apiBase,
});

/** An order at WeChat that can no longer lead a payer anywhere, or that holds other terms. */
const deadCodes = ["ORDER_CLOSED", "ORDERCLOSED", "OUT_TRADE_NO_USED"];
/** "Entered again with other parameters": another person's WeChat, or another kind of payment. */
const otherTerms = "重入";
const paidCodes = ["ORDERPAID", "ORDER_PAID"];
const unknownCodes = ["ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"];

export const wechatPayPort: PaymentPort<WechatPayCredentials> = {
  provider: "WECHAT_PAY",
  ...credentialsOf(wechatPayForm),

  answer: (fault) => ({
    contentType: "application/json",
    body: fault === null ? "" : JSON.stringify({ code: "FAIL", message: fault }),
  }),

  async verify({ platformPublicKeys, apiV3Keys, appId, merchantNumber }, headers, body, { now }) {
    if (!isFromWechat(platformPublicKeys, headers, body, now)) return err("SIGNATURE");
    const envelope = parseMap(body);
    const resource = mapIn(envelope, "resource");
    const told = resource && opened(resource, apiV3Keys);
    if (!told) return err("UNREADABLE");
    const isRefund = textIn(envelope, "event_type")?.startsWith("REFUND.") ?? false;
    // News of a refund names no app.
    if (textIn(told, "mchid") !== merchantNumber || (!isRefund && textIn(told, "appid") !== appId))
      return err("MISADDRESSED");
    const news = isRefund ? newsOfRefund(told) : newsOfTransaction(told);
    return news ? ok(news) : err("UNREADABLE");
  },

  async begin(credentials, request, { now }) {
    const { currency, device } = request;
    if (currency !== "CNY") return refused("WeChat Pay takes yuan only");
    switch (device?.scene) {
      case "IN_WECHAT":
        return payInWechat(credentials, request, device, now);
      case "PHONE":
      case "IN_ALIPAY":
        return payInBrowser(credentials, request, device, now);
      case "DESKTOP":
      case undefined:
        return payByCode(credentials, request, now);
    }
  },

  async query(credentials, payment, { now }) {
    const path = `/v3/pay/transactions/out-trade-no/${payment}?mchid=${credentials.merchantNumber}`;
    const found = await askWechat(credentials, path, null, now);
    if (!found.ok) return unknownCodes.includes(found.error.code ?? "") ? ok({ state: "PENDING" }) : found;
    if (textIn(found.value, "mchid") !== credentials.merchantNumber)
      return unavailable("WeChat told of another merchant's payment");
    const news = newsOfTransaction(found.value);
    if (!news) return unavailable("WeChat told of a payment that makes no sense");
    return ok(news.kind === "ignored" ? { state: "PENDING" } : { state: "NEWS", news });
  },

  async close(credentials, payment, call) {
    const path = `/v3/pay/transactions/out-trade-no/${payment}/close`;
    const done = await askWechat(credentials, path, { mchid: credentials.merchantNumber }, call.now);
    if (done.ok || unknownCodes.includes(done.error.code ?? "")) return ok(closed(payment));
    // Paid, being paid, or closed before: what it is instead is the answer.
    return done.error.reason === "REFUSED" ? wechatPayPort.query(credentials, payment, call) : done;
  },

  async refund(credentials, { refund, transaction, captured, amount, currency }, { now, notificationUrl }) {
    // Asked for first: a number that was refunded in full would otherwise be refused, and look as if it had not been.
    const known = await askWechat(credentials, `/v3/refund/domestic/refunds/${refund}`, null, now);
    if (known.ok) return stateOf(known.value);
    if (!unknownCodes.includes(known.error.code ?? "")) return known;
    const asked = {
      transaction_id: transaction,
      out_refund_no: refund,
      ...(isAnswerable(notificationUrl) && { notify_url: notificationUrl }),
      amount: { refund: amount, total: captured, currency },
    };
    const made = await askWechat(credentials, "/v3/refund/domestic/refunds", asked, now);
    return made.ok ? stateOf(made.value) : made;
  },
};

const descriptionLengthMax = 127;
const lifeMsMin = 120_000;

/** WeChat takes a public address without a query, and nothing else. */
const isAnswerable = (url: string | null | undefined): url is string => url?.startsWith("https://") ?? false;

/** RFC 3339 in Beijing's time, as WeChat writes it. */
const inBeijing = (at: number): string => `${new Date(at + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`;

function orderOf(
  { appId, merchantNumber }: WechatPayCredentials,
  { payment, amount, description, notificationUrl, expiresAt, startedAt }: PaymentRequest,
): JsonMap {
  return {
    appid: appId,
    mchid: merchantNumber,
    description: beginning(description, descriptionLengthMax),
    out_trade_no: payment,
    time_expire: inBeijing(Math.max(expiresAt, (startedAt ?? 0) + lifeMsMin)),
    notify_url: notificationUrl,
    amount: { total: amount, currency: "CNY" },
  };
}

type Asked = { readonly kind: "jsapi" | "h5" | "native"; readonly more?: JsonMap; readonly now: number };
const links = { jsapi: "prepay_id", h5: "h5_url", native: "code_url" } as const;

/** Makes the order, or asks for its link again, and lets `lead` say where that takes the payer. */
async function order(
  credentials: WechatPayCredentials,
  request: PaymentRequest,
  { kind, more = {}, now }: Asked,
  lead: (link: string) => Result<BegunPayment, ProviderFault>,
): Promise<Result<BegunPayment, ProviderFault>> {
  const told = { ...orderOf(credentials, request), ...more };
  const made = await askWechat(credentials, `/v3/pay/transactions/${kind}`, told, now);
  if (made.ok) {
    const link = textIn(made.value, links[kind]);
    return link === null ? unavailable("WeChat made an order without a way to pay it") : lead(link);
  }
  const { code = "", message } = made.error;
  // The order's page tells how it stands.
  if (paidCodes.includes(code)) return ok({ redirectUrl: request.returnUrl, reference: null });
  const isDead = deadCodes.includes(code) || message.includes(otherTerms);
  return isDead ? err({ reason: "GONE", message }) : made;
}

const payByCode = (credentials: WechatPayCredentials, request: PaymentRequest, now: number) =>
  order(credentials, request, { kind: "native", now }, (scanText) => ok({ scanText, reference: null }));

function payInBrowser(
  credentials: WechatPayCredentials,
  request: PaymentRequest,
  { address }: PayerDevice,
  now: number,
) {
  const more = { scene_info: { payer_client_ip: address ?? "127.0.0.1", h5_info: { type: "Wap" } } };
  return order(credentials, request, { kind: "h5", more, now }, (link) => {
    if (URL.parse(link)?.host !== "wx.tenpay.com" && credentials.apiBase === null)
      return unavailable("WeChat named a place to pay at that is not WeChat's");
    // Appended as it is: the rest of the address is WeChat's own.
    const redirectUrl = `${link}&redirect_url=${encodeURIComponent(request.returnUrl)}`;
    return ok({ redirectUrl, tellsOrigin: true, reference: null });
  });
}

async function payInWechat(
  credentials: WechatPayCredentials,
  request: PaymentRequest,
  device: PayerDevice,
  now: number,
): Promise<Result<BegunPayment, ProviderFault>> {
  const { appId, appSecret, merchantPrivateKey } = credentials;
  if (appSecret === null) return refused("without the app secret nobody can pay inside WeChat");
  if (device.grant === null) return ok({ redirectUrl: whoPays(credentials, device), reference: null });
  const openid = await openidOf(credentials, appSecret, device.grant);
  if (!openid.ok) return openid;
  const more = { payer: { openid: openid.value } };
  return order(credentials, request, { kind: "jsapi", more, now }, (link) => {
    const [timeStamp, nonceStr, prepay] = [String(Math.floor(now / 1000)), nonce(), `prepay_id=${link}`];
    const paySign = signedLines(merchantPrivateKey, appId, timeStamp, nonceStr, prepay);
    const invocation = { appId, timeStamp, nonceStr, package: prepay, signType: "RSA", paySign };
    return ok({ invocation, reference: null });
  });
}

/** Asks WeChat silently who holds the phone; it comes back to `grantUrl` with a code that is good once, for five minutes. */
function whoPays({ appId, apiBase: base }: WechatPayCredentials, { grantUrl, grantState }: PayerDevice): string {
  const asked = new URLSearchParams({
    appid: appId,
    redirect_uri: grantUrl,
    response_type: "code",
    scope: "snsapi_base",
    state: grantState,
  });
  return `${base ?? "https://open.weixin.qq.com"}/connect/oauth2/authorize?${asked.toString()}#wechat_redirect`;
}

/** Unsigned, but asked over TLS with the account's own secret. A code that was used is no refusal of the payment: the payer tries again. */
async function openidOf(
  { appId, apiBase: base }: WechatPayCredentials,
  secret: string,
  code: string,
): Promise<Result<string, ProviderFault>> {
  const asked = new URLSearchParams({ appid: appId, secret, code, grant_type: "authorization_code" });
  const url = `${base ?? "https://api.weixin.qq.com"}/sns/oauth2/access_token?${asked.toString()}`;
  const reply = await askProvider(url, { method: "GET", headers: {} });
  if (!reply.ok) return reply;
  const openid = textIn(parseMap(reply.value.body), "openid");
  return openid !== null && openid.length <= limits.referenceLengthMax
    ? ok(openid)
    : unavailable("WeChat did not say who pays");
}

const closed = (payment: string): AttemptReport => ({
  state: "NEWS",
  news: { kind: "ended", order: null, command: { kind: "ended", attempt: payment, outcome: "CLOSED", reason: null } },
});

function stateOf(refund: JsonMap) {
  const state = refundStateOf(textIn(refund, "status"));
  return state ? ok({ state }) : unavailable("WeChat told of a refund that makes no sense");
}
