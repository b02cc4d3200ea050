/** A person decides about money that no policy placed: it counts, as it is, or it goes back. */
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import { asStateFailure, commandOrder } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import type { NotFoundFailure, StateFailure } from "./failures.ts";

export type ResolveReview = { readonly orderId: string; readonly decision: "HONOR" | "REFUND"; readonly note: string };

export async function resolveReview(
  deps: Deps,
  merchantId: string,
  { orderId, decision, note }: ResolveReview,
): Promise<Result<{ readonly order: Order }, NotFoundFailure | StateFailure>> {
  const resolved = await commandOrder(deps, merchantId, orderId, {
    kind: "resolve",
    decision,
    note: note.slice(0, limits.reasonLengthMax),
  });
  if (resolved.ok) return ok({ order: resolved.value.order });
  return err(resolved.error.reason === "NOT_FOUND" ? resolved.error : asStateFailure(resolved.error));
}
