/** An endpoint gets a new secret, shown once. The old one signs beside it for a while, so that the partner can change without missing an event. */
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import type { EndpointSummary } from "../durable/webhook-protocol.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";
import { findEndpoint } from "./find-webhook-endpoint.ts";

export type RotateWebhookSecret = { readonly webhookEndpointId: string; readonly overlapSeconds: number };
export type RotatedWebhookSecret = { readonly summary: EndpointSummary; readonly secret: string };

export async function rotateWebhookSecret(
  deps: Deps,
  merchantId: string,
  { webhookEndpointId: id, overlapSeconds }: RotateWebhookSecret,
): Promise<Result<RotatedWebhookSecret, NotFoundFailure | ValidationFailure>> {
  const { issues, integer } = checks();
  const seconds = integer(["overlapSeconds"], overlapSeconds, 0, limits.webhookSecretOverlapMs / 1000);
  if (!(await findEndpoint(deps, merchantId, id))) return notFound(id);
  return issues.length > 0 ? invalid(issues) : ok(await deps.endpoint(id).rotateSecret(seconds * 1000));
}
