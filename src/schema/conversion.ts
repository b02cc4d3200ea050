import type {
  ActionOutcome,
  ActionState,
  ConversionState as CoreConversionState,
  TargetRule,
} from "../core/conversion.ts";
import { conversionId, orderKeyOf } from "../core/ids.ts";
import type { PinnedBlock } from "../core/conversion.ts";
import { findCustomer } from "../db/customers.ts";
import { builder, shape } from "./builder.ts";
import { merchantOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { findable, Node } from "./node.ts";
import { Conversion, Customer, Merchant, Order } from "./nouns.ts";
import { conversionOf } from "./order.ts";

const ConversionState = describedEnum<CoreConversionState>("ConversionState", "What became of a conversion.", {
  COMMITTED: "The payer is a customer, and nothing was taken back.",
  PARTLY_REVERSED: "A part of the money went back, and with it what can be halved.",
  REVERSED: "All the money went back, and with it every action that asked for it.",
});

const ConversionActionKind = describedEnum("ConversionActionKind", "What a conversion block can do.", {
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
});

const ConversionActionState = describedEnum<ActionState>("ConversionActionState", "What became of one action.", {
  DONE: "Done.",
  PENDING: "Still to be done.",
  FAILED: "Given up.",
  SKIPPED_NO_CONSENT: "Not done, because the customer did not agree to it.",
  SKIPPED_CONDITION: "Not done, because its condition did not hold.",
  SKIPPED_LIMIT: "Not done, because its limit was reached.",
  REVERSED: "Done, and taken back after a refund.",
});

const ConversionActionOutcome = builder.objectRef<ActionOutcome>("ConversionActionOutcome").implement({
  description: "What one action of the conversion block did.",
  ...shape,
  fields: (t) => ({
    key: t.exposeString("key", { description: "The action's name in the block." }),
    kind: t.field({ type: ConversionActionKind, description: "What it does.", resolve: ({ kind }) => kind }),
    state: t.field({ type: ConversionActionState, description: "What became of it.", resolve: ({ state }) => state }),
    detail: t.string({
      nullable: true,
      description: "What exactly, such as the tags.",
      resolve: ({ tags }) => tags.join(", ") || null,
    }),
    at: t.field({ type: "DateTime", nullable: true, description: "When it came to that.", resolve: ({ at }) => at }),
  }),
});

const ConversionTargetKind = describedEnum("ConversionTargetKind", "Where a paid code can lead.", {
  RECEIPT: "To the receipt.",
  URL: "To a page of the merchant's.",
  STAFF_CONTACT: "To the contact of the assigned member of staff.",
  GROUP: "To a group.",
  COUPON: "To the coupon that was issued.",
});

const ConversionTarget = builder.objectRef<{ rule: TargetRule; receipt: string }>("ConversionTarget").implement({
  description: "Where the live code leads once it is paid.",
  ...shape,
  fields: (t) => ({
    kind: t.field({ type: ConversionTargetKind, description: "What kind of place.", resolve: ({ rule }) => rule.kind }),
    url: t.field({
      type: "URL",
      nullable: true,
      description: "The place itself.",
      resolve: ({ rule, receipt }) => (rule.kind === "URL" ? rule.url : receipt),
    }),
  }),
});

/** A block of a merchant's own, as one version of it was published. */
type BlockView = PinnedBlock & {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly publishedAt: number;
};

const ConversionBlock = builder.objectRef<BlockView>("ConversionBlock").implement({
  description: "What happens at the moment a payer becomes a customer. Immutable: a change is another version.",
  interfaces: [Node],
  authScopes: { merchant: true },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`block_…`" }),
    name: t.exposeString("name", { description: "What the merchant calls it." }),
    version: t.exposeInt("version", { description: "Rises by one with every publication." }),
    enabled: t.exposeBoolean("enabled", { description: "Whether new orders may pin it." }),
    definition: t.field({
      type: "JSON",
      description: "The published definition, as given to conversionBlockPublish.",
      resolve: ({ definition }) => definition,
    }),
    publishedAt: t.field({
      type: "DateTime",
      description: "When this version was published.",
      resolve: ({ publishedAt }) => publishedAt,
    }),
  }),
});

builder.objectField(Merchant, "conversionBlocks", (t) =>
  t.field({
    type: [ConversionBlock],
    description: "The blocks that the merchant published, beside the product's own default.",
    // Merchants' own blocks cannot be published yet.
    resolve: () => [],
  }),
);

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
      // Merchants' own blocks cannot be published yet, so every order pins the default.
      resolve: () => null,
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
    target: t.field({
      type: ConversionTarget,
      description: "Where the live code leads the payer now.",
      resolve: ({ order, conversion }, _args, { deps }) => ({
        rule: conversion.target,
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
