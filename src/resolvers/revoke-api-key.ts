/** Ends a key for good. Revoking it again changes nothing. */
import { ok, type Result } from "../core/result.ts";
import { revokeApiKey as saveRevocation, type ApiKey } from "../db/api-keys.ts";
import { forgetApiKey } from "./authenticate.ts";
import type { Deps } from "./deps.ts";
import { notFound, type NotFoundFailure } from "./failures.ts";

export async function revokeApiKey(
  deps: Deps,
  merchantId: string,
  { apiKeyId }: { readonly apiKeyId: string },
): Promise<Result<{ readonly apiKey: ApiKey }, NotFoundFailure>> {
  const apiKey = await saveRevocation(deps.database(merchantId), merchantId, apiKeyId, deps.now());
  forgetApiKey(apiKeyId);
  return apiKey ? ok({ apiKey }) : notFound(apiKeyId);
}
