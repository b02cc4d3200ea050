/** `@idempotent(key:)` on a mutation field, or the `Idempotency-Key` header on a request with only one: the same request never does its work twice. */
import {
  DirectiveLocation,
  GraphQLDirective,
  GraphQLNonNull,
  GraphQLString,
  Kind,
  getDirectiveValues,
  type GraphQLResolveInfo,
} from "graphql";
import { limits } from "../core/limits.ts";
import type { Result } from "../core/result.ts";
import { isTooDeep } from "../resolvers/agree-order.ts";
import type { Deps } from "../resolvers/deps.ts";
import { once, type KeyedRequest, type Once } from "../resolvers/once.ts";
import type { GraphContext, Notes } from "./context.ts";
import { badRequest, refusal } from "./refusals.ts";

export const idempotent = new GraphQLDirective({
  name: "idempotent",
  description:
    "On one mutation field of a request. Same key and same input replays the first outcome for 72 h; same key with another input is an IdempotencyError.",
  locations: [DirectiveLocation.FIELD],
  args: {
    key: {
      type: new GraphQLNonNull(GraphQLString),
      description: `Your own name for this request, at most ${limits.idempotencyKeyLengthMax} characters.`,
    },
  },
});

/** The key of this mutation field, from the directive or the header; null without either. */
export function idempotencyKeyOf(
  { idempotencyKey: header }: GraphContext,
  { fieldNodes, operation, variableValues }: GraphQLResolveInfo,
): string | null {
  const node = fieldNodes[0];
  const directive = node
    ? (getDirectiveValues(idempotent, node, variableValues)?.["key"] as string | undefined)
    : undefined;
  if (directive === undefined && header !== null && mutationFields(operation.selectionSet.selections) > 1)
    throw badRequest("Idempotency-Key names one mutation, and this request holds several: use @idempotent on each.");
  if (directive !== undefined && header !== null && directive !== header)
    throw badRequest("@idempotent and Idempotency-Key name different keys.");
  const key = directive ?? header;
  if (key !== null && (key.length === 0 || key.length > limits.idempotencyKeyLengthMax))
    throw badRequest(`An idempotency key has 1 to ${limits.idempotencyKeyLengthMax} characters.`);
  return key;
}

/** Whoever has no merchant is the operator: nobody else gets to a mutation. */
const operator = "operator";
const askerOf = ({ caller }: GraphContext): string => (caller.kind === "merchant" ? caller.keyId : operator);

/** For what remembers it by itself: another API key's names are its own there, too. */
export function ownKeyOf(context: GraphContext, info: GraphQLResolveInfo): string | null {
  const key = idempotencyKeyOf(context, info);
  return key === null ? null : `${askerOf(context)}\0${key}`;
}

export async function onceFor<T, E>(
  context: GraphContext,
  request: Omit<KeyedRequest, "owner" | "by">,
  carryOut: (deps: Deps) => Promise<Result<T, E>>,
): Promise<Once<T, E>> {
  if (isTooDeep(request.input, limits.idempotentInputDepthMax)) throw badRequest("The input is nested too deeply.");
  const { deps, caller } = context;
  const owner = caller.kind === "merchant" ? caller.merchant.id : operator;
  const done = await once(deps, { ...request, owner, by: askerOf(context) }, carryOut);
  if (!done) throw refusal("BUSY", "Too many equal requests wait for this one's outcome: try again.", 503);
  return done;
}

/** As `extensions.idempotency` says it: of the only mutation, or of each. */
export function toldIdempotency({ idempotency: [first, ...others] }: Notes) {
  if (!first) return undefined;
  const { key, replayed } = first;
  if (others.length === 0) return { key, replayed };
  const fields = [first, ...others].map(({ field, ...rest }) => [field, rest] as const);
  return { key, replayed, fields: Object.fromEntries(fields) };
}

/** Fragments on the mutation type count as more than one: which fields they hold is not worth finding out. */
const mutationFields = (selections: GraphQLResolveInfo["operation"]["selectionSet"]["selections"]): number =>
  selections.reduce((count, { kind }) => count + (kind === Kind.FIELD ? 1 : 2), 0);
