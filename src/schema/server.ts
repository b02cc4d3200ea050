/**
 * `/graphql`: GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/). This file is the door: what may come in, who it is, and
 * how the answer is written; `documents.ts` and `answer.ts` do the rest.
 */
import { limits } from "../core/limits.ts";
import { authenticate } from "../resolvers/authenticate.ts";
import type { Caller } from "../resolvers/caller.ts";
import type { Deps } from "../resolvers/deps.ts";
import { answer, type Answer } from "./answer.ts";
import { spendOnRequest } from "./budget.ts";
import type { Borrowed } from "./context.ts";
import { documentOf, operationIn } from "./documents.ts";
import { onlyAnswer, watching } from "./event-stream.ts";
import { graphiql } from "./graphiql.ts";
import { readSelection } from "./selection.ts";
import { questionOf, readQuestion, type Question } from "./question.ts";
import { badRequest, refusal, statusOf as statusOfError, unauthenticated } from "./refusals.ts";
import { listenerOf, openFeed, socketDoor } from "./socket.ts";

/** Answers, whatever comes: a fault inside is logged, and told as nothing but that. */
export async function graphqlHandler(request: Request, deps: Deps, borrowed: Borrowed): Promise<Response> {
  const { method, headers } = request;
  if (method === "OPTIONS") return preflight();
  if (method === "GET" && deps.local && headers.get("accept")?.includes("text/html")) return graphiql();
  const type = typeFor(headers.get("accept"));
  try {
    if (headers.get("upgrade") === "websocket") return await socketDoor(request, deps);
    const told = await answered(request, deps, borrowed);
    if (told instanceof Response) return told;
    return wantsEvents(headers.get("accept")) && !told.errors ? onlyAnswer(told) : written(told, type);
  } catch (fault) {
    console.error("the graph", fault);
    return written({ errors: [refusal("INTERNAL_SERVER_ERROR", "Unexpected error.", 500)] }, type);
  }
}

/** A response where the answer is a stream. */
async function answered(request: Request, deps: Deps, borrowed: Borrowed): Promise<Answer | Response> {
  const { headers } = request;
  const refused = refusalOf(request);
  if (refused) return { errors: [refused] };
  const asked = await readQuestion(request);
  if (!asked.ok) return { errors: [asked.error] };
  const caller = await authenticate(deps, headers.get("authorization"));
  if (!caller.ok) return { errors: [unauthenticated("This key is unknown, expired or revoked.")] };
  const budget = spendOnRequest({ deps, caller: caller.value }, asked.value.query);
  if (!budget.ok) return { errors: [budget.error] };
  const question = await questionOf(deps, caller.value, asked.value);
  if (!question.ok) return { errors: [question.error] };
  if (headers.get("accept")?.includes(eventStream) && isSubscription(question.value))
    return watched(request, question.value, deps, caller.value);
  return answer(question.value, {
    ...borrowed,
    deps,
    caller: caller.value,
    acceptLanguage: headers.get("accept-language"),
    idempotencyKey: headers.get("idempotency-key"),
    readSelection,
    notes: { idempotency: [], bookmark: headers.get("huoma-bookmark"), changes: [], stale: [] },
  });
}

const eventStream = "text/event-stream";
/** Clients that understand JSON too get that for whatever has one answer. */
const wantsEvents = (accept: string | null): boolean =>
  accept !== null && accept.includes(eventStream) && !/json|\*\/\*/.test(accept);

function isSubscription({ query, operationName }: Question): boolean {
  const known = documentOf(query);
  return known.ok && operationIn(known.value, operationName)?.operation === "subscription";
}

async function watched(request: Request, question: Question, deps: Deps, caller: Caller): Promise<Answer | Response> {
  if (caller.kind !== "merchant") return { errors: [unauthenticated()] };
  const { headers, signal } = request;
  const listener = { ...listenerOf(deps, caller, headers.get("accept-language")), streams: true };
  const { webSocket } = await openFeed(deps, listener);
  if (!webSocket) return { errors: [refusal("BUSY", "Too many listen to this merchant: try again later.", 503)] };
  return watching(webSocket, question, { gone: signal, lastEventId: headers.get("last-event-id") });
}

/** Browsers send such a header only after asking (CORS preflight), so a link or a form on somebody else's page cannot carry it. */
const csrfHeaders = ["x-csrf", "apollo-require-preflight", "graphql-require-preflight", "x-graphql-yoga-csrf"];

function refusalOf({ method, headers }: Request) {
  switch (method) {
    case "POST":
      return isJson(headers.get("content-type"))
        ? null
        : refusal("UNSUPPORTED_MEDIA_TYPE", "Send application/json.", 415);
    case "GET":
      return csrfHeaders.some((name) => headers.has(name))
        ? null
        : badRequest(`A GET needs one of the headers ${csrfHeaders.join(", ")}.`);
    default:
      return refusal("METHOD_NOT_ALLOWED", "POST, or GET for queries.", 405);
  }
}

const isJson = (type: string | null): boolean => type !== null && /^application\/json\s*(?:;|$)/i.test(type);

type MediaType = "application/json" | "application/graphql-response+json";

/** The newer type only for those who name it: older clients understand nothing else than the older one. */
const typeFor = (accept: string | null): MediaType =>
  accept?.includes("application/graphql-response+json") ? "application/graphql-response+json" : "application/json";

/** Anybody's page may ask, with a key of its own: nothing here rests on cookies. */
const cors = { "access-control-allow-origin": "*" };

const preflight = (): Response =>
  new Response(null, {
    status: 204,
    headers: {
      ...cors,
      "access-control-allow-methods": "GET, POST",
      "access-control-allow-headers": `authorization, content-type, accept-language, idempotency-key, huoma-bookmark, last-event-id, ${csrfHeaders.join(", ")}`,
      "access-control-max-age": String(limits.corsAgeSeconds),
    },
  });

function written(told: Answer, type: MediaType): Response {
  const status = statusOf(told, type);
  const retryAfter = told.errors?.find(({ extensions }) => "retryAfterSeconds" in extensions)?.extensions;
  return new Response(JSON.stringify(told), {
    status,
    headers: {
      ...cors,
      "access-control-expose-headers": "retry-after",
      "content-type": `${type}; charset=utf-8`,
      "cache-control": "no-store",
      ...(status === 401 && { "www-authenticate": "Bearer" }),
      ...(status === 405 && { allow: "POST" }),
      ...(retryAfter && { "retry-after": String(retryAfter["retryAfterSeconds"]) }),
    },
  });
}

/**
 * An answer with anything in it is an answer. Of one without, the errors say the status; those that are about the document alone are 200 in the
 * older type, as its clients expect.
 */
function statusOf({ data, errors }: Answer, type: MediaType): number {
  if (!errors || (data && Object.values(data).some((value) => value !== null))) return 200;
  const statuses = errors.map(statusOfError).filter((status) => status !== undefined);
  if (statuses.length > 0) return Math.max(...statuses);
  return type === "application/json" || data !== undefined ? 200 : 400;
}
