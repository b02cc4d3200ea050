/** A merchant corrects what is known of a customer. A person's word stands over what conversions give. */
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import { updateCustomer as update, type Customer } from "../db/customers.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";
import { isGiven, type Optional } from "./given.ts";

/** What is absent or null stays as it is. */
export type UpdateCustomer = {
  readonly customerId: string;
  readonly displayName?: Optional<string>;
  readonly addTags?: Optional<readonly string[]>;
  readonly removeTags?: Optional<readonly string[]>;
  readonly tier?: Optional<string>;
};

export async function updateCustomer(
  deps: Deps,
  merchantId: string,
  { customerId, displayName, addTags, removeTags, tier }: UpdateCustomer,
): Promise<Result<{ readonly customer: Customer }, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const tags = (field: "addTags" | "removeTags", given: Optional<readonly string[]>): readonly string[] => {
    if ((given?.length ?? 0) > limits.tagsPerActionMax)
      check.fail([field], `must have at most ${limits.tagsPerActionMax}`);
    return (given ?? []).map((tag, index) => check.text([field, index], tag, limits.tagLengthMax));
  };
  const changes = {
    ...(isGiven(displayName) && { displayName: check.text(["displayName"], displayName, limits.nameLengthMax) }),
    ...(isGiven(tier) && { tier: check.text(["tier"], tier, limits.tagLengthMax) }),
    addTags: tags("addTags", addTags),
    removeTags: tags("removeTags", removeTags),
    at: deps.now(),
  };
  if (changes.addTags.some((tag) => changes.removeTags.includes(tag)))
    check.fail(["removeTags"], "names a tag that is to be added");
  if (check.issues.length > 0) return invalid(check.issues);
  const customer = await update(deps.database(merchantId), merchantId, customerId, changes);
  return customer ? ok({ customer }) : notFound(customerId);
}
