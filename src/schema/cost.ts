/** What a document costs before anything of it is done: one point a field, as often as its lists may repeat it. */
import { complexityFromQuery } from "@pothos/plugin-complexity";
import { GraphQLError, Kind, type DocumentNode, type OperationDefinitionNode, type TypeNode } from "graphql";
import type { GraphContext } from "./context.ts";
import { schema } from "./index.ts";
import type { Question } from "./question.ts";

/** Of operations whose variables cannot change it. */
const fixed = new WeakMap<OperationDefinitionNode, number>();

/** Null when the variables do not fit: executing will say what is wrong with them. */
export function costOf(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  { variables }: Question,
  context: GraphContext,
): number | null {
  const known = fixed.get(operation);
  if (known !== undefined) return known;
  const fragments = document.definitions.filter(({ kind }) => kind === Kind.FRAGMENT_DEFINITION);
  const query: DocumentNode = { kind: Kind.DOCUMENT, definitions: [operation, ...fragments] };
  try {
    const { complexity } = complexityFromQuery(query, { schema: schema(), ctx: context, variables: { ...variables } });
    if (operation.variableDefinitions?.every(({ type }) => !sizesPages(type)) ?? true) fixed.set(operation, complexity);
    return complexity;
  } catch (fault) {
    if (fault instanceof GraphQLError) return null;
    throw fault;
  }
}

/** Pages and lists of ids are all that makes a field cost more or less. */
const sizesPages = (type: TypeNode): boolean => {
  if (type.kind === Kind.NON_NULL_TYPE) return sizesPages(type.type);
  return type.kind === Kind.LIST_TYPE || type.name.value === "Int";
};
