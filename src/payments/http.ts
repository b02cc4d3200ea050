/**
 * One call to a provider. What comes back is a stranger's: it is bounded in time and size, follows no redirect, and whoever asked checks its
 * signature where the provider signs. No answer is not a refusal: the provider may have done it all the same.
 */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { ProviderFault } from "./provider.ts";

export type ProviderAsk = {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Whether an answer is one although its status says that the provider failed. */
  readonly means?: (reply: Pick<ProviderReply, "status" | "headers">) => boolean;
};
export type ProviderReply = { readonly status: number; readonly headers: Headers; readonly body: Uint8Array };

export const unavailable = (message: string) => err<ProviderFault>({ reason: "UNAVAILABLE", message });
export const refused = (message: string) => err<ProviderFault>({ reason: "REFUSED", message });

export async function askProvider(
  url: string,
  { method, headers, body, means }: ProviderAsk,
): Promise<Result<ProviderReply, ProviderFault>> {
  // A timer that is left running would keep its object awake, and paid for, until it rings.
  const cut = new AbortController();
  const timer = setTimeout(() => cut.abort(), limits.providerTimeoutMs);
  try {
    const reply = await fetch(url, {
      method,
      headers,
      redirect: "manual",
      signal: cut.signal,
      ...(body !== undefined && { body }),
    });
    const bytes = await readBounded(reply.body);
    if (bytes === null) return unavailable("the provider answered more than it should");
    const tellsNothing = reply.status >= 500 || reply.status === 429 || (reply.status >= 300 && reply.status < 400);
    if (tellsNothing && means?.(reply) !== true) return unavailable(`the provider answered ${reply.status}`);
    return ok({ status: reply.status, headers: reply.headers, body: bytes });
  } catch {
    // Neither the address nor the fault belongs into a message: both may carry what is secret.
    return unavailable("the provider does not answer");
  } finally {
    clearTimeout(timer);
  }
}

async function readBounded(stream: ReadableStream<Uint8Array> | null): Promise<Uint8Array | null> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream ?? []) {
    length += part.byteLength;
    if (length > limits.providerReplyBytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts, length);
}
