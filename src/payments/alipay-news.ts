/** What Alipay tells of a trade, in a notification or in an answer, in our words. Amounts are yuan in decimals, times are Beijing's. */
import { orderKeyOf, prefixOf } from "../core/ids.ts";
import { formatDecimal, parseDecimal, type Currency, type Minor } from "../core/money.ts";
import { fromBeijing } from "./alipay-api.ts";
import { textIn, type JsonMap } from "./json.ts";
import type { ProviderNews } from "./provider.ts";

const yuan = "CNY" as Currency;
export const inYuan = (minor: Minor): string => formatDecimal({ minor, currency: yuan });

/** Never by way of a float; null for what is no amount. */
function fen(text: string | null): Minor | null {
  const parsed = parseDecimal(text ?? "", yuan);
  return parsed.ok ? parsed.value : null;
}

const captureId = (trade: string): string => `ALIPAY:${trade}`;
const ignored = (why: string): ProviderNews => ({ kind: "ignored", why });

/**
 * A notification. One of a refund carries the trade's state too, and must not be read as another payment: it names the refund's own number, where
 * one of a payment has none. Null for what makes no sense.
 */
export function newsOfNotification(told: JsonMap): ProviderNews | null {
  const refund = textIn(told, "out_biz_no");
  const back = textIn(told, "refund_fee");
  return refund !== null && back !== null ? newsOfRefund(told, refund, back) : newsOfTrade(told, "gmt_payment");
}

/** `paidWhen`: the field that says when it was paid. A trade that was never paid has none. */
export function newsOfTrade(trade: JsonMap, paidWhen: "gmt_payment" | "send_pay_date"): ProviderNews | null {
  const payment = textIn(trade, "out_trade_no");
  if (payment === null) return null;
  switch (textIn(trade, "trade_status")) {
    case "TRADE_SUCCESS":
    case "TRADE_FINISHED":
      return captured(trade, payment, fromBeijing(textIn(trade, paidWhen)));
    case "WAIT_BUYER_PAY":
      return ignored("not paid yet");
    case "TRADE_CLOSED": {
      // Closed unpaid, or paid and given back whole since.
      if (textIn(trade, paidWhen) !== null) return captured(trade, payment, fromBeijing(textIn(trade, paidWhen)));
      const command = { kind: "ended", attempt: payment, outcome: "CLOSED", reason: null } as const;
      return { kind: "ended", order: orderKeyOf(payment), command };
    }
    default:
      return null;
  }
}

function captured(trade: JsonMap, payment: string, paidAt: number | null): ProviderNews | null {
  const transaction = textIn(trade, "trade_no");
  const amount = fen(textIn(trade, "total_amount"));
  if (transaction === null || amount === null || paidAt === null) return null;
  // Notifications and answers call the buyer differently; the open id is the one that stays.
  const person = textIn(trade, "buyer_open_id") ?? textIn(trade, "buyer_id") ?? textIn(trade, "buyer_user_id");
  const order = orderKeyOf(payment);
  return {
    kind: "captured",
    order,
    capture: {
      id: captureId(transaction),
      provider: "ALIPAY",
      transaction,
      // A payment that we did not name ourselves is no attempt of ours.
      attempt: order === null ? null : payment,
      amount,
      currency: yuan,
      paidAt,
      payerName: null,
      identities: person === null ? [] : [{ kind: "WALLET", value: person, verified: true }],
    },
  };
}

/** Whether a refund was made, as Alipay answers when asked about it: what it does not say was not. */
export const isMade = (refund: JsonMap): boolean => textIn(refund, "refund_status") === "REFUND_SUCCESS";

/** How much one refund gave back, in a text or a number; null for one that Alipay does not know, or has not made. */
export function returnedBy(refund: JsonMap): Minor | null {
  const told = refund["refund_amount"];
  const amount = fen(typeof told === "number" ? String(told) : textIn(refund, "refund_amount"));
  return isMade(refund) && amount !== null && amount > 0 ? amount : null;
}

/**
 * `refund_fee` is all that went back of the trade so far: the order knows the amount of a refund that has a number of ours. One that was made at Alipay
 * with no number has the payment's.
 */
function newsOfRefund(told: JsonMap, refund: string, back: string): ProviderNews | null {
  const transaction = textIn(told, "trade_no");
  const amount = fen(back);
  if (transaction === null || amount === null) return null;
  const order = prefixOf(refund) === "refund" ? orderKeyOf(refund) : null;
  const at = fromBeijing(textIn(told, "gmt_refund"));
  return {
    kind: "refunded",
    order: order ?? orderKeyOf(textIn(told, "out_trade_no") ?? ""),
    command: {
      kind: "refundHeard",
      // Nothing else may be called as a payment is.
      refund: prefixOf(refund) === "payment" ? captureId(refund) : refund,
      capture: captureId(transaction),
      amount,
      outcome: "SUCCEEDED",
      ...(order === null && { soFar: true }),
      ...(at !== null && { at }),
    },
  };
}
