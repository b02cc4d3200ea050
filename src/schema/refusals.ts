/** Refusals that are no answer to a question: who may not ask, and questions that cannot be asked. They stand in `errors`, with a code. */
import { GraphQLError } from "graphql";
import type { Scope } from "../resolvers/caller.ts";

const statuses = new WeakMap<object, number>();

/** `status` is the response's, when nothing else was answered. */
export function refusal(
  code: string,
  message: string,
  status: number,
  more: Readonly<Record<string, unknown>> = {},
): GraphQLError {
  const error = new GraphQLError(message, { extensions: { code, ...more } });
  statuses.set(error, status);
  return error;
}

/** The status that an error asks for, wherever in the graph it was thrown; undefined for those that ask for none. */
export const statusOf = (error: GraphQLError): number | undefined =>
  statuses.get(error) ?? (error.originalError ? statuses.get(error.originalError) : undefined);

export const unauthenticated = (message = "This needs an API key: Authorization: Bearer hk_…"): GraphQLError =>
  refusal("UNAUTHENTICATED", message, 401);

/** `anyOf`: the scopes of which the key has none; empty when no scope would help. */
export const forbidden = (anyOf: readonly Scope[]): GraphQLError =>
  refusal(
    "FORBIDDEN",
    anyOf.length > 0 ? `This key lacks the scope ${anyOf.join(" or ")}.` : "This credential may not do that.",
    403,
    anyOf.length > 0 ? { scopes: anyOf } : {},
  );

export const badRequest = (message: string): GraphQLError => refusal("BAD_REQUEST", message, 400);
