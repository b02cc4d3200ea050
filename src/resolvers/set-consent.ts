/**
 * A customer agreed to something, or took it back, and somebody of the merchant's wrote it down. First the receipt, then the orders of which
 * something waits for it hear: cut off in between, asking again tells them. What is about to be done looks at the receipts themselves.
 */
import type { ConsentReceipt } from "../core/conversion.ts";
import type { Purpose } from "../core/definition.ts";
import { timedSuffix } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import { addConsent } from "../db/consents.ts";
import { findCustomer, type Customer } from "../db/customers.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";

export type SetConsent = {
  readonly customerId: string;
  readonly purpose: Purpose;
  readonly granted: boolean;
  readonly textVersion: string;
  readonly locale: string;
  readonly channel: string;
};

export async function setConsent(
  deps: Deps,
  merchantId: string,
  { customerId, purpose, granted, ...input }: SetConsent,
): Promise<Result<{ readonly customer: Customer }, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const receipt: ConsentReceipt = {
    purpose,
    granted,
    textVersion: check.text(["textVersion"], input.textVersion, limits.consentWordLengthMax),
    textHash: null,
    locale: check.locale(["locale"], input.locale),
    at: deps.now(),
    channel: check.text(["channel"], input.channel, limits.consentWordLengthMax),
  };
  if (check.issues.length > 0) return invalid(check.issues);
  const database = deps.database(merchantId);
  const customer = await findCustomer(database, merchantId, customerId);
  if (!customer) return notFound(customerId);
  await addConsent(database, merchantId, customerId, timedSuffix(receipt.at, deps.random(10)), receipt);
  await deps.liveCode(customer.firstOrderKey).apply({ kind: "consent", receipt }, merchantId);
  return ok({ customer });
}
