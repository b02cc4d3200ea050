/**
 * `/graphql`: GraphQL over HTTP. Loaded by the first request that asks, so that phones never wait for it. The server in it is made once per isolate;
 * what a request brings (who asks, in which language, with which key) is its context.
 */
import { limits } from "../core/limits.ts";
import { authenticate } from "../resolvers/authenticate.ts";
import type { Deps } from "../resolvers/deps.ts";
import type { Borrowed, GraphContext } from "./context.ts";
import { yoga } from "./yoga.ts";

/** Answers, whatever comes: a fault inside is logged and told as nothing but that. */
export async function graphqlHandler(request: Request, deps: Deps, borrowed: Borrowed): Promise<Response> {
  const refused = refusalOf(request, deps);
  if (refused) return refused;
  const bounded = await withinBounds(request);
  if (bounded instanceof Response) return bounded;
  const caller = await authenticate(deps, request.headers.get("authorization"));
  if (!caller.ok)
    return errorResponse(401, "UNAUTHENTICATED", "This key is unknown, expired or revoked.", {
      "www-authenticate": "Bearer",
    });
  const context: GraphContext = {
    ...borrowed,
    deps,
    caller: caller.value,
    acceptLanguage: request.headers.get("accept-language"),
    idempotencyKey: request.headers.get("idempotency-key"),
  };
  const response = await yoga(deps.local).fetch(bounded, context);
  response.headers.set("cache-control", "no-store");
  return response;
}

/** Browsers send such a header only after asking (CORS preflight), so a link or a form of somebody else's page cannot carry it. */
const csrfHeaders = ["x-csrf", "x-graphql-yoga-csrf", "apollo-require-preflight", "graphql-require-preflight"];

function refusalOf({ method, headers, url }: Request, { local }: Deps): Response | null {
  if (new URL(url).searchParams.has("access_token"))
    return errorResponse(400, "BAD_REQUEST", "A key belongs into the Authorization header, never into an address.");
  switch (method) {
    case "OPTIONS":
      return null;
    case "POST":
      return isJson(headers) ? null : errorResponse(415, "UNSUPPORTED_MEDIA_TYPE", "Send application/json.");
    case "GET":
      if (headers.get("accept")?.includes("text/html"))
        return local ? null : errorResponse(406, "NOT_ACCEPTABLE", "There is nothing to look at here.");
      return csrfHeaders.some((name) => headers.has(name))
        ? null
        : errorResponse(400, "BAD_REQUEST", `A GET needs one of the headers ${csrfHeaders.join(", ")}.`);
    default:
      return errorResponse(405, "METHOD_NOT_ALLOWED", "POST, or GET for queries.", { allow: "GET, POST, OPTIONS" });
  }
}

const isJson = (headers: Headers): boolean =>
  /^application\/(?:json|graphql\+json)\s*(?:;|$)/i.test(headers.get("content-type") ?? "");

/** The request with a body that is known to be small. A length that is declared is kept by the platform; one that is not is counted. */
async function withinBounds(request: Request): Promise<Request | Response> {
  if (request.body === null) return request;
  const tooLarge = () => errorResponse(413, "TOO_LARGE", `A request has at most ${limits.graphqlBodyBytesMax} bytes.`);
  const declared = request.headers.get("content-length");
  if (declared !== null) return Number(declared) > limits.graphqlBodyBytesMax ? tooLarge() : request;
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of request.body as ReadableStream<Uint8Array<ArrayBuffer>>) {
    length += chunk.byteLength;
    if (length > limits.graphqlBodyBytesMax) return tooLarge();
    chunks.push(chunk);
  }
  return new Request(request.url, { method: request.method, headers: request.headers, body: new Blob(chunks) });
}

function errorResponse(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(
    { errors: [{ message, extensions: { code } }] },
    { status, headers: { ...headers, "cache-control": "no-store" } },
  );
}
