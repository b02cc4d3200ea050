/**
 * Who is it that asks? A key and its merchant are read together once, and believed for a moment per isolate: a revocation holds here at once, and
 * everywhere within `limits.apiKeyCacheMs`.
 */
import { limits } from "../core/limits.ts";
import { Fresh } from "../core/recent.ts";
import { err, ok, type Result } from "../core/result.ts";
import { findApiKey, type ApiKey } from "../db/api-keys.ts";
import { findMerchant, type Merchant } from "../db/merchants.ts";
import { sameText } from "../keys/root.ts";
import { readApiKeyText } from "./api-key-text.ts";
import { isScope, type Caller, type Scope } from "./caller.ts";
import type { Deps } from "./deps.ts";
import { documentsIn } from "./trust-documents.ts";

/** One error for malformed, invented, expired and revoked: whoever guesses learns nothing. */
export type AuthenticateError = { readonly reason: "UNKNOWN_CREDENTIAL" };

type KnownKey = {
  readonly apiKey: ApiKey;
  readonly secretHash: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly documents: ReadonlySet<string> | null;
};
const rememberedMax = 1_000;
const knownKeys = new Fresh<KnownKey>(rememberedMax, limits.apiKeyCacheMs);
const knownMerchants = new Fresh<Merchant>(rememberedMax, limits.merchantCacheMs);
/** Keys whose secret was found right a moment ago, by their whole text: their hashes need not be drawn again for every request. */
const proven = new Fresh<KnownKey>(rememberedMax, limits.apiKeyCacheMs);

/** `authorization`: the header's value; null without one. */
export async function authenticate(
  deps: Deps,
  authorization: string | null,
): Promise<Result<Caller, AuthenticateError>> {
  if (authorization === null) return ok({ kind: "anonymous" });
  const unknown = err<AuthenticateError>({ reason: "UNKNOWN_CREDENTIAL" });
  const [, token] = /^Bearer ([\x21-\x7e]{1,300})$/i.exec(authorization) ?? [];
  if (token === undefined) return unknown;
  const key = provenKey(deps, token) ?? (await proveKey(deps, token));
  if (key === "NO_KEY") return sameText(token, deps.adminToken) ? ok({ kind: "admin" }) : unknown;
  if (!key || !isLive(key.apiKey, deps.now())) return unknown;
  const merchant = await merchantOf(deps, key.apiKey.merchantId);
  return merchant
    ? ok({ kind: "merchant", keyId: key.apiKey.id, scopes: key.scopes, documents: key.documents, merchant })
    : unknown;
}

/** Only as long as the key itself is remembered: what forgets the key forgets this. */
function provenKey(deps: Deps, token: string): KnownKey | undefined {
  const now = deps.now();
  const key = proven.get(token, now);
  return key && knownKeys.get(key.apiKey.id, now) === key ? key : undefined;
}

async function proveKey(deps: Deps, token: string): Promise<KnownKey | "NO_KEY" | null> {
  const given = readApiKeyText(deps, token);
  if (!given) return "NO_KEY";
  const key = await keyOf(deps, given.id);
  if (!key || !sameText(key.secretHash, given.secretHash)) return null;
  proven.set(token, key, deps.now());
  return key;
}

const isLive = ({ revokedAt, expiresAt }: ApiKey, now: number): boolean =>
  revokedAt === null && (expiresAt === null || now < expiresAt);

async function keyOf(deps: Deps, id: string): Promise<KnownKey | null> {
  const now = deps.now();
  const known = knownKeys.get(id, now);
  if (known) return known;
  const found = await findApiKey(deps.database(id), id);
  if (!found) return null;
  const key = {
    ...found,
    scopes: new Set(found.apiKey.scopes.filter(isScope)),
    documents: documentsIn(found.apiKey.scopes),
  };
  knownKeys.set(id, key, now);
  return key;
}

/** The merchant as its requests need it; null when there is none. */
export async function merchantOf(deps: Deps, id: string): Promise<Merchant | null> {
  const now = deps.now();
  const known = knownMerchants.get(id, now);
  if (known) return known;
  const found = await findMerchant(deps.database(id), id);
  if (found) knownMerchants.set(id, found, now);
  return found;
}

/** To be called by whoever changes a key or a merchant, so that this isolate believes the change at once. */
export const forgetApiKey = (id: string): void => knownKeys.delete(id);
export const forgetMerchant = (id: string): void => knownMerchants.delete(id);
