/**
 * The merchant calls an order off. While a payment is under way the provider is asked to close it first; until that is done the order goes on,
 * and is paid if the money won.
 */
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import { asStateFailure, commandOrder } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import type { NotFoundFailure, StateFailure } from "./failures.ts";

export type CancelOrder = { readonly orderId: string; readonly reason?: string | null | undefined };

/** Cancelling again changes nothing. */
export async function cancelOrder(
  deps: Deps,
  merchantId: string,
  { orderId, reason }: CancelOrder,
): Promise<Result<{ readonly order: Order }, NotFoundFailure | StateFailure>> {
  const cancelled = await commandOrder(deps, merchantId, orderId, {
    kind: "cancel",
    reason: reason?.slice(0, limits.reasonLengthMax) ?? null,
  });
  if (cancelled.ok) return ok({ order: cancelled.value.order });
  if (cancelled.error.reason === "NOT_FOUND") return err(cancelled.error);
  const { refusal, order } = cancelled.error;
  const already = refusal.reason === "STATE" && refusal.state === "CANCELLED";
  return already ? ok({ order }) : err(asStateFailure(cancelled.error));
}
