/**
 * How deep and how wide a document may be: looked at before anything else is, because each of these makes the usual validation slow. What it costs
 * to answer depends on its variables and is counted later (`cost.ts`).
 */
import {
  GraphQLError,
  Kind,
  type ASTVisitor,
  type SelectionSetNode,
  type ValidationContext,
  type ValidationRule,
} from "graphql";
import { limits } from "../core/limits.ts";

const { depthMax, aliasesMax, directivesMax, rootFieldsMax, selectionsMax } = limits.graphql;

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

/** On one place of a document; also unknown ones, each of which would otherwise be an error of its own. */
function directives(context: ValidationContext): ASTVisitor {
  return {
    enter: (node) => {
      const count = "directives" in node ? (node.directives?.length ?? 0) : 0;
      if (count > directivesMax)
        context.reportError(tooLarge(`${count} directives in one place are more than the ${directivesMax} allowed.`));
    },
  };
}

/** The same field many times is one field to whoever executes, and a square of comparisons to whoever validates. */
function width(context: ValidationContext): ASTVisitor {
  return {
    SelectionSet: ({ selections: found }) => {
      if (found.length > selectionsMax)
        context.reportError(
          tooLarge(`${found.length} selections in one place are more than the ${selectionsMax} allowed.`),
        );
    },
    OperationDefinition: ({ selectionSet }) => {
      const count = fieldsIn(context, selectionSet, new Set());
      if (count > rootFieldsMax)
        context.reportError(tooLarge(`The document has ${count} root fields, more than the ${rootFieldsMax} allowed.`));
    },
  };
}

/** The fields of one level, those of fragments included. */
function fieldsIn(context: ValidationContext, { selections: found }: SelectionSetNode, seen: Set<string>): number {
  return found.reduce((count, selection) => {
    if (selection.kind === Kind.FIELD) return count + 1;
    if (selection.kind === Kind.INLINE_FRAGMENT) return count + fieldsIn(context, selection.selectionSet, seen);
    const name = selection.name.value;
    const fragment = seen.has(name) ? null : context.getFragment(name);
    seen.add(name);
    return count + (fragment ? fieldsIn(context, fragment.selectionSet, seen) : 1);
  }, 0);
}

const tooLarge = (message: string): GraphQLError =>
  new GraphQLError(message, { extensions: { code: "DOCUMENT_TOO_LARGE" } });

export const documentRules: readonly ValidationRule[] = [directives, width, aliases, depth];
