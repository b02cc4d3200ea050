import type { ActionOutcome, ActionState, Target, ConversionState as CoreConversionState } from "../core/conversion.ts";
import type { ActionKind } from "../core/definition.ts";
import { conversionId, orderKeyOf } from "../core/ids.ts";
import { findConversionBlock } from "../db/conversion-blocks.ts";
import { findCustomer } from "../db/customers.ts";
import { ok } from "../core/result.ts";
import { notFound } from "../resolvers/failures.ts";
import { retryConversion } from "../resolvers/retry-conversion.ts";
import { builder, shape, type GraphTypes } from "./builder.ts";
import { merchantOf, seesPeople } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { mutation } from "./mutation.ts";
import { findable, Node } from "./node.ts";
import { Conversion, ConversionBlock, Customer, Order, StaffMember } from "./nouns.ts";
import { conversionOf } from "./order.ts";
import { staffMemberOf } from "./staff-pool.ts";

const ConversionState = describedEnum<CoreConversionState>("ConversionState", "What became of a conversion.", {
  COMMITTED: "The payer is a customer, and nothing was taken back.",
  PARTLY_REVERSED: "A part of the money went back, and with it what can be halved.",
  REVERSED: "All the money went back, and with it every action that asked for it.",
});

export const ConversionActionKind = describedEnum<ActionKind>(
  "ConversionActionKind",
  "What a conversion block can do.",
  {
    TAG_ADD: "Adds tags to the customer.",
    POINTS_GRANT: "Grants points.",
    COUPON_GRANT: "Issues a coupon.",
    TIER_SET: "Sets the customer's tier.",
    NOTE_ADD: "Adds a note about the customer.",
    STAFF_ASSIGN: "Assigns a member of staff.",
    MESSAGE_SEND: "Sends a message.",
    CONTACT_INVITE: "Invites the customer to a member of staff's contacts.",
    GROUP_INVITE: "Invites the customer to a group.",
    CRM_PUSH: "Tells the merchant's CRM.",
  },
);

const ConversionActionState = describedEnum<ActionState>("ConversionActionState", "What became of one action.", {
  DONE: "Done.",
  PENDING: "Still to be done.",
  FAILED: "Given up.",
  SKIPPED_NO_CONSENT: "Not done, because the customer did not agree to it.",
  SKIPPED_CONDITION: "Not done, because its condition did not hold.",
  SKIPPED_LIMIT: "Not done, because its limit was reached.",
  REVERSED: "Done, and taken back after a refund.",
});

/** Which action it is, and how it stands; `state` describes the latter. */
export const standing = (t: PothosSchemaTypes.ObjectFieldBuilder<GraphTypes, ActionOutcome>, state: string) => ({
  key: t.exposeString("key", { description: "The action's name in the block." }),
  kind: t.field({ type: ConversionActionKind, description: "What it does.", resolve: ({ kind }) => kind }),
  state: t.field({ type: ConversionActionState, description: state, resolve: (outcome) => outcome.state }),
});

const ConversionActionOutcome = builder.objectRef<ActionOutcome>("ConversionActionOutcome").implement({
  description: "What one action of the conversion block did.",
  ...shape,
  fields: (t) => ({
    ...standing(t, "What became of it."),
    detail: t.string({
      nullable: true,
      description:
        "What exactly, such as the tags; or why not. Coupons, notes, staff and groups only where the key has CUSTOMERS_READ.",
      resolve: (outcome, _args, context) => detailOf(outcome, seesPeople(context)),
    }),
    at: t.field({ type: "DateTime", nullable: true, description: "When it came to that.", resolve: ({ at }) => at }),
    shortfall: t.field({
      type: "SafeInt",
      description:
        "How much of what was taken back had been used already: points, or the coupon's value in minor units. 0 where nothing was.",
      resolve: ({ short = 0 }) => short,
    }),
  }),
});

/**
 * In one line, for people: what was given, how much of it was taken back, and how much of that had been used already. `isForPeople`: with what leads
 * to the person or to what they own.
 */
function detailOf(outcome: ActionOutcome, isForPeople: boolean): string | null {
  const { tags, points, tier, detail, short } = outcome;
  const took = points && points.kept < points.granted ? `${points.kept} of ${points.granted} points` : null;
  const given = [
    tags.join(", "),
    took ?? (points && `${points.granted} points`),
    tier,
    ...(isForPeople ? personalIn(outcome) : []),
    detail,
    short !== undefined && `shortfall: ${short} had been used already`,
  ];
  return given.filter((part) => typeof part === "string" && part !== "").join("; ") || null;
}

/** A coupon that was not granted stays sealed. */
const personalIn = ({ coupon, note, staff, group, state }: ActionOutcome) => [
  coupon && (state === "DONE" || state === "REVERSED") && `${coupon.name} ${coupon.code}`,
  note,
  staff?.name,
  group?.name,
];

export const ConversionTargetKind = describedEnum<Target["kind"]>(
  "ConversionTargetKind",
  "Where a paid code can lead.",
  {
    RECEIPT: "To the receipt.",
    URL: "To a page of the merchant's.",
    STAFF_CONTACT: "To the contact of the assigned member of staff.",
    GROUP: "To a group.",
    COUPON: "To the coupon that was issued.",
  },
);

const ConversionTarget = builder.objectRef<{ target: Target; receipt: string }>("ConversionTarget").implement({
  description: "Where the live code leads once it is paid.",
  ...shape,
  fields: (t) => ({
    kind: t.field({
      type: ConversionTargetKind,
      description: "What kind of place.",
      resolve: ({ target }) => target.kind,
    }),
    url: t.field({
      type: "URL",
      nullable: true,
      description:
        "The place itself. Where it is a member of staff's contact or a group, null unless the key has CUSTOMERS_READ.",
      resolve: ({ target, receipt }, _args, context) => {
        const isForPeople = target.kind === "STAFF_CONTACT" || target.kind === "GROUP";
        if (isForPeople && !seesPeople(context)) return null;
        return "url" in target ? (target.url ?? receipt) : receipt;
      },
    }),
  }),
});

Conversion.implement({
  description: "The payer became a customer. Committed in the same storage transaction that made the order paid.",
  interfaces: [Node],
  authScopes: { anyOf: ["ORDERS_READ", "ORDERS_WRITE", "PAYMENTS_WRITE", "CUSTOMERS_READ", "CONVERSIONS_WRITE"] },
  fields: (t) => ({
    id: t.id({ description: "`conversion_…`", resolve: ({ order }) => conversionId(order.terms.key) }),
    order: t.field({ type: Order, description: "The order that was paid.", resolve: ({ order }) => order }),
    customer: t.field({
      type: Customer,
      description: "Whom the payer became.",
      resolve: ({ order, conversion }) => ({ id: conversion.payer.customerId, order, row: null }),
    }),
    block: t.field({
      type: ConversionBlock,
      nullable: true,
      description: "The block that ran; null for the product's own default.",
      resolve: async ({ conversion }, _args, context) => {
        if (conversion.blockId === null) return null;
        const { id } = merchantOf(context);
        const database = context.deps.database(id);
        return findConversionBlock(database, id, conversion.blockId, conversion.blockVersion);
      },
    }),
    blockVersion: t.int({
      description: "Which version of it, pinned when the order was placed.",
      resolve: ({ conversion }) => conversion.blockVersion,
    }),
    state: t.field({
      type: ConversionState,
      description: "What became of it.",
      resolve: ({ conversion }) => conversion.state,
    }),
    firstTime: t.boolean({
      description: "Whether this was the customer's first conversion with the merchant.",
      resolve: async ({ order, conversion }, _args, context) => {
        if (conversion.firstTime !== null) return conversion.firstTime;
        // The read model rules on it a moment after the payment. Until then: the first, unless somebody came before.
        const { id } = merchantOf(context);
        const known = await findCustomer(context.deps.database(id), id, conversion.payer.customerId);
        return known === null || known.firstOrderKey === order.terms.key;
      },
    }),
    actions: t.field({
      type: [ConversionActionOutcome],
      description: "What the block did, action by action.",
      resolve: ({ conversion }) => conversion.actions,
    }),
    assignedStaff: t.field({
      type: StaffMember,
      nullable: true,
      description: "Who looks after the customer. Null unless the key has CUSTOMERS_READ.",
      resolve: ({ conversion }, _args, context) => {
        if (!seesPeople(context)) return null;
        const staff = conversion.actions.find((outcome) => outcome.staff && outcome.state === "DONE")?.staff;
        return staff ? staffMemberOf(context, staff) : null;
      },
    }),
    target: t.field({
      type: ConversionTarget,
      description: "Where the live code leads the payer now.",
      resolve: ({ order, conversion }, _args, { deps }) => ({
        target: conversion.target,
        receipt: `${deps.origin}/c/${deps.keys.slug(order.terms.key)}`,
      }),
    }),
    convertedAt: t.field({
      type: "DateTime",
      description: "When it was committed.",
      resolve: ({ conversion }) => conversion.convertedAt,
    }),
  }),
});

findable("conversion", {
  typeName: Conversion.name,
  anyOf: ["ORDERS_READ", "CUSTOMERS_READ"],
  load: async ({ deps }, { merchant }, id) => {
    const key = orderKeyOf(id);
    const order = key && (await deps.liveCode(key).look(merchant.id));
    return order && conversionOf(order);
  },
});

mutation("conversionRetry", {
  description:
    "Runs again what of a conversion is pending, failed, or was waiting for consent. The first run needs nobody: it is part of becoming paid.",
  needs: "CONVERSIONS_WRITE",
  input: builder.inputType("ConversionRetryInput", {
    description: "Which conversion.",
    fields: (t) => ({ conversionId: t.id({ required: true, description: "`conversion_…`" }) }),
  }),
  success: builder.objectRef<{ conversion: typeof Conversion.$inferType }>("ConversionRetrySuccess").implement({
    description: "It is being tried again; `actions` say what came of it a moment later.",
    ...shape,
    fields: (t) => ({
      conversion: t.field({
        type: Conversion,
        description: "The conversion as it is now.",
        resolve: ({ conversion }) => conversion,
      }),
    }),
  }),
  failures: ["NOT_FOUND"],
  resolve: async ({ conversionId: id }, context) => {
    const retried = await retryConversion(context.deps, merchantOf(context).id, id);
    if (!retried.ok) return retried;
    const conversion = conversionOf(retried.value);
    return conversion ? ok({ conversion }) : notFound(id);
  },
});
