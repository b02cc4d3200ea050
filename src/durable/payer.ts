/** Who paid, as the merchant will know them: the same person is the same customer, whatever order they pay. */
import type { IdentityKind, Payer } from "../core/conversion.ts";
import type { Keys } from "../keys/root.ts";
import type { ToldCapture } from "../payments/provider.ts";

/** From the strongest. A wallet's own id is given out once; numbers and addresses change hands. */
const strength: readonly IdentityKind[] = ["WALLET", "PHONE", "EMAIL", "LOYALTY"];

/** Only what the provider vouches for makes a customer: a name or an address that anybody may type must not lead into somebody else's record. */
export function payerOf(keys: Keys, merchantId: string, { id, provider, payerName, identities }: ToldCapture): Payer {
  const verified = strength.flatMap((kind) =>
    identities.filter((identity) => identity.kind === kind && identity.verified),
  );
  const [strongest] = verified;
  if (!strongest) {
    return { customerId: keys.provisionalCustomer(merchantId, id), provisional: true, name: payerName, identities };
  }
  // Two wallets may give the same id to two people.
  const scoped = strongest.kind === "WALLET" ? { ...strongest, value: `${provider}:${strongest.value}` } : strongest;
  return { customerId: keys.customer(merchantId, scoped), provisional: false, name: payerName, identities };
}
