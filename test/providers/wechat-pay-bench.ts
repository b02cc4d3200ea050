/** WeChat's side of the street for the contract of all ports. */
import { randomBytes } from "node:crypto";
import type { Currency } from "../../src/core/money.ts";
import type { WechatPayCredentials } from "../../src/payments/wechat-pay-credentials.ts";
import { wechatPayPort } from "../../src/payments/wechat-pay.ts";
import type { ProviderBench, ToldPayment } from "../provider-contract.ts";
import { bare, newKeyPair } from "./keys.ts";
import { envelope, seal, signAsWechat, wechatServer, type WechatServer } from "./wechat-pay.ts";

export const merchantKeys = newKeyPair();
export const platform = { ...newKeyPair(), serial: "PUB_KEY_ID_0116000000000000000000000001" };
/** Used beside the first while WeChat changes over. */
export const nextPlatform = { ...newKeyPair(), serial: "7132D72A03E93CDDF8C03BBD1F37EEDF00000000" };
const strangersPlatform = newKeyPair();
export const [apiV3Key, formerApiV3Key] = ["k".repeat(32), "0123456789abcdefghijklmnopqrstuv"];

export const wechatCredentials: WechatPayCredentials = {
  appId: "wx0123456789abcdef",
  merchantNumber: "1900000109",
  merchantSerial: "3775B6A45ACD588826D15E583A95F5DD00000000",
  merchantPrivateKey: merchantKeys.privateKey,
  apiV3Keys: [formerApiV3Key, apiV3Key],
  platformPublicKeys: [
    { serial: platform.serial, publicKey: platform.publicKey },
    { serial: nextPlatform.serial, publicKey: nextPlatform.publicKey },
  ],
  appSecret: "0123456789abcdef0123456789abcdef",
  apiBase: null,
};

const beijing = (at: number): string => `${new Date(at + 8 * 3_600_000).toISOString().slice(0, 23)}+08:00`;
export const transactionOf = ({ payment, transaction, amount, currency, paidAt, person }: ToldPayment) => ({
  appid: wechatCredentials.appId,
  mchid: wechatCredentials.merchantNumber,
  out_trade_no: payment,
  transaction_id: transaction,
  trade_state: "SUCCESS",
  success_time: beijing(paidAt),
  payer: { openid: person },
  amount: { total: amount, payer_total: Math.max(0, amount - 1), currency, payer_currency: "CNY" },
});
export const sealedNews = (eventType: string, told: unknown, key = apiV3Key): string =>
  envelope(eventType, seal(key, JSON.stringify(told), "transaction", randomBytes(6).toString("hex")), "transaction");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export type WechatBench = ProviderBench<WechatPayCredentials> & { readonly server: WechatServer };

export const wechatBench = (): WechatBench => {
  const server = wechatServer({
    ...wechatCredentials,
    appSecret: wechatCredentials.appSecret ?? "",
    apiV3Key,
    platform,
  });
  return {
    server,
    port: wechatPayPort,
    credentials: wechatCredentials,
    strangers: {
      ...wechatCredentials,
      merchantPrivateKey: newKeyPair().privateKey,
      apiV3Keys: ["s".repeat(32)],
      platformPublicKeys: [{ serial: platform.serial, publicKey: strangersPlatform.publicKey }],
    },
    unusable: [
      { ...wechatCredentials, appId: "0123456789" },
      { ...wechatCredentials, merchantNumber: 1_900_000_109 },
      { ...wechatCredentials, merchantPrivateKey: merchantKeys.publicKey },
      { ...wechatCredentials, merchantPrivateKey: merchantKeys.privateKey.slice(0, 400) },
      { ...wechatCredentials, merchantPrivateKey: newKeyPair(1024).privateKey },
      { ...wechatCredentials, apiV3Keys: ["too short"] },
      { ...wechatCredentials, platformPublicKeys: [{ serial: platform.serial, publicKey: platform.privateKey }] },
      { ...wechatCredentials, platformPublicKeys: [{ publicKey: platform.publicKey }] },
      { ...wechatCredentials, platformPublicKeys: [] },
      { ...wechatCredentials, appSecret: "" },
    ],
    secrets: [bare(merchantKeys.privateKey).slice(100, 160), apiV3Key, wechatCredentials.appSecret ?? ""],
    currencies: ["CNY"] as Currency[],
    sign: (body, { platformPublicKeys: [key] }, now) => ({
      headers: signAsWechat(
        key?.publicKey === platform.publicKey ? platform : { ...strangersPlatform, serial: platform.serial },
        body,
        now,
      ),
      body,
    }),
    succeeded: (told) => bytes(sealedNews("TRANSACTION.SUCCESS", transactionOf(told))),
    failed: (told) => bytes(sealedNews("TRANSACTION.PAYERROR", { ...transactionOf(told), trade_state: "PAYERROR" })),
    refunded: ({ payment, transaction, amount }, refund) =>
      bytes(
        sealedNews("REFUND.SUCCESS", {
          mchid: wechatCredentials.merchantNumber,
          out_trade_no: payment,
          transaction_id: transaction,
          out_refund_no: refund,
          refund_id: "50000",
          refund_status: "SUCCESS",
          success_time: beijing(Date.now()),
          amount: { total: amount, refund: amount, payer_total: amount, payer_refund: amount },
        }),
      ),
    pay: async (payment) => void server.pay(payment),
    decline: async (payment) => server.decline(payment),
  };
};
