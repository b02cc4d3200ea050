/** A merchant says who shares the work. What everybody has had so far stays, whatever changes about them. */
import { scheduleShape } from "../conversions/grammar.ts";
import { faultsIn } from "../conversions/shape.ts";
import type { TimeWindow } from "../core/definition.ts";
import { timedSuffix } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import type { Member, Strategy } from "../core/rotation.ts";
import type { Merchant } from "../db/merchants.ts";
import { addStaffPool, hasStaffPool, listStaffPools } from "../db/staff-pools.ts";
import type { PoolSummary } from "../durable/protocol.ts";
import { checks, type Checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";
import { isGiven, type Optional } from "./given.ts";

export type GivenMember = {
  /** Whose counts go on; absent: somebody new. */
  readonly id?: Optional<string>;
  readonly name: string;
  readonly contactUrl?: Optional<string>;
  readonly weight: number;
  readonly dailyCap?: Optional<number>;
  readonly totalCap?: Optional<number>;
  readonly online: boolean;
  readonly schedule?: unknown;
};
export type SaveStaffPool = {
  readonly staffPoolId?: Optional<string>;
  readonly name: string;
  readonly strategy: Strategy;
  readonly members: readonly GivenMember[];
};

/** The object first, then the list: what is listed exists. */
export async function saveStaffPool(
  deps: Deps,
  merchant: Merchant,
  { staffPoolId: known, name: givenName, strategy, members: given }: SaveStaffPool,
): Promise<Result<PoolSummary, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const database = deps.database(merchant.id);
  const name = check.text(["name"], givenName, limits.nameLengthMax);
  if (given.length > limits.membersPerPoolMax)
    check.fail(["members"], `must have at most ${limits.membersPerPoolMax} members`);
  if (isGiven(known) && !(await hasStaffPool(database, merchant.id, known))) return notFound(known);
  const before = isGiven(known) ? await deps.pool(known).summary(merchant.id) : null;
  const ids = new Set(before?.members.map(({ id }) => id));
  const members = given
    .slice(0, limits.membersPerPoolMax)
    .map((member, index) => agree(deps, check, member, index, ids));
  if (new Set(members.map(({ id }) => id)).size < members.length) check.fail(["members"], "name the same id twice");
  if (check.issues.length > 0) return invalid(check.issues);
  const createdAt = deps.now();
  const id = known ?? `pool_${deps.keys.tagged(timedSuffix(createdAt, deps.random(10)))}`;
  const { staffPoolsPerMerchantMax: max } = limits;
  // Two at once may pass by one, which does no harm. One that comes again does not count itself.
  const others = (await listStaffPools(database, merchant.id, max + 1)).filter((other) => other !== id);
  if (!isGiven(known) && others.length >= max)
    return invalid([{ path: ["input"], message: `a merchant has at most ${max} staff pools` }]);
  const pool = { strategy, timeZone: merchant.timeZone, members };
  const summary = await deps.pool(id).save({ id, merchantId: merchant.id, name, pool });
  await addStaffPool(database, merchant.id, id, createdAt);
  return ok(summary);
}

function agree(deps: Deps, check: Checks, given: GivenMember, index: number, known: ReadonlySet<string>): Member {
  const path = (field: string): (string | number)[] => ["members", index, field];
  const cap = (field: "dailyCap" | "totalCap"): number | null => {
    const value = given[field];
    return isGiven(value) ? check.integer(path(field), value, 0, limits.staffCapMax) : null;
  };
  if (isGiven(given.id) && !known.has(given.id)) check.fail(path("id"), "is nobody in this pool");
  for (const fault of faultsIn(scheduleShape, given.schedule ?? []))
    check.fail([...path("schedule"), ...fault.path], fault.message);
  return {
    id: given.id ?? `staff_${timedSuffix(deps.now(), deps.random(10))}`,
    name: check.text(path("name"), given.name, limits.nameLengthMax),
    contactUrl: check.url(path("contactUrl"), given.contactUrl, deps.local),
    weight: check.integer(path("weight"), given.weight, 1, limits.staffWeightMax),
    dailyCap: cap("dailyCap"),
    totalCap: cap("totalCap"),
    online: given.online,
    schedule: (given.schedule ?? []) as readonly TimeWindow[],
  };
}
