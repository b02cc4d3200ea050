/** The keys of merchants. A key's id names its database (`database.ts`); of its secret only a hash is kept. */
import { clause, prepare } from "./clause.ts";
import { apiKeys } from "./columns.ts";
import { insertion, rowsOf, selection } from "./rows.ts";
import { unlessTaken } from "./unique.ts";

export type ApiKey = {
  /** `apikey_…`; what follows the prefix is the middle of `hk_…_…`. */
  readonly id: string;
  readonly merchantId: string;
  readonly name: string;
  /** As they were given: the verbs know which there are. */
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
};
export type NewApiKey = Omit<ApiKey, "revokedAt"> & { readonly secretHash: string };

const find = `SELECT ${selection(apiKeys)} FROM api_keys WHERE id = ?1`;

const revoke = `
  UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?3)
  WHERE id = ?1 AND merchant_id = ?2
  RETURNING ${selection(apiKeys)}`;

/** A key whose id is there already is left as it is. */
export async function insertApiKey(db: D1Database, key: NewApiKey): Promise<ApiKey> {
  await unlessTaken("api_keys.id", () => prepare(db, insertion(apiKeys, key)).run());
  const { secretHash: _, ...rest } = key;
  return { ...rest, revokedAt: null };
}

/** One read by primary key. Expired and revoked keys are found too: the caller judges. */
export async function findApiKey(
  db: D1Database,
  id: string,
): Promise<{ readonly apiKey: ApiKey; readonly secretHash: string } | null> {
  const [found] = await rowsOf(db, apiKeys, clause(find, id));
  if (!found) return null;
  const { secretHash, ...apiKey } = found;
  return { apiKey, secretHash };
}

/** The key as it is afterwards, with the instant of its first revocation; null when this merchant has no such key. */
export async function revokeApiKey(db: D1Database, merchantId: string, id: string, at: number): Promise<ApiKey | null> {
  const [revoked] = await rowsOf(db, apiKeys, clause(revoke, id, merchantId, at));
  if (!revoked) return null;
  const { secretHash: _, ...apiKey } = revoked;
  return apiKey;
}
