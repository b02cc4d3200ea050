/**
 * `POST /payments/:provider/:accountId/notifications`: what providers tell us. A provider stops telling once it is answered 2xx, so that answer
 * comes only after the live code has committed, and is the same for the first copy and for every later one.
 */
import { limits } from "../core/limits.ts";
import type { Deps } from "../resolvers/deps.ts";
import { settlePayment, type SettlePaymentError } from "../resolvers/settle-payment.ts";
import { readBody } from "./body.ts";

export type NotificationAddress = { readonly provider: string; readonly accountId: string };

export async function notificationDoor(
  request: Request,
  { provider, accountId }: NotificationAddress,
  deps: Deps,
): Promise<Response> {
  const body = await readBody(request, limits.notificationBytesMax);
  if (body === null) return refusal(413, "TOO_LARGE");
  try {
    const settled = await settlePayment(deps, { provider, accountId, headers: request.headers, body });
    if (!settled.ok) return refusal(statusOf(settled.error), settled.error.reason);
    const { outcome, order, why } = settled.value;
    if (outcome !== "APPLIED")
      console.log(JSON.stringify({ message: "payment notification", accountId, order, outcome, why }));
    return Response.json({ ok: true }, { headers: { "cache-control": "no-store" } });
  } catch (fault) {
    // Nothing is known to be committed, so the provider must tell us again.
    console.error("payment notification", accountId, fault);
    return refusal(503, "UNAVAILABLE");
  }
}

function statusOf({ reason }: SettlePaymentError): 400 | 401 | 404 {
  switch (reason) {
    case "SIGNATURE":
      return 401;
    case "UNREADABLE":
      return 400;
    case "UNKNOWN_ACCOUNT":
      return 404;
  }
}

const refusal = (status: number, error: string): Response =>
  Response.json({ ok: false, error }, { status, headers: { "cache-control": "no-store" } });
