/** Money that no order has, from all accounts of a merchant. Each account's object keeps its own and hands it out newest first. */
import { limits } from "../core/limits.ts";
import { err, ok } from "../core/result.ts";
import type { PageRequest, PageResult } from "../db/page.ts";
import { listPaymentAccounts } from "../db/payment-accounts.ts";
import { accountOfUnmatched, placeIn, placeOfUnmatched } from "../durable/kept-payment.ts";
import type { PaymentAccountProtocol, UnmatchedPayment } from "../durable/protocol.ts";
import type { Deps } from "./deps.ts";
import { isGiven } from "./given.ts";

/** `settled`: those that have their place, instead of those that wait for one. A cursor is a payment's id: it begins with the time that it was heard of. */
export async function pageUnmatchedPayments(
  deps: Deps,
  merchantId: string,
  settled: boolean,
  { first, after }: Pick<PageRequest, "first" | "after">,
): Promise<PageResult<UnmatchedPayment>> {
  const size = first ?? limits.pageSizeDefault;
  if (size < 0 || size > limits.pageSizeMax)
    return err({ argument: "first", message: `must be between 0 and ${limits.pageSizeMax}` });
  const before = isGiven(after) ? placeOfUnmatched(after) : null;
  if (isGiven(after) && before === null) return err({ argument: "after", message: "is not a cursor of this list" });
  const accounts = await listPaymentAccounts(deps.database(merchantId), merchantId);
  const kept = await Promise.all(accounts.map(({ id }) => deps.account(id).unmatched(settled, before, size + 1)));
  const newest = kept.flat().toSorted((a, b) => (placeIn(a) > placeIn(b) ? -1 : 1));
  const edges = newest.slice(0, size).map((node) => ({ cursor: node.id, node }));
  return ok({
    edges,
    pageInfo: {
      hasNextPage: newest.length > size,
      hasPreviousPage: before !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  });
}

/** The account that keeps it; null for an invented id, which must not bring an object into being. */
export function accountKeeping(deps: Deps, id: string): PaymentAccountProtocol | null {
  const account = accountOfUnmatched(id);
  return account !== null && deps.keys.isTagged(account.slice("account_".length)) ? deps.account(account) : null;
}

/** Null when there is none, or none of this merchant's. */
export const findUnmatchedPayment = async (
  deps: Deps,
  merchantId: string,
  id: string,
): Promise<UnmatchedPayment | null> => (await accountKeeping(deps, id)?.unmatchedPayment(id, merchantId)) ?? null;
