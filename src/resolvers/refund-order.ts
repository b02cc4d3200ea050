/** A person gives money back: all that is left, or a part. Cash is back at once; what came through a provider goes when the provider says so. */
import { limits } from "../core/limits.ts";
import { money } from "../core/money.ts";
import type { Order, Refund } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Merchant } from "../db/merchants.ts";
import { checks, type GivenMoney } from "./checks.ts";
import { asStateFailure, commandOrder } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import {
  invalid,
  type AmountFailure,
  type NotFoundFailure,
  type StateFailure,
  type ValidationFailure,
} from "./failures.ts";
import type { Optional } from "./given.ts";

export type RefundOrder = {
  readonly orderId: string;
  /** Absent or null: all that is left. */
  readonly amount?: Optional<GivenMoney>;
  readonly reason?: Optional<string>;
  readonly reverseConversion: boolean;
  readonly restock: boolean;
};
export type RefundOrderError = NotFoundFailure | StateFailure | AmountFailure | ValidationFailure;

/** `refund` is the last of those that were asked for: money that came in several payments goes back in several refunds. */
export async function refundOrder(
  deps: Deps,
  { id: merchantId, currency }: Merchant,
  { orderId, amount, reason, reverseConversion, restock }: RefundOrder,
): Promise<Result<{ readonly order: Order; readonly refund: Refund }, RefundOrderError>> {
  const check = checks();
  const wanted = amount ? check.money(["amount"], amount, currency, 1) : null;
  const why = check.prose(["reason"], reason, limits.reasonLengthMax);
  if (check.issues.length > 0) return invalid(check.issues);
  const command = { kind: "refund", amount: wanted, reason: why, reverseConversion, restock } as const;
  const refunded = await commandOrder(deps, merchantId, orderId, command);
  if (refunded.ok) {
    const { order } = refunded.value;
    const refund = order.refunds.findLast(({ automatic }) => !automatic);
    if (!refund) throw new Error("an accepted refund is among the order's");
    return ok({ order, refund });
  }
  if (refunded.error.reason === "NOT_FOUND") return err(refunded.error);
  const { refusal } = refunded.error;
  if (refusal.reason !== "AMOUNT" || wanted === null) return err(asStateFailure(refunded.error));
  return err({
    reason: "AMOUNT_MISMATCH",
    expected: money(refusal.expected, currency),
    received: money(wanted, currency),
  });
}
