/**
 * A pretend WeChat Pay v3: it checks the merchant's signature, signs its answers, seals its news, and refuses what WeChat refuses: a second person
 * on one order, other terms under a number that was used, more money back than came.
 */
import { createCipheriv, createPublicKey, randomBytes, sign, verify } from "node:crypto";
import type { KeyPair } from "./keys.ts";

export type WechatMerchant = {
  readonly appId: string;
  readonly appSecret: string;
  readonly merchantNumber: string;
  readonly merchantPrivateKey: string;
  readonly apiV3Key: string;
  readonly platform: KeyPair & { readonly serial: string };
};
type Json = Record<string, unknown>;
type Order = Json & {
  out_trade_no: string;
  amount: { total: number; currency: string };
  notify_url: string;
  kind: string;
  asked: string;
  trade_state: "NOTPAY" | "SUCCESS" | "CLOSED" | "PAYERROR" | "REFUND";
  transaction_id?: string;
  success_time?: string;
  /** Who scanned it first: nobody else can pay it. */
  openid: string | null;
};
type Refund = Json & { out_refund_no: string; transaction_id: string; amount: { refund: number; total: number } };
type Sealed = {
  readonly algorithm: string;
  readonly ciphertext: string;
  readonly nonce: string;
  readonly associated_data: string;
};

const beijing = (at: number): string => `${new Date(at + 8 * 3_600_000).toISOString().slice(0, 19)}+08:00`;

export function seal(key: string, plain: string, aad: string, once: string): Sealed {
  const cipher = createCipheriv("aes-256-gcm", Buffer.from(key), Buffer.from(once)).setAAD(Buffer.from(aad));
  const ciphertext = Buffer.concat([cipher.update(plain, "utf8"), cipher.final(), cipher.getAuthTag()]).toString(
    "base64",
  );
  return { algorithm: "AEAD_AES_256_GCM", ciphertext, nonce: once, associated_data: aad };
}

export function signAsWechat(
  { privateKey, serial }: { readonly privateKey: string; readonly serial: string },
  body: Uint8Array | string,
  at = Date.now(),
): Headers {
  const [seconds, once] = [String(Math.floor(at / 1000)), randomBytes(8).toString("hex")];
  const message = Buffer.concat([Buffer.from(`${seconds}\n${once}\n`), Buffer.from(body), Buffer.from("\n")]);
  return new Headers({
    "content-type": "application/json",
    "wechatpay-timestamp": seconds,
    "wechatpay-nonce": once,
    "wechatpay-serial": serial,
    "wechatpay-signature": sign("RSA-SHA256", message, privateKey).toString("base64"),
  });
}

/** A notification around what it tells. */
export const envelope = (eventType: string, resource: Sealed, originalType: string): string =>
  JSON.stringify({
    id: randomBytes(16).toString("hex"),
    create_time: beijing(Date.now()),
    event_type: eventType,
    resource_type: "encrypt-resource",
    summary: "支付成功",
    resource: { ...resource, original_type: originalType },
  });

export type WechatServer = ReturnType<typeof wechatServer>;

export function wechatServer(merchant: WechatMerchant, origin = "https://wx.tenpay.com") {
  const { appId, appSecret, merchantNumber, apiV3Key, platform } = merchant;
  const merchantKey = createPublicKey(merchant.merchantPrivateKey);
  const orders = new Map<string, Order>();
  const refunds = new Map<string, Refund>();
  const grants = new Map<string, string>();
  let count = 0;
  const name = (prefix: string): string => `${prefix}${(count += 1).toString().padStart(10, "0")}`;

  const answer = (body: Json | null, status = 200): Response => {
    const text = body === null ? "" : JSON.stringify(body);
    return new Response(status === 204 ? null : text, { status, headers: signAsWechat(platform, text) });
  };
  const fault = (status: number, code: string, message: string): Response => answer({ code, message }, status);

  function isSigned(request: Request, body: string): boolean {
    const { pathname, search } = new URL(request.url);
    const header = request.headers.get("authorization") ?? "";
    const field = (key: string): string => new RegExp(`${key}="([^"]*)"`).exec(header)?.[1] ?? "";
    const message = [request.method, pathname + search, field("timestamp"), field("nonce_str"), body, ""].join("\n");
    return (
      header.startsWith("WECHATPAY2-SHA256-RSA2048 ") &&
      field("mchid") === merchantNumber &&
      Math.abs(Date.now() / 1000 - Number(field("timestamp"))) < 300 &&
      verify("RSA-SHA256", Buffer.from(message), merchantKey, Buffer.from(field("signature"), "base64"))
    );
  }

  function createOrder(kind: string, body: string): Response {
    const asked = JSON.parse(body) as Json &
      Pick<Order, "amount" | "out_trade_no" | "notify_url"> & { description: string };
    const { out_trade_no: number, amount, description, notify_url: notifyUrl } = asked;
    const payer = asked["payer"] as { openid?: string } | undefined;
    const before = orders.get(number);
    if (asked["appid"] !== appId || asked["mchid"] !== merchantNumber)
      return fault(400, "APPID_MCHID_NOT_MATCH", "商户号和appid不匹配");
    if (!/^[0-9A-Za-z_\-|*]{6,32}$/.test(number) || !Number.isSafeInteger(amount.total) || amount.total < 1)
      return fault(400, "PARAM_ERROR", "参数错误");
    if (Array.from(description).length > 127 || notifyUrl.includes("?") || (kind === "jsapi" && !payer?.openid))
      return fault(400, "PARAM_ERROR", "参数错误");
    if (before?.trade_state === "CLOSED") return fault(400, "ORDER_CLOSED", "该订单已关闭");
    if (before?.trade_state === "SUCCESS" || before?.trade_state === "REFUND")
      return fault(400, "ORDERPAID", "该订单已支付");
    if (before && (before.kind !== kind || before.asked !== body))
      return fault(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致");
    if (!before)
      orders.set(number, { ...asked, kind, asked: body, trade_state: "NOTPAY", openid: payer?.openid ?? null });
    if (kind === "native") return answer({ code_url: `weixin://wxpay/bizpayurl?pr=${number}` });
    if (kind === "jsapi") return answer({ prepay_id: `wx${number}` });
    return answer({ h5_url: `${origin}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx${number}&package=1` });
  }

  const transactionOf = (order: Order): Json => {
    const { out_trade_no, trade_state, transaction_id, success_time, amount, openid } = order;
    const money = { total: amount.total, currency: amount.currency };
    return {
      appid: appId,
      mchid: merchantNumber,
      out_trade_no,
      trade_state,
      trade_state_desc: trade_state,
      trade_type: order.kind.toUpperCase(),
      ...(transaction_id && {
        transaction_id,
        success_time,
        payer: { openid },
        // A coupon paid for a part.
        amount: { ...money, payer_total: Math.max(0, money.total - 1), payer_currency: "CNY" },
      }),
    };
  };

  function createRefund(body: string): Response {
    const asked = JSON.parse(body) as Refund;
    const before = refunds.get(asked.out_refund_no);
    if (before) return answer(before);
    const order = [...orders.values()].find((one) => one.transaction_id === asked.transaction_id);
    if (!order || asked.amount.total !== order.amount.total)
      return fault(400, "INVALID_REQUEST", "订单金额或退款金额与之前请求不一致");
    const gone = [...refunds.values()].filter((one) => one.transaction_id === asked.transaction_id);
    const left = order.amount.total - gone.reduce((sum, one) => sum + one.amount.refund, 0);
    if (left === 0) return fault(400, "INVALID_REQUEST", "订单已全额退款");
    if (asked.amount.refund > left) return fault(400, "NOT_ENOUGH", "退款金额大于可退金额");
    const refund = { ...asked, refund_id: name("5"), out_trade_no: order.out_trade_no, status: "PROCESSING" };
    refunds.set(asked.out_refund_no, { ...refund, status: "SUCCESS" });
    order.trade_state = "REFUND";
    return answer(refund);
  }

  function atOauth({ pathname, searchParams }: URL): Response | null {
    if (pathname === "/sns/oauth2/access_token") {
      const code = searchParams.get("code") ?? "";
      const openid = grants.get(code);
      grants.delete(code);
      const right = searchParams.get("appid") === appId && searchParams.get("secret") === appSecret && openid;
      return Response.json(
        right ? { access_token: "A", openid, scope: "snsapi_base" } : { errcode: 40029, errmsg: "invalid code" },
      );
    }
    if (pathname !== "/connect/oauth2/authorize") return null;
    const back = new URL(searchParams.get("redirect_uri") ?? "");
    back.searchParams.set("code", grant(`openid-${name("")}`));
    back.searchParams.set("state", searchParams.get("state") ?? "");
    return new Response(null, { status: 302, headers: { location: back.href } });
  }

  async function handle(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const open = atOauth(url);
    if (open) return open;
    const body = await request.text();
    if (!isSigned(request, body)) return Response.json({ code: "SIGN_ERROR", message: "签名错误" }, { status: 401 });
    const [, kind] = /^\/v3\/pay\/transactions\/(jsapi|h5|native)$/.exec(url.pathname) ?? [];
    if (kind && request.method === "POST") return createOrder(kind, body);
    const [, number = "", close] =
      /^\/v3\/pay\/transactions\/out-trade-no\/([^/]+)(\/close)?$/.exec(url.pathname) ?? [];
    const order = orders.get(number);
    if (number && !order) return fault(404, "ORDER_NOT_EXIST", "订单不存在");
    if (order && close) {
      if (order.transaction_id) return fault(400, "ORDERPAID", "订单已支付");
      order.trade_state = "CLOSED";
      return answer(null, 204);
    }
    if (order)
      return url.searchParams.get("mchid") === merchantNumber
        ? answer(transactionOf(order))
        : fault(400, "PARAM_ERROR", "参数错误");
    if (url.pathname === "/v3/refund/domestic/refunds") return createRefund(body);
    const [, refunded = ""] = /^\/v3\/refund\/domestic\/refunds\/([^/]+)$/.exec(url.pathname) ?? [];
    const refund = refunds.get(refunded);
    return refund ? answer(refund) : fault(404, "RESOURCE_NOT_EXISTS", "退款单不存在");
  }

  const orderOf = (payment: string): Order => {
    const found = orders.get(payment);
    if (!found) throw new Error("nobody ever began that payment");
    return found;
  };
  function grant(openid: string): string {
    const code = name("grant");
    grants.set(code, openid);
    return code;
  }

  /** Somebody's WeChat opens the order. It is theirs from then on. */
  function scan(payment: string, openid: string): void {
    const order = orderOf(payment);
    if (order.openid !== null && order.openid !== openid)
      throw new Error("同一笔订单不允许使用不同的微信号扫码调起支付");
    if (order.trade_state === "CLOSED") throw new Error("该订单已关闭");
    order.openid = openid;
  }

  /** They pay. Answers the notification's body. */
  function pay(payment: string, openid = "openid-1", at = Date.now()): string {
    const order = orderOf(payment);
    scan(payment, openid);
    if (order.transaction_id === undefined)
      Object.assign(order, { trade_state: "SUCCESS", transaction_id: name("42000"), success_time: beijing(at) });
    return notificationOf(transactionOf(order));
  }
  const notificationOf = (transaction: Json): string =>
    envelope(
      "TRANSACTION.SUCCESS",
      seal(apiV3Key, JSON.stringify(transaction), "transaction", randomBytes(6).toString("hex")),
      "transaction",
    );

  return {
    handle,
    scan,
    pay,
    grant,
    decline: (payment: string) => void (orderOf(payment).trade_state = "PAYERROR"),
    order: orderOf,
    orders,
    refunds,
    sign: (body: string | Uint8Array, at?: number) => signAsWechat(platform, body, at),
  };
}
