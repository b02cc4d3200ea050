/** A person gives money back: all that is left, or a part. Cash is back at once; what came through a provider goes when the provider says so. */
import { limits } from "../core/limits.ts";
import { money } from "../core/money.ts";
import type { Order, Refund } from "../core/order.ts";
import { madeOn } from "../core/requests.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import { checks, type GivenMoney } from "./checks.ts";
import { asStateFailure, commandOrder } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import {
  invalid,
  type AmountFailure,
  type IdempotencyFailure,
  type NotFoundFailure,
  type StateFailure,
  type ValidationFailure,
} from "./failures.ts";
import type { Optional } from "./given.ts";
import { requestOf } from "./request.ts";

export type RefundOrder = {
  readonly orderId: string;
  /** Absent or null: all that is left. */
  readonly amount?: Optional<GivenMoney>;
  readonly reason?: Optional<string>;
  readonly reverseConversion: boolean;
  readonly restock: boolean;
};
/** `refund` is the last of those that were asked for: money that came in several payments goes back in several refunds. */
export type RefundedOrder = { readonly order: Order; readonly refund: Refund; readonly replayed: boolean };
export type RefundOrderError = NotFoundFailure | StateFailure | AmountFailure | ValidationFailure | IdempotencyFailure;

/** The order itself remembers the request, so that neither the caller nor the platform, asking again, gives back twice. */
export async function refundOrder(
  deps: Deps,
  { id: merchantId, currency }: Merchant,
  input: RefundOrder,
  idempotencyKey: string | null,
): Promise<Result<RefundedOrder, RefundOrderError>> {
  const { orderId, amount, reason, reverseConversion, restock } = input;
  const check = checks();
  const wanted = amount ? check.money(["amount"], amount, currency, 1) : null;
  const why = check.prose(["reason"], reason, limits.reasonLengthMax);
  if (check.issues.length > 0) return invalid(check.issues);
  const request = requestOf(deps, input, idempotencyKey);
  const command = { kind: "refund", amount: wanted, reason: why, reverseConversion, restock, request } as const;
  const refunded = await commandOrder(deps, merchantId, orderId, command);
  if (refunded.ok) {
    const { order } = refunded.value;
    const refund = madeOn(request, order.refunds);
    if (!refund) throw new Error("an accepted refund is among the order's");
    return ok({ order, refund, replayed: refund.request?.call !== request.call });
  }
  if (refunded.error.reason === "NOT_FOUND") return err(refunded.error);
  const { refusal } = refunded.error;
  if (refusal.reason === "KEY") return err({ reason: "IDEMPOTENCY", key: idempotencyKey ?? "" });
  if (refusal.reason !== "AMOUNT" || wanted === null) return err(asStateFailure(refunded.error));
  return err({
    reason: "AMOUNT_MISMATCH",
    expected: money(refusal.expected, currency),
    received: money(wanted, currency),
  });
}
