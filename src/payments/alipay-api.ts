/**
 * How Alipay is spoken to. Two protocols: version 3 for questions, in JSON with signed headers (https://opendocs.alipay.com/open-v3/054q58), and the
 * gateway for the pages that a payer is sent to, whose whole order is a signed address (https://opendocs.alipay.com/common/02kf5q).
 * Always RSA2, which is SHA-256: a message that names another digest is not believed.
 */
import { randomUUID } from "node:crypto";
import { err, ok, type Result } from "../core/result.ts";
import type { AlipayCredentials } from "./alipay-credentials.ts";
import { askProvider, unavailable } from "./http.ts";
import { parseMap, textIn, type JsonMap } from "./json.ts";
import type { ProviderFault } from "./provider.ts";
import { isSigned, signed } from "./rsa.ts";

const api = "https://openapi.alipay.com";

/** Alipay's clock, without saying so: `2026-01-31 20:00:00` is in Beijing. */
export const inBeijing = (at: number): string =>
  new Date(at + 8 * 3_600_000).toISOString().slice(0, 19).replace("T", " ");
export function fromBeijing(text: string | null): number | null {
  const [, date, time] = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{3})?)$/.exec(text ?? "") ?? [];
  const at = Date.parse(`${date}T${time}+08:00`);
  return Number.isNaN(at) ? null : at;
}

/** Alipay's keys that are in use, the account's own first. */
export const keysOf = ({ alipayPublicKey, otherAlipayPublicKeys }: AlipayCredentials): readonly string[] => [
  alipayPublicKey,
  ...otherAlipayPublicKeys,
];
export const isFromAlipay = (credentials: AlipayCredentials, content: string, signature: string | null): boolean =>
  keysOf(credentials).some((key) => isSigned(key, content, signature));

/** Fields by name, as Alipay joins them before it signs. */
export const joined = (fields: readonly (readonly [string, string])[]): string =>
  fields
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join("&");

export type PageOrder = {
  readonly method: "alipay.trade.wap.pay" | "alipay.trade.page.pay";
  readonly content: JsonMap;
  readonly returnUrl: string;
  readonly notificationUrl: string;
};

/** The address of a page on which exactly this can be paid. Nothing exists at Alipay before somebody opens it. */
export function pageAddress(
  { appId, appPrivateKey, apiBase }: AlipayCredentials,
  { method, content, returnUrl, notificationUrl }: PageOrder,
  now: number,
): string {
  const fields: readonly (readonly [string, string])[] = [
    ["app_id", appId],
    ["biz_content", JSON.stringify(content)],
    ["charset", "utf-8"],
    ["method", method],
    ["notify_url", notificationUrl],
    ["return_url", returnUrl],
    ["sign_type", "RSA2"],
    ["timestamp", inBeijing(now)],
    ["version", "1.0"],
  ];
  const query = [...fields, ["sign", signed(appPrivateKey, joined(fields))] as const];
  return `${apiBase ?? api}/gateway.do?${query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join("&")}`;
}

export type SignedCall = { readonly path: string; readonly body: string; readonly nonce: string; readonly now: number };

export function authorization(
  { appId, appPrivateKey }: Pick<AlipayCredentials, "appId" | "appPrivateKey">,
  { path, body, nonce, now }: SignedCall,
): string {
  const stamp = `app_id=${appId},nonce=${nonce},timestamp=${now}`;
  return `ALIPAY-SHA256withRSA ${stamp},sign=${signed(appPrivateKey, `${stamp}\nPOST\n${path}\n${body}\n`)}`;
}

export type AlipayFault = ProviderFault & { readonly code?: string };

/** Faults of the moment, whatever their status. */
const passing = /^(SYSTEM_ERROR|UNKNOW_ERROR|UNKNOWN_ERROR|SERVICE_UNAVAILABLE|.*TOO_MANY.*|.*BUSY.*)$/i;

export async function askAlipay(
  credentials: AlipayCredentials,
  path: string,
  content: JsonMap,
  now: number,
): Promise<Result<JsonMap, AlipayFault>> {
  const body = JSON.stringify(content);
  const reply = await askProvider((credentials.apiBase ?? api) + path, {
    method: "POST",
    headers: {
      accept: "application/json",
      "content-type": "application/json",
      authorization: authorization(credentials, { path, body, nonce: randomUUID(), now }),
    },
    body,
  });
  if (!reply.ok) return reply;
  const { status, headers, body: bytes } = reply.value;
  const answer = parseMap(bytes);
  if (status >= 400) {
    // The same word comes with and without its department.
    const code = (textIn(answer, "code") ?? String(status)).replace(/^ACQ\./, "");
    const message = textIn(answer, "message") ?? code;
    return err({ reason: passing.test(code) ? "UNAVAILABLE" : "REFUSED", message, code });
  }
  const [stamp, nonce] = [headers.get("alipay-timestamp") ?? "", headers.get("alipay-nonce") ?? ""];
  const signature = headers.get("alipay-signature");
  if (!isFromAlipay(credentials, `${stamp}\n${nonce}\n${Buffer.from(bytes).toString()}\n`, signature))
    return unavailable("an answer that Alipay did not sign");
  return answer ? ok(answer) : unavailable("Alipay answered something that is no JSON");
}
