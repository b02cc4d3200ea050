/**
 * A pretend Alipay: it checks the application's signature on links and calls, signs its answers and notifications, knows of no trade before a payer has
 * come, and gives back once per refund number.
 */
import { createPublicKey, randomUUID, sign, verify } from "node:crypto";

export type AlipayApplication = {
  readonly appId: string;
  readonly sellerId: string;
  readonly appPrivateKey: string;
  /** Alipay's own, with which it signs. */
  readonly alipayPrivateKey: string;
};
type Json = Record<string, unknown>;
type Trade = {
  readonly out_trade_no: string;
  readonly trade_no: string;
  readonly total_amount: string;
  readonly subject: string;
  readonly notify_url: string;
  readonly return_url: string | null;
  readonly time_expire: string;
  trade_status: "WAIT_BUYER_PAY" | "TRADE_SUCCESS" | "TRADE_CLOSED" | "TRADE_FINISHED";
  send_pay_date?: string;
  buyer?: string;
};
type Refund = { readonly trade_no: string; readonly out_request_no: string; readonly refund_amount: string };

const beijing = (at: number): string => new Date(at + 8 * 3_600_000).toISOString().slice(0, 19).replace("T", " ");
const fen = (yuan: string): number => Math.round(Number(yuan) * 100);

/** A notification's body. Every field but the two of the signature is signed, empty ones too. */
export function signAsAlipay(
  privateKey: string,
  fields: Readonly<Record<string, string>>,
  algorithm = "RSA-SHA256",
): URLSearchParams {
  const content = Object.keys(fields)
    .toSorted()
    .map((name) => `${name}=${fields[name]}`)
    .join("&");
  const signature = sign(algorithm, Buffer.from(content), privateKey).toString("base64");
  return new URLSearchParams({ sign: signature, sign_type: algorithm === "RSA-SHA1" ? "RSA" : "RSA2", ...fields });
}

export type AlipayServer = ReturnType<typeof alipayServer>;

export function alipayServer({ appId, sellerId, appPrivateKey, alipayPrivateKey }: AlipayApplication) {
  const appKey = createPublicKey(appPrivateKey);
  const trades = new Map<string, Trade>();
  /** Codes that nobody has scanned. */
  const codes = new Map<string, Json>();
  const refunds = new Map<string, Refund>();
  let count = 0;
  const number = (): string => `2026112522001${(count += 1).toString().padStart(15, "0")}`;

  function answer(body: Json): Response {
    const [text, stamp, nonce] = [JSON.stringify(body), String(Date.now()), randomUUID()];
    const signature = sign("RSA-SHA256", Buffer.from(`${stamp}\n${nonce}\n${text}\n`), alipayPrivateKey);
    return new Response(text, {
      headers: {
        "content-type": "application/json",
        "alipay-timestamp": stamp,
        "alipay-nonce": nonce,
        "alipay-signature": signature.toString("base64"),
      },
    });
  }
  const fault = (code: string, message: string): Response => Response.json({ code, message }, { status: 400 });

  function isSigned(header: string, path: string, body: string): boolean {
    const [, stamp = "", signature = ""] = /^ALIPAY-SHA256withRSA (.*),sign=(.*)$/.exec(header) ?? [];
    const content = `${stamp}\nPOST\n${path}\n${body}\n`;
    return (
      stamp.startsWith(`app_id=${appId},`) &&
      verify("RSA-SHA256", Buffer.from(content), appKey, Buffer.from(signature, "base64"))
    );
  }

  /** The payer has come: only now is there a trade, or the one from before. */
  function enter(content: Json, notifyUrl: string, returnUrl: string | null): Trade {
    const known = trades.get(String(content["out_trade_no"]));
    if (known) return known;
    if (String(content["time_expire"]) <= beijing(Date.now())) throw new Error("交易已超时");
    const trade: Trade = {
      out_trade_no: String(content["out_trade_no"]),
      trade_no: number(),
      total_amount: String(content["total_amount"]),
      subject: String(content["subject"]),
      notify_url: notifyUrl,
      return_url: returnUrl,
      time_expire: String(content["time_expire"]),
      trade_status: "WAIT_BUYER_PAY",
    };
    trades.set(trade.out_trade_no, trade);
    return trade;
  }

  /** What a browser does with the address of a page. */
  function open(link: string): Trade {
    const fields = Object.fromEntries(new URL(link).searchParams);
    const { sign: signature = "", ...rest } = fields;
    const content = Object.keys(rest)
      .toSorted()
      .map((name) => `${name}=${rest[name]}`)
      .join("&");
    const good =
      rest["app_id"] === appId &&
      rest["sign_type"] === "RSA2" &&
      verify("RSA-SHA256", Buffer.from(content), appKey, Buffer.from(signature, "base64"));
    if (!good) throw new Error("invalid-signature");
    return enter(JSON.parse(rest["biz_content"] ?? "{}") as Json, rest["notify_url"] ?? "", rest["return_url"] ?? null);
  }
  function scan(code: string): Trade {
    const content = codes.get(code);
    if (!content) throw new Error("no such code");
    return enter(content, String(content["notify_url"]), null);
  }

  const backOf = ({ trade_no }: Trade): number =>
    [...refunds.values()].reduce((sum, one) => sum + (one.trade_no === trade_no ? fen(one.refund_amount) : 0), 0);
  /** Of a number that nothing went back by, nothing is said. */
  const shownOf = ({ trade_no, out_trade_no, total_amount }: Trade, found: Refund | undefined): Json =>
    found ? { ...found, trade_no, out_trade_no, total_amount, refund_status: "REFUND_SUCCESS" } : {};

  function refund(asked: Refund, trade: Trade): Response {
    const before = refunds.get(asked.out_request_no);
    const back = backOf(trade);
    const shown = { trade_no: trade.trade_no, out_trade_no: trade.out_trade_no };
    if (before) return answer({ ...shown, fund_change: "N", refund_fee: (back / 100).toFixed(2) });
    if (trade.trade_status !== "TRADE_SUCCESS" || back + fen(asked.refund_amount) > fen(trade.total_amount))
      return fault("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额超限");
    refunds.set(asked.out_request_no, asked);
    const total = back + fen(asked.refund_amount);
    if (total === fen(trade.total_amount)) trade.trade_status = "TRADE_CLOSED";
    return answer({ ...shown, fund_change: "Y", refund_fee: (total / 100).toFixed(2) });
  }

  async function handle(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = await request.text();
    if (!isSigned(request.headers.get("authorization") ?? "", pathname, body))
      return fault("isv.invalid-signature", "验签失败");
    const asked = JSON.parse(body) as Json;
    if (pathname === "/v3/alipay/trade/precreate") {
      const code = `https://qr.alipay.com/bax${String(asked["out_trade_no"])}`;
      codes.set(code, asked);
      return answer({ out_trade_no: asked["out_trade_no"], qr_code: code });
    }
    const trade = [...trades.values()].find(
      (one) => one.out_trade_no === asked["out_trade_no"] || one.trade_no === asked["trade_no"],
    );
    if (!trade) return fault("ACQ.TRADE_NOT_EXIST", "交易不存在");
    switch (pathname) {
      case "/v3/alipay/trade/query": {
        const { buyer, notify_url: _, return_url: __, ...shown } = trade;
        return answer({ ...shown, ...(buyer && { buyer_open_id: buyer }) });
      }
      case "/v3/alipay/trade/close":
        if (trade.trade_status !== "WAIT_BUYER_PAY") return fault("ACQ.TRADE_STATUS_ERROR", "交易状态不合法");
        trade.trade_status = "TRADE_CLOSED";
        return answer({ trade_no: trade.trade_no, out_trade_no: trade.out_trade_no });
      case "/v3/alipay/trade/refund":
        return refund(asked as Refund, trade);
      case "/v3/alipay/trade/fastpay/refund/query":
        return answer(shownOf(trade, refunds.get(String(asked["out_request_no"]))));
      default:
        return fault("isv.invalid-method", "不存在的方法名");
    }
  }

  const tradeOf = (payment: string): Trade => {
    const found = trades.get(payment);
    if (!found) throw new Error("no payer has come yet");
    return found;
  };
  /** A notification as it is posted. The same one, told again, keeps its `notify_id`. */
  const notificationOf = (trade: Trade, more: Readonly<Record<string, string>> = {}): string =>
    signAsAlipay(alipayPrivateKey, {
      app_id: appId,
      auth_app_id: appId,
      buyer_open_id: trade.buyer ?? "",
      buyer_pay_amount: trade.total_amount,
      charset: "utf-8",
      gmt_create: beijing(Date.now()),
      ...(trade.send_pay_date && { gmt_payment: trade.send_pay_date }),
      notify_id: randomUUID(),
      notify_time: beijing(Date.now()),
      notify_type: "trade_status_sync",
      out_trade_no: trade.out_trade_no,
      receipt_amount: trade.total_amount,
      seller_id: sellerId,
      subject: trade.subject,
      total_amount: trade.total_amount,
      trade_no: trade.trade_no,
      trade_status: trade.trade_status,
      version: "1.0",
      ...more,
    }).toString();

  /** The payer, who has come, pays. Answers the notification's body. */
  function pay(payment: string, buyer = "buyer-1", at = Date.now()): string {
    const trade = tradeOf(payment);
    if (trade.trade_status === "TRADE_CLOSED") throw new Error("交易已关闭");
    if (trade.trade_status === "WAIT_BUYER_PAY")
      Object.assign(trade, { trade_status: "TRADE_SUCCESS", send_pay_date: beijing(at), buyer });
    return notificationOf(trade);
  }

  /** Its merchant gives money back at Alipay itself: by a number of Alipay's own, or by the order's where none was named. Answers the notification's body. */
  function giveBack(payment: string, amount: string, name = payment): string {
    const trade = tradeOf(payment);
    refund({ trade_no: trade.trade_no, out_request_no: name, refund_amount: amount }, trade);
    const soFar = (backOf(trade) / 100).toFixed(2);
    return notificationOf(trade, { out_biz_no: name, refund_fee: soFar, gmt_refund: beijing(Date.now()) });
  }

  return { handle, open, scan, pay, giveBack, trade: tradeOf, notificationOf, codes, refunds };
}
