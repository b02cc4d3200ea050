/** Where the code leads once it is paid. */
import { holds, type Circumstances } from "./conditions.ts";
import type { ActionOutcome, Conversion, Target } from "./conversion.ts";
import { staffKey, type TargetRule } from "./definition.ts";
import type { OrderTerms } from "./order.ts";

/** Chooses where the code leads, once the first rule that may fit is decided. A target that stands never moves. */
export function aim(conversion: Conversion, { block }: OrderTerms, circumstances: Circumstances): Conversion {
  if (conversion.decided) return conversion;
  for (const rule of block.definition.targets) {
    const fits = holds(rule.when, circumstances);
    if (fits === false) continue;
    const target = fits === null ? "LATER" : targetOf(rule, conversion.actions);
    if (target === "LATER") return conversion;
    if (target) return { ...conversion, target, decided: true };
  }
  return { ...conversion, decided: true };
}

/** Null where there is nothing to lead to: nobody was assigned, the coupons are gone. */
function targetOf(rule: TargetRule, actions: readonly ActionOutcome[]): Target | "LATER" | null {
  switch (rule.kind) {
    case "RECEIPT":
      return { kind: "RECEIPT" };
    case "URL":
      return { kind: "URL", url: rule.url };
    case "STAFF_CONTACT": {
      const outcome = actions.find(({ key }) => key === staffKey);
      if (outcome?.state === "PENDING") return "LATER";
      const url = outcome?.staff?.contactUrl ?? null;
      return url === null ? null : { kind: "STAFF_CONTACT", url };
    }
    case "GROUP": {
      const outcome = actions.find(({ kind }) => kind === "GROUP_INVITE");
      if (outcome?.group) return { kind: "GROUP", url: outcome.group.url };
      return outcome?.state === "PENDING" ? "LATER" : null;
    }
    case "COUPON": {
      const outcomes = actions.filter(({ kind }) => kind === "COUPON_GRANT");
      if (outcomes.some(({ state }) => state === "DONE")) return { kind: "COUPON", url: null };
      return outcomes.some(({ state }) => state === "PENDING") ? "LATER" : null;
    }
  }
}
