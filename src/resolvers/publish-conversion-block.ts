/** A merchant publishes what happens when somebody pays: a new, immutable version. Codes already issued keep theirs. */
import { definitionFaults } from "../conversions/definition-faults.ts";
import type { ConversionDefinition } from "../core/definition.ts";
import { timedSuffix } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import {
  findConversionBlock,
  listConversionBlocks,
  publishConversionBlock as publish,
  type ConversionBlock,
} from "../db/conversion-blocks.ts";
import type { Merchant } from "../db/merchants.ts";
import { hasStaffPool } from "../db/staff-pools.ts";
import { isTooDeep } from "./agree-order.ts";
import { forgetMerchant } from "./authenticate.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type Issue, type NotFoundFailure, type ValidationFailure } from "./failures.ts";
import { isGiven, type Optional } from "./given.ts";

export type PublishConversionBlock = {
  /** Absent: a new block. */
  readonly conversionBlockId?: Optional<string>;
  readonly name: string;
  readonly definition?: unknown;
  readonly enabled: boolean;
  readonly makeDefault: boolean;
};

export async function publishConversionBlock(
  deps: Deps,
  merchant: Merchant,
  input: PublishConversionBlock,
): Promise<Result<ConversionBlock, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const name = check.text(["name"], input.name, limits.nameLengthMax);
  const issues = [...check.issues, ...(await definitionIssues(deps, merchant, input.definition))];
  if (issues.length > 0) return invalid(issues);
  const database = deps.database(merchant.id);
  const { conversionBlockId: known, enabled, makeDefault } = input;
  const publishedAt = deps.now();
  const id = known ?? `block_${timedSuffix(publishedAt, deps.random(10))}`;
  const newest = await findConversionBlock(database, merchant.id, id, null);
  if (isGiven(known) && !newest) return notFound(id);
  // A new block is there already: this very request made it, was cut off, and comes again.
  if (!isGiven(known) && newest) return ok(newest);
  const { blocksPerMerchantMax: max } = limits;
  if (!newest && (await listConversionBlocks(database, merchant.id, max)).length >= max)
    return invalid([{ path: ["input"], message: `a merchant has at most ${max} blocks: publish a version of one` }]);
  // What is kept is what was given, without whatever JSON cannot say.
  const definition = JSON.parse(JSON.stringify(input.definition)) as ConversionDefinition;
  const block = await publish(database, merchant.id, { id, name, enabled, definition, publishedAt }, makeDefault);
  forgetMerchant(merchant.id);
  return ok(block);
}

/** Everything that is wrong with it, the staff that it counts on included. */
export async function definitionIssues(deps: Deps, merchant: Merchant, definition: unknown): Promise<readonly Issue[]> {
  const issue = (path: readonly string[], message: string): Issue => ({
    path: ["input", "definition", ...path],
    message,
  });
  if (isTooDeep(definition)) return [issue([], "is nested too deeply")];
  const faults = definitionFaults(definition, merchant.currency);
  if (faults.length > 0) return faults.map(({ path, message }) => issue(path, message));
  const { assignment } = definition as ConversionDefinition;
  const pools = (["pool", "fallback"] as const).map(async (field): Promise<Issue[]> => {
    const id = assignment?.[field];
    if (id === undefined) return [];
    const path = ["assignment", field];
    if (!(await hasStaffPool(deps.database(merchant.id), merchant.id, id)))
      return [issue(path, "is no staff pool of yours")];
    const summary = await deps.pool(id).summary(merchant.id);
    return summary && summary.members.length > 0 ? [] : [issue(path, "has nobody in it")];
  });
  return (await Promise.all(pools)).flat();
}
