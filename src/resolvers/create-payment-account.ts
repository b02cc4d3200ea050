/** A merchant connects its account at a provider. What it enters is checked for form at once, sealed, and never shown again. */
import { limits } from "../core/limits.ts";
import type { PaymentProvider } from "../core/order.ts";
import { ok, type Result } from "../core/result.ts";
import { listPaymentAccounts, savePaymentAccount, type PaymentAccountRow } from "../db/payment-accounts.ts";
import type { AccountSummary } from "../durable/protocol.ts";
import { forgetMerchant } from "./authenticate.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, type ValidationFailure } from "./failures.ts";
import { newAccountId, openPaymentAccount } from "./open-payment-account.ts";

export type CreatePaymentAccount = {
  readonly provider: PaymentProvider;
  /** The name of the input that the credentials came in, so that what is wrong can be pointed at. */
  readonly field: string;
  readonly name: string;
  readonly credentials: Readonly<Record<string, unknown>>;
};

export async function createPaymentAccount(
  deps: Deps,
  merchantId: string,
  { provider, field, name: given, credentials }: CreatePaymentAccount,
): Promise<Result<{ readonly paymentAccount: AccountSummary }, ValidationFailure>> {
  const port = deps.ports[provider];
  if (!port) throw new Error(`there is no port for ${provider}`);
  const { issues, fail, text } = checks();
  const name = text([field, "name"], given, limits.nameLengthMax);
  for (const { path, message } of port.issues(credentials)) fail([field, ...path], message);
  if (!deps.local && credentials["apiBase"]) fail([field, "apiBase"], "is for local mode only");
  if (issues.length > 0) return invalid(issues);

  const database = deps.database(merchantId);
  const createdAt = deps.now();
  const id = newAccountId(deps);
  // Two at once may pass by one: the limit bounds what every order pins, and need not be exact. One that comes again does not count itself.
  const others = (await listPaymentAccounts(database, merchantId)).filter((other) => other.id !== id);
  if (others.length >= limits.paymentAccountsPerMerchantMax)
    return invalid([
      { path: ["input"], message: `a merchant has at most ${limits.paymentAccountsPerMerchantMax} payment accounts` },
    ]);
  const paymentAccount = await openPaymentAccount(deps, { id, merchantId, provider, name, credentials });
  await savePaymentAccount(database, { ...listed(paymentAccount), createdAt });
  forgetMerchant(merchantId);
  return ok({ paymentAccount });
}

/** As the merchant's lists and new orders know it. */
export const listed = ({
  id,
  merchantId,
  provider,
  name,
  enabled,
  unableIn,
}: AccountSummary): Omit<PaymentAccountRow, "createdAt"> => ({
  id,
  merchantId,
  provider,
  name,
  enabled,
  unableIn: unableIn ?? null,
});
