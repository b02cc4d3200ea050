/** How deep and how wide a document may be. What it costs to answer depends on its variables and is counted later (`cost.ts`). */
import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from "graphql";
import { limits } from "../core/limits.ts";

const { depthMax, aliasesMax } = limits.graphql;

/** Introspection is bounded by graphql itself, and its own tools ask deeper than any screen does. */
const isIntrospection = (name: string): boolean => name.startsWith("__");

function depth(context: ValidationContext): ASTVisitor {
  const measured = new Map<SelectionSetNode, number>();
  const depthOf = (selections: SelectionSetNode | undefined): number => {
    if (!selections) return 0;
    const known = measured.get(selections);
    if (known !== undefined) return known;
    // A fragment that contains itself is refused by another rule; here it must only come to an end.
    measured.set(selections, 0);
    const deepest = Math.max(
      ...selections.selections.map((selection) => {
        if (selection.kind === Kind.FRAGMENT_SPREAD)
          return depthOf(context.getFragment(selection.name.value)?.selectionSet);
        if (selection.kind === Kind.INLINE_FRAGMENT) return depthOf(selection.selectionSet);
        return isIntrospection(selection.name.value) ? 1 : 1 + depthOf(selection.selectionSet);
      }),
    );
    measured.set(selections, deepest);
    return deepest;
  };
  return {
    OperationDefinition: (operation) => {
      const found = depthOf(operation.selectionSet);
      if (found > depthMax)
        context.reportError(tooLarge(`The document is ${found} fields deep, more than the ${depthMax} allowed.`));
      return false;
    },
  };
}

function aliases(context: ValidationContext): ASTVisitor {
  let count = 0;
  return {
    Field: ({ alias }) => {
      if (alias) count += 1;
    },
    Document: {
      leave: () => {
        if (count > aliasesMax)
          context.reportError(tooLarge(`The document has ${count} aliases, more than the ${aliasesMax} allowed.`));
      },
    },
  };
}

const tooLarge = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: "DOCUMENT_TOO_LARGE" } });

export const documentRules: readonly ValidationRule[] = [depth, aliases];
