/**
 * `/graphql` as a WebSocket. Who brings a key in a header is handed over to the merchant's feed, whose end of the socket hibernates. A browser cannot: it says
 * who it is in its first message, so the Worker waits for that, opens the feed for it, and from then on carries messages both ways unread.
 */
import { limits } from "../core/limits.ts";
import { listenerHeader, protocolName } from "../durable/live-feed.ts";
import type { Listener } from "../durable/live-graph.ts";
import { authenticate } from "../resolvers/authenticate.ts";
import type { MerchantCaller } from "../resolvers/caller.ts";
import type { Deps } from "../resolvers/deps.ts";

export async function socketDoor(request: Request, deps: Deps): Promise<Response> {
  const { headers } = request;
  const protocols = headers.get("sec-websocket-protocol")?.split(",") ?? [];
  if (!protocols.some((name) => name.trim() === protocolName))
    return new Response(`Speak ${protocolName}.`, { status: 400 });
  const language = headers.get("accept-language");
  const caller = await authenticate(deps, headers.get("authorization"));
  if (!caller.ok || caller.value.kind === "admin") return new Response("This needs an API key.", { status: 401 });
  if (caller.value.kind === "merchant") return openFeed(deps, listenerOf(deps, caller.value, language));
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  introduce(server, deps, language);
  return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": protocolName } });
}

export const listenerOf = ({ origin }: Deps, caller: MerchantCaller, acceptLanguage: string | null): Listener => ({
  merchantId: caller.merchant.id,
  keyId: caller.keyId,
  scopes: [...caller.scopes].toSorted(),
  documents: caller.documents ? [...caller.documents].toSorted() : null,
  // It is kept with the socket, where there is little room.
  acceptLanguage: acceptLanguage?.slice(0, limits.acceptLanguageLengthMax) ?? null,
  origin,
});

/** A socket to the merchant's feed, for somebody who was found to be its listener. */
export const openFeed = (deps: Deps, listener: Listener): Promise<Response> =>
  deps.feed(listener.merchantId).fetch(
    new Request("https://merchant-feed/", {
      headers: { upgrade: "websocket", [listenerHeader]: JSON.stringify(listener) },
    }),
  );

/** Waits for the first message and who it says it is from. */
function introduce(client: WebSocket, deps: Deps, language: string | null): void {
  const timer = setTimeout(() => client.close(4408, "Connection initialisation timeout"), limits.socketInitMs);
  const waiting: string[] = [];
  let feed: WebSocket | null = null;
  let begun = false;
  let gone = false;
  const begin = async (first: string): Promise<void> => {
    clearTimeout(timer);
    const caller = await authenticate(deps, credentialIn(first));
    if (!caller.ok || caller.value.kind !== "merchant") return client.close(4403, "Forbidden");
    const { webSocket } = await openFeed(deps, listenerOf(deps, caller.value, language));
    if (!webSocket) return client.close(tryAgain, "Try again later");
    webSocket.accept();
    if (gone) return webSocket.close(1000, "");
    webSocket.addEventListener("message", ({ data }) => client.send(data as string));
    webSocket.addEventListener("close", ({ code, reason }) => client.close(sendable(code), reason));
    webSocket.addEventListener("error", () => client.close(tryAgain, "Try again later"));
    feed = webSocket;
    for (const message of [first, ...waiting]) webSocket.send(message);
  };
  client.addEventListener("message", ({ data }) => {
    if (typeof data !== "string" || data.length > limits.graphqlBodyBytesMax)
      return client.close(4400, "Invalid message");
    if (feed) return feed.send(data);
    if (begun && waiting.length < limits.subscriptionsPerSocketMax) return void waiting.push(data);
    if (begun) return client.close(4400, "Wait for the acknowledgement");
    begun = true;
    return void begin(data).catch((fault: unknown) => {
      console.error("a socket of the graph", fault);
      client.close(tryAgain, "Try again later");
    });
  });
  client.addEventListener("close", () => {
    gone = true;
    clearTimeout(timer);
    feed?.close(1000, "");
  });
}

/** As the payload of `connection_init` says it; nothing else is an introduction. */
function credentialIn(message: string): string | null {
  try {
    const { type, payload } = JSON.parse(message) as { type?: unknown; payload?: Readonly<Record<string, unknown>> };
    const credential = type === "connection_init" ? (payload?.["authorization"] ?? payload?.["Authorization"]) : null;
    return typeof credential === "string" ? credential : null;
  } catch {
    return null;
  }
}

/** A code after which stock clients come back by themselves; after 1011 they do not. */
const tryAgain = 1013;

/** What the feed says is passed on. Other codes, some of which only say that there was none, mean that the connection to it broke. */
const sendable = (code: number): number => (code === 1000 || code >= 3000 ? code : tryAgain);
