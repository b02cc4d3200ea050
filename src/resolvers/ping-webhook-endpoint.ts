/** A person wants to know whether an endpoint hears us: one signed message, now, whatever the endpoint's state. */
import { ok, type Result } from "../core/result.ts";
import type { DeliveryAttempt } from "../durable/webhook-protocol.ts";
import type { Deps } from "./deps.ts";
import { notFound, type NotFoundFailure } from "./failures.ts";
import { findEndpoint } from "./find-webhook-endpoint.ts";

export async function pingWebhookEndpoint(
  deps: Deps,
  merchantId: string,
  id: string,
): Promise<Result<{ readonly attempt: DeliveryAttempt }, NotFoundFailure>> {
  if (!(await findEndpoint(deps, merchantId, id))) return notFound(id);
  return ok({ attempt: await deps.endpoint(id).ping() });
}
