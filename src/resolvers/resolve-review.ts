/** A person decides about money that no policy placed: it counts, as it is, or it goes back. */
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import { asStateFailure, commandOrder } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import type { NotFoundFailure, StateFailure } from "./failures.ts";
import { requestOf } from "./request.ts";

export type ResolveReview = { readonly orderId: string; readonly decision: "HONOR" | "REFUND"; readonly note: string };

/** The order itself remembers the request: a decision whose answer was lost on the way is answered again, and falls on nothing else. */
export async function resolveReview(
  deps: Deps,
  merchantId: string,
  input: ResolveReview,
): Promise<Result<{ readonly order: Order }, NotFoundFailure | StateFailure>> {
  const { orderId, decision, note } = input;
  const resolved = await commandOrder(deps, merchantId, orderId, {
    kind: "resolve",
    decision,
    note: note.slice(0, limits.reasonLengthMax),
    request: requestOf(deps, input, null),
  });
  if (resolved.ok) return ok({ order: resolved.value.order });
  return err(resolved.error.reason === "NOT_FOUND" ? resolved.error : asStateFailure(resolved.error));
}
