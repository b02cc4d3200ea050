/** Asks a merchant's order to do something, and says what came of it in a verb's words. */
import type { Command, Refusal } from "../core/commands.ts";
import type { Order } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Deps } from "./deps.ts";
import type { NotFoundFailure, StateFailure } from "./failures.ts";
import { keyOfOrderId } from "./find-order.ts";

export type Commanded = { readonly order: Order; readonly changed: boolean };
/** Not from this state, or not like this: `order` is as it is. */
export type Refused = { readonly reason: "REFUSED"; readonly refusal: Refusal; readonly order: Order };

export async function commandOrder(
  deps: Deps,
  merchantId: string,
  id: string,
  command: Command,
): Promise<Result<Commanded, NotFoundFailure | Refused>> {
  const key = keyOfOrderId(id);
  const applied = key ? await deps.liveCode(key).apply(command, merchantId) : ({ found: false } as const);
  if (!applied.found) return err({ reason: "NOT_FOUND", id });
  const { order } = applied;
  return applied.ok
    ? ok({ order, changed: applied.changed })
    : err({ reason: "REFUSED", refusal: applied.refusal, order });
}

/** What a refusal means where nothing more special can be said about it. */
export const asStateFailure = ({ refusal, order }: Refused): StateFailure => ({
  reason: "STATE",
  order,
  why: whyNot(refusal),
});

function whyNot(refusal: Refusal): string | null {
  switch (refusal.reason) {
    case "STATE":
      return null;
    case "CLAIMED":
      return `Somebody else is paying until ${new Date(refusal.until).toISOString()}.`;
    case "AMOUNT":
      return "There is nothing to do it with.";
    case "CURRENCY":
      return "The order is in another currency.";
    case "UNKNOWN":
      return "The order has no such payment.";
    case "KEY":
      return "The key was used for another request.";
    case "TIME":
      return "That is not a time the order can have.";
    case "LIMIT":
      return "The order has seen as many of these as it may.";
  }
}
