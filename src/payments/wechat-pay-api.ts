/**
 * How WeChat Pay v3 is spoken to, and how it signs what it says: RSA with SHA-256 over lines that each end in a line feed. An answer that is
 * not signed by one of WeChat's keys was not WeChat's. https://pay.weixin.qq.com/doc/v3/merchant/4012365342
 */
import { randomBytes } from "node:crypto";
import { err, ok, type Result } from "../core/result.ts";
import { askProvider, unavailable } from "./http.ts";
import { parseMap, textIn, type JsonMap } from "./json.ts";
import type { ProviderFault } from "./provider.ts";
import { isSigned, signed } from "./rsa.ts";
import { isNear } from "./timed-signature.ts";
import type { PlatformKey, WechatPayCredentials } from "./wechat-pay-credentials.ts";

const scheme = "WECHATPAY2-SHA256-RSA2048";
/** Signatures that WeChat makes wrong on purpose, to see whether they are checked. */
const probe = "WECHATPAY/SIGNTEST/";

const lines = (...parts: readonly (string | number)[]): string => `${parts.join("\n")}\n`;
export const nonce = (): string => randomBytes(16).toString("hex");
export const signedLines = (key: string, ...parts: readonly (string | number)[]): string =>
  signed(key, lines(...parts));

type Signing = Pick<WechatPayCredentials, "merchantNumber" | "merchantSerial" | "merchantPrivateKey">;
export type SignedRequest = {
  readonly method: "GET" | "POST";
  /** Path and query. */
  readonly path: string;
  readonly body: string;
  readonly seconds: number;
  readonly nonce: string;
};

export function authorization(
  { merchantNumber, merchantSerial, merchantPrivateKey }: Signing,
  { method, path, body, seconds, nonce: once }: SignedRequest,
): string {
  const signature = signedLines(merchantPrivateKey, method, path, seconds, once, body);
  return `${scheme} mchid="${merchantNumber}",serial_no="${merchantSerial}",timestamp="${seconds}",nonce_str="${once}",signature="${signature}"`;
}

/** During a change of keys WeChat signs with either, and names which. */
export function isFromWechat(keys: readonly PlatformKey[], headers: Headers, body: Uint8Array, now: number): boolean {
  const [seconds, once] = [headers.get("wechatpay-timestamp") ?? "", headers.get("wechatpay-nonce") ?? ""];
  const signature = headers.get("wechatpay-signature");
  const named = headers.get("wechatpay-serial")?.toUpperCase();
  const able = keys.filter(({ serial }) => serial.toUpperCase() === named);
  if (able.length === 0 || signature === null || signature.startsWith(probe)) return false;
  if ((headers.get("wechatpay-signature-type") ?? scheme) !== scheme) return false;
  if (!/^\d{1,12}$/.test(seconds) || !isNear(Number(seconds), now)) return false;
  const message = Buffer.concat([Buffer.from(lines(seconds, once)), body, Buffer.from("\n")]);
  return able.some(({ publicKey }) => isSigned(publicKey, message, signature));
}

export type WechatFault = ProviderFault & { readonly code?: string };

/** `body` null asks, anything else tells. A 204 is an empty map. */
export async function askWechat(
  credentials: WechatPayCredentials,
  path: string,
  told: JsonMap | null,
  now: number,
): Promise<Result<JsonMap, WechatFault>> {
  const { platformPublicKeys, apiBase } = credentials;
  const method = told ? "POST" : "GET";
  const body = told ? JSON.stringify(told) : "";
  const seconds = Math.floor(now / 1000);
  const reply = await askProvider((apiBase ?? "https://api.mch.weixin.qq.com") + path, {
    method,
    headers: {
      accept: "application/json",
      "user-agent": "huoma",
      authorization: authorization(credentials, { method, path, body, seconds, nonce: nonce() }),
      // So that the answer is signed by a key that is known here.
      "wechatpay-serial": platformPublicKeys.at(-1)?.serial ?? "",
      ...(told && { "content-type": "application/json" }),
    },
    ...(told && { body }),
  });
  if (!reply.ok) return reply;
  const { status, headers, body: bytes } = reply.value;
  const answer = bytes.byteLength === 0 ? {} : parseMap(bytes);
  if (status >= 400) {
    const code = textIn(answer, "code") ?? String(status);
    // Limits and faults of the moment come with other statuses too.
    const passing = code === "SYSTEM_ERROR" || code === "FREQUENCY_LIMITED" || code === "RATELIMIT_EXCEEDED";
    return err({ reason: passing ? "UNAVAILABLE" : "REFUSED", message: textIn(answer, "message") ?? code, code });
  }
  if (!isFromWechat(platformPublicKeys, headers, bytes, now)) return unavailable("an answer that WeChat did not sign");
  return answer ? ok(answer) : unavailable("WeChat answered something that is no JSON");
}
