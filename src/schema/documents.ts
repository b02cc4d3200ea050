/** Documents, parsed and validated once per isolate: clients ask the same few again and again. */
import {
  GraphQLError,
  Kind,
  getOperationAST,
  parse,
  specifiedRules,
  validate,
  visit,
  type DocumentNode,
  type OperationDefinitionNode,
} from "graphql";
import { limits } from "../core/limits.ts";
import { Recent } from "../core/recent.ts";
import { err, ok, type Result } from "../core/result.ts";
import { documentRules } from "./document-rules.ts";
import { schema } from "./index.ts";

export type KnownDocument = {
  readonly document: DocumentNode;
  /** Asks what the graph is made of, beyond the names of types. */
  readonly asksForSchema: boolean;
};

const errorsMax = 20;

const { documentsKeptMax, documentKeptLengthMax } = limits.graphql;
/** By their text. */
const known = new Recent<KnownDocument>(documentsKeptMax);

export const isKnownDocument = (text: string): boolean => known.get(text) !== undefined;

export function documentOf(text: string): Result<KnownDocument, readonly GraphQLError[]> {
  const remembered = known.get(text);
  if (remembered) return ok(remembered);
  const document = parsed(text);
  if (document instanceof GraphQLError) return err([coded(document, "GRAPHQL_PARSE_FAILED")]);
  const tooLarge = validate(schema(), document, documentRules, { maxErrors: 1 });
  if (tooLarge.length > 0) return err(tooLarge.slice(0, 1));
  const errors = validate(schema(), document, specifiedRules, { maxErrors: errorsMax });
  if (errors.length > 0) return err(errors.map((error) => coded(error, "GRAPHQL_VALIDATION_FAILED")));
  const made = { document, asksForSchema: asksForSchema(document) };
  if (text.length <= documentKeptLengthMax) known.set(text, made);
  return ok(made);
}

/** The operation that a name means; null when it means none. */
export const operationIn = ({ document }: KnownDocument, name: string | null): OperationDefinitionNode | null =>
  getOperationAST(document, name) ?? null;

function parsed(text: string): DocumentNode | GraphQLError {
  try {
    return parse(text, { maxLexicalTokens: limits.graphql.tokensMax });
  } catch (fault) {
    if (fault instanceof GraphQLError) return fault;
    throw fault;
  }
}

/** The error with a code for programs, unless it has one. */
export function coded(error: GraphQLError, code: string): GraphQLError {
  error.extensions["code"] ??= code;
  return error;
}

function asksForSchema(document: DocumentNode): boolean {
  let asks = false;
  visit(document, {
    [Kind.FIELD]: ({ name }) => {
      asks ||= name.value === "__schema" || name.value === "__type";
    },
  });
  return asks;
}
