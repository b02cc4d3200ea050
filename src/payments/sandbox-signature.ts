/** `Sandbox-Signature`: the form that Stripe made common (timed-signature.ts). */
import { hasTimedSignature, timedSignature } from "./timed-signature.ts";

export const sandboxSignatureHeader = "Sandbox-Signature";

/** The header's value, as the wallet sends it at `now`. */
export const signAsSandbox = timedSignature;

export const isSignedBySandbox = (secret: string, header: string | null, body: Uint8Array, now: number): boolean =>
  hasTimedSignature([secret], header, body, now);
