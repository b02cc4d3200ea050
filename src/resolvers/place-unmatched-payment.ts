/**
 * A person places money that no order has: an order gets it, by the very path of a notification, or it goes back to its payer. Which of the two, and
 * for which order, is decided once, by the account that keeps it; asking for the same again answers what became of it.
 */
import { err, ok, type Err, type Result } from "../core/result.ts";
import type { AssignedPayment, UnmatchedPayment, UnmatchedRefusal } from "../durable/protocol.ts";
import { asStateFailure } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type StateFailure, type ValidationFailure } from "./failures.ts";
import { keyOfOrderId } from "./find-order.ts";
import { accountKeeping } from "./list-unmatched-payments.ts";
import { requestOf } from "./request.ts";

export type AssignUnmatchedPayment = { readonly unmatchedPaymentId: string; readonly orderId: string };
export type RefundUnmatchedPayment = { readonly unmatchedPaymentId: string };

export async function assignUnmatchedPayment(
  deps: Deps,
  merchantId: string,
  { unmatchedPaymentId: id, orderId }: AssignUnmatchedPayment,
): Promise<Result<AssignedPayment, NotFoundFailure | StateFailure | ValidationFailure>> {
  const order = keyOfOrderId(orderId);
  if (order === null) return notFound(orderId);
  const assigned = await accountKeeping(deps, id)?.assignUnmatched(id, merchantId, order);
  if (!assigned) return notFound(id);
  if (assigned.ok) return ok(assigned.value);
  const { error } = assigned;
  if (error.reason === "REFUSED") return err(asStateFailure(error));
  return error.reason === "ORDER_NOT_FOUND" ? notFound(orderId) : failure(id, error);
}

/** Its account remembers the request for as long as the money, so that whoever repeats it, however late, gives nothing back anew. */
export async function refundUnmatchedPayment(
  deps: Deps,
  merchantId: string,
  input: RefundUnmatchedPayment,
  idempotencyKey: string | null,
): Promise<Result<{ readonly payment: UnmatchedPayment }, NotFoundFailure | ValidationFailure>> {
  const { unmatchedPaymentId: id } = input;
  const request = requestOf(deps, input, idempotencyKey);
  const refunded = await accountKeeping(deps, id)?.refundUnmatched(id, merchantId, request);
  if (!refunded) return notFound(id);
  return refunded.ok ? ok({ payment: refunded.value }) : failure(id, refunded.error);
}

function failure(id: string, refused: UnmatchedRefusal): Err<NotFoundFailure | ValidationFailure> {
  if (refused.reason === "NOT_FOUND") return notFound(id);
  return invalid([{ path: ["input", "unmatchedPaymentId"], message: `names money that ${whyNot(refused.reason)}` }]);
}

function whyNot(reason: Exclude<UnmatchedRefusal["reason"], "NOT_FOUND">): string {
  switch (reason) {
    case "RETURNED":
      return "goes back to its payer";
    case "PARTLY_RETURNED":
      return "has gone back in part: give back the rest";
    case "TAKEN":
    case "ORDER_NOT_FOUND":
    case "REFUSED":
      return "belongs to an order";
  }
}
