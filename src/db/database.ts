/**
 * Which database holds a merchant. The merchant's id begins with its bucket (two base-32 characters), so that nothing is looked up: bucket 00
 * is the binding `DB`, bucket 07 the binding `DB_07`. Ids of keys begin with the same two characters.
 */
import { timedSuffix, type Id } from "../core/ids.ts";

const bucketPattern = /^[0-9A-HJKMNP-TV-Z]{2}$/;
const bindingPattern = /^DB(?:_([0-9A-HJKMNP-TV-Z]{2}))?$/;
const firstBucket = "00";

/** The bucket inside `merchant_00…` or `apikey_00…`; null when the id carries none. */
export function bucketOf(id: string): string | null {
  const bucket = id.slice(id.indexOf("_") + 1).slice(0, 2);
  return bucketPattern.test(bucket) ? bucket : null;
}

/** `now` in milliseconds; `random` at least 10 bytes. Within a bucket, ids sort by their time. */
export const merchantIdFrom = (now: number, random: Uint8Array, bucket: string): Id<"merchant"> =>
  `merchant_${bucket}${timedSuffix(now, random)}`;

/** The binding's name, which is also the name of the database's projector. Throws for an id without a bucket: ids that people send are checked before. */
export function databaseNameOf(merchantId: string): string {
  const bucket = bucketOf(merchantId);
  if (bucket === null) throw new Error("an id without a bucket names no database");
  return bucket === firstBucket ? "DB" : `DB_${bucket}`;
}

/** The database bound under a name; null when this deployment has none. */
export function databaseNamed(env: Env, name: string): D1Database | null {
  if (!bindingPattern.test(name)) return null;
  return ((env as unknown as Readonly<Record<string, unknown>>)[name] as D1Database | undefined) ?? null;
}

/** The merchant's database. Throws when this deployment has none for it. */
export function database(env: Env, merchantId: string): D1Database {
  const name = databaseNameOf(merchantId);
  const found = databaseNamed(env, name);
  if (!found) throw new Error(`no database is bound as ${name}`);
  return found;
}

/** The buckets of this deployment, in order. New merchants go into one of them. */
export const databaseBuckets = (env: Env): readonly string[] =>
  Object.keys(env)
    .flatMap((name) => {
      const match = bindingPattern.exec(name);
      return match ? [match[1] ?? firstBucket] : [];
    })
    .toSorted();

/** Every database of this deployment, for work that belongs to no merchant. */
export const databases = (env: Env): readonly D1Database[] =>
  databaseBuckets(env).map((bucket) => database(env, `merchant_${bucket}`));
