import { limits } from "../core/limits.ts";
import { ok } from "../core/result.ts";
import type { ActionEndpoint } from "../db/action-endpoints.ts";
import { listActionEndpoints } from "../db/action-endpoints.ts";
import {
  findConversionBlock,
  listConversionBlocks,
  type ConversionBlock as BlockRow,
} from "../db/conversion-blocks.ts";
import { publishConversionBlock } from "../resolvers/publish-conversion-block.ts";
import { saveActionEndpoint, type OutboundKind } from "../resolvers/save-action-endpoint.ts";
import { simulateConversion, type SimulatedAction, type Simulation } from "../resolvers/simulate-conversion.ts";
import { ConsentPurpose } from "./benefit.ts";
import { builder, shape } from "./builder.ts";
import { merchantOf } from "./context.ts";
import { ConversionActionKind, ConversionTargetKind, standing } from "./conversion.ts";
import { describedEnum } from "./enum.ts";
import { ValidationIssue } from "./errors.ts";
import { MoneyInput } from "./money.ts";
import { mutation } from "./mutation.ts";
import { findable, Node } from "./node.ts";
import { ConversionBlock, Merchant } from "./nouns.ts";
import { PaymentProvider } from "./payment.ts";
import { priced } from "./price.ts";

ConversionBlock.implement({
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
findable("block", {
  typeName: ConversionBlock.name,
  anyOf: [],
  load: ({ deps }, { merchant }, id) => findConversionBlock(deps.database(merchant.id), merchant.id, id, null),
});

const ConversionEndpoint = builder.objectRef<ActionEndpoint>("ConversionEndpoint").implement({
  description: "Where one kind of action is carried out: your server, called with a signed request.",
  ...shape,
  fields: (t) => ({
    kind: t.field({
      type: ConversionActionKind,
      description: "Which kind of action.",
      resolve: ({ kind }) => kind as OutboundKind,
    }),
    url: t.field({ type: "URL", description: "Where the calls go.", resolve: ({ url }) => url }),
  }),
});

builder.objectFields(Merchant, (t) => ({
  conversionBlocks: t.field({
    type: [ConversionBlock],
    authScopes: { merchant: true },
    description: `The newest version of each block that the merchant published, beside the product's own default; at most ${limits.blocksPerMerchantMax}.`,
    resolve: ({ id }, _args, { deps }) => listConversionBlocks(deps.database(id), id, limits.blocksPerMerchantMax),
  }),
  conversionEndpoints: t.field({
    type: [ConversionEndpoint],
    authScopes: { anyOf: ["CONVERSIONS_WRITE"] },
    description: "Where actions are carried out.",
    resolve: ({ id }, _args, { deps }) => listActionEndpoints(deps.database(id), id),
  }),
}));

mutation("conversionBlockPublish", {
  description: "Publishes a new, immutable version; codes already issued keep theirs.",
  needs: "CONVERSIONS_WRITE",
  input: builder.inputType("ConversionBlockPublishInput", {
    description: "What is to happen at the moment a payer becomes a customer.",
    fields: (t) => ({
      conversionBlockId: t.id({ description: "Which block gets another version; a new one unless given." }),
      name: t.string({ required: true, description: "What you call it." }),
      definition: t.field({
        type: "JSON",
        required: true,
        description: `As /schemas/conversion-block.json says; at most ${limits.definitionBytesMax} bytes.`,
      }),
      enabled: t.boolean({ defaultValue: true, description: "Whether new orders may pin it." }),
      makeDefault: t.boolean({ defaultValue: true, description: "Whether orders that name no block pin this one." }),
    }),
  }),
  success: builder.objectRef<{ conversionBlock: BlockRow }>("ConversionBlockPublishSuccess").implement({
    description: "New orders pin it.",
    ...shape,
    fields: (t) => ({
      conversionBlock: t.field({
        type: ConversionBlock,
        description: "The version that was published.",
        resolve: ({ conversionBlock }) => conversionBlock,
      }),
    }),
  }),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: async ({ enabled, makeDefault, ...input }, context) => {
    const published = await publishConversionBlock(context.deps, merchantOf(context), {
      ...input,
      enabled: enabled ?? true,
      makeDefault: makeDefault ?? true,
    });
    return published.ok ? ok({ conversionBlock: published.value }) : published;
  },
});

const OutboundActionKind = describedEnum<OutboundKind>("OutboundActionKind", "What somebody else carries out.", {
  MESSAGE_SEND: "Sends a message.",
  CONTACT_INVITE: "Invites the customer to a member of staff's contacts.",
  GROUP_INVITE: "Invites the customer to a group.",
  CRM_PUSH: "Tells your CRM.",
});

mutation("conversionEndpointSave", {
  description: "Says where one kind of action is carried out. The secret that signs the calls is another from now on.",
  needs: "CONVERSIONS_WRITE",
  input: builder.inputType("ConversionEndpointSaveInput", {
    description: "Which kind of action, and where.",
    fields: (t) => ({
      kind: t.field({ type: OutboundActionKind, required: true, description: "Which kind of action." }),
      url: t.field({ type: "URL", required: true, description: "Where the calls go: https, and public." }),
    }),
  }),
  success: builder.objectRef<{ endpoint: ActionEndpoint; secret: string }>("ConversionEndpointSaveSuccess").implement({
    description: "Actions of that kind go there.",
    ...shape,
    fields: (t) => ({
      conversionEndpoint: t.field({
        type: ConversionEndpoint,
        description: "Where they go.",
        resolve: ({ endpoint }) => endpoint,
      }),
      secret: t.exposeString("secret", { description: "Signs the calls as webhooks are signed. Shown once." }),
    }),
  }),
  failures: ["URL_NOT_ALLOWED"],
  resolve: (input, context) => saveActionEndpoint(context.deps, merchantOf(context).id, input),
});

const SimulatedActionType = builder.objectRef<SimulatedAction>("SimulatedAction").implement({
  description: "What would become of one action, and why.",
  ...shape,
  fields: (t) => ({
    ...standing(t, "DONE in the commit, PENDING right after it, or skipped."),
    why: t.exposeString("why", { description: "Why." }),
  }),
});
const ConversionSimulation = builder.objectRef<Simulation>("ConversionSimulation").implement({
  description: "What a block would do. Nothing is kept, counted or sent.",
  ...shape,
  fields: (t) => ({
    issues: t.field({
      type: [ValidationIssue],
      description: "Why the definition could not be published; empty when it could.",
      resolve: ({ issues }) => issues,
    }),
    actions: t.field({
      type: [SimulatedActionType],
      description: "Action by action, in the block's order.",
      resolve: ({ actions }) => actions,
    }),
    target: t.field({
      type: ConversionTargetKind,
      nullable: true,
      description: "Where the code would lead; null while that depends on what is only known after the payment.",
      resolve: ({ conversion }) => (conversion?.decided ? conversion.target.kind : null),
    }),
  }),
});

builder.queryField("conversionSimulate", (t) =>
  t.field({
    type: ConversionSimulation,
    authScopes: { anyOf: ["CONVERSIONS_WRITE"] },
    description: "A dry run: what a block would do if somebody paid like this, and why.",
    ...priced({ points: 10 }),
    args: {
      definition: t.arg({ type: "JSON", required: true, description: "As for conversionBlockPublish." }),
      order: t.arg({
        required: true,
        description: "What is paid.",
        type: builder.inputType("ConversionSimulateOrderInput", {
          description: "An order as far as a block can look at it.",
          fields: (f) => ({
            amount: f.field({ type: MoneyInput, required: true, description: "The total." }),
            productIds: f.idList({ description: "What is sold." }),
            channel: f.string({ description: "Where it comes from." }),
            placementId: f.id({ description: "Which placement it comes from." }),
            at: f.field({ type: "DateTime", description: "When it is paid; now unless given." }),
          }),
        }),
      }),
      payer: t.arg({
        required: true,
        description: "Who pays.",
        type: builder.inputType("ConversionSimulatePayerInput", {
          description: "A payer as far as a block can look at them.",
          fields: (f) => ({
            firstTime: f.boolean({ required: true, description: "Whether it is their first purchase." }),
            nthPurchase: f.int({ description: "Which purchase it is." }),
            consents: f.field({ type: [ConsentPurpose], description: "What they agree to." }),
            wallet: f.field({ type: PaymentProvider, description: "How they pay." }),
            locale: f.field({ type: "Locale", description: "Their language." }),
            country: f.string({ description: "Where they are, as two letters of ISO 3166." }),
          }),
        }),
      }),
    },
    resolve: (_root, { definition, order, payer }, context) =>
      simulateConversion(context.deps, merchantOf(context), {
        definition,
        order,
        payer: {
          ...payer,
          consents: payer.consents ?? [],
          wallet: payer.wallet ?? null,
        },
      }),
  }),
);
