/** Refusals that are no answer to a question: who may not ask, and questions that cannot be asked. They stand in `errors`, with a code. */
import { GraphQLError } from "graphql";
import type { Scope } from "../resolvers/caller.ts";

/** `status` is the response's when nothing else was answered. */
const refusal = (
  code: string,
  message: string,
  status: number,
  more: Readonly<Record<string, unknown>> = {},
): GraphQLError => new GraphQLError(message, { extensions: { code, ...more, http: { status } } });

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

export const tooCostly = (message: string): GraphQLError => refusal("QUERY_TOO_COSTLY", message, 400);
