/**
 * A payment account is renamed, switched on or off for new orders, or gets other keys. A key is added beside the one in use, and that one is
 * forgotten once nobody signs with it any more. Orders already placed go on being heard, asked about and refunded through a switched-off account.
 */
import { limits } from "../core/limits.ts";
import type { PaymentProvider } from "../core/order.ts";
import { ok, type Result } from "../core/result.ts";
import { savePaymentAccount } from "../db/payment-accounts.ts";
import type { AccountSummary } from "../durable/protocol.ts";
import { forgetMerchant } from "./authenticate.ts";
import { checks } from "./checks.ts";
import { listed } from "./create-payment-account.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";
import { isGiven, type Optional } from "./given.ts";
import { notificationUrl } from "./notification-url.ts";

/** What is absent or null stays as it is, but for credentials that an account can do without: null takes them away. */
export type UpdatePaymentAccount = {
  readonly paymentAccountId: string;
  readonly name?: Optional<string>;
  readonly enabled?: Optional<boolean>;
  /** New credentials, under the names of the inputs they came in. */
  readonly credentials?: readonly {
    readonly provider: PaymentProvider;
    readonly field: string;
    readonly given: Readonly<Record<string, unknown>>;
  }[];
  /** Fingerprints. */
  readonly forget?: Optional<readonly string[]>;
};

export async function updatePaymentAccount(
  deps: Deps,
  merchantId: string,
  { paymentAccountId: id, name: given, enabled, credentials = [], forget }: UpdatePaymentAccount,
): Promise<Result<{ readonly paymentAccount: AccountSummary }, ValidationFailure | NotFoundFailure>> {
  // An invented id is refused before it can bring an object into being.
  if (!deps.keys.isTagged(id.slice("account_".length))) return notFound(id);
  const account = deps.account(id);
  const known = await account.summary();
  if (known?.merchantId !== merchantId) return notFound(id);
  const { provider } = known;

  const { issues, fail, text } = checks();
  const name = isGiven(given) ? text(["name"], given, limits.nameLengthMax) : known.name;
  const own = credentials.find((one) => one.provider === provider);
  const field = own?.field ?? "forgetFingerprints";
  for (const other of credentials)
    if (other !== own) fail([other.field], `is for another provider than this account's, ${provider}`);
  if (!deps.local && own?.given["apiBase"]) fail([field, "apiBase"], "is for local mode only");
  const strange = (forget ?? []).filter((one) => !known.fingerprints.includes(one));
  if (strange.length > 0) fail(["forgetFingerprints"], "must name fingerprints that this account shows");
  if (issues.length > 0) return invalid(issues);

  const changed = await account.change({
    name,
    ...(isGiven(enabled) && { enabled }),
    ...(own && { credentials: own.given }),
    ...(isGiven(forget) && { forget }),
    notificationUrl: notificationUrl(deps.origin, provider, id),
  });
  if (!changed.ok) {
    if (changed.error === "UNKNOWN_ACCOUNT") return notFound(id);
    for (const { path, message } of changed.error) fail([field, ...path], message);
    return invalid(issues);
  }
  const paymentAccount = changed.value;
  // The date stays the one of its creation: an account that is listed already keeps it.
  await savePaymentAccount(deps.database(merchantId), { ...listed(paymentAccount), createdAt: deps.now() });
  forgetMerchant(merchantId);
  return ok({ paymentAccount });
}
