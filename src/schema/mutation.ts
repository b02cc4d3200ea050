/** Every mutation has one form: one `input`, and a union of what went well and of what was expected to go wrong. */
import type { InputRef, ObjectRef } from "@pothos/core";
import type { GraphQLResolveInfo } from "graphql";
import type { Result } from "../core/result.ts";
import type { Scope } from "../resolvers/caller.ts";
import type { Failure } from "../resolvers/failures.ts";
import { builder, type GraphTypes } from "./builder.ts";
import type { GraphContext } from "./context.ts";
import { errorTypes, told } from "./errors.ts";
import { refuseIdempotencyKey } from "./idempotency.ts";
import { priced } from "./price.ts";

type Reason = Failure["reason"];
type Mutation<Input, Success extends object, Reasons extends Reason> = {
  readonly description: string;
  /** Who may: keys with this scope, or only the deployment's operator. */
  readonly needs: Scope | "ADMIN";
  readonly input: InputRef<Input>;
  readonly success: ObjectRef<GraphTypes, Success>;
  readonly failures: readonly Reasons[];
  /** Whether the verb understands an idempotency key. The others refuse one, rather than promise a replay that will not happen. */
  readonly idempotent?: true;
  readonly resolve: (
    input: Input,
    context: GraphContext,
    info: GraphQLResolveInfo,
  ) => Promise<Result<Success, Extract<Failure, { reason: Reasons }>>>;
};

/** What a mutation costs beyond what it returns. */
const mutationCost = 10;

/** Adds `name` to the graph, with `NameResult` as the union of its success and its failures. */
export function mutation<Input, Success extends object, Reasons extends Reason>(
  name: string,
  { description, needs, input, success, failures, idempotent, resolve }: Mutation<Input, Success, Reasons>,
): void {
  const unionName = `${name.charAt(0).toUpperCase()}${name.slice(1)}Result`;
  const Result = builder.unionType(unionName, {
    description: `What became of ${name}: ${success.name}, or why not.`,
    extensions: { shape: true },
    types: [success, ...failures.map((reason) => errorTypes[reason])] as never,
    resolveType: (value) => (value as { __typename: string }).__typename,
  });
  builder.mutationField(name, (t) =>
    t.field({
      type: Result,
      description,
      authScopes: needs === "ADMIN" ? { admin: true } : { anyOf: [needs] },
      ...priced({ points: mutationCost }),
      args: { input: t.arg({ type: input as never, required: true, description: "All of it." }) },
      resolve: async (_root, args, context, info) => {
        if (!idempotent) refuseIdempotencyKey(context, info);
        const result = await resolve((args as { input: Input }).input, context, info);
        return (result.ok ? { ...result.value, __typename: success.name } : told(result.error, context)) as never;
      },
    }),
  );
}
