/** Every mutation has one form: one `input`, and a union of what went well and of what was expected to go wrong. */
import type { InputRef, ObjectRef } from "@pothos/core";
import type { GraphQLResolveInfo } from "graphql";
import type { Result } from "../core/result.ts";
import type { Scope } from "../resolvers/caller.ts";
import type { Failure } from "../resolvers/failures.ts";
import { isOrder } from "../resolvers/outcome.ts";
import { noteChange } from "./bookmark.ts";
import { builder, type GraphTypes } from "./builder.ts";
import type { GraphContext } from "./context.ts";
import { errorTypes, told } from "./errors.ts";
import { idempotencyKeyOf, onceFor } from "./idempotency.ts";
import { priced } from "./price.ts";

type Reason = Failure["reason"];
type Mutation<Input, Success extends object, Reasons extends Reason> = {
  readonly description: string;
  /** Who may: keys with this scope, or only the deployment's operator. */
  readonly needs: Scope | "ADMIN";
  readonly input: InputRef<Input>;
  readonly success: ObjectRef<GraphTypes, Success>;
  readonly failures: readonly Reasons[];
  /** Whether the verb itself remembers idempotency keys, and says in `replayed` when it did. For the others their outcomes are remembered. */
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
    // Every mutation takes an idempotency key, and so may find that it was used for something else.
    types: [
      success,
      ...[...new Set<Reason>([...failures, "IDEMPOTENCY"])].map((reason) => errorTypes[reason]),
    ] as never,
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
        const { input: given } = args as { input: Input & object };
        const key = idempotencyKeyOf(context, info);
        const { result, replayed } =
          key === null || idempotent
            ? remembering(await resolve(given, context, info))
            : await onceFor(context, { verb: name, key, input: given }, (deps) =>
                resolve(given, { ...context, deps }, info),
              );
        if (result.ok && "order" in result.value && isOrder(result.value.order))
          noteChange(context, result.value.order);
        if (key !== null) context.notes?.idempotency.push({ field: String(info.path.key), key, replayed });
        return (result.ok ? { ...result.value, __typename: success.name } : told(result.error, context)) as never;
      },
    }),
  );
}

/** What a verb says that has a memory of its own. */
const remembering = <Success extends object, E>(result: Result<Success, E>) => ({
  result,
  replayed: result.ok && "replayed" in result.value && result.value.replayed === true,
});
