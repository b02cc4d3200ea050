/** An endpoint's secrets at rest: made here, sealed at once, and opened only to sign. */
import { Recent } from "../core/recent.ts";
import { seal, unseal } from "../keys/seal.ts";
import { hintOf, newSecret } from "../webhooks/signature.ts";
import type { EndpointOpening } from "./webhook-protocol.ts";
import { secretPlace, validSecrets, type StoredEndpoint, type StoredSecret } from "./webhook-endpoint-settings.ts";

/** A new secret, to be shown once, and as it is kept. */
export function newSealedSecret(
  sealing: Uint8Array,
  opening: EndpointOpening,
  now: number,
): { readonly secret: string; readonly stored: StoredSecret } {
  const secret = newSecret((bytes) => crypto.getRandomValues(new Uint8Array(bytes)));
  const sealed = seal(sealing, secretPlace(opening), secret);
  return { secret, stored: { sealed, hint: hintOf(secret), createdAt: now, expiresAt: null } };
}

/** Opened ones by how they are kept: signing is frequent, and opening costs as much as signing. */
const openings = new Recent<string>(1_000);

/** Those that sign now, newest first. */
export const openSecrets = (sealing: Uint8Array, endpoint: StoredEndpoint, now: number): readonly string[] =>
  validSecrets(endpoint, now).map(({ sealed }) =>
    openings.of(sealed, () => unseal(sealing, secretPlace(endpoint.opening), sealed)),
  );
