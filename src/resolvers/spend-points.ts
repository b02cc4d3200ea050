/** A customer pays with points, or is given something for them: never more than there are. The reference is the spending: twice is once. */
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import { findCustomer, spendPoints as spend, type Customer } from "../db/customers.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";

export type SpendPoints = { readonly customerId: string; readonly points: number; readonly reference: string };

export async function spendPoints(
  deps: Deps,
  merchantId: string,
  { customerId, ...input }: SpendPoints,
): Promise<Result<{ readonly customer: Customer }, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const points = check.integer(["points"], input.points, 1, limits.pointsMax);
  const reference = check.text(["reference"], input.reference, limits.referenceLengthMax);
  if (check.issues.length > 0) return invalid(check.issues);
  const database = deps.database(merchantId);
  const customer = await findCustomer(database, merchantId, customerId);
  if (!customer) return notFound(customerId);
  const spent = await spend(database, merchantId, customerId, { reference, points, at: deps.now() });
  if (spent === null) return invalid([{ path: ["input", "points"], message: "are more than the customer has" }]);
  if (spent !== points)
    return invalid([{ path: ["input", "reference"], message: `was used before, for ${spent} points` }]);
  return ok({ customer });
}
