/** What a request asks: the document with its variables, out of a bounded body or an address. */
import type { GraphQLError } from "graphql";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Caller } from "../resolvers/caller.ts";
import type { Deps } from "../resolvers/deps.ts";
import { trustedText, type UntrustedDocument } from "../resolvers/trust-documents.ts";
import { badRequest, refusal } from "./refusals.ts";

export type Question = {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>> | null;
  readonly operationName: string | null;
  /** False for a GET, which must change nothing. */
  readonly mayChange: boolean;
};

/** A question whose document may be named by its id only. */
export type NamedQuestion = Omit<Question, "query"> & {
  readonly query: string | null;
  readonly documentId: string | null;
};

/** The question with its document, if this caller may send it. */
export async function questionOf(
  deps: Deps,
  caller: Caller,
  { documentId, query, ...rest }: NamedQuestion,
): Promise<Result<Question, GraphQLError>> {
  const text = await trustedText(deps, caller, { text: query, id: documentId });
  return text.ok ? ok({ ...rest, query: text.value }) : err(untrusted(text.error));
}

function untrusted({ reason }: UntrustedDocument): GraphQLError {
  switch (reason) {
    case "NOT_ALLOWED":
      return refusal("DOCUMENT_NOT_ALLOWED", "This key may send only the documents that it was made with.", 403);
    case "UNKNOWN":
      return refusal("DOCUMENT_NOT_FOUND", "No key of yours was made with this document: send its text.", 404);
    case "DIFFERENT":
      return badRequest("documentId is not the id of query: sha256: and the hash of its text.");
  }
}

export async function readQuestion(request: Request): Promise<Result<NamedQuestion, GraphQLError>> {
  if (request.method === "GET") return questionIn(parametersOf(new URL(request.url)), false);
  const body = await boundedText(request);
  if (body === null)
    return err(refusal("TOO_LARGE", `A request has at most ${limits.graphqlBodyBytesMax} bytes.`, 413));
  return questionIn(parsed(body), true);
}

const parametersOf = ({ searchParams }: URL): unknown => ({
  query: searchParams.get("query"),
  documentId: searchParams.get("documentId"),
  operationName: searchParams.get("operationName"),
  variables: parsed(searchParams.get("variables") ?? "null"),
  extensions: parsed(searchParams.get("extensions") ?? "null"),
});

/** Undefined, which JSON cannot say, for what is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Null when it is too large. A length that was declared is kept by the platform; one that was not is counted. */
async function boundedText(request: Request): Promise<string | null> {
  const declared = request.headers.get("content-length");
  if (declared !== null) return Number(declared) > limits.graphqlBodyBytesMax ? null : request.text();
  if (!request.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    length += chunk.byteLength;
    if (length > limits.graphqlBodyBytesMax) return null;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/** `mayChange` as in `Question`. */
export function questionIn(given: unknown, mayChange: boolean): Result<NamedQuestion, GraphQLError> {
  if (!isMap(given)) return err(badRequest("The body must be a JSON object with a query."));
  const { query = null, documentId = null, variables, operationName, extensions } = given;
  if (typeof query !== "string" && (query !== null || documentId === null))
    return err(badRequest("query must be a string."));
  if (typeof documentId !== "string" && documentId !== null) return err(badRequest("documentId must be a string."));
  if (!isMapOrNothing(variables)) return err(badRequest("variables must be an object."));
  if (!isMapOrNothing(extensions)) return err(badRequest("extensions must be an object."));
  if (typeof operationName !== "string" && operationName !== undefined && operationName !== null)
    return err(badRequest("operationName must be a string."));
  if (hasTooLongList(variables))
    return err(badRequest(`A list among the variables has at most ${limits.graphql.listItemsMax} items.`));
  return ok({ query, documentId, variables: variables ?? null, operationName: operationName ?? null, mayChange });
}

/** Walks without recursion: how deep it is nested is the caller's choice. */
function hasTooLongList(given: unknown): boolean {
  const waiting = [given];
  while (waiting.length > 0) {
    const value = waiting.pop();
    if (Array.isArray(value) && value.length > limits.graphql.listItemsMax) return true;
    if (typeof value === "object" && value !== null) for (const inside of Object.values(value)) waiting.push(inside);
  }
  return false;
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isMapOrNothing = (value: unknown): value is Readonly<Record<string, unknown>> | null | undefined =>
  value === undefined || value === null || isMap(value);
