/** A partner's endpoint is registered: from here on it hears of the merchant's events, signed with a secret that is shown once. */
import type { EventType } from "../core/events.ts";
import { timedSuffix, type Id } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import { countWebhookEndpoints, saveWebhookEndpoint } from "../db/webhook-endpoints.ts";
import type { EndpointSummary } from "../durable/webhook-protocol.ts";
import type { Deps } from "./deps.ts";
import { invalid, type UrlFailure, type ValidationFailure } from "./failures.ts";
import type { Optional } from "./given.ts";
import { readSettings, type JudgedSelection } from "./webhook-settings.ts";

export type RegisterWebhookEndpoint = {
  readonly url: string;
  /** Empty: every type. */
  readonly types: readonly EventType[];
  readonly description?: Optional<string>;
  readonly payload?: Optional<"FULL" | "THIN">;
  readonly selection?: Optional<JudgedSelection>;
  readonly ratePerSecond?: Optional<number>;
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
  const checked = readSettings(deps, { ...input, payload: input.payload ?? "FULL" });
  if (!checked.ok) return checked;
  const { url, types, description = null, payload = "FULL", selection = null, ratePerSecond = null } = checked.value;
  if (url === undefined || types === undefined) throw new Error("what was given is read");
  const database = deps.database(merchantId);
  const createdAt = deps.now();
  const id: Id<"endpoint"> = `endpoint_${deps.keys.tagged(timedSuffix(createdAt, deps.random(10)))}`;
  // Two registrations at once may pass by one: the limit is there to bound the fan-out, not to be exact. One that comes again does not count itself.
  if ((await countWebhookEndpoints(database, merchantId, id)) >= limits.webhookEndpointsPerMerchantMax)
    return invalid([
      { path: ["input"], message: `a merchant has at most ${limits.webhookEndpointsPerMerchantMax} webhook endpoints` },
    ]);

  const opening = { id, merchantId, url, types, description, payload, selection, ratePerSecond };
  const endpoint = deps.endpoint(id);
  const opened = await endpoint.open(opening);
  // Opened before by this very request, which was cut off and comes again: nobody has seen that secret.
  const { secret, summary } =
    opened.secret === null ? await endpoint.rotateSecret(0) : { secret: opened.secret, summary: opened.summary };
  await saveWebhookEndpoint(database, { id, merchantId, url, createdAt });
  await deps.feed(merchantId).subscribe({ id, types });
  return ok({ secret, summary });
}
