/**
 * What an API key looks like: `hk_<bucket and id>_<secret>`. The id names the database that holds it and carries a keyed tag, so that an invented one is
 * refused without a look-up; the secret is 160 bits, shown once and kept as a hash.
 */
import { base32 } from "../core/ids.ts";
import { sha256Hex } from "../keys/root.ts";
import type { Deps } from "./deps.ts";

const pattern = /^hk_([0-9A-Z]{26})_([0-9A-Z]{32})$/;
const idLength = 16;
const secretLength = 32;

/** A key that nobody has yet, for a merchant in `bucket`. */
export function newApiKeyText(
  { random, keys }: Deps,
  bucket: string,
): { readonly id: string; readonly secretHash: string; readonly text: string } {
  const suffix = keys.tagged(bucket + base32(random(10), idLength));
  const secret = base32(random(20), secretLength);
  return { id: `apikey_${suffix}`, secretHash: sha256Hex(secret), text: `hk_${suffix}_${secret}` };
}

/** The id and the hash inside a key of our own making; null for anything else. */
export function readApiKeyText(
  { keys }: Deps,
  text: string,
): { readonly id: string; readonly secretHash: string } | null {
  const [, suffix, secret] = pattern.exec(text) ?? [];
  if (suffix === undefined || secret === undefined || !keys.isTagged(suffix)) return null;
  return { id: `apikey_${suffix}`, secretHash: sha256Hex(secret) };
}
