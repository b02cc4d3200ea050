/**
 * Alipay: in its own wallet and in a phone's browser the payer is sent to its page (wap.pay), on a larger screen a code is shown (precreate), or its
 * page for computers where the account may show no codes (page.pay). A trade exists at Alipay only once its payer has come, so for a while nobody can
 * close it: until then a link is good for minutes only.
 */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { askAlipay, inBeijing, isFromAlipay, joined, pageAddress, type PageOrder } from "./alipay-api.ts";
import { inYuan, isMade, newsOfNotification, newsOfTrade, returnedBy } from "./alipay-news.ts";
import { alipayForm, type AlipayCredentials } from "./alipay-credentials.ts";
import { credentialsOf } from "./credentials.ts";
import { refused, unavailable } from "./http.ts";
import { beginning, textIn, type JsonMap } from "./json.ts";
import type {
  AttemptReport,
  BegunPayment,
  NotificationFault,
  PaymentPort,
  PaymentRequest,
  ProviderFault,
  ProviderNews,
} from "./provider.ts";

const unknownTrade = "TRADE_NOT_EXIST";
const linkPrefix = "until:";

export const alipayPort: PaymentPort<AlipayCredentials> = {
  provider: "ALIPAY",
  ...credentialsOf(alipayForm),

  // The whole body, and nothing else, or it tells again.
  answer: (fault) => ({ contentType: "text/plain", body: fault === null ? "success" : "fail" }),

  async verify(credentials, _, body, { now, heard }) {
    const fields = [...new URLSearchParams(new TextDecoder().decode(body))];
    const told: JsonMap = Object.fromEntries(fields);
    // A field told twice would be signed as one thing and read as another. The digest is ours to choose: messages that name SHA-1 are refused.
    if (Object.keys(told).length !== fields.length || told["sign_type"] !== "RSA2") return err("SIGNATURE");
    const content = joined(fields.filter(([name]) => name !== "sign" && name !== "sign_type"));
    if (!isFromAlipay(credentials, content, textIn(told, "sign"))) return err("SIGNATURE");
    const [app, seller] = [textIn(told, "app_id"), textIn(told, "seller_id")];
    if (app === null || seller === null) return err("UNREADABLE");
    if (app !== credentials.appId || seller !== credentials.sellerId) return err("MISADDRESSED");
    const news = newsOfNotification(told);
    if (!news) return err("UNREADABLE");
    if (news.kind !== "refunded" || !news.command.soFar) return ok(news);
    const before = heard?.(news.command.capture, news.command.refund);
    return before
      ? ok({ ...news, command: { ...before, kind: "refundHeard" } })
      : byItself(credentials, told, news, now);
  },

  async begin(credentials, request, { now }) {
    const { currency, reference, device, payment, returnUrl } = request;
    if (currency !== "CNY") return refused("Alipay takes yuan only");
    if (reference) {
      const found = await tradeOf(credentials, payment, now);
      if (!found.ok) return found;
      const news = found.value && newsOfTrade(found.value, "send_pay_date");
      // The order's page tells how it stands.
      if (news?.kind === "captured") return ok({ redirectUrl: returnUrl, reference });
      if (news?.kind === "ended") return err({ reason: "GONE", message: "the trade was closed" });
    }
    const until = Math.min(Math.max(request.expiresAt, now + limits.claimMs), now + limits.alipayLinkLifeMs);
    return device?.scene === "DESKTOP"
      ? payByCode(credentials, request, until, now)
      : ok(payOnPage(credentials, request, "alipay.trade.wap.pay", until, now));
  },

  async query(credentials, payment, { now }) {
    const found = await tradeOf(credentials, payment, now);
    if (!found.ok) return found;
    return found.value ? reportOf(found.value) : ok({ state: "PENDING" });
  },

  async close(credentials, payment, { now, reference }) {
    const done = await askAlipay(credentials, "/v3/alipay/trade/close", { out_trade_no: payment }, now);
    if (done.ok) return ok(closed(payment));
    if (done.error.reason !== "REFUSED") return done;
    const found = await tradeOf(credentials, payment, now);
    if (!found.ok) return found;
    if (found.value) return reportOf(found.value);
    // Nothing to close yet. Whoever holds the link can still open it, and pay, until it has run out.
    const until = Number(reference?.startsWith(linkPrefix) ? reference.slice(linkPrefix.length) : 0);
    return ok(now < until ? { state: "PENDING" } : closed(payment));
  },

  async refund(credentials, { refund, transaction, amount }, { now }) {
    const asked = { trade_no: transaction, out_request_no: refund, refund_amount: inYuan(amount) };
    const made = await askAlipay(credentials, "/v3/alipay/trade/refund", asked, now);
    if (!made.ok) return made;
    if (textIn(made.value, "fund_change") === "Y") return ok({ state: "SUCCEEDED" });
    // A number that was given before moves nothing: what became of it has to be asked.
    const found = await refundAt(credentials, transaction, refund, now);
    if (!found.ok) return found;
    return ok({ state: isMade(found.value) ? "SUCCEEDED" : "PENDING" });
  },
};

const refundAt = (credentials: AlipayCredentials, trade: string | null, refund: string | null, now: number) =>
  askAlipay(credentials, "/v3/alipay/trade/fastpay/refund/query", { trade_no: trade, out_request_no: refund }, now);

/**
 * A refund that was not asked for here, with what went back by it alone. Its notification tells only all that went back so far, and a part of that may
 * have gone by one of ours of which nobody here knows yet. Where Alipay knows no such number, or has not answered for an hour, what it told has
 * to do, with the moment of it; before that, and while the refund is so young that it may not know it yet, it has to tell again.
 */
async function byItself(
  credentials: AlipayCredentials,
  told: JsonMap,
  news: Extract<ProviderNews, { kind: "refunded" }>,
  now: number,
): Promise<Result<ProviderNews, NotificationFault>> {
  const { soFar: _, ...command } = news.command;
  const { at } = command;
  const found = await refundAt(credentials, textIn(told, "trade_no"), textIn(told, "out_biz_no"), now);
  const isUnanswered = !found.ok && found.error.reason !== "REFUSED";
  const amount = found.ok ? returnedBy(found.value) : null;
  if (amount !== null && amount <= command.amount) return ok({ ...news, command: { ...command, amount } });
  const age = now - (at ?? (isUnanswered ? now : 0));
  const isPatient = age < (isUnanswered ? limits.alipayRefundUnansweredMs : limits.alipayRefundUnknownMs);
  return isPatient ? err("UNAVAILABLE") : ok(news);
}

const referenceTo = (until: number): string => linkPrefix + String(until);

const orderOf = ({ payment, amount, description }: PaymentRequest, until: number): JsonMap => ({
  out_trade_no: payment,
  total_amount: inYuan(amount),
  // Alipay refuses these in a subject.
  subject: beginning(description.replace(/[/=&]/g, " "), limits.paymentTextLengthMax.alipay),
  time_expire: inBeijing(until),
});

const products = {
  "alipay.trade.wap.pay": "QUICK_WAP_WAY",
  "alipay.trade.page.pay": "FAST_INSTANT_TRADE_PAY",
} as const;

function payOnPage(
  credentials: AlipayCredentials,
  request: PaymentRequest,
  method: PageOrder["method"],
  until: number,
  now: number,
): BegunPayment {
  const { returnUrl, notificationUrl } = request;
  const content = { ...orderOf(request, until), product_code: products[method] };
  const redirectUrl = pageAddress(credentials, { method, content, returnUrl, notificationUrl }, now);
  return { redirectUrl, reference: referenceTo(until) };
}

/** Not every account may show codes, and Alipay's page for computers needs no answer from it. */
async function payByCode(
  credentials: AlipayCredentials,
  request: PaymentRequest,
  until: number,
  now: number,
): Promise<Result<BegunPayment, ProviderFault>> {
  const content = { ...orderOf(request, until), notify_url: request.notificationUrl };
  const made = await askAlipay(credentials, "/v3/alipay/trade/precreate", content, now);
  const scanText = made.ok ? textIn(made.value, "qr_code") : null;
  return ok(
    scanText === null
      ? payOnPage(credentials, request, "alipay.trade.page.pay", until, now)
      : { scanText, reference: referenceTo(until) },
  );
}

/** Null while no payer has come: that is no failure, and no end. */
async function tradeOf(
  credentials: AlipayCredentials,
  payment: string,
  now: number,
): Promise<Result<JsonMap | null, ProviderFault>> {
  const found = await askAlipay(credentials, "/v3/alipay/trade/query", { out_trade_no: payment }, now);
  return !found.ok && found.error.code === unknownTrade ? ok(null) : found;
}

function reportOf(trade: JsonMap): Result<AttemptReport, ProviderFault> {
  const news = newsOfTrade(trade, "send_pay_date");
  if (!news) return unavailable("Alipay told of a trade that makes no sense");
  return ok(news.kind === "ignored" ? { state: "PENDING" } : { state: "NEWS", news });
}

const closed = (payment: string): AttemptReport => ({
  state: "NEWS",
  news: { kind: "ended", order: null, command: { kind: "ended", attempt: payment, outcome: "CLOSED", reason: null } },
});
