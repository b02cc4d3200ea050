/**
 * RSA with SHA-256, as WeChat Pay and Alipay sign. No other digest is ever tried, whatever a message says of itself. Merchants are handed keys
 * as PEM files or, by Alipay's tool, as bare base64; both are taken, and whatever else it is gets told so.
 */
import { createPrivateKey, createPublicKey, sign, verify, X509Certificate, type KeyObject } from "node:crypto";
import { text, type Field } from "./credentials.ts";

const digest = "RSA-SHA256";
const bitsMin = 2048;
const bare = /^[A-Za-z0-9+/\s]+={0,2}\s*$/;

type KeyKind = "private" | "public";

function keyFrom(kind: KeyKind, given: string): KeyObject {
  const key = given.trim();
  if (kind === "public" && key.includes("BEGIN CERTIFICATE")) return new X509Certificate(key).publicKey;
  if (!bare.test(key)) return kind === "private" ? createPrivateKey(key) : createPublicKey(key);
  const der = Buffer.from(key, "base64");
  if (kind === "public") return createPublicKey({ key: der, format: "der", type: "spki" });
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  } catch {
    return createPrivateKey({ key: der, format: "der", type: "pkcs1" });
  }
}

/** What is wrong with a key, in words for whoever pasted it; null when nothing is. */
function faultIn(kind: KeyKind, given: string): string | null {
  const marker = /-----BEGIN ([A-Z0-9 ]+)-----/.exec(given)?.[1] ?? "";
  if (marker.includes("ENCRYPTED") || given.includes("Proc-Type: 4,ENCRYPTED"))
    return "is locked with a pass phrase: give the key without one";
  if (kind === "private" && marker === "CERTIFICATE")
    return "is a certificate: the private key that belongs to it is needed";
  if (kind === "private" && marker.includes("PUBLIC KEY")) return "is a public key: the private key is needed";
  if (kind === "public" && marker.includes("PRIVATE KEY")) return "is a private key: only the public key must be given";
  try {
    const key = keyFrom(kind, given);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    return key.asymmetricKeyType === "rsa" && bits >= bitsMin ? null : `must be an RSA key of at least ${bitsMin} bits`;
  } catch {
    return `is no ${kind} key: give the whole PEM text, from -----BEGIN to the last -----`;
  }
}

export const privateKey = (about: string): Field<string> =>
  text(about, { fault: (given) => faultIn("private", given), secret: true });
export const publicKey = (about: string): Field<string> =>
  text(about, { fault: (given) => faultIn("public", given), secret: true });

/** In base64, as both providers write signatures. */
export const signed = (key: string, message: string): string =>
  sign(digest, Buffer.from(message), keyFrom("private", key)).toString("base64");

export function isSigned(key: string, message: Uint8Array | string, signature: string | null): boolean {
  if (signature === null || !/^[A-Za-z0-9+/]{80,1400}={0,2}$/.test(signature)) return false;
  return verify(digest, Buffer.from(message), keyFrom("public", key), Buffer.from(signature, "base64"));
}
