/** A merchant says where one kind of action is carried out: a server that is called, signed, with all it needs to know. The secret is shown once. */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { actionSecretPlace, saveActionEndpoint as save, type ActionEndpoint } from "../db/action-endpoints.ts";
import { seal } from "../keys/seal.ts";
import { newSecret } from "../webhooks/signature.ts";
import { allowedUrl, urlFaults } from "../webhooks/url-guard.ts";
import type { Deps } from "./deps.ts";
import type { UrlFailure } from "./failures.ts";

/** The kinds that somebody else carries out. */
export const outboundKinds = ["MESSAGE_SEND", "CONTACT_INVITE", "GROUP_INVITE", "CRM_PUSH"] as const;
export type OutboundKind = (typeof outboundKinds)[number];
export type SaveActionEndpoint = { readonly kind: OutboundKind; readonly url: string };

export async function saveActionEndpoint(
  deps: Deps,
  merchantId: string,
  { kind, url }: SaveActionEndpoint,
): Promise<Result<{ readonly endpoint: ActionEndpoint; readonly secret: string }, UrlFailure>> {
  const allowed = allowedUrl(url, { allowPrivate: deps.local, ownHost: new URL(deps.origin).hostname });
  if (!allowed.ok)
    return err({ reason: "URL_NOT_ALLOWED", url: url.slice(0, limits.urlLengthMax), why: urlFaults[allowed.error] });
  const secret = newSecret(deps.random);
  const sealed = seal(deps.keys.sealing, actionSecretPlace(merchantId, kind), secret);
  const endpoint = { merchantId, kind, url: allowed.value.href, sealed, createdAt: deps.now() };
  await save(deps.database(merchantId), endpoint);
  return ok({ endpoint, secret });
}
