/** Puts the end of an order off. One that expired can be paid again, unless its stock went to others. */
import type { Order } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import { asStateFailure, commandOrder } from "./command-order.ts";
import type { Deps } from "./deps.ts";
import { invalid, type NotFoundFailure, type StateFailure, type ValidationFailure } from "./failures.ts";

export type ExtendOrder = { readonly orderId: string; readonly expiresAt: number };

export async function extendOrder(
  deps: Deps,
  merchantId: string,
  { orderId, expiresAt }: ExtendOrder,
): Promise<Result<{ readonly order: Order }, NotFoundFailure | StateFailure | ValidationFailure>> {
  const extended = await commandOrder(deps, merchantId, orderId, { kind: "extend", expiresAt });
  if (extended.ok) return ok({ order: extended.value.order });
  if (extended.error.reason === "NOT_FOUND") return err(extended.error);
  const { refusal } = extended.error;
  if (refusal.reason !== "TIME") return err(asStateFailure(extended.error));
  const [after, until] = [refusal.earliest, refusal.latest].map((at) => new Date(at).toISOString());
  return invalid([{ path: ["input", "expiresAt"], message: `must lie after ${after}, and not after ${until}` }]);
}
