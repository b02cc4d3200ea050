/**
 * Standard Webhooks 1.0 (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), symmetric signatures:
 * `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. Id and time are signed too, so neither can be swapped in a replay.
 */
import { createHmac } from "node:crypto";
import { Recent } from "../core/recent.ts";

const prefix = "whsec_";
/** "Signature scheme": a secret is 24 to 64 random bytes. */
const secretBytes = { made: 32, min: 24, max: 64 };

/** `whsec_` and base64. `random` gives that many unpredictable bytes. */
export const newSecret = (random: (bytes: number) => Uint8Array): string =>
  prefix + Buffer.from(random(secretBytes.made)).toString("base64");

/** What a person may see of a secret later, to tell one from another: its last four characters before the padding. */
export const hintOf = (secret: string): string => `${prefix}…${secret.replace(/=+$/, "").slice(-4)}`;

export type Message = {
  /** `webhook-id`: the event's id, the same over every attempt. */
  readonly id: string;
  /** `webhook-timestamp`: when this attempt is made, in whole seconds. */
  readonly seconds: number;
  /** The very text that is sent. */
  readonly body: string;
};

/** One signature, `v1,<base64>`. Throws on a malformed secret: ours are never that. */
export const sign = (secret: string, { id, seconds, body }: Message): string =>
  `v1,${createHmac("sha256", keyOf(secret)).update(`${id}.${seconds}.${body}`).digest("base64")}`;

/** `webhook-signature`: one signature per valid secret, so that during a rotation receivers with the old or the new one both agree. */
export const signatureHeader = (secrets: readonly string[], message: Message): string =>
  secrets.map((secret) => sign(secret, message)).join(" ");

/** Kept, because it is needed for every attempt. */
const keys = new Recent<Uint8Array>(1_000);
const keyOf = (secret: string): Uint8Array => keys.of(secret, () => readKey(secret));

function readKey(secret: string): Uint8Array {
  const text = secret.slice(prefix.length);
  const key = Buffer.from(text, "base64");
  const canonical = secret.startsWith(prefix) && key.toString("base64") === text;
  if (!canonical || key.length < secretBytes.min || key.length > secretBytes.max)
    throw new Error("a webhook secret is whsec_ and 24 to 64 bytes of base64");
  return key;
}
