/** Subscriptions, answered: what one is about, and what it is told of each piece of news. The merchant's feed keeps them and says when. */
import {
  execute,
  getArgumentValues,
  getVariableValues,
  type GraphQLError,
  Kind,
  type FieldNode,
  type SelectionSetNode,
} from "graphql";
import type { EventType } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Listener, LiveGraph, Topic } from "../durable/live-graph.ts";
import { merchantOf } from "../resolvers/authenticate.ts";
import { isScope, type Scope } from "../resolvers/caller.ts";
import type { Deps } from "../resolvers/deps.ts";
import { keyOfOrderId } from "../resolvers/find-order.ts";
import { discreet } from "./answer.ts";
import { spendOnRequest } from "./budget.ts";
import type { Borrowed, GraphContext } from "./context.ts";
import { costOf } from "./cost.ts";
import { coded, documentOf, operationIn, type KnownDocument } from "./documents.ts";
import { eventIn } from "./event.ts";
import { schema } from "./index.ts";
import { questionIn, questionOf, type Question } from "./question.ts";
import { readSelection } from "./selection.ts";
import { badRequest, forbidden, refusal } from "./refusals.ts";

/** What both of them show needs this. */
const needed: readonly Scope[] = ["ORDERS_READ"];

export function liveGraph(depsFor: (origin: string) => Deps, borrowed: Borrowed): LiveGraph {
  return {
    topicOf: async (asked, listener) => {
      const named = questionIn(asked, false);
      const { deps, caller } = await contextFor(depsFor(listener.origin), borrowed, listener);
      const budget = spendOnRequest({ deps, caller }, named.ok ? named.value.query : null, true);
      if (!budget.ok) return err("LATER");
      const question = named.ok ? await questionOf(deps, caller, named.value) : named;
      const topic = question.ok ? topicOf(question.value, listener) : err([question.error]);
      if (!topic.ok || !question.ok) return err((topic.ok ? [] : topic.error).map((error) => error.toJSON()));
      const { query, operationName } = question.value;
      return ok({ topic: topic.value, asked: { query, variables: declaredOf(question.value), operationName } });
    },
    tell: async (asked, listener, news) => {
      const question = questionIn(asked, false);
      const known = question.ok ? documentOf(question.value.query ?? "") : question;
      if (!known.ok || !question.ok) return null;
      const result = await execute({
        schema: schema(),
        document: known.value.document,
        rootValue: news.kind === "ORDER" ? news.order : eventIn(news.event),
        contextValue: await contextFor(depsFor(listener.origin), borrowed, listener),
        variableValues: question.value.variables,
        operationName: question.value.operationName,
      });
      return JSON.stringify(result.errors ? { ...result, errors: result.errors.map(discreet) } : result);
    },
  };
}

/** The variables that the operation declares: the others mean nothing, and are not kept. */
function declaredOf({ query, variables, operationName }: Question): Question["variables"] {
  const known = documentOf(query);
  const operation = known.ok ? operationIn(known.value, operationName) : null;
  const names = new Set(operation?.variableDefinitions?.map(({ variable }) => variable.name.value));
  return variables && Object.fromEntries(Object.entries(variables).filter(([name]) => names.has(name)));
}

function topicOf(question: Question, { scopes }: Listener): Result<Topic, readonly GraphQLError[]> {
  const known = documentOf(question.query);
  if (!known.ok) return known;
  const operation = operationIn(known.value, question.operationName);
  if (operation?.operation !== "subscription")
    return err([badRequest("Only subscriptions are answered here: POST the others.")]);
  const cost = costOf(known.value.document, operation, question);
  if (cost !== null && cost > limits.graphql.costMax)
    return err([
      refusal("TOO_COSTLY", `This costs ${cost} points, more than the ${limits.graphql.costMax} allowed.`, 400),
    ]);
  if (!needed.some((scope) => scopes.includes(scope))) return err([forbidden(needed)]);
  return subject(known.value, question, operation.selectionSet);
}

function subject(
  { document }: KnownDocument,
  { variables, operationName }: Question,
  selections: SelectionSetNode,
): Result<Topic, readonly GraphQLError[]> {
  const operation = operationIn({ document, asksForSchema: false }, operationName);
  const coerced = getVariableValues(schema(), operation?.variableDefinitions ?? [], variables ?? {});
  if (coerced.errors) return err(coerced.errors.map((error) => coded(error, "BAD_USER_INPUT")));
  const node = onlyField(document, selections);
  const field = node && schema().getSubscriptionType()?.getFields()[node.name.value];
  if (!field) return err([badRequest("A subscription watches one field.")]);
  const args = getArgumentValues(field, node, coerced.coerced);
  if (field.name === "order") {
    const key = keyOfOrderId(String(args["id"]));
    return key ? ok({ kind: "ORDER", key }) : err([refusal("NOT_FOUND", "There is no such order.", 404)]);
  }
  const after = (args["after"] ?? null) as string | null;
  return ok({ kind: "EVENTS", types: (args["types"] ?? []) as readonly EventType[], after });
}

/** A valid subscription has one, in whatever fragment. */
function onlyField(document: KnownDocument["document"], { selections }: SelectionSetNode): FieldNode | null {
  const [first] = selections;
  if (!first || first.kind === Kind.FIELD) return first ?? null;
  if (first.kind === Kind.INLINE_FRAGMENT) return onlyField(document, first.selectionSet);
  const fragment = document.definitions.find(
    (one) => one.kind === Kind.FRAGMENT_DEFINITION && one.name.value === first.name.value,
  );
  return fragment && "selectionSet" in fragment ? onlyField(document, fragment.selectionSet) : null;
}

async function contextFor(deps: Deps, borrowed: Borrowed, listener: Listener): Promise<GraphContext> {
  const merchant = await merchantOf(deps, listener.merchantId);
  if (!merchant) throw new Error("a merchant whose key was accepted exists");
  const { keyId, acceptLanguage } = listener;
  const caller = {
    kind: "merchant",
    keyId,
    scopes: new Set(listener.scopes.filter(isScope)),
    documents: listener.documents && new Set(listener.documents),
    merchant,
  } as const;
  return { ...borrowed, deps, caller, acceptLanguage, idempotencyKey: null, readSelection };
}
