/** The three pretend providers as they stand on the street: whose page an address is, what is taken there, and what is told of it. */
import { randomBytes } from "node:crypto";
import { alipayServer, type AlipayApplication } from "./alipay.ts";
import { stripeServer, type StripeKeys } from "./stripe.ts";
import type { Counter, Taking, Visit } from "./street.ts";
import { wechatServer, type WechatMerchant } from "./wechat-pay.ts";

/** Nothing was taken, and perhaps something is told all the same. */
const nothing = (notificationUrl: string, back: string | null, news: readonly string[] = []): Visit => ({
  taking: null,
  news,
  notificationUrl,
  back,
});
const beijing = (text: string): number => Date.parse(`${text.replace(" ", "T").slice(0, 19)}+08:00`);

/** Stripe is told the webhook's address in its dashboard, so this one asks for it. */
export const stripeCounter =
  (keys: StripeKeys, notificationUrl: () => string) =>
  (origin: string): Counter => {
    const server = stripeServer(keys, origin);
    return {
      handle: server.handle,
      sign: server.sign,
      refunds: (transaction) =>
        server.refunds
          .filter(({ payment_intent }) => payment_intent === transaction)
          .map(({ amount, metadata }) => ({ refund: String((metadata as { refund?: string }).refund), amount })),
      visit(address, outcome, person) {
        const [, id] = /^\/c\/pay\/(\w+)$/.exec(address.pathname) ?? [];
        const session = id === undefined ? undefined : server.sessions.get(id);
        if (!session) return null;
        const back = session.success_url;
        const payment = session.client_reference_id;
        if (outcome === "fail") return nothing(notificationUrl(), back, server.decline(payment));
        if (outcome === "abandon" || session.status === "expired") return nothing(notificationUrl(), back);
        const news = session.status === "open" ? server.pay(payment, { customer: `cus_${person}` }) : [];
        const intent = session.payment_intent as { id: string; latest_charge: { created: number } };
        const taking: Taking = {
          payment,
          transaction: intent.id,
          amount: session.amount_total,
          currency: session.currency.toUpperCase(),
          paidAt: intent.latest_charge.created * 1000,
        };
        return { taking, news, notificationUrl: notificationUrl(), back };
      },
    };
  };

export const wechatCounter =
  (merchant: WechatMerchant) =>
  (origin: string): Counter => {
    const server = wechatServer(merchant, origin);
    return {
      handle: server.handle,
      sign: server.sign,
      refunds: (transaction) =>
        [...server.refunds.values()]
          .filter(({ transaction_id }) => transaction_id === transaction)
          .map(({ out_refund_no, amount }) => ({ refund: out_refund_no, amount: amount.refund })),
      visit(address, outcome, person) {
        const payment = (address.searchParams.get("prepay_id") ?? address.searchParams.get("pr") ?? "").replace(
          /^wx/,
          "",
        );
        if (!server.orders.has(payment)) return null;
        const order = server.order(payment);
        const back = address.searchParams.get("redirect_url");
        if (outcome !== "pay" || order.trade_state === "CLOSED") return nothing(order.notify_url, back);
        // Inside WeChat it is its own user who pays; a link or a code is whoever's opens it.
        const openid = order.kind === "jsapi" && order.openid !== null ? order.openid : `openid-${person}`;
        const news = server.pay(payment, openid);
        const { transaction_id: transaction = "", success_time = "", amount } = server.order(payment);
        const taking = {
          payment,
          transaction,
          amount: amount.total,
          currency: "CNY",
          paidAt: Date.parse(success_time),
        };
        return { taking, news: [news], notificationUrl: order.notify_url, back };
      },
    };
  };

export const alipayCounter =
  (application: AlipayApplication) =>
  (_origin: string): Counter => {
    const server = alipayServer(application);
    return {
      handle: server.handle,
      // Its signature is part of the body.
      sign: () => new Headers({ "content-type": "application/x-www-form-urlencoded; charset=utf-8" }),
      refunds: (transaction) =>
        [...server.refunds.values()]
          .filter(({ trade_no }) => trade_no === transaction)
          .map(({ out_request_no, refund_amount }) => ({
            refund: out_request_no,
            amount: Math.round(Number(refund_amount) * 100),
          })),
      visit(address, outcome, person) {
        const isCode = address.host === "qr.alipay.com";
        if (isCode ? !server.codes.has(address.href) : address.pathname !== "/gateway.do") return null;
        const trade = isCode ? server.scan(address.href) : server.open(address.href);
        const { out_trade_no: payment, notify_url: notificationUrl, return_url: back } = trade;
        if (outcome !== "pay" || trade.trade_status === "TRADE_CLOSED") return nothing(notificationUrl, back);
        const news = server.pay(payment, `buyer-${person}`);
        const { trade_no: transaction, total_amount, send_pay_date = "" } = trade;
        const taking = {
          payment,
          transaction,
          amount: Math.round(Number(total_amount) * 100),
          currency: "CNY",
          paidAt: beijing(send_pay_date),
        };
        return { taking, news: [news], notificationUrl, back };
      },
    };
  };

/** Accounts as a merchant would enter them, and the provider's side of each, both made up. */
export const newSecret = (prefix: string): string => `${prefix}${randomBytes(12).toString("hex")}`;
