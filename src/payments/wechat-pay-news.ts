/** What WeChat Pay tells of transactions and refunds, sealed in a notification or plain in an answer, in our words. */
import { createDecipheriv } from "node:crypto";
import { orderKeyOf } from "../core/ids.ts";
import { parseInstant } from "../core/instant.ts";
import { isCurrency, isMinor } from "../core/money.ts";
import { mapIn, parseMap, textIn, type JsonMap } from "./json.ts";
import type { ProviderNews, RefundReport } from "./provider.ts";

const tagLength = 16;

/**
 * AES-256-GCM under an API v3 key: after a key was changed, older news may still come sealed under the one before. Null when none opens it: the
 * tag is checked, so nothing that was changed on the way ever opens.
 */
export function opened(resource: JsonMap, keys: readonly string[]): JsonMap | null {
  const [ciphertext, once] = [textIn(resource, "ciphertext"), textIn(resource, "nonce")];
  if (textIn(resource, "algorithm") !== "AEAD_AES_256_GCM" || ciphertext === null || once === null) return null;
  const sealed = Buffer.from(ciphertext, "base64");
  if (sealed.length <= tagLength) return null;
  for (const key of keys) {
    try {
      const decipher = createDecipheriv("aes-256-gcm", Buffer.from(key), Buffer.from(once))
        .setAAD(Buffer.from(textIn(resource, "associated_data") ?? ""))
        .setAuthTag(sealed.subarray(-tagLength));
      return parseMap(Buffer.concat([decipher.update(sealed.subarray(0, -tagLength)), decipher.final()]));
    } catch {
      // Another key, or not what WeChat sealed.
    }
  }
  return null;
}

/** `total` is what the order asked; what the payer's bank paid of it, coupons aside, is WeChat's affair. */
export function newsOfTransaction(transaction: JsonMap): ProviderNews | null {
  const payment = textIn(transaction, "out_trade_no");
  if (payment === null) return null;
  const end = (outcome: "FAILED" | "CLOSED", reason: string | null): ProviderNews => ({
    kind: "ended",
    order: orderKeyOf(payment),
    command: { kind: "ended", attempt: payment, outcome, reason },
  });
  switch (textIn(transaction, "trade_state")) {
    case "SUCCESS":
    // Paid, and given back since: the refunds are told by themselves.
    case "REFUND":
      return captured(transaction, payment);
    case "PAYERROR":
      return end("FAILED", textIn(transaction, "trade_state_desc"));
    case "CLOSED":
    case "REVOKED":
      return end("CLOSED", null);
    case "NOTPAY":
    case "USERPAYING":
      return { kind: "ignored", why: "not paid yet" };
    default:
      return null;
  }
}

function captured(transaction: JsonMap, payment: string): ProviderNews | null {
  const id = textIn(transaction, "transaction_id");
  const paidAt = parseInstant(textIn(transaction, "success_time"));
  const money = mapIn(transaction, "amount");
  const amount = money?.["total"];
  const currency = textIn(money, "currency") ?? "CNY";
  if (id === null || paidAt === null || !isMinor(amount) || amount < 0 || !isCurrency(currency)) return null;
  const openid = textIn(mapIn(transaction, "payer"), "openid");
  const order = orderKeyOf(payment);
  return {
    kind: "captured",
    order,
    capture: {
      id: captureId(id),
      provider: "WECHAT_PAY",
      transaction: id,
      // A payment that we did not name ourselves is no attempt of ours.
      attempt: order === null ? null : payment,
      amount,
      currency,
      paidAt,
      payerName: null,
      identities: openid === null ? [] : [{ kind: "WALLET", value: openid, verified: true }],
    },
  };
}

const captureId = (transaction: string): string => `WECHAT_PAY:${transaction}`;

/** Null for a word that this version does not know. ABNORMAL: the money found no way back, and a person must send it another. */
export function refundStateOf(word: string | null): RefundReport["state"] | null {
  switch (word) {
    case "SUCCESS":
      return "SUCCEEDED";
    case "CLOSED":
    case "ABNORMAL":
      return "FAILED";
    case "PROCESSING":
      return "PENDING";
    default:
      return null;
  }
}

export function newsOfRefund(refund: JsonMap): ProviderNews | null {
  const [number, theirs] = [textIn(refund, "out_refund_no"), textIn(refund, "refund_id")];
  const transaction = textIn(refund, "transaction_id");
  const amount = mapIn(refund, "amount")?.["refund"];
  const state = refundStateOf(textIn(refund, "refund_status"));
  if (number === null || transaction === null || state === null || !isMinor(amount)) return null;
  if (state === "PENDING") return { kind: "ignored", why: "a refund under way" };
  const order = orderKeyOf(number);
  return {
    kind: "refunded",
    order: order ?? orderKeyOf(textIn(refund, "out_trade_no") ?? ""),
    command: {
      kind: "refundHeard",
      refund: order === null ? (theirs ?? number) : number,
      capture: captureId(transaction),
      amount,
      outcome: state,
    },
  };
}
