/** A code whose object does not answer: logged by its order's id, since a slug is a key. The page says so in every language at once and asks again by itself. */
import { orderId, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { page } from "./headers.ts";
import { style } from "./pages/style.ts";

const retrySeconds = String(limits.watchReconnectMs / 1000);

const markup = `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta http-equiv="refresh" content="${retrySeconds}"><title>One moment</title><style>${style}</style></head><body><main class="sheet"><section class="card state"><h1>One moment</h1><p class="soft">This code does not answer just now. If you have paid, you need not pay again; this page tries again by itself.</p><h2 lang="zh-CN">请稍候</h2><p class="soft" lang="zh-CN">此付款码暂时没有响应。如果您已付款，无需再次付款；本页会自动重试。</p></section></main></body></html>`;

/** `what`: what was being done, for the log. */
export function unavailable(what: string, key: OrderKey | null, fault: unknown): Response {
  console.error(what, key && orderId(key), fault);
  return page(markup, { status: 503, headers: { "retry-after": retrySeconds } });
}
