/** How a payer gets to WeChat: by its own page around ours, by its page for phones, or by a code on a larger screen. */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { askProvider, refused, unavailable } from "./http.ts";
import { beginning, parseMap, textIn, type JsonMap } from "./json.ts";
import type { BegunPayment, PayerDevice, PaymentRequest, ProviderFault } from "./provider.ts";
import { askWechat, nonce, signedLines } from "./wechat-pay-api.ts";
import type { WechatPayCredentials } from "./wechat-pay-credentials.ts";

/** An order at WeChat that can no longer lead a payer anywhere, or that holds other terms. */
const deadCodes = ["ORDER_CLOSED", "ORDERCLOSED", "OUT_TRADE_NO_USED"];
/** "Entered again with other parameters": another person's WeChat, or another kind of payment. */
const otherTerms = "重入";
const paidCodes = ["ORDERPAID", "ORDER_PAID"];

export async function beginAtWechat(
  credentials: WechatPayCredentials,
  request: PaymentRequest,
  now: number,
): Promise<Result<BegunPayment, ProviderFault>> {
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
}

/** RFC 3339 in Beijing's time, as WeChat writes it. */
const inBeijing = (at: number): string => `${new Date(at + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`;

function orderOf(
  { appId, merchantNumber }: WechatPayCredentials,
  { payment, amount, description, notificationUrl, expiresAt, startedAt }: PaymentRequest,
): JsonMap {
  return {
    appid: appId,
    mchid: merchantNumber,
    description: beginning(description, limits.paymentTextLengthMax.wechatPay),
    out_trade_no: payment,
    time_expire: inBeijing(Math.max(expiresAt, (startedAt ?? 0) + limits.wechatPayLifeMsMin)),
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
  if (device.grant === null) return refused("WeChat was not asked who pays");
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
export function whoPays(
  { appId, appSecret, apiBase: base }: WechatPayCredentials,
  { grantUrl, grantState }: PayerDevice,
): string | null {
  if (appSecret === null) return null;
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
