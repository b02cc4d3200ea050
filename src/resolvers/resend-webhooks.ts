/** After an outage: one delivery now, or a window of them at a pace that leaves room for what is new. The events and their ids stay the same. */
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import type { Delivery } from "../durable/webhook-protocol.ts";
import { deliveryPlaceOf } from "../webhooks/delivery-id.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";
import { findEndpoint } from "./find-webhook-endpoint.ts";
import { isGiven, type Optional } from "./given.ts";

const whileDisabled = (field: string) =>
  invalid([{ path: ["input", field], message: "belongs to an endpoint that is disabled: enable it first" }]);

export async function retryWebhookDelivery(
  deps: Deps,
  merchantId: string,
  id: string,
): Promise<Result<{ readonly webhookDelivery: Delivery }, NotFoundFailure | ValidationFailure>> {
  const place = deliveryPlaceOf(id);
  if (!place || !(await findEndpoint(deps, merchantId, place.endpointId))) return notFound(id);
  const retried = await deps.endpoint(place.endpointId).retry(id);
  if (!retried) return notFound(id);
  return retried.disabled ? whileDisabled("webhookDeliveryId") : ok({ webhookDelivery: retried.delivery });
}

export type RecoverWebhooks = {
  readonly webhookEndpointId: string;
  readonly since: number;
  /** Absent: until now. */
  readonly until?: Optional<number>;
  readonly onlyFailed: boolean;
};

/** The window is of when the events happened. */
export async function recoverWebhooks(
  deps: Deps,
  merchantId: string,
  { webhookEndpointId: id, since, until: given, onlyFailed }: RecoverWebhooks,
): Promise<Result<{ readonly queued: number }, NotFoundFailure | ValidationFailure>> {
  if (!(await findEndpoint(deps, merchantId, id))) return notFound(id);
  const until = isGiven(given) ? given : deps.now();
  if (since > until) return invalid([{ path: ["input", "since"], message: "must not be after until" }]);
  const answer = await deps.endpoint(id).recover({ since, until, onlyFailed });
  if (answer.ok) return ok({ queued: answer.queued });
  if (answer.reason === "DISABLED") return whileDisabled("webhookEndpointId");
  const message = `has ${limits.webhookRecoveriesMax} windows under way already: wait until one is through`;
  return invalid([{ path: ["input", "webhookEndpointId"], message }]);
}
