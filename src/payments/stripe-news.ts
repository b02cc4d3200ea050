/**
 * What Stripe tells, in a webhook or in the answer to a question, in our words. The payment is the payment intent: session, intent and charge
 * are three views of it, each with events of its own. Only its Checkout session says who paid, so the session's word is the one that counts;
 * a lost one is found by asking.
 */
import type { Command } from "../core/commands.ts";
import type { Identity } from "../core/conversion.ts";
import { orderKeyOf } from "../core/ids.ts";
import { isCurrency } from "../core/money.ts";
import { normaliseEmail, normalisePhone } from "./identity.ts";
import { isMap, mapIn, textIn, type JsonMap } from "./json.ts";
import type { ProviderNews } from "./provider.ts";
import { fromStripe } from "./stripe-amount.ts";

const ignored = (why: string): ProviderNews => ({ kind: "ignored", why });

/** Null for what is no event of Stripe, or one that lacks what its kind must have. `account`: the one that is asked what it means to it. */
export function newsOfEvent(event: JsonMap, account: string): ProviderNews | null {
  const type = textIn(event, "type");
  const object = mapIn(mapIn(event, "data"), "object");
  const { created } = event;
  if (type === null || !object || typeof created !== "number" || !Number.isSafeInteger(created)) return null;
  // Stripe tells every endpoint of everything: what another account of the same merchant, or of another's, began is news for that one.
  const begunBy = textIn(mapIn(object, "metadata"), "account");
  if (begunBy !== null && begunBy !== account) return ignored("begun by another account");
  switch (type) {
    case "checkout.session.completed":
    case "checkout.session.async_payment_succeeded":
    case "checkout.session.expired":
      return newsOfSession(object, created);
    case "checkout.session.async_payment_failed":
      return broughtNothing(paymentOf(object));
    case "payment_intent.payment_failed":
      return declined(paymentOf(object), object);
    case "payment_intent.canceled":
      return ended(paymentOf(object), "CLOSED", null);
    case "refund.created":
    case "refund.updated":
    case "refund.failed":
    case "charge.refund.updated":
      return newsOfRefund(object);
    case "charge.dispute.closed":
      return newsOfDispute(object);
    default:
      return ignored(`${type} changes nothing here`);
  }
}

/** `asOf`: when the session's money came, in seconds, if it came. */
export function newsOfSession(session: JsonMap, asOf: number): ProviderNews | null {
  const payment = paymentOf(session);
  if (payment === null) return ignored("not begun here");
  switch (textIn(session, "payment_status")) {
    case "paid":
      return captured(session, payment, asOf);
    case "unpaid":
      return newsOfUnpaid(session, payment);
    default:
      return null;
  }
}

function newsOfUnpaid(session: JsonMap, payment: string): ProviderNews {
  const intent = mapIn(session, "payment_intent");
  const [status, intentStatus] = [textIn(session, "status"), textIn(intent, "status")];
  if (status === "expired") return ended(payment, "CLOSED", null);
  const wantsOther = intentStatus === "requires_payment_method";
  if (status === "complete" && (wantsOther || intentStatus === "canceled")) return broughtNothing(payment);
  if (status === "open" && wantsOther && mapIn(intent, "last_payment_error")) return declined(payment, intent);
  return ignored("not paid yet");
}

/** The delayed means of payment did not deliver, and a complete session takes no other: nothing can come of it any more. */
const broughtNothing = (payment: string | null): ProviderNews => ended(payment, "CLOSED", "the payment did not arrive");

/** The page stays open for another means of payment. */
const declined = (payment: string | null, intent: JsonMap | null): ProviderNews =>
  ended(payment, "FAILED", textIn(mapIn(intent, "last_payment_error"), "code"));

/** Ours by the id that we gave it; anything else on the merchant's Stripe account is not our business. */
function paymentOf(object: JsonMap): string | null {
  const named = textIn(object, "client_reference_id") ?? textIn(mapIn(object, "metadata"), "payment");
  return named !== null && orderKeyOf(named) !== null ? named : null;
}

function captured(session: JsonMap, payment: string, asOf: number): ProviderNews | null {
  const currency = (textIn(session, "currency") ?? "").toUpperCase();
  const amount = isCurrency(currency) ? fromStripe(session["amount_total"], currency) : null;
  const transaction = idOf(session["payment_intent"]);
  if (!isCurrency(currency) || amount === null || transaction === null) return null;
  const person = mapIn(session, "customer_details");
  return {
    kind: "captured",
    order: orderKeyOf(payment),
    capture: {
      id: `STRIPE:${transaction}`,
      provider: "STRIPE",
      transaction,
      attempt: payment,
      amount,
      currency,
      paidAt: asOf * 1000,
      payerName: textIn(person, "name"),
      identities: identitiesOf(session, person),
    },
  };
}

/** Stripe vouches for its own customers only. Address and number are what the payer typed. */
function identitiesOf(session: JsonMap, person: JsonMap | null): readonly Identity[] {
  const phone = textIn(person, "phone");
  const email = textIn(person, "email");
  const found: readonly (readonly [Identity["kind"], string | null])[] = [
    ["WALLET", idOf(session["customer"])],
    ["PHONE", phone && normalisePhone(phone)],
    ["EMAIL", email && normaliseEmail(email)],
  ];
  return found.flatMap(([kind, value]) => (value === null ? [] : [{ kind, value, verified: kind === "WALLET" }]));
}

export type RefundState = "PENDING" | "SUCCEEDED" | "FAILED";

/** Null for a word that this version does not know. */
export function refundStateOf(refund: JsonMap): RefundState | null {
  switch (textIn(refund, "status")) {
    case "succeeded":
      return "SUCCEEDED";
    case "failed":
    case "canceled":
      return "FAILED";
    case "pending":
    case "requires_action":
      return "PENDING";
    default:
      return null;
  }
}

function newsOfRefund(refund: JsonMap): ProviderNews | null {
  const state = refundStateOf(refund);
  if (state === "PENDING") return ignored("a refund under way");
  return state && moneyBack(refund, textIn(mapIn(refund, "metadata"), "refund"), state);
}

/** A dispute that was lost took the money back, fee aside. One that is open or won leaves the books as they are. */
function newsOfDispute(dispute: JsonMap): ProviderNews | null {
  return textIn(dispute, "status") === "lost"
    ? moneyBack(dispute, null, "SUCCEEDED")
    : ignored("a dispute that took nothing");
}

function moneyBack(object: JsonMap, ours: string | null, outcome: "SUCCEEDED" | "FAILED"): ProviderNews | null {
  const currency = (textIn(object, "currency") ?? "").toUpperCase();
  const amount = isCurrency(currency) ? fromStripe(object["amount"], currency) : null;
  const transaction = idOf(object["payment_intent"]);
  const id = textIn(object, "id");
  if (amount === null || id === null) return null;
  if (transaction === null) return ignored("money back of a charge without a payment intent");
  const order = ours === null ? null : orderKeyOf(ours);
  const command: Extract<Command, { kind: "refundHeard" }> = {
    kind: "refundHeard",
    refund: order !== null && ours !== null ? ours : id,
    capture: `STRIPE:${transaction}`,
    amount,
    outcome,
    ...(outcome === "FAILED" && { last: true }),
  };
  return { kind: "refunded", order, command };
}

function ended(payment: string | null, outcome: "FAILED" | "CLOSED", reason: string | null): ProviderNews {
  if (payment === null) return ignored("not begun here");
  return { kind: "ended", order: orderKeyOf(payment), command: { kind: "ended", attempt: payment, outcome, reason } };
}

/** An object's id, whether Stripe names it or tells all of it. */
function idOf(value: unknown): string | null {
  if (isMap(value)) return textIn(value, "id");
  return typeof value === "string" && value !== "" ? value : null;
}
