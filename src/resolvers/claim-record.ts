/** A payer whom no provider names says who they are, on the paid page, once. Only the browser whose money made the customer has the token for it, and may use it. */
import { payingBrowserOf } from "../core/paid.ts";
import { err, ok, type Result } from "../core/result.ts";
import { sameText } from "../keys/root.ts";
import type { Deps } from "./deps.ts";
import { payerSays, type Entered } from "./payer-says.ts";

export type ClaimRecord = {
  readonly slug: string;
  readonly claimant: string;
  readonly token: string;
  readonly entered: Entered;
};
/** TOKEN: not this browser's. TAKEN: there is nothing to claim, or not any more. CONTACT: neither a phone number nor an address. */
export type ClaimRecordError = { readonly reason: "NOT_FOUND" | "TOKEN" | "TAKEN" | "CONTACT" };

export async function claimRecord(
  deps: Deps,
  { slug, claimant, token, entered }: ClaimRecord,
): Promise<Result<null, ClaimRecordError>> {
  const key = deps.keys.orderOfSlug(slug);
  const code = key && deps.liveCode(key);
  const order = await code?.look();
  if (!code || !order) return err({ reason: "NOT_FOUND" });
  if (!sameText(token, deps.keys.claim(slug, claimant)) || payingBrowserOf(order) !== claimant)
    return err({ reason: "TOKEN" });
  const said = payerSays(order.terms, entered, deps.now(), "paid page");
  if (!said.ok || said.value.identities.length === 0) return err({ reason: "CONTACT" });
  const applied = await code.apply({ kind: "claimRecord", said: said.value });
  return applied.found && applied.ok ? ok(null) : err({ reason: "TAKEN" });
}
