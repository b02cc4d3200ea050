/** What a merchant does with its partners' endpoints. */
import { Kind, type GraphQLResolveInfo } from "graphql";
import type { Delivery, DeliveryAttempt, EndpointSelection, EndpointSummary } from "../durable/webhook-protocol.ts";
import { err, ok, type Result } from "../core/result.ts";
import { pingWebhookEndpoint } from "../resolvers/ping-webhook-endpoint.ts";
import { registerWebhookEndpoint } from "../resolvers/register-webhook-endpoint.ts";
import { recoverWebhooks, retryWebhookDelivery } from "../resolvers/resend-webhooks.ts";
import { rotateWebhookSecret } from "../resolvers/rotate-webhook-secret.ts";
import { updateWebhookEndpoint } from "../resolvers/update-webhook-endpoint.ts";
import { builder, shape } from "./builder.ts";
import { callerOf, merchantOf, type GraphContext } from "./context.ts";
import { EventType } from "./event.ts";
import { mutation } from "./mutation.ts";
import { WebhookDelivery, WebhookEndpoint } from "./nouns.ts";
import { WebhookAttempt, WebhookEndpointState, WebhookPayload } from "./webhook-endpoint.ts";

/** As whoever saves it, or what is wrong with it. Null and absent stay what they are; empty clears. */
function judged<Nothing extends null | undefined>(
  text: string | Nothing,
  context: GraphContext,
  info: GraphQLResolveInfo,
): Result<EndpointSelection, string> | Nothing | null {
  if (text === null || text === undefined) return text;
  if (text.trim() === "") return null;
  const { scopes } = callerOf(context);
  if (isConfined(context) && !isWritten("selection", info))
    return err("must be written in the document: this key may send only the documents that it was made with");
  const read = context.readSelection(text, scopes);
  return read.ok ? ok({ text: read.value, scopes: Array.from(scopes), origin: context.deps.origin }) : read;
}

/** A selection asks the graph like a document does, so what a key that is confined to documents may ask stands in them. */
const isConfined = (context: GraphContext): boolean => Boolean(callerOf(context).documents);

/** Whether the document says it itself, and no variable does. */
function isWritten(name: string, { fieldNodes: [node] }: GraphQLResolveInfo): boolean {
  const input = node?.arguments?.find((one) => one.name.value === "input")?.value;
  const value = input?.kind === Kind.OBJECT ? input.fields.find((one) => one.name.value === name)?.value : null;
  return value?.kind === Kind.STRING;
}

const endpointAndSecret = (name: string, description: string) =>
  builder.objectRef<{ summary: EndpointSummary; secret: string }>(name).implement({
    description,
    ...shape,
    fields: (t) => ({
      webhookEndpoint: t.field({
        type: WebhookEndpoint,
        description: "The endpoint.",
        resolve: ({ summary }) => summary,
      }),
      secret: t.exposeString("secret", { description: "Shown once." }),
    }),
  });

mutation("webhookEndpointCreate", {
  description: "Lets a partner hear of the merchant's events.",
  needs: "WEBHOOKS_WRITE",
  input: builder.inputType("WebhookEndpointCreateInput", {
    description: "A partner's endpoint.",
    fields: (t) => ({
      url: t.field({ type: "URL", required: true, description: "Where deliveries go: https, and public." }),
      types: t.field({ type: [EventType], required: true, description: "What it hears of; empty means everything." }),
      description: t.string({ description: "What you want to remember about it." }),
      payload: t.field({ type: WebhookPayload, defaultValue: "FULL", description: "How much a delivery says." }),
      selection: t.string({
        description:
          "A GraphQL selection on Order that replaces `data`, such as `{ number total { amount } }`. Your key must be allowed to see all of it.",
      }),
      ratePerSecond: t.int({ description: "At most so many attempts a second over time; as many may begin at once." }),
    }),
  }),
  success: endpointAndSecret("WebhookEndpointCreateSuccess", "The endpoint hears of everything from now on."),
  failures: ["VALIDATION", "URL_NOT_ALLOWED"],
  resolve: ({ selection, ...input }, context, info) =>
    registerWebhookEndpoint(context.deps, merchantOf(context).id, {
      ...input,
      selection: judged(selection, context, info),
    }),
});

mutation("webhookEndpointUpdate", {
  description:
    "Changes an endpoint, stops it for a while, or lets it go on. What is queued already stays as it was made.",
  needs: "WEBHOOKS_WRITE",
  input: builder.inputType("WebhookEndpointUpdateInput", {
    description: "What to change. What is left out stays as it is; null clears what may be empty.",
    fields: (t) => ({
      webhookEndpointId: t.id({ required: true, description: "`endpoint_…`" }),
      url: t.field({ type: "URL", description: "Where deliveries go: https, and public." }),
      types: t.field({ type: [EventType], description: "What it hears of; empty means everything." }),
      description: t.string({ description: "What you want to remember about it." }),
      payload: t.field({ type: WebhookPayload, description: "How much a delivery says." }),
      selection: t.string({ description: "A GraphQL selection on Order that replaces `data`." }),
      ratePerSecond: t.int({ description: "At most so many attempts a second over time; as many may begin at once." }),
      state: t.field({
        type: WebhookEndpointState,
        description:
          "ENABLED lets it go on, PAUSED keeps what comes until then, DISABLED gives up what waits and keeps what comes as DEAD. FAILING cannot be set.",
      }),
    }),
  }),
  success: builder.objectRef<{ webhookEndpoint: EndpointSummary }>("WebhookEndpointUpdateSuccess").implement({
    description: "It is changed.",
    ...shape,
    fields: (t) => ({
      webhookEndpoint: t.field({
        type: WebhookEndpoint,
        description: "The endpoint as it is now.",
        resolve: ({ webhookEndpoint }) => webhookEndpoint,
      }),
    }),
  }),
  failures: ["VALIDATION", "URL_NOT_ALLOWED", "NOT_FOUND"],
  resolve: ({ selection, ...input }, context, info) =>
    updateWebhookEndpoint(context.deps, merchantOf(context).id, {
      ...input,
      selection: judged(selection, context, info),
      // Nor does it send somewhere else what another key's selection shows.
      scopes: isConfined(context) ? new Set() : callerOf(context).scopes,
    }),
});

mutation("webhookSecretRotate", {
  description: "Gives an endpoint a new secret. The old one signs beside it until the overlap ends.",
  needs: "WEBHOOKS_WRITE",
  input: builder.inputType("WebhookSecretRotateInput", {
    description: "Whose secret.",
    fields: (t) => ({
      webhookEndpointId: t.id({ required: true, description: "`endpoint_…`" }),
      overlapSeconds: t.int({
        defaultValue: 86_400,
        description: "How long the old secret still signs, up to 30 days; 0 when it has leaked.",
      }),
    }),
  }),
  success: endpointAndSecret("WebhookSecretRotateSuccess", "Deliveries are signed with both from now on."),
  failures: ["NOT_FOUND", "VALIDATION"],
  resolve: ({ webhookEndpointId, overlapSeconds }, context) =>
    rotateWebhookSecret(context.deps, merchantOf(context).id, {
      webhookEndpointId,
      overlapSeconds: overlapSeconds ?? 86_400,
    }),
});

mutation("webhookPing", {
  description:
    "Sends a signed `webhook.ping` at once and tells what came of it. Works in every state, and is not in the log.",
  needs: "WEBHOOKS_WRITE",
  input: builder.inputType("WebhookPingInput", {
    description: "Which endpoint.",
    fields: (t) => ({ webhookEndpointId: t.id({ required: true, description: "`endpoint_…`" }) }),
  }),
  success: builder.objectRef<{ attempt: DeliveryAttempt }>("WebhookPingSuccess").implement({
    description: "It was sent; whether it arrived says the attempt.",
    ...shape,
    fields: (t) => ({
      attempt: t.field({ type: WebhookAttempt, description: "What came of it.", resolve: ({ attempt }) => attempt }),
    }),
  }),
  failures: ["NOT_FOUND"],
  resolve: ({ webhookEndpointId }, context) =>
    pingWebhookEndpoint(context.deps, merchantOf(context).id, webhookEndpointId),
});

mutation("webhookDeliveryRetry", {
  description: "Sends one event again, now: a given-up or delivered one afresh, an open one ahead of its time.",
  needs: "WEBHOOKS_WRITE",
  input: builder.inputType("WebhookDeliveryRetryInput", {
    description: "Which delivery.",
    fields: (t) => ({ webhookDeliveryId: t.id({ required: true, description: "`delivery_…`" }) }),
  }),
  success: builder.objectRef<{ webhookDelivery: Delivery }>("WebhookDeliveryRetrySuccess").implement({
    description: "It is due now.",
    ...shape,
    fields: (t) => ({
      webhookDelivery: t.field({
        type: WebhookDelivery,
        description: "The delivery as it is now.",
        resolve: ({ webhookDelivery }) => webhookDelivery,
      }),
    }),
  }),
  failures: ["NOT_FOUND", "VALIDATION"],
  resolve: ({ webhookDeliveryId }, context) =>
    retryWebhookDelivery(context.deps, merchantOf(context).id, webhookDeliveryId),
});

mutation("webhookRecover", {
  description: "Sends again all failed (or all) events of a window, after an outage. New events go first.",
  needs: "WEBHOOKS_WRITE",
  input: builder.inputType("WebhookRecoverInput", {
    description: "Which events: by when they happened.",
    fields: (t) => ({
      webhookEndpointId: t.id({ required: true, description: "`endpoint_…`" }),
      since: t.field({ type: "DateTime", required: true, description: "From then on." }),
      until: t.field({ type: "DateTime", description: "Up to then; now unless said." }),
      onlyFailed: t.boolean({
        defaultValue: true,
        description: "Only what was given up; else what was delivered, too.",
      }),
    }),
  }),
  success: builder.objectRef<{ queued: number }>("WebhookRecoverSuccess").implement({
    description: "They are sent again, a few at a time.",
    ...shape,
    fields: (t) => ({ queued: t.exposeInt("queued", { description: "How many events that is." }) }),
  }),
  failures: ["NOT_FOUND", "VALIDATION"],
  resolve: ({ onlyFailed, ...input }, context) =>
    recoverWebhooks(context.deps, merchantOf(context).id, { ...input, onlyFailed: onlyFailed ?? true }),
});
