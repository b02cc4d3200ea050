/** A partner's endpoint is registered: from here on it hears of the merchant's events, signed with a secret that is shown once. */
import { eventTypes, type EventType } from "../core/events.ts";
import { timedSuffix, type Id } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { countWebhookEndpoints, saveWebhookEndpoint } from "../db/webhook-endpoints.ts";
import type { EndpointOpening, EndpointSummary } from "../durable/protocol.ts";
import { allowedUrl, urlFaults } from "../webhooks/url-guard.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, type UrlFailure, type ValidationFailure } from "./failures.ts";

export type RegisterWebhookEndpoint = {
  readonly url: string;
  /** Empty: every type. */
  readonly types: readonly EventType[];
  readonly description?: string | null | undefined;
  readonly payload?: "FULL" | "THIN" | null | undefined;
  readonly selection?: string | null | undefined;
  readonly ratePerSecond?: number | null | undefined;
};
export type RegisteredWebhookEndpoint = { readonly secret: string; readonly summary: EndpointSummary };

/**
 * Each step rests on the one before: what is listed exists, and what hears events is listed. So a crash leaves an object that nobody knows
 * and that counts nowhere, or an endpoint in the merchant's list that hears nothing yet; never one that sends unseen, or that
 * the feed asks in vain at every event.
 */
export async function registerWebhookEndpoint(
  deps: Deps,
  merchantId: string,
  input: RegisterWebhookEndpoint,
): Promise<Result<RegisteredWebhookEndpoint, ValidationFailure | UrlFailure>> {
  const checked = check(input);
  if (!checked.ok) return checked;
  const allowed = allowedUrl(input.url, { allowPrivate: deps.local, ownHost: new URL(deps.origin).hostname });
  if (!allowed.ok) return err({ reason: "URL_NOT_ALLOWED", url: input.url, why: urlFaults[allowed.error] });
  const database = deps.database(merchantId);
  // Two registrations at once may pass by one: the limit is there to bound the fan-out, not to be exact.
  if ((await countWebhookEndpoints(database, merchantId)) >= limits.webhookEndpointsPerMerchantMax)
    return invalid([
      { path: ["input"], message: `a merchant has at most ${limits.webhookEndpointsPerMerchantMax} webhook endpoints` },
    ]);

  const createdAt = deps.now();
  const id: Id<"endpoint"> = `endpoint_${deps.keys.tagged(timedSuffix(createdAt, deps.random(10)))}`;
  const { secret, summary } = await deps.endpoint(id).open({ id, merchantId, url: input.url, ...checked.value });
  if (secret === null) throw new Error("a new id was opened before");
  await saveWebhookEndpoint(database, { id, merchantId, url: input.url, createdAt });
  await deps.feed(merchantId).subscribe({ id, types: checked.value.types });
  return ok({ secret, summary });
}

function check(
  input: RegisterWebhookEndpoint,
): Result<Omit<EndpointOpening, "id" | "merchantId" | "url">, ValidationFailure> {
  const { issues, fail, prose, integer } = checks();
  const { ratePerSecond: rate = null, selection = null } = input;
  const types = eventTypes.filter((type) => input.types.includes(type));
  const description = prose(["description"], input.description, limits.descriptionLengthMax);
  const ratePerSecond = rate === null ? null : integer(["ratePerSecond"], rate, 1, Number.MAX_SAFE_INTEGER);
  // Better refused than silently answered with the whole of `data`.
  if (selection !== null) fail(["selection"], "is not available yet: choose FULL or THIN");
  return issues.length > 0
    ? invalid(issues)
    : ok({ types, description, payload: input.payload ?? "FULL", selection: null, ratePerSecond });
}
