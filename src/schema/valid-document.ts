/** Whether a text is a document that the graph could answer: for texts that are kept now and asked later. */
import { GraphQLError, parse, specifiedRules, validate, type GraphQLSchema } from "graphql";
import { limits } from "../core/limits.ts";
import { documentRules } from "./document-rules.ts";

export function isValidDocument(schema: GraphQLSchema, text: string): boolean {
  const { documentKeptLengthMax, tokensMax } = limits.graphql;
  if (text.length > documentKeptLengthMax) return false;
  try {
    const document = parse(text, { maxLexicalTokens: tokensMax });
    return [documentRules, specifiedRules].every(
      (rules) => validate(schema, document, rules, { maxErrors: 1 }).length === 0,
    );
  } catch (fault) {
    if (fault instanceof GraphQLError) return false;
    throw fault;
  }
}
