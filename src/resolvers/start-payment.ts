/**
 * The payer confirms the order and begins to pay: the live code gives the claim and the attempt, the account's provider the place to pay at.
 * Asking twice is asking once: the same payer gets the same attempt, whose id is the provider's idempotency key. What a provider makes of an
 * attempt lives for minutes, a code for days; so when it is dead, its end is made sure of and another attempt takes its place.
 */
import type { Command, Refusal } from "../core/commands.ts";
import { dueOf } from "../core/amounts.ts";
import { limits } from "../core/limits.ts";
import type { AccountTerms, Attempt, Order, PaymentProvider } from "../core/order.ts";
import { bestOf, isOpenAttempt } from "../core/attempts.ts";
import { money, type Money } from "../core/money.ts";
import { err, ok, type Result } from "../core/result.ts";
import { decide } from "../core/transitions.ts";
import type { LiveCodeProtocol } from "../durable/protocol.ts";
import type { NextStep, PayerDevice, PaymentRequest } from "../payments/provider.ts";
import type { Deps } from "./deps.ts";
import { notificationUrl } from "./notification-url.ts";
import { payerSays, type Entered } from "./payer-says.ts";

export type StartPayment = {
  readonly slug: string;
  readonly provider: PaymentProvider;
  /** Names the browser that pays; it holds the code while it does. */
  readonly claimant: string;
  readonly device?: PayerDevice;
  /** The payer wants another try than the one under way, which is ended first. */
  readonly afresh?: boolean;
  /** What the payer entered beside it, if their page asked for anything. */
  readonly entered?: Entered;
};
/** `asks`: what the payer is asked for. `payment`: null where nothing is begun before it is known who they are. */
export type StartedPayment = { readonly payment: string | null; readonly asks: Money; readonly next: NextStep };
export type StartPaymentError =
  | { readonly reason: "NOT_FOUND" }
  /** The order cannot be paid through this provider. */
  | { readonly reason: "PROVIDER" }
  /** What should be a phone number or an address is none. Nothing was begun. */
  | { readonly reason: "CONTACT" }
  /** The provider did not answer. The attempt stays open. */
  | { readonly reason: "UNAVAILABLE" }
  /** The provider said no. The attempt has failed. */
  | { readonly reason: "REFUSED" }
  | { readonly reason: "REFUSAL"; readonly refusal: Refusal };

export async function startPayment(
  deps: Deps,
  input: StartPayment,
): Promise<Result<StartedPayment, StartPaymentError>> {
  const { slug, provider, claimant, device, afresh = false } = input;
  const key = deps.keys.orderOfSlug(slug);
  const code = key && deps.liveCode(key);
  const known = await code?.look();
  if (!code || !known) return err({ reason: "NOT_FOUND" });
  const able = known.terms.accounts.filter(
    (one) => one.provider === provider && !(device && one.unableIn?.includes(device.scene)),
  );
  const [account] = bestOf(known, able, deps.now());
  if (!account || provider === "MANUAL") return err({ reason: "PROVIDER" });
  const isTheirs = (attempt: Attempt): boolean =>
    isOpenAttempt(attempt) && !attempt.closing && attempt.account === account.id && attempt.claimant === claimant;

  const said = input.entered ? payerSays(known.terms, input.entered, deps.now(), "payer page") : null;
  if (said?.ok === false) return err({ reason: "CONTACT" });
  const former = known.attempts.findLast(isTheirs);
  if (afresh && former && !(await endUpstream(deps, code, known, former))) return err({ reason: "UNAVAILABLE" });
  const entered = said ? { said: said.value } : {};
  const asked = await whoPays(deps, account, device);
  if (asked !== null) {
    // Nobody is asked who they are for what would be refused when they come back.
    const tried = decide(known, { kind: "begin", claimant, account: account.id }, deps.now());
    if (!tried.ok) return err({ reason: "REFUSAL", refusal: tried.refusal });
    return leadToAsk(code, { kind: "confirm", claimant, ...entered }, asked);
  }
  for (const renewed of [false, true]) {
    const begun = await code.apply({ kind: "begin", claimant, account: account.id, ...entered });
    if (!begun.found) return err({ reason: "NOT_FOUND" });
    if (!begun.ok) return err({ reason: "REFUSAL", refusal: begun.refusal });
    const attempt = begun.order.attempts.findLast(isTheirs);
    if (!attempt) throw new Error("an accepted begin leaves an open attempt");

    const made = await deps.account(account.id).begin(requestFor(deps, slug, begun.order, attempt, device));
    if (made.ok) {
      const { reference, ...next } = made.value;
      return (await remember(deps, code, begun.order, attempt, reference))
        ? ok({ payment: attempt.id, asks: money(attempt.amount, known.terms.currency), next })
        : err({ reason: "UNAVAILABLE" });
    }
    if (made.error.reason === "GONE" && !renewed && (await endUpstream(deps, code, begun.order, attempt))) {
      if (!needsGrant(deps, account, device)) continue;
      // The grant is spent with it. Where the attempt was an old one, another grant leads to a new one; else that would lead in circles.
      const anew = attempt.again ? await whoPays(deps, account, { ...device, grant: null }) : null;
      return anew === null ? err({ reason: "UNAVAILABLE" }) : leadToAsk(code, { kind: "confirm", claimant }, anew);
    }
    // A provider that did not answer may have made the payment all the same, so the attempt must not be called failed: it stays open, is
    // asked about and closed upstream like any other, and the payer's next try asks for the very same payment. Nobody was led to it, so
    // meanwhile it can take nobody's money. Only a provider that said no is believed.
    if (made.error.reason !== "REFUSED") return err({ reason: "UNAVAILABLE" });
    await code.apply({
      kind: "ended",
      attempt: attempt.id,
      outcome: "REFUSED",
      reason: made.error.message.slice(0, limits.reasonLengthMax),
    });
    return err({ reason: "REFUSED" });
  }
  return err({ reason: "UNAVAILABLE" });
}

/** Whether nothing can be begun there before the payer's wallet has said who they are. */
const needsGrant = (
  { ports }: Deps,
  { provider }: AccountTerms,
  device: PayerDevice | undefined,
): device is PayerDevice => device !== undefined && (ports[provider]?.asks?.scenes.includes(device.scene) ?? false);

/** Where the payer is asked who they are; null where nobody need ask, or nobody can. */
async function whoPays(deps: Deps, terms: AccountTerms, device: PayerDevice | undefined): Promise<string | null> {
  return needsGrant(deps, terms, device) && device.grant === null ? deps.account(terms.id).asksAt(device) : null;
}

/** The code is held while its payer is asked, and nothing is begun meanwhile: who never comes back tried nothing. */
async function leadToAsk(
  code: LiveCodeProtocol,
  confirm: Extract<Command, { kind: "confirm" }>,
  redirectUrl: string,
): Promise<Result<StartedPayment, StartPaymentError>> {
  const held = await code.apply(confirm);
  if (!held.found) return err({ reason: "NOT_FOUND" });
  if (!held.ok) return err({ reason: "REFUSAL", refusal: held.refusal });
  return ok({ payment: null, asks: money(dueOf(held.order), held.order.terms.currency), next: { redirectUrl } });
}

/**
 * The provider's own name of the attempt, if it has one, is kept before the payer is led there. False when the attempt was ended meanwhile,
 * perhaps before the provider had anything to close: then it is closed now, and nobody is led to it.
 */
async function remember(
  deps: Deps,
  code: LiveCodeProtocol,
  order: Order,
  attempt: Attempt,
  reference: string | null,
): Promise<boolean> {
  const latest = await latestOf(code, attempt, reference);
  const now = latest?.attempts.find(({ id }) => id === attempt.id);
  if (now && isOpenAttempt(now) && !now.closing) return true;
  await endUpstream(deps, code, order, { ...attempt, reference });
  return false;
}

/** The order as it is after the provider has answered, with the name that it gave. */
async function latestOf(code: LiveCodeProtocol, { id, reference: known }: Attempt, reference: string | null) {
  if (reference === null || reference === known) return code.look();
  const opened = await code.apply({ kind: "opened", attempt: id, reference });
  return opened.found ? opened.order : null;
}

/** Asks for the end of an attempt at its provider, and tells the order what came of it: money, when that won. True when it is known. */
async function endUpstream(
  deps: Deps,
  code: LiveCodeProtocol,
  { terms }: Order,
  { id, account, reference }: Attempt,
): Promise<boolean> {
  const report = await deps.account(account).close(id, reference);
  if (!report.ok || report.value.state === "PENDING") return false;
  await code.apply(report.value.command, terms.merchant.id);
  return true;
}

function requestFor(
  deps: Deps,
  slug: string,
  order: Order,
  attempt: Attempt,
  device: PayerDevice | undefined,
): PaymentRequest {
  const { key, merchant, number, currency } = order.terms;
  return {
    payment: attempt.id,
    order: key,
    amount: attempt.amount,
    currency,
    description: `${merchant.name} · ${number}`,
    returnUrl: `${deps.origin}/c/${slug}`,
    notificationUrl: notificationUrl(deps.origin, attempt.provider, attempt.account),
    // A part-paid order may outlive its code; its rest gets the time of a claim.
    expiresAt: Math.max(order.expiresAt, deps.now() + limits.claimMs),
    startedAt: attempt.startedAt,
    reference: attempt.reference,
    ...(device && { device }),
  };
}
