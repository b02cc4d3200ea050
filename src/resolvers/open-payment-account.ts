/** A merchant gets an account at the sandbox wallet: a complete way to be paid before any real provider is connected. */
import { base32, timedSuffix } from "../core/ids.ts";
import type { AccountSummary } from "../durable/protocol.ts";
import type { Deps } from "./deps.ts";

export type OpenSandboxAccount = { readonly merchantId: string; readonly name: string };
/** `secret` signs the account's notifications. It is shown here, once, and never again. */
export type OpenedSandboxAccount = { readonly summary: AccountSummary; readonly secret: string };

export async function openSandboxAccount(
  deps: Deps,
  { merchantId, name }: OpenSandboxAccount,
): Promise<OpenedSandboxAccount> {
  const id = `account_${deps.keys.tagged(timedSuffix(deps.now(), deps.random(10)))}`;
  const secret = `sandbox_${base32(deps.random(32), 48)}`;
  const summary = await deps.account(id).open({ id, merchantId, provider: "SANDBOX", name, credentials: { secret } });
  return { summary, secret };
}
