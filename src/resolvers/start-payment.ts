/**
 * The payer confirms the order and begins to pay: the live code gives the claim and the attempt, the account's provider the place to pay at.
 * Asking twice is asking once: the same payer gets the same attempt, whose id is the provider's idempotency key.
 */
import type { Refusal } from "../core/commands.ts";
import { limits } from "../core/limits.ts";
import type { Attempt, Order, PaymentProvider } from "../core/order.ts";
import { isOpenAttempt } from "../core/attempts.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { PaymentRequest } from "../payments/provider.ts";
import type { Deps } from "./deps.ts";

export type StartPayment = {
  readonly slug: string;
  readonly provider: PaymentProvider;
  /** Names the browser that pays; it holds the code while it does. */
  readonly claimant: string;
};
/** `redirectUrl`: where the payer goes on, absolute or a path of our own. */
export type StartedPayment = { readonly payment: string; readonly redirectUrl: string };
export type StartPaymentError =
  | { readonly reason: "NOT_FOUND" }
  /** The order cannot be paid through this provider. */
  | { readonly reason: "PROVIDER" }
  /** The provider did not answer. The attempt stays open. */
  | { readonly reason: "UNAVAILABLE" }
  /** The provider said no. The attempt has failed. */
  | { readonly reason: "REFUSED" }
  | { readonly reason: "REFUSAL"; readonly refusal: Refusal };

export async function startPayment(
  deps: Deps,
  input: StartPayment,
): Promise<Result<StartedPayment, StartPaymentError>> {
  const { slug, provider, claimant } = input;
  const key = deps.keys.orderOfSlug(slug);
  const code = key && deps.liveCode(key);
  const known = await code?.look();
  if (!code || !known) return err({ reason: "NOT_FOUND" });
  const account = known.terms.accounts.find((one) => one.provider === provider);
  if (!account || provider === "MANUAL") return err({ reason: "PROVIDER" });

  const begun = await code.apply({ kind: "begin", claimant, account: account.id });
  if (!begun.found) return err({ reason: "NOT_FOUND" });
  if (!begun.ok) return err({ reason: "REFUSAL", refusal: begun.refusal });
  const attempt = begun.order.attempts.findLast(
    (one) => isOpenAttempt(one) && !one.closing && one.account === account.id && one.claimant === claimant,
  );
  if (!attempt) throw new Error("an accepted begin leaves an open attempt");

  const made = await deps.account(account.id).begin(requestFor(deps, slug, begun.order, attempt));
  if (made.ok) {
    const { redirectUrl, reference } = made.value;
    if (reference !== null) await code.apply({ kind: "opened", attempt: attempt.id, reference });
    return ok({ payment: attempt.id, redirectUrl });
  }
  // A provider that did not answer may have made the payment all the same, so the attempt must not be called failed: it stays open, is
  // asked about and closed upstream like any other, and the payer's next try asks for the very same payment. Nobody was led to it, so
  // meanwhile it can take nobody's money. Only a provider that said no is believed.
  if (made.error.reason === "UNAVAILABLE") return err({ reason: "UNAVAILABLE" });
  await code.apply({
    kind: "ended",
    attempt: attempt.id,
    outcome: "FAILED",
    reason: made.error.message.slice(0, limits.reasonLengthMax),
  });
  // What was refused at the first asking exists nowhere, so nothing can come of it and no end need wait for it.
  if (!known.attempts.some(({ id }) => id === attempt.id))
    await code.apply({ kind: "ended", attempt: attempt.id, outcome: "CLOSED", reason: null });
  return err({ reason: "REFUSED" });
}

function requestFor(deps: Deps, slug: string, order: Order, attempt: Attempt): PaymentRequest {
  const { key, merchant, number, currency } = order.terms;
  return {
    payment: attempt.id,
    order: key,
    amount: attempt.amount,
    currency,
    description: `${merchant.name} · ${number}`,
    returnUrl: `${deps.origin}/c/${slug}`,
    notificationUrl: `${deps.origin}/payments/${attempt.provider.toLowerCase()}/${attempt.account}/notifications`,
    // A part-paid order may outlive its code; its rest gets the time of a claim.
    expiresAt: Math.max(order.expiresAt, deps.now() + limits.claimMs),
  };
}
