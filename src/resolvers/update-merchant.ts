/** A merchant changes its name, its language, its clock, or what becomes of money that does not fit. Orders already placed keep what they pinned. */
import { limits } from "../core/limits.ts";
import type { OrderPolicy } from "../core/policy.ts";
import { ok, type Result } from "../core/result.ts";
import { updateMerchant as saveMerchant, type Merchant } from "../db/merchants.ts";
import { listStaffPools } from "../db/staff-pools.ts";
import { forgetMerchant } from "./authenticate.ts";
import { checks, type Checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { isGiven, type Optional } from "./given.ts";
import { invalid, type ValidationFailure } from "./failures.ts";

/** What is absent or null stays as it is. */
export type UpdateMerchant = {
  readonly name?: Optional<string>;
  readonly locale?: Optional<string>;
  readonly timeZone?: Optional<string>;
  readonly policy?: Optional<PolicyChanges>;
};
export type PolicyChanges = {
  readonly codeLifetimeSeconds?: Optional<number>;
  readonly latePayment?: Optional<OrderPolicy["latePayment"]>;
  readonly overPayment?: Optional<OrderPolicy["overPayment"]>;
  readonly underPayment?: Optional<OrderPolicy["underPayment"]>;
};

export async function updateMerchant(
  deps: Deps,
  merchant: Merchant,
  { name, locale, timeZone, policy }: UpdateMerchant,
): Promise<Result<{ readonly merchant: Merchant }, ValidationFailure>> {
  const check = checks();
  const changes = {
    ...(isGiven(name) && { name: check.text(["name"], name, limits.nameLengthMax) }),
    ...(isGiven(locale) && { locale: check.locale(["locale"], locale) }),
    ...(isGiven(timeZone) && { timeZone: check.timeZone(["timeZone"], timeZone) }),
    ...(isGiven(policy) && { policy: changedPolicy(check, merchant.policy, policy) }),
  };
  if (check.issues.length > 0) return invalid(check.issues);
  const saved = await saveMerchant(deps.database(merchant.id), merchant.id, changes);
  if (!saved) throw new Error("a merchant whose key was accepted exists");
  forgetMerchant(merchant.id);
  if (changes.timeZone !== undefined) await setClocks(deps, saved);
  return ok({ merchant: saved });
}

/** Staff have their days and hours by the merchant's clock. Cut off in between, asking again sets the rest. */
async function setClocks(deps: Deps, { id, timeZone }: Merchant): Promise<void> {
  const pools = await listStaffPools(deps.database(id), id, limits.staffPoolsPerMerchantMax);
  await Promise.all(pools.map((pool) => deps.pool(pool).setClock(id, timeZone)));
}

/** A code's lifetime in milliseconds, from seconds. */
export function lifetimeMs({ integer }: Checks, path: readonly string[], seconds: number): number {
  const { min, max } = limits.liveCodeLifetimeMs;
  return integer(path, seconds, min / 1000, max / 1000) * 1000;
}

const changedPolicy = (check: Checks, policy: OrderPolicy, changes: PolicyChanges): OrderPolicy => ({
  codeLifetimeMs: isGiven(changes.codeLifetimeSeconds)
    ? lifetimeMs(check, ["policy", "codeLifetimeSeconds"], changes.codeLifetimeSeconds)
    : policy.codeLifetimeMs,
  latePayment: changes.latePayment ?? policy.latePayment,
  overPayment: changes.overPayment ?? policy.overPayment,
  underPayment: changes.underPayment ?? policy.underPayment,
});
