/**
 * Secrets at rest: AES-256-GCM under a versioned key, bound to the place they belong to, so that a sealed text moved to another row or
 * tenant does not open. Format: `v1.<base64 of 12 bytes IV, ciphertext, tag>`.
 */
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const version = "v1";
const ivLength = 12;
const gcmTagLength = 16;

/** `place` names tenant, table and row, such as `merchant_…|account|account_…|secret`. */
export function seal(key: Uint8Array, place: string, plain: string): string {
  const iv = randomBytes(ivLength);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(place));
  const sealed = Buffer.concat([iv, cipher.update(plain, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return `${version}.${sealed.toString("base64")}`;
}

/** Throws when the text was changed, moved, or sealed under another key: that is damage, not an answer. */
export function unseal(key: Uint8Array, place: string, sealed: string): string {
  const [found, body] = sealed.split(".", 2);
  if (found !== version || !body) throw new Error("sealed under a version this deployment does not know");
  const bytes = Buffer.from(body, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, ivLength))
    .setAAD(Buffer.from(place))
    .setAuthTag(bytes.subarray(-gcmTagLength));
  return Buffer.concat([decipher.update(bytes.subarray(ivLength, -gcmTagLength)), decipher.final()]).toString("utf8");
}
