/** What a document costs before anything of it is done: the points of its fields, each as often as its lists may repeat it. */
import {
  getArgumentValues,
  getNamedType,
  getVariableValues,
  GraphQLError,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type TypeNode,
} from "graphql";
import { schema } from "./index.ts";
import type { Price } from "./price.ts";
import type { Question } from "./question.ts";

const usualTimes = 5;

/** Of operations whose variables cannot change it: most documents cost the same every time. */
const fixed = new WeakMap<OperationDefinitionNode, number>();

/** Of a valid document. Null when the variables do not fit the operation: executing will say what is wrong with them. */
export function costOf(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  { variables }: Question,
): number | null {
  const known = fixed.get(operation);
  if (known !== undefined) return known;
  const definitions = operation.variableDefinitions ?? [];
  const { coerced } = getVariableValues(schema(), definitions, variables ?? {});
  const root = schema().getRootType(operation.operation);
  if (!coerced || !root) return null;
  const cost = counter(document, coerced)(operation.selectionSet, root);
  if (!definitions.some(({ type }) => sizesPages(type))) fixed.set(operation, cost);
  return cost;
}

/** Pages and lists of ids are all that makes a field cost more or less. */
const sizesPages = (type: TypeNode): boolean => {
  if (type.kind === Kind.NON_NULL_TYPE) return sizesPages(type.type);
  return type.kind === Kind.LIST_TYPE || type.name.value === "Int";
};

/** Counts every selection once, however many fragments lead to it: in a valid document each is about one type and is finite. */
function counter(document: DocumentNode, variables: Readonly<Record<string, unknown>>) {
  const counted = new Map<SelectionSetNode, number>();
  const fragments = new Map(
    document.definitions
      .filter((definition): definition is FragmentDefinitionNode => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );
  const count = (selections: SelectionSetNode | undefined, type: GraphQLNamedType | undefined): number => {
    if (!selections || !type) return 0;
    const known = counted.get(selections);
    if (known !== undefined) return known;
    const points = selections.selections.reduce((sum, selection) => sum + countOne(selection, type), 0);
    counted.set(selections, points);
    return points;
  };
  const countOne = (selection: SelectionNode, type: GraphQLNamedType): number => {
    if (selection.kind === Kind.FIELD) return countField(selection, type);
    const inside = selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value) : selection;
    const condition = inside?.typeCondition;
    return count(inside?.selectionSet, condition ? schema().getType(condition.name.value) : type);
  };
  const countField = (node: FieldNode, type: GraphQLNamedType): number => {
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[node.name.value] : undefined;
    // Introspection is bounded by graphql itself.
    if (!field) return 1;
    const { points = 1, times = isList(field) ? usualTimes : 1 } = (field.extensions["price"] ?? {}) as Price;
    const repeated = typeof times === "number" ? times : times(argumentsOf(field, node, variables));
    return points + repeated * count(node.selectionSet, getNamedType(field.type));
  };
  return count;
}

/** None where they do not fit the field, which executing will say. */
function argumentsOf(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  variables: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  try {
    return getArgumentValues(field, node, variables);
  } catch (fault) {
    if (fault instanceof GraphQLError) return {};
    throw fault;
  }
}

const isList = ({ type }: GraphQLField<unknown, unknown>): boolean =>
  isListType(isNonNullType(type) ? type.ofType : type);
