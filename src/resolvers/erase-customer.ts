/**
 * Destroys what is known of a customer, everywhere (docs/erasure.md). First the read model, with the event and the list of work, in one transaction: from then on nothing
 * of theirs is shown or sent. Then whatever else holds something: as much as one request may, and the sweep goes on from there.
 */
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import { customerErased } from "../core/events.ts";
import { findCustomer, type Customer } from "../db/customers.ts";
import { beginErasure } from "../db/erasures.ts";
import { continueErasure } from "./continue-erasure.ts";
import type { Deps } from "./deps.ts";
import { notFound, type NotFoundFailure } from "./failures.ts";

export type EraseCustomer = { readonly customerId: string };

/** Erasing again is erasing what was told since; where that is nothing, it is the same erasure. */
export async function eraseCustomer(
  deps: Deps,
  merchantId: string,
  { customerId }: EraseCustomer,
): Promise<Result<{ readonly customer: Customer }, NotFoundFailure>> {
  const database = deps.database(merchantId);
  const erasing = { merchantId, customerId, erasedAt: deps.now() };
  const erasure = await beginErasure(database, erasing, ({ sequence, erasedAt }) =>
    customerErased(merchantId, customerId, { sequence, at: erasedAt }),
  );
  const customer = await findCustomer(database, merchantId, customerId);
  if (!customer) return notFound(customerId);
  if (erasure) {
    const { faults } = await continueErasure(deps, database, erasure, limits.ordersPerErasure).catch(
      (fault: unknown) => ({ faults: [fault] }),
    );
    for (const fault of faults) console.error("an erasure that the sweep will go on with", customerId, fault);
  }
  return ok({ customer });
}
