/** What of a conversion failed is tried again, and what waits does not wait any longer. What the customer agrees to by now is looked up anew. */
import { orderKeyOf, prefixOf } from "../core/ids.ts";
import type { Order } from "../core/order.ts";
import { ok, type Result } from "../core/result.ts";
import { consentsOf } from "../db/consents.ts";
import type { Deps } from "./deps.ts";
import { notFound, type NotFoundFailure } from "./failures.ts";

export async function retryConversion(
  deps: Deps,
  merchantId: string,
  conversionId: string,
): Promise<Result<Order, NotFoundFailure>> {
  const key = prefixOf(conversionId) === "conversion" ? orderKeyOf(conversionId) : null;
  if (key === null) return notFound(conversionId);
  const code = deps.liveCode(key);
  const conversion = (await code.look(merchantId))?.conversion;
  if (!conversion) return notFound(conversionId);
  const words = await consentsOf(deps.database(merchantId), merchantId, conversion.payer.customerId);
  const applied = await code.apply({ kind: "retry", words }, merchantId);
  return applied.found ? ok(applied.order) : notFound(conversionId);
}
