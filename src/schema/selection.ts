/**
 * A GraphQL selection on Order that a webhook carries instead of `data`. It is judged when it is saved, and asked when an event is first sent, as whoever
 * saved it: what their key may not see, no webhook tells.
 */
import {
  execute,
  getNamedType,
  GraphQLError,
  Kind,
  parse,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type DocumentNode,
  type GraphQLField,
} from "graphql";
import { orderId, orderKeyOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Wanted } from "../durable/webhook-sender.ts";
import { merchantOf } from "../resolvers/authenticate.ts";
import { isScope, type Scope } from "../resolvers/caller.ts";
import type { Deps } from "../resolvers/deps.ts";
import type { Borrowed, GraphContext, ReadSelection } from "./context.ts";
import { costOf } from "./cost.ts";
import { documentOf, operationIn } from "./documents.ts";
import { schema } from "./index.ts";

const fragment = (text: string): string => `fragment Selection on Order ${text}`;
const question = (text: string): string =>
  `query ($id: ID!) { order(by: { id: $id }) { ...Selection } } ${fragment(text)}`;

/** The selection as it is kept, always in braces; or what is wrong with it. `scopes` are those of whoever saves it. */
export const readSelection: ReadSelection = (given, scopes) => {
  const text = given.trim().startsWith("{") ? given.trim() : `{ ${given.trim()} }`;
  if (text.length > limits.webhookSelectionLengthMax)
    return err(`must have at most ${limits.webhookSelectionLengthMax} characters`);
  if (!isOneSelection(text)) return err("must be one selection on Order, such as { number total { amount } }");
  const known = documentOf(question(text));
  if (!known.ok) return err(known.error.map(({ message }) => message).join(" "));
  const operation = operationIn(known.value, null);
  const cost =
    operation &&
    costOf(known.value.document, operation, {
      query: "",
      operationName: null,
      variables: { id: "" },
      mayChange: false,
    });
  if (cost === null) throw new Error("the question has one operation");
  if (cost > limits.webhookSelectionCostMax)
    return err(`costs ${cost} points, more than the ${limits.webhookSelectionCostMax} allowed`);
  const missing = scopesNeeded(known.value.document).find((anyOf) => !anyOf.some((scope) => scopes.has(scope)));
  if (missing) return err(`needs a key with ${missing.join(" or ")}`);
  return isOfOneOrder(known.value.document) ? ok(text) : err(strays);
};

const strays =
  "must stay with its order: a merchant's lists and a customer's other orders are no part of what happened to it";

/** The event's body with what the selection answers now as its `data`; `orderId` and `sequence` stay, for whoever has to order events. */
export async function bodySelected(
  deps: Deps,
  borrowed: Borrowed,
  { text, scopes, merchantId, event, body }: Wanted,
): Promise<Result<string, string>> {
  const merchant = await merchantOf(deps, merchantId);
  const key = orderKeyOf(event);
  const known = documentOf(question(text));
  if (!merchant || !key) return err("there is no such order");
  if (!known.ok) return err("the graph has changed: save the selection again");
  if (!isOfOneOrder(known.value.document)) return err(strays);
  const caller = { kind: "merchant", keyId: "", scopes: new Set(scopes.filter(isScope)), merchant } as const;
  const contextValue: GraphContext = {
    ...borrowed,
    deps,
    caller,
    acceptLanguage: null,
    idempotencyKey: null,
    readSelection,
    fresh: true,
  };
  const { document } = known.value;
  const { data, errors } = await execute({
    schema: schema(),
    document,
    contextValue,
    variableValues: { id: orderId(key) },
  });
  const [error] = errors ?? [];
  if (error) {
    console.error("a webhook endpoint's selection", error.path?.join("."), error.originalError ?? error.message);
    return err(
      error.originalError && !(error.originalError instanceof GraphQLError) ? "unexpected error" : error.message,
    );
  }
  const order = data?.["order"] as Readonly<Record<string, unknown>> | null | undefined;
  if (!order) return err("there is no such order");
  const { data: told, ...envelope } = JSON.parse(body) as { data: { orderId: string; sequence: number } };
  return ok(JSON.stringify({ ...envelope, data: { ...order, orderId: told.orderId, sequence: told.sequence } }));
}

/** Nothing after it, such as another operation. */
function isOneSelection(text: string): boolean {
  try {
    const { definitions } = parse(fragment(text), { maxLexicalTokens: limits.graphql.tokensMax });
    return definitions.length === 1 && definitions[0]?.kind === Kind.FRAGMENT_DEFINITION;
  } catch (fault) {
    if (fault instanceof GraphQLError) return false;
    throw fault;
  }
}

/**
 * Whether it tells of its order and of that order's customer alone. What it makes is kept for as long as deliveries are, and whoever is erased is to be
 * found in it.
 */
function isOfOneOrder(document: DocumentNode): boolean {
  return fieldsOf(document).every(({ of, field }) => {
    const isList = getNamedType(field.type).name.endsWith("Connection");
    // An order that has not heard of an erasure would stand in what is kept of another.
    return of === "Customer" ? !isList && field.name !== "firstConversion" : of !== "Merchant" || !isList;
  });
}

type Asked = { readonly of: string; readonly field: GraphQLField<unknown, unknown> };
type Ruled = { readonly extensions: Readonly<Record<string, unknown>> };

/** For every field and type that says so: the scopes of which one is needed. */
function scopesNeeded(document: DocumentNode): readonly (readonly Scope[])[] {
  const needed: (readonly Scope[])[] = [];
  const note = ({ extensions }: Ruled): void => {
    const options = extensions["pothosOptions"] as { authScopes?: { anyOf?: readonly Scope[] } } | undefined;
    const anyOf = options?.authScopes?.anyOf;
    if (anyOf) needed.push(anyOf);
  };
  for (const { field } of fieldsOf(document)) {
    note(field);
    note(getNamedType(field.type));
  }
  return needed;
}

/** Every field that is asked for, and the name of the type that has it. */
function fieldsOf(document: DocumentNode): readonly Asked[] {
  const asked: Asked[] = [];
  const types = new TypeInfo(schema());
  const enter = (): void => {
    const [of, field] = [types.getParentType()?.name, types.getFieldDef()];
    if (of !== undefined && field) asked.push({ of, field });
  };
  visit(document, visitWithTypeInfo(types, { [Kind.FIELD]: enter }));
  return asked;
}
