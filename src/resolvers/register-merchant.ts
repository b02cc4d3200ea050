/** A new merchant, ready to sell: with its first key, which may do everything, and a pretend payment account to try with. */
import { limits } from "../core/limits.ts";
import { isCurrency } from "../core/money.ts";
import { defaultPolicy } from "../core/policy.ts";
import { ok, type Result } from "../core/result.ts";
import { merchantIdFrom } from "../db/database.ts";
import { findMerchant, insertMerchant, isSlugTaken, type Merchant } from "../db/merchants.ts";
import type { AccountSummary } from "../durable/protocol.ts";
import { newApiKeyText } from "./api-key-text.ts";
import { scopes } from "./caller.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, type ValidationFailure } from "./failures.ts";
import { openSandboxAccount } from "./open-payment-account.ts";

export type RegisterMerchant = {
  readonly name: string;
  readonly slug: string;
  readonly currency: string;
  readonly locale: string;
  readonly timeZone: string;
};
/** `apiKey` and `sandboxSecret` are told here and never again. */
export type RegisteredMerchant = {
  readonly merchant: Merchant;
  readonly apiKey: string;
  readonly sandboxAccount: AccountSummary;
  readonly sandboxSecret: string;
};

const slugPattern = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

const slugTaken = invalid([{ path: ["input", "slug"], message: "is taken" }]);

/** The caller has shown the deployment's admin token. */
export async function registerMerchant(
  deps: Deps,
  input: RegisterMerchant,
): Promise<Result<RegisteredMerchant, ValidationFailure>> {
  const { issues, fail, text, locale, timeZone } = checks();
  const now = deps.now();
  const id = merchantIdFrom(now, deps.random(10), deps.newMerchantBucket);
  const { currency } = input;
  if (!slugPattern.test(input.slug)) fail(["slug"], "must have 1 to 63 letters a to z, digits and inner hyphens");
  if (!isCurrency(currency)) fail(["currency"], "must be an ISO 4217 code");
  const name = text(["name"], input.name, limits.nameLengthMax);
  const profile = { locale: locale(["locale"], input.locale), timeZone: timeZone(["timeZone"], input.timeZone) };
  if (issues.length > 0 || !isCurrency(currency)) return invalid(issues);

  const database = deps.database(id);
  // Asked first, because an account that is opened stays, and this one would be nobody's.
  const own = await findMerchant(database, id);
  if (!own && (await isSlugTaken(database, input.slug))) return slugTaken;
  const { summary: account, secret } = await openSandboxAccount(deps, { merchantId: id, name: "Sandbox" });
  const key = newApiKeyText(deps, deps.newMerchantBucket);
  const told = { apiKey: key.text, sandboxAccount: account, sandboxSecret: secret };
  // A request that was cut off and comes again draws the same ids, and finds what it made.
  if (own) return ok({ merchant: own, ...told });
  const inserted = await insertMerchant(
    database,
    { id, name, slug: input.slug, currency, ...profile, policy: defaultPolicy, createdAt: now },
    {
      apiKey: {
        id: key.id,
        merchantId: id,
        name: "First key",
        scopes,
        createdAt: now,
        expiresAt: null,
        secretHash: key.secretHash,
      },
      account: {
        id: account.id,
        merchantId: id,
        provider: account.provider,
        name: account.name,
        enabled: account.enabled,
        createdAt: now,
        unableIn: null,
      },
    },
  );
  if (!inserted.ok) return slugTaken;
  return ok({ merchant: inserted.value, ...told });
}
