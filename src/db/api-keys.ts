/** The keys of merchants. A key's id names its database (`database.ts`), its secret is kept as a hash only. */

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

export async function insertApiKey(db: D1Database, key: NewApiKey): Promise<ApiKey> {
  throw new Error("not built");
}

/** One read by primary key. Expired and revoked keys are found too: the caller judges. */
export async function findApiKey(db: D1Database, id: string): Promise<{ readonly apiKey: ApiKey; readonly secretHash: string } | null> {
  throw new Error("not built");
}

/** The key as it is afterwards, with the instant of the first revocation; null when this merchant has no such key. */
export async function revokeApiKey(db: D1Database, merchantId: string, id: string, at: number): Promise<ApiKey | null> {
  throw new Error("not built");
}
