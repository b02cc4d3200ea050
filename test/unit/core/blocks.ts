/** Random conversion blocks over a small world, in which every kind of action and every condition may meet. */
import * as fc from "fast-check";
import type { Said } from "../../../src/core/conversion.ts";
import type { Condition, ConversionAction, ConversionDefinition, Purpose } from "../../../src/core/definition.ts";

const one = <T>(...values: readonly T[]) => fc.constantFrom(...values);
export const purposes: readonly Purpose[] = ["MARKETING_MESSAGE", "PARTNER_SHARING", "PROFILING"];
const purpose = one(...purposes);

const { condition } = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 2 },
    one<Condition>(
      { amountAtLeast: "50.00" },
      { amountAtLeast: "500.00" },
      { amountBelow: "50.00" },
      { segment: "NEW" },
      { segment: "RETURNING" },
      { nthPurchase: [2, 3] },
      { channel: ["table"] },
      { wallet: ["SANDBOX"] },
      { locale: ["zh"] },
      { time: { from: "00:00", until: "23:59" } },
    ),
    purpose.map((wanted): Condition => ({ consent: [wanted] })),
    fc.array(tie("condition"), { minLength: 1, maxLength: 3 }).map((all): Condition => ({ all })),
    fc.array(tie("condition"), { minLength: 1, maxLength: 3 }).map((any): Condition => ({ any })),
    tie("condition").map((not): Condition => ({ not })),
  ),
}));
export { condition };

const onRefund = one("KEEP" as const, "REVERSE" as const);
type Bare = ConversionAction extends infer A
  ? A extends unknown
    ? Omit<A, "key" | "when" | "requires">
    : never
  : never;
const bare: fc.Arbitrary<Bare> = fc.oneof(
  onRefund.map((way): Bare => ({ kind: "TAG_ADD", tags: ["tea"], onRefund: way })),
  fc
    .tuple(one(1, 7, 100), one("KEEP" as const, "REVERSE" as const, "PRORATE" as const))
    .map(([perMajorUnit, way]): Bare => ({ kind: "POINTS_GRANT", perMajorUnit, onRefund: way })),
  fc
    .tuple(one({}, { limit: { total: 3 } }, { limit: { perCustomer: 1 } }), onRefund)
    .map(([limit, way]): Bare => ({ kind: "COUPON_GRANT", name: "Next cup", value: "5.00", ...limit, onRefund: way })),
  onRefund.map((way): Bare => ({ kind: "TIER_SET", tier: "gold", onRefund: way })),
  onRefund.map((way): Bare => ({ kind: "NOTE_ADD", note: "likes tea", onRefund: way })),
  fc.constant<Bare>({ kind: "MESSAGE_SEND", template: { en: "Thank you, {name}" }, onRefund: "KEEP" }),
  onRefund.map((way): Bare => ({ kind: "CRM_PUSH", onRefund: way })),
  onRefund.map((way): Bare => ({
    kind: "GROUP_INVITE",
    groups: [
      { name: "first", url: "https://group.example/1", capacity: 2 },
      { name: "spare", url: "https://group.example/2", capacity: 2 },
    ],
    onRefund: way,
  })),
);

export const definition: fc.Arbitrary<ConversionDefinition> = fc
  .record({
    actions: fc.array(fc.tuple(bare, fc.option(condition), fc.option(purpose)), { maxLength: 8 }),
    targets: fc.array(
      fc.tuple(
        one(
          { kind: "RECEIPT" as const },
          { kind: "COUPON" as const },
          { kind: "GROUP" as const },
          { kind: "STAFF_CONTACT" as const },
        ),
        fc.option(condition),
      ),
      { maxLength: 3 },
    ),
    assigns: fc.boolean(),
  })
  .map(({ actions, targets, assigns }) => ({
    consents: purposes.map((wanted) => ({ purpose: wanted, textVersion: "1", text: { en: "Yes" } })),
    ...(assigns && { assignment: { pool: "pool_1" } }),
    actions: actions.map(([action, when, requires], index): ConversionAction => ({
      key: `a${index}`,
      ...action,
      ...(when && { when }),
      ...(requires && { requires }),
    })),
    targets: targets.map(([target, when]) => ({ ...target, ...(when && { when }) })),
  }));

export const said: fc.Arbitrary<Said> = fc
  .record({ agreed: fc.subarray([...purposes]), locale: one("en", "zh-CN") })
  .map(({ agreed, locale }) => ({
    name: null,
    identities: [],
    consents: agreed.map((wanted) => ({
      purpose: wanted,
      granted: true,
      textVersion: "1",
      textHash: "00",
      locale,
      at: 0,
      channel: "payer page",
    })),
    locale,
    country: "CN",
  }));
