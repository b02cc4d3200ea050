/** Alipay's side of the street for the contract of all ports. */
import type { Currency } from "../../src/core/money.ts";
import { inBeijing } from "../../src/payments/alipay-api.ts";
import type { AlipayCredentials } from "../../src/payments/alipay-credentials.ts";
import { alipayPort } from "../../src/payments/alipay.ts";
import type { ProviderBench, ToldPayment } from "../provider-contract.ts";
import { alipayServer, signAsAlipay, type AlipayServer } from "./alipay.ts";
import { bare, newKeyPair } from "./keys.ts";

export const appKeys = newKeyPair();
export const alipayKeys = newKeyPair();
/** Believed beside the first while it is changed. */
export const nextAlipayKeys = newKeyPair();
const strangersKeys = newKeyPair();

export const alipayCredentials: AlipayCredentials = {
  appId: "2021000000000001",
  sellerId: "2088000000000001",
  appPrivateKey: appKeys.privateKey,
  alipayPublicKey: bare(alipayKeys.publicKey),
  otherAlipayPublicKeys: [nextAlipayKeys.publicKey],
  apiBase: null,
};

/** Long and plain, so that a letter in the middle of the body is one of these, whatever its signature looks like. */
const padding = "A".repeat(900);

export const noticeOf = ({ payment, transaction, amount, paidAt, person }: ToldPayment): Record<string, string> => ({
  body: padding,
  app_id: alipayCredentials.appId,
  seller_id: alipayCredentials.sellerId,
  out_trade_no: payment,
  trade_no: transaction,
  trade_status: "TRADE_SUCCESS",
  total_amount: `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, "0")}`,
  gmt_payment: inBeijing(paidAt),
  buyer_open_id: person,
  subject: "茶馆 100% + 1",
  fund_bill_list: '[{"amount":"19.90","fundChannel":"ALIPAYACCOUNT"}]',
  passback_params: "",
  version: "1.0",
});
const bytes = (fields: Readonly<Record<string, string>>): Uint8Array =>
  new TextEncoder().encode(new URLSearchParams(fields).toString());

export type AlipayBench = ProviderBench<AlipayCredentials> & { readonly server: AlipayServer };

export function alipayBench(): AlipayBench {
  const server = alipayServer({ ...alipayCredentials, alipayPrivateKey: alipayKeys.privateKey });
  /** What the payer's browser was told. */
  const links = new Map<string, string>();
  const open = async (payment: string): Promise<void> => {
    const link = links.get(payment);
    if (link !== undefined) server.open(link);
  };
  return {
    server,
    port: {
      ...alipayPort,
      async begin(credentials, request, call) {
        const made = await alipayPort.begin(credentials, request, call);
        if (made.ok && "redirectUrl" in made.value) links.set(request.payment, made.value.redirectUrl);
        return made;
      },
    },
    credentials: alipayCredentials,
    strangers: { ...alipayCredentials, alipayPublicKey: strangersKeys.publicKey, otherAlipayPublicKeys: [] },
    unusable: [
      { ...alipayCredentials, appId: "wx0123456789abcdef" },
      { ...alipayCredentials, sellerId: "2021000000000001" },
      { ...alipayCredentials, appPrivateKey: appKeys.publicKey },
      { ...alipayCredentials, appPrivateKey: bare(appKeys.privateKey).slice(0, 400) },
      { ...alipayCredentials, alipayPublicKey: alipayKeys.privateKey },
      { ...alipayCredentials, otherAlipayPublicKeys: ["x"] },
      { ...alipayCredentials, apiBase: "https://openapi.alipay.example" },
    ],
    secrets: [bare(appKeys.privateKey).slice(100, 160)],
    currencies: ["CNY"] as Currency[],
    sign(body, { alipayPublicKey }) {
      const { privateKey } = alipayPublicKey === alipayCredentials.alipayPublicKey ? alipayKeys : strangersKeys;
      const fields = Object.fromEntries(new URLSearchParams(new TextDecoder().decode(body)));
      return { headers: new Headers(), body: new TextEncoder().encode(signAsAlipay(privateKey, fields).toString()) };
    },
    succeeded: (told) => bytes(noticeOf(told)),
    failed: (told) => bytes({ ...noticeOf(told), trade_status: "TRADE_CLOSED" }),
    refunded: (told, refund) => {
      const notice = noticeOf(told);
      return bytes({
        ...notice,
        trade_status: "TRADE_CLOSED",
        out_biz_no: refund,
        refund_fee: notice["total_amount"] ?? "",
      });
    },
    open,
    pay: async (payment) => {
      await open(payment);
      server.pay(payment);
    },
    decline: () => Promise.resolve(),
    exempt: {
      signedTime:
        "Alipay's notifications carry no date that could be held against a window; only the order's own memory makes a replay harmless",
      failure: "Alipay tells of no failed try: a trade waits until it is paid or closed",
    },
  };
}
