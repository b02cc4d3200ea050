/** A question answered: bounded, executed, and with whatever went wrong inside kept inside. */
import { execute, GraphQLError, type ExecutionResult } from "graphql";
import { limits } from "../core/limits.ts";
import type { GraphContext } from "./context.ts";
import { bookmarkOf } from "./bookmark.ts";
import { spend } from "./budget.ts";
import { costOf } from "./cost.ts";
import { coded, documentOf, operationIn } from "./documents.ts";
import { toldIdempotency } from "./idempotency.ts";
import { schema } from "./index.ts";
import type { Question } from "./question.ts";
import { refusal, unauthenticated } from "./refusals.ts";

export type Answer = Pick<ExecutionResult, "data"> & {
  readonly errors?: readonly GraphQLError[];
  readonly extensions?: Extensions;
};
/** What a program may want to know beside the answer. `cost`: what the document cost of what one may. */
export type Extensions = {
  readonly cost?: {
    readonly requested: number;
    readonly allowed: number;
    /** What is left of the key's budget; absent where nobody counts it. */
    readonly available?: number;
  };
  /** Orders that lists show as they were, because the read model is behind. */
  readonly staleness?: { readonly orders: readonly string[] };
  /** To be sent with the next question, so that its lists show what this one changed. */
  readonly bookmark?: string;
  /** Whether a mutation was carried out, or only told again; `fields`, when there are several. */
  readonly idempotency?: Replay & { readonly fields?: Readonly<Record<string, Replay>> };
};
type Replay = { readonly key: string; readonly replayed: boolean };

export async function answer(question: Question, context: GraphContext): Promise<Answer> {
  const known = documentOf(question.query);
  const stranger = context.caller.kind === "anonymous" && !context.deps.local;
  if (!known.ok) return { errors: stranger ? known.error.map(withoutSuggestion) : known.error };
  const { document, asksForSchema } = known.value;
  // Strangers learn the graph from its published file, not by asking: neither outright nor by misspelling.
  if (asksForSchema && stranger)
    return { errors: [unauthenticated("Introspection needs an API key; the graph is published as schema.graphql.")] };
  const operation = operationIn(known.value, question.operationName);
  if (!operation) return { errors: [coded(new GraphQLError("Say which operation: operationName."), "BAD_REQUEST")] };
  if (operation.operation === "subscription")
    return { errors: [refusal("NOT_ACCEPTABLE", "Watch it: accept text/event-stream, or open a WebSocket.", 406)] };
  if (operation.operation !== "query" && !question.mayChange)
    return { errors: [refusal("METHOD_NOT_ALLOWED", "A GET changes nothing: POST mutations.", 405)] };
  const cost = costOf(document, operation, question);
  const { costMax } = limits.graphql;
  if (cost !== null && cost > costMax)
    return {
      errors: [
        refusal(
          "TOO_COSTLY",
          `This costs ${cost} points, more than the ${costMax} allowed: ask for fewer per page.`,
          400,
        ),
      ],
    };
  const budget = spend(context, cost ?? 0, operation.operation === "query");
  if (!budget.ok) return { errors: [budget.error] };
  const executed = execute({
    schema: schema(),
    document,
    contextValue: context,
    variableValues: question.variables,
    operationName: question.operationName,
  });
  const result = "then" in executed ? await inTime(executed, context) : executed;
  if (result === late) return { errors: [refusal("TIMEOUT", tooLate, 504)] };
  const { data, errors } = result;
  if (data === undefined) return { errors: (errors ?? []).map((error) => coded(error, "BAD_USER_INPUT")) };
  const { notes } = context;
  const idempotency = notes && toldIdempotency(notes);
  const bookmark = notes && bookmarkOf(notes.changes);
  const extensions: Extensions = {
    ...(cost !== null && { cost: { requested: cost, allowed: costMax, ...budget.value } }),
    ...(idempotency && { idempotency }),
    ...(bookmark && { bookmark }),
    ...(notes && notes.stale.length > 0 && { staleness: { orders: notes.stale } }),
  };
  return errors ? { errors: errors.map(discreet), data, extensions } : { data, extensions };
}

const late = Symbol("late");
const tooLate = `This took longer than ${limits.graphql.answerMs / 1000} seconds. A change may still happen: repeat it with its idempotency key.`;

/** What was begun goes on after the answer: a change must not stop half-way because somebody would not wait. */
async function inTime<T>(work: Promise<T>, { deps }: GraphContext): Promise<T | typeof late> {
  const { promise, resolve } = Promise.withResolvers<typeof late>();
  const timer = setTimeout(() => resolve(late), limits.graphql.answerMs);
  try {
    const first = await Promise.race([work, promise]);
    if (first === late) deps.waitUntil(work);
    return first;
  } finally {
    clearTimeout(timer);
  }
}

const withoutSuggestion = (error: GraphQLError): GraphQLError =>
  new GraphQLError(error.message.replace(/ Did you mean .*$/s, ""), {
    nodes: error.nodes ?? null,
    source: error.source ?? null,
    positions: error.positions ?? null,
    extensions: error.extensions,
  });

/** What a verb or a field refuses is told as it is. Anything else is a bug: logged here, and told as nothing but that. */
export function discreet(error: GraphQLError): GraphQLError {
  const { originalError, path, nodes } = error;
  if (originalError === undefined || originalError instanceof GraphQLError) return coded(error, "BAD_REQUEST");
  console.error("a field of the graph", path?.join("."), originalError);
  return new GraphQLError("Unexpected error.", {
    path: path ?? null,
    nodes: nodes ?? null,
    extensions: { code: "INTERNAL_SERVER_ERROR" },
  });
}
