/** The keys of merchants. A key's id names its database (`database.ts`); of its secret only a hash is kept. */
import { and, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { apiKeys } from "./tables.ts";

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

export const apiKeyRow = (key: NewApiKey): typeof apiKeys.$inferInsert => ({ ...key, revokedAt: null });

export async function insertApiKey(db: D1Database, key: NewApiKey): Promise<ApiKey> {
  await drizzle(db).insert(apiKeys).values(apiKeyRow(key));
  const { secretHash: _, ...rest } = key;
  return { ...rest, revokedAt: null };
}

/** One read by primary key. Expired and revoked keys are found too: the caller judges. */
export async function findApiKey(
  db: D1Database,
  id: string,
): Promise<{ readonly apiKey: ApiKey; readonly secretHash: string } | null> {
  const [found] = await drizzle(db).select().from(apiKeys).where(eq(apiKeys.id, id));
  if (!found) return null;
  const { secretHash, ...apiKey } = found;
  return { apiKey, secretHash };
}

/** The key as it is afterwards, with the instant of its first revocation; null when this merchant has no such key. */
export async function revokeApiKey(db: D1Database, merchantId: string, id: string, at: number): Promise<ApiKey | null> {
  const [revoked] = await drizzle(db)
    .update(apiKeys)
    .set({ revokedAt: sql`coalesce(${apiKeys.revokedAt}, ${at})` })
    .where(and(eq(apiKeys.id, id), eq(apiKeys.merchantId, merchantId)))
    .returning();
  if (!revoked) return null;
  const { secretHash: _, ...apiKey } = revoked;
  return apiKey;
}
