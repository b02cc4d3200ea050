/** Names one request, so that whoever carries it out notices when it comes again: by the platform, or by a caller who gave it a key. */
import { base32 } from "../core/ids.ts";
import type { Request } from "../core/requests.ts";
import { sha256Hex } from "../keys/root.ts";
import type { Deps } from "./deps.ts";
import { fingerprintOf } from "./fingerprint.ts";

export const requestOf = ({ random }: Pick<Deps, "random">, input: object, idempotencyKey: string | null): Request => ({
  call: base32(random(10), 16),
  key: idempotencyKey === null ? null : sha256Hex(idempotencyKey),
  input: fingerprintOf(input),
});
