/**
 * `POST /payments/:provider/:accountId/notifications`: what providers tell us. A provider stops telling once it is answered 2xx, so that answer
 * comes only after the live code has committed, and is the same for the first copy and for every later one.
 */
import { limits } from "../core/limits.ts";
import type { ProviderAnswer } from "../payments/provider.ts";
import type { Deps } from "../resolvers/deps.ts";
import { settlePayment, type SettlePaymentError } from "../resolvers/settle-payment.ts";
import { readBody } from "./body.ts";

export type NotificationAddress = { readonly provider: string; readonly accountId: string };

export async function notificationDoor(
  request: Request,
  { provider, accountId }: NotificationAddress,
  deps: Deps,
): Promise<Response> {
  const answerOf = Object.values(deps.ports).find((port) => port.provider.toLowerCase() === provider)?.answer ?? inJson;
  const answer = (status: number, fault: string | null): Response => {
    const { contentType, body: text } = answerOf(fault);
    return new Response(text, { status, headers: { "content-type": contentType, "cache-control": "no-store" } });
  };
  const body = await readBody(request, limits.notificationBytesMax);
  if (body === null) return answer(413, "TOO_LARGE");
  try {
    const settled = await settlePayment(deps, { provider, accountId, headers: request.headers, body });
    if (!settled.ok) return answer(statusOf(settled.error), settled.error.reason);
    const { outcome, order, why } = settled.value;
    if (outcome !== "APPLIED")
      console.log(JSON.stringify({ message: "payment notification", accountId, order, outcome, why }));
    return answer(200, null);
  } catch (fault) {
    // Nothing is known to be committed, so the provider must tell us again.
    console.error("payment notification", accountId, fault);
    return answer(503, "UNAVAILABLE");
  }
}

function statusOf({ reason }: SettlePaymentError): 400 | 401 | 403 | 404 | 503 {
  switch (reason) {
    case "SIGNATURE":
      return 401;
    case "UNREADABLE":
      return 400;
    case "MISADDRESSED":
      return 403;
    case "UNKNOWN_ACCOUNT":
      return 404;
    case "UNAVAILABLE":
      return 503;
  }
}

/** For providers that read the status only. */
const inJson = (error: string | null): ProviderAnswer => ({
  contentType: "application/json",
  body: JSON.stringify(error === null ? { ok: true } : { ok: false, error }),
});
