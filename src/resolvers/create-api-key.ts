/** Another key for the merchant's own programs. A key can give away what it may do itself, and no more. */
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import { insertApiKey, type ApiKey } from "../db/api-keys.ts";
import { bucketOf } from "../db/database.ts";
import { newApiKeyText } from "./api-key-text.ts";
import type { MerchantCaller, Scope } from "./caller.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, type ValidationFailure } from "./failures.ts";
import { documentIdOf, permissionOf } from "./trust-documents.ts";

export type CreateApiKey = {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt?: number | null | undefined;
  /** The only documents that the key may send, as their texts; absent or null: any. The caller has found that they are documents. */
  readonly documents?: readonly string[] | null | undefined;
};

/** `secret` is the whole key, told here and never again. */
export async function createApiKey(
  deps: Deps,
  caller: MerchantCaller,
  input: CreateApiKey,
): Promise<Result<{ readonly apiKey: ApiKey; readonly secret: string }, ValidationFailure>> {
  const { issues, fail, text } = checks();
  const now = deps.now();
  const merchantId = caller.merchant.id;
  const name = text(["name"], input.name, limits.nameLengthMax);
  const wanted = [...new Set(input.scopes)];
  if (wanted.length === 0) fail(["scopes"], "must name at least one scope");
  const lacking = wanted.filter((scope) => !caller.scopes.has(scope));
  if (lacking.length > 0) fail(["scopes"], `must be among your own: this key lacks ${lacking.join(", ")}`);
  const expiresAt = input.expiresAt ?? null;
  if (expiresAt !== null && expiresAt <= now) fail(["expiresAt"], "must lie in the future");
  const documents = [...new Set(input.documents)].map((one) => ({ id: documentIdOf(one), text: one }));
  const { documentsPerKeyMax } = limits.graphql;
  if (input.documents && (documents.length === 0 || documents.length > documentsPerKeyMax))
    fail(["documents"], `must be 1 to ${documentsPerKeyMax} documents`);
  const { documents: own } = caller;
  if (own && (!input.documents || documents.some(({ id }) => !own.has(id))))
    fail(["documents"], "must be among your own: this key may send no others");
  if (issues.length > 0) return invalid(issues);

  const bucket = bucketOf(merchantId);
  if (bucket === null) throw new Error("a merchant's id names its bucket");
  const { id, secretHash, text: secret } = newApiKeyText(deps, bucket);
  if (documents.length > 0) await deps.documents(merchantId).keep(documents);
  const apiKey = await insertApiKey(deps.database(merchantId), {
    id,
    merchantId,
    name,
    scopes: [...wanted, ...documents.map((document) => permissionOf(document.id))],
    createdAt: now,
    expiresAt,
    secretHash,
  });
  return ok({ apiKey, secret });
}
