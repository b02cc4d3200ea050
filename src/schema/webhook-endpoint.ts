import { limits } from "../core/limits.ts";
import { countWebhookEndpoints, pageWebhookEndpoints } from "../db/webhook-endpoints.ts";
import type { DeliveryAttempt, DeliveryState, EndpointState, EndpointSummary } from "../durable/webhook-protocol.ts";
import { findEndpoint } from "../resolvers/find-webhook-endpoint.ts";
import { countDeliveries, findDelivery, pageDeliveries } from "../resolvers/list-webhook-deliveries.ts";
import { builder, shape } from "./builder.ts";
import { connection, pageArgs, pricedByPage, pageIn } from "./connection.ts";
import { callerOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { eventIn, EventType } from "./event.ts";
import { findable, Node } from "./node.ts";
import { Event, Merchant, WebhookDelivery, WebhookEndpoint } from "./nouns.ts";

export const WebhookEndpointState = describedEnum<EndpointState>("WebhookEndpointState", "How an endpoint is doing.", {
  ENABLED: "Events are delivered.",
  PAUSED: "Events are kept, and sent when it goes on.",
  FAILING: "Nothing has been delivered for an hour, or more waits than is kept; it is tried again.",
  DISABLED: "Nothing is sent any more.",
});
export const WebhookPayload = describedEnum<EndpointSummary["payload"]>("WebhookPayload", "How much a webhook says.", {
  FULL: "Carries `data`.",
  THIN: "Carries ids only.",
});

const WebhookSecret = builder.objectRef<EndpointSummary["secrets"][number]>("WebhookSecret").implement({
  description: "A secret that signs deliveries, recognisable but not readable.",
  ...shape,
  fields: (t) => ({
    hint: t.exposeString("hint", { description: "Its end, to tell it from others." }),
    createdAt: t.field({ type: "DateTime", description: "When it was made.", resolve: ({ createdAt }) => createdAt }),
    expiresAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "Until when it signs beside a newer one.",
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
});

export const WebhookAttempt = builder.objectRef<DeliveryAttempt>("WebhookAttempt").implement({
  description: "One try to deliver an event.",
  ...shape,
  fields: (t) => ({
    number: t.exposeInt("number", { description: "Counted from 1." }),
    at: t.field({ type: "DateTime", description: "When it was made.", resolve: ({ at }) => at }),
    status: t.exposeInt("status", {
      nullable: true,
      description: "The HTTP status of the answer; null without an answer.",
    }),
    error: t.exposeString("error", { nullable: true, description: "Why there was no answer." }),
    durationMs: t.exposeInt("durationMs", { description: "How long it took, in milliseconds." }),
    responseBody: t.exposeString("responseBody", { nullable: true, description: "The beginning of the answer." }),
  }),
});

const WebhookDeliveryState = describedEnum<DeliveryState>("WebhookDeliveryState", "What became of a delivery.", {
  PENDING: "Not tried yet.",
  SUCCEEDED: "The partner has it.",
  RETRYING: "Failed, and will be tried again.",
  DEAD: "Given up.",
});

WebhookDelivery.implement({
  description: "One event on its way to one endpoint.",
  interfaces: [Node],
  authScopes: { anyOf: ["WEBHOOKS_WRITE"] },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`delivery_…`" }),
    event: t.field({
      type: Event,
      description:
        "What is delivered. Of what a selection made, `data` has the ids only for a key that may see less than who saved it.",
      resolve: ({ event, selectedAs = [] }, _args, context) => {
        const scopes: ReadonlySet<string> = callerOf(context).scopes;
        const view = eventIn(event);
        const { orderId, sequence } = view.data;
        return selectedAs.every((scope) => scopes.has(scope)) ? view : { ...view, data: { orderId, sequence } };
      },
    }),
    state: t.field({ type: WebhookDeliveryState, description: "What became of it.", resolve: ({ state }) => state }),
    attempts: t.field({
      type: [WebhookAttempt],
      description: "Every try, oldest first.",
      resolve: ({ attempts }) => attempts,
    }),
    nextAttemptAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When it is tried next.",
      resolve: ({ nextAttemptAt }) => nextAttemptAt,
    }),
  }),
});
const WebhookDeliveryConnection = connection(WebhookDelivery, "an endpoint's deliveries");
findable("delivery", {
  typeName: WebhookDelivery.name,
  anyOf: ["WEBHOOKS_WRITE"],
  load: ({ deps }, { merchant }, id) => findDelivery(deps, merchant.id, id),
});

WebhookEndpoint.implement({
  description: "Where a partner hears of the merchant's events.",
  interfaces: [Node],
  authScopes: { anyOf: ["WEBHOOKS_WRITE"] },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`endpoint_…`" }),
    url: t.field({ type: "URL", description: "Where deliveries go.", resolve: ({ url }) => url }),
    description: t.exposeString("description", { nullable: true, description: "What the merchant says about it." }),
    types: t.field({
      type: [EventType],
      description: "What it hears of; empty means everything.",
      resolve: ({ types }) => types,
    }),
    state: t.field({ type: WebhookEndpointState, description: "How it is doing.", resolve: ({ state }) => state }),
    disabledReason: t.exposeString("disabledReason", {
      nullable: true,
      description: "Why nothing is sent any more, or what is wrong while it still is.",
    }),
    payload: t.field({
      type: WebhookPayload,
      description: "FULL carries `data`; THIN carries ids only.",
      resolve: ({ payload }) => payload,
    }),
    selection: t.string({
      nullable: true,
      description: "Optional GraphQL selection on Order that replaces `data`.",
      resolve: ({ selection }) => selection?.text,
    }),
    ratePerSecond: t.exposeInt("ratePerSecond", {
      nullable: true,
      description: "At most so many attempts a second over time; as many may begin at once.",
    }),
    secrets: t.field({
      type: [WebhookSecret],
      description: "The secrets that sign, newest first.",
      resolve: ({ secrets }) => secrets,
    }),
    backlog: t.exposeInt("backlog", { description: "How many deliveries wait." }),
    deliveriesSince: t.field({
      type: "DateTime",
      description:
        "`deliveries` has everything that happened since then, and what still waits: thirty days, or less where that was too much to keep.",
      resolve: ({ deliveriesSince = 0 }) => deliveriesSince,
    }),
    deliveries: t.field({
      type: WebhookDeliveryConnection,
      description: "What was delivered, and what was not, newest first.",
      args: {
        ...pageArgs(t.arg),
        state: t.arg({ type: WebhookDeliveryState, description: "Only those of which that became." }),
      },
      ...pricedByPage,
      resolve: async ({ id }, { state, ...page }, { deps }) => ({
        ...pageIn(await pageDeliveries(deps, id, state ?? null, page)),
        totalCount: () => countDeliveries(deps, id, state ?? null),
      }),
    }),
  }),
});
const WebhookEndpointConnection = connection(WebhookEndpoint, "webhook endpoints");
findable("endpoint", {
  typeName: WebhookEndpoint.name,
  anyOf: ["WEBHOOKS_WRITE"],
  load: ({ deps }, { merchant }, id) => findEndpoint(deps, merchant.id, id),
});

builder.objectField(Merchant, "webhookEndpoints", (t) =>
  t.field({
    type: WebhookEndpointConnection,
    authScopes: { anyOf: ["WEBHOOKS_WRITE"] },
    description: `The partners' endpoints, oldest first; at most ${limits.webhookEndpointsPerMerchantMax}.`,
    args: pageArgs(t.arg),
    ...pricedByPage,
    resolve: async ({ id }, args, { deps }) => {
      const database = deps.database(id);
      const { edges, pageInfo } = pageIn(await pageWebhookEndpoints(database, id, args));
      const endpoints = await Promise.all(edges.map(({ node }) => findEndpoint(deps, id, node.id)));
      return {
        // A row whose object was never opened is a registration that stopped half-way: there is no endpoint yet.
        edges: edges.flatMap(({ cursor }, index) => (endpoints[index] ? [{ cursor, node: endpoints[index] }] : [])),
        pageInfo,
        totalCount: () => countWebhookEndpoints(database, id),
      };
    },
  }),
);
