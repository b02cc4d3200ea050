/**
 * Money taken outside any provider: cash over the counter, a bank transfer. It takes the same path as a provider's notification, conversion included.
 * The reference is the payment: recording it again is the same payment heard of twice, with whatever idempotency key.
 */
import type { Identity, Payer } from "../core/conversion.ts";
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { isCurrency, money, type Currency, type Money } from "../core/money.ts";
import type { Order } from "../core/order.ts";
import { madeOn } from "../core/requests.ts";
import { err, ok, type Err, type Result } from "../core/result.ts";
import { normaliseEmail, normalisePhone } from "../payments/identity.ts";
import { checks, type Checks, type GivenMoney } from "./checks.ts";
import { asStateFailure, commandOrder, type Refused } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import {
  invalid,
  notFound,
  type AmountFailure,
  type IdempotencyFailure,
  type NotFoundFailure,
  type StateFailure,
  type ValidationFailure,
} from "./failures.ts";
import { keyOfOrderId } from "./find-order.ts";
import type { Optional } from "./given.ts";
import { requestOf } from "./request.ts";

export type RecordPayment = {
  readonly orderId: string;
  /** Exactly what is due. */
  readonly amount: GivenMoney;
  readonly reference: string;
  readonly paidAt?: Optional<number>;
  readonly payer?: Optional<GivenPayer>;
};
/** Who paid, as far as the cashier knows. */
export type GivenPayer = {
  readonly phone?: Optional<string>;
  readonly email?: Optional<string>;
  readonly loyalty?: Optional<string>;
  readonly name?: Optional<string>;
};
/** `replayed`: this payment was known already. */
export type RecordedPayment = { readonly order: Order; readonly replayed: boolean };
export type RecordPaymentError =
  | NotFoundFailure
  | StateFailure
  | AmountFailure
  | ValidationFailure
  | IdempotencyFailure;

/** The order itself remembers the request with the payment, so one key never records two payments of an order. */
export async function recordPayment(
  deps: Deps,
  merchantId: string,
  input: RecordPayment,
  idempotencyKey: string | null,
): Promise<Result<RecordedPayment, RecordPaymentError>> {
  const key = keyOfOrderId(input.orderId);
  if (key === null) return notFound(input.orderId);
  const check = checks();
  const now = deps.now();
  const transaction = check.text(["reference"], input.reference, limits.referenceLengthMax);
  const id = `MANUAL:${transaction}`;
  const amount = amountOf(check, input.amount);
  const paidAt = input.paidAt ?? now;
  if (paidAt > now + limits.notificationSkewMs) check.fail(["paidAt"], "must not lie in the future");
  const payer = payerOf(deps, check, key, merchantId, id, input.payer ?? {});
  if (check.issues.length > 0) return invalid(check.issues);

  const { minor, currency } = amount;
  const request = requestOf(deps, input, idempotencyKey);
  const recorded = await commandOrder(deps, merchantId, input.orderId, {
    kind: "capture",
    exact: true,
    request,
    capture: {
      id,
      provider: "MANUAL",
      account: "manual",
      transaction,
      attempt: null,
      amount: minor,
      currency,
      paidAt,
      payer,
    },
  });
  if (recorded.ok) {
    const { order } = recorded.value;
    return ok({ order, replayed: madeOn(request, order.captures)?.request?.call !== request.call });
  }
  if (recorded.error.reason === "NOT_FOUND") return err(recorded.error);
  const isKeyTaken = recorded.error.refusal.reason === "KEY";
  return isKeyTaken ? err({ reason: "IDEMPOTENCY", key: idempotencyKey ?? "" }) : failureOf(recorded.error, amount);
}

/** In whatever currency it is given: whether it is the order's is for the order to say. */
function amountOf({ fail, money: read }: Checks, given: GivenMoney): Money {
  if (isCurrency(given.currency)) return money(read(["amount"], given, given.currency, 1), given.currency);
  fail(["amount", "currency"], "must be an ISO 4217 code");
  return money(0, given.currency as Currency);
}

function failureOf(refused: Refused, received: Money): Err<AmountFailure | StateFailure | ValidationFailure> {
  const { refusal, order } = refused;
  const { currency } = order.terms;
  if (refusal.reason === "CURRENCY")
    return invalid([{ path: ["input", "amount", "currency"], message: `must be ${currency}` }]);
  if (refusal.reason === "AMOUNT")
    return err({ reason: "AMOUNT_MISMATCH", expected: money(refusal.expected, currency), received });
  return err(asStateFailure(refused));
}

/**
 * A cashier's word makes the merchant's own customer: the key that records is the merchant's, so nobody can lead a payment into another's record. It is
 * not `verified`, which is for providers. The strongest of what is known names the customer: numbers outlive addresses, and both mean more than a card.
 * A person of whom nothing is known is a customer of this one payment.
 */
function payerOf(
  { keys }: Deps,
  { fail, text }: Checks,
  order: OrderKey,
  merchantId: string,
  captureId: string,
  { phone, email, loyalty, name }: GivenPayer,
): Payer {
  const identities: Identity[] = [];
  const add = (kind: Identity["kind"], field: string, value: string | null): void => {
    if (value === null)
      fail(["payer", field], field === "phone" ? "must be a phone number" : "must be an e-mail address");
    else identities.push({ kind, value, verified: false });
  };
  if (phone) add("PHONE", "phone", normalisePhone(phone));
  if (email) add("EMAIL", "email", normaliseEmail(email));
  if (loyalty) add("LOYALTY", "loyalty", text(["payer", "loyalty"], loyalty, limits.referenceLengthMax));
  const [strongest] = identities;
  return {
    // References such as "cash" repeat from order to order, and strangers must not become one person by it.
    customerId: strongest
      ? keys.customer(merchantId, strongest)
      : keys.provisionalCustomer(merchantId, `${order}:${captureId}`),
    provisional: strongest === undefined,
    name: name ? text(["payer", "name"], name, limits.nameLengthMax) : null,
    identities,
  };
}
