/**
 * `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<raw body>")>`: how Stripe signs, and the sandbox after it. Several `v1` may stand side by
 * side, and several secrets be in use, while one is changed; one that fits is enough.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import { limits } from "../core/limits.ts";

const mac = (secret: string, t: string, body: Uint8Array): Buffer =>
  createHmac("sha256", secret).update(`${t}.`).update(body).digest();

/** The header's value, as it is sent at `now`. */
export function timedSignature(secret: string, body: Uint8Array, now: number): string {
  const t = String(Math.floor(now / 1000));
  return `t=${t},v1=${mac(secret, t, body).toString("hex")}`;
}

type SignatureHeader = { readonly t: string; readonly signatures: readonly Buffer[] };

/** Null unless there is one moment and at least one whole signature. Other schemes (`v0=…`) are passed over. */
function parse(header: string): SignatureHeader | null {
  const fields = header.split(",").map((field) => /^\s*(\w+)=(\w+)\s*$/.exec(field));
  const valuesOf = (name: string) => fields.flatMap((field) => (field?.[1] === name && field[2] ? [field[2]] : []));
  const [t, secondT] = valuesOf("t");
  const signatures = valuesOf("v1").filter((value) => /^[0-9a-f]{64}$/i.test(value));
  if (!t || secondT !== undefined || !/^\d{1,12}$/.test(t)) return null;
  if (signatures.length === 0 || signatures.length > limits.notificationSignaturesMax) return null;
  return { t, signatures: signatures.map((value) => Buffer.from(value, "hex")) };
}

/** The window has two sides: a header dated ahead would otherwise be good for as long as its author likes. */
export function hasTimedSignature(
  secrets: readonly string[],
  header: string | null,
  body: Uint8Array,
  now: number,
): boolean {
  const parsed = header === null ? null : parse(header);
  if (!parsed || !isNear(Number(parsed.t), now)) return false;
  const expected = secrets.map((secret) => mac(secret, parsed.t, body));
  // Every signature is compared with every secret's, whichever fits.
  return parsed.signatures
    .flatMap((signature) => expected.map((one) => timingSafeEqual(signature, one)))
    .includes(true);
}

/** Whether a message dated so may still be believed, or may be already. */
export const isNear = (seconds: number, now: number): boolean =>
  Math.abs(Math.floor(now / 1000) - seconds) * 1000 <= limits.notificationSkewMs;
