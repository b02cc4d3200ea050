/** A partner's endpoint changes: where it is, what it hears of and how much, or whether anything is sent at all. What is queued already stays as it was made. */
import { ok, type Result } from "../core/result.ts";
import { moveWebhookEndpoint } from "../db/webhook-endpoints.ts";
import type { EndpointState, EndpointSummary } from "../durable/webhook-protocol.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type UrlFailure, type ValidationFailure } from "./failures.ts";
import { findEndpoint } from "./find-webhook-endpoint.ts";
import type { Optional } from "./given.ts";
import { readSettings, type WishedSettings } from "./webhook-settings.ts";

export type UpdateWebhookEndpoint = WishedSettings & {
  readonly webhookEndpointId: string;
  readonly state?: Optional<EndpointState>;
  /** What whoever asks may see. */
  readonly scopes: ReadonlySet<string>;
};

/** Repeating it changes nothing more, so what broke off half-way is mended by asking again. */
export async function updateWebhookEndpoint(
  deps: Deps,
  merchantId: string,
  { webhookEndpointId: id, state, scopes, ...wishes }: UpdateWebhookEndpoint,
): Promise<Result<{ readonly webhookEndpoint: EndpointSummary }, ValidationFailure | UrlFailure | NotFoundFailure>> {
  const endpoint = await findEndpoint(deps, merchantId, id);
  if (!endpoint) return notFound(id);
  const read = readSettings(deps, wishes);
  if (!read.ok) return read;
  if (state === "FAILING")
    return invalid([
      { path: ["input", "state"], message: "is found out, not set: choose ENABLED, PAUSED or DISABLED" },
    ]);
  const settings = read.value;
  const moves = settings.url !== undefined && settings.url !== endpoint.url;
  const lacking = moves ? lackingFor(endpoint, scopes) : [];
  if (lacking.length > 0)
    return invalid([
      {
        path: ["input", "selection"],
        message: `was saved as a key with ${lacking.join(", ")}, and what it shows would go to the new URL: give it anew, to an endpoint of its own`,
      },
    ]);
  const webhookEndpoint = await deps.endpoint(id).update({ ...settings, ...(state && { state }) });
  if (settings.url !== undefined) await moveWebhookEndpoint(deps.database(merchantId), merchantId, id, settings.url);
  if (settings.types !== undefined) await deps.feed(merchantId).subscribe({ id, types: settings.types });
  return ok({ webhookEndpoint });
}

/** What this endpoint's selections were ever asked as, beyond these scopes: bodies that were made so are kept, and sent to wherever it is. */
const lackingFor = ({ selectedAs, selection }: EndpointSummary, scopes: ReadonlySet<string>): readonly string[] =>
  (selectedAs ?? selection?.scopes ?? []).filter((scope) => !scopes.has(scope));
