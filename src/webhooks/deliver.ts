/** One attempt: signs a message, posts it, reads a little of the answer. Never throws and decides nothing; `retry.ts` judges the outcome. */
import { limits } from "../core/limits.ts";
import type { Outcome } from "./retry.ts";
import { signatureHeader } from "./signature.ts";
import type { TimeLimit } from "./time-limit.ts";
import { allowedUrl, urlFaults, type UrlPolicy } from "./url-guard.ts";

export type Attempt = {
  readonly url: string;
  readonly policy: UrlPolicy;
  /** Every secret that is valid now. */
  readonly secrets: readonly string[];
  /** The event's id. */
  readonly id: string;
  readonly body: string;
};
export type Ports = { readonly fetch: typeof fetch; readonly now: () => number; readonly limit: TimeLimit };

/** One KiB: enough to see what went wrong, too little to make us carry something out of a network. */
const responseKeptBytes = limits.webhookResponseBytesMax / 16;

export async function deliver({ url, policy, secrets, id, body }: Attempt, ports: Ports): Promise<Outcome> {
  const startedAt = ports.now();
  const nothing = { status: null, error: null, responseBody: null, retryAfter: null };
  const outcome = (came: Partial<Outcome>): Outcome => ({ ...nothing, ...came, durationMs: ports.now() - startedAt });
  // Judged again at every attempt: rules may have become stricter since the endpoint was registered.
  const allowed = allowedUrl(url, policy);
  if (!allowed.ok) return outcome({ error: `the URL ${urlFaults[allowed.error]}` });
  const seconds = Math.floor(startedAt / 1000);
  const { signal, end } = ports.limit.begin();
  try {
    const response = await ports.fetch(allowed.value.href, {
      method: "POST",
      body,
      // A redirect could lead where the guard did not look.
      redirect: "manual",
      signal,
      headers: {
        "content-type": "application/json",
        "user-agent": "Huoma-Webhooks/1.0",
        "webhook-id": id,
        "webhook-timestamp": String(seconds),
        "webhook-signature": signatureHeader(secrets, { id, seconds, body }),
      },
    });
    const redirected = response.status >= 300 && response.status <= 399;
    return outcome({
      status: response.status,
      error: redirected ? "redirects are not followed" : null,
      retryAfter: response.headers.get("retry-after"),
      responseBody: await beginningOf(response, signal),
    });
  } catch (fault) {
    return outcome({ error: signal.aborted ? `no answer within ${ports.limit.ms} ms` : wordsOf(fault) });
  } finally {
    end();
  }
}

/**
 * Reads at most `webhookResponseBytesMax` and lets go of the rest. The status alone decides about success, so an answer whose body breaks
 * off or never ends is what its status says; the attempt's own time limit ends the reading.
 */
async function beginningOf(response: Response, signal: AbortSignal): Promise<string | null> {
  // Most answers say how short they are, and then there is nothing to guard against. A stream costs more than all the rest of an attempt.
  const { headers } = response;
  const said = headers.has("content-encoding") ? null : headers.get("content-length");
  if (said === "0" || response.status === 204) return null;
  if (said !== null && Number(said) <= responseKeptBytes) return textOf(response);
  if (!response.body) return null;
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  // Ends a read that waits for more.
  signal.addEventListener("abort", () => void reader.cancel().catch(() => undefined));
  const kept = new Uint8Array(responseKeptBytes);
  let length = 0;
  try {
    for (let read = 0; read < limits.webhookResponseBytesMax;) {
      const chunk = await reader.read();
      if (chunk.done) break;
      kept.set(chunk.value.subarray(0, Math.max(0, kept.length - length)), Math.min(length, kept.length));
      read += chunk.value.length;
      length = Math.min(kept.length, length + chunk.value.length);
    }
    await reader.cancel();
  } catch {
    // What came so far is what there is to show.
  }
  return new TextDecoder().decode(kept.subarray(0, length));
}

async function textOf(response: Response): Promise<string | null> {
  try {
    return await response.text();
  } catch {
    return null;
  }
}

const wordsOf = (fault: unknown): string =>
  (fault instanceof Error ? fault.message : "the attempt failed").slice(0, limits.reasonLengthMax);
