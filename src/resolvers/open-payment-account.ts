/** An account comes into being: its object seals the credentials, which have been checked. It is nobody's until it stands in the merchant's list. */
import { base32, timedSuffix } from "../core/ids.ts";
import type { PaymentProvider } from "../core/order.ts";
import type { AccountSummary } from "../durable/protocol.ts";
import type { Deps } from "./deps.ts";
import { notificationUrl } from "./notification-url.ts";

export const newAccountId = (deps: Deps): string =>
  `account_${deps.keys.tagged(timedSuffix(deps.now(), deps.random(10)))}`;

export type OpenPaymentAccount = {
  readonly id: string;
  readonly merchantId: string;
  readonly provider: PaymentProvider;
  readonly name: string;
  readonly credentials: unknown;
};

export const openPaymentAccount = (deps: Deps, opening: OpenPaymentAccount): Promise<AccountSummary> =>
  deps.account(opening.id).open({
    ...opening,
    notificationUrl: notificationUrl(deps.origin, opening.provider, opening.id),
  });

export type OpenSandboxAccount = { readonly merchantId: string; readonly name: string };
/** `secret` signs the account's notifications. It is shown here, once, and never again. */
export type OpenedSandboxAccount = { readonly summary: AccountSummary; readonly secret: string };

/** A merchant gets an account at the sandbox wallet: a complete way to be paid before any real provider is connected. */
export async function openSandboxAccount(
  deps: Deps,
  { merchantId, name }: OpenSandboxAccount,
): Promise<OpenedSandboxAccount> {
  const secret = `sandbox_${base32(deps.random(32), 48)}`;
  const opening = { id: newAccountId(deps), merchantId, provider: "SANDBOX", name, credentials: { secret } } as const;
  const summary = await openPaymentAccount(deps, opening);
  return { summary, secret };
}
