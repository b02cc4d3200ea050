/**
 * WeChat Pay, API v3: JSAPI inside WeChat, H5 in a phone's browser, Native on a larger screen. One order at WeChat per attempt, under the
 * attempt's id. WeChat lets one account only pay an order, and its links die within minutes or hours, so every payer has an attempt of their own.
 */
import { err, ok } from "../core/result.ts";
import { credentialsOf } from "./credentials.ts";
import { unavailable } from "./http.ts";
import { mapIn, parseMap, textIn, type JsonMap } from "./json.ts";
import type { AttemptReport, PaymentPort } from "./provider.ts";
import { askWechat, isFromWechat } from "./wechat-pay-api.ts";
import { beginAtWechat, whoPays } from "./wechat-pay-begin.ts";
import { wechatPayForm, type WechatPayCredentials } from "./wechat-pay-credentials.ts";
import { newsOfRefund, newsOfTransaction, opened, refundStateOf } from "./wechat-pay-news.ts";

const unknownCodes = ["ORDER_NOT_EXIST", "ORDERNOTEXIST", "RESOURCE_NOT_EXISTS"];

export const wechatPayPort: PaymentPort<WechatPayCredentials> = {
  provider: "WECHAT_PAY",
  ...credentialsOf(wechatPayForm),

  // Without it WeChat does not tell who holds the phone, and asks for just that.
  unableIn: ({ appSecret }) => (appSecret === null ? ["IN_WECHAT"] : []),

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

  asks: { scenes: ["IN_WECHAT"], at: whoPays },

  begin: (credentials, request, { now }) => beginAtWechat(credentials, request, now),

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

/** WeChat takes a public address without a query, and nothing else. */
const isAnswerable = (url: string | null | undefined): url is string => url?.startsWith("https://") ?? false;

const closed = (payment: string): AttemptReport => ({
  state: "NEWS",
  news: { kind: "ended", order: null, command: { kind: "ended", attempt: payment, outcome: "CLOSED", reason: null } },
});

function stateOf(refund: JsonMap) {
  const state = refundStateOf(textIn(refund, "status"));
  return state ? ok({ state }) : unavailable("WeChat told of a refund that makes no sense");
}
