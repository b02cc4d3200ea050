/**
 * `GET /c/:slug/events`: what the live code tells its watchers, as server-sent events. The Worker holds the stream and listens to the object
 * over a socket that hibernates, so a page left open keeps no object awake. A stream has a bounded life; the browser asks again by itself.
 */
import { limits } from "../core/limits.ts";
import type { Deps } from "../resolvers/deps.ts";
import { notFound } from "./not-found.ts";
import { unavailable } from "./unavailable.ts";

export async function eventsDoor(request: Request, slug: string, deps: Deps): Promise<Response> {
  const key = deps.keys.orderOfSlug(slug);
  if (key === null) return notFound();
  try {
    const { status, webSocket } = await deps
      .liveCode(key)
      .fetch(new Request("https://live-code/", { headers: { upgrade: "websocket" } }));
    if (status === 404) return notFound();
    if (!webSocket) throw new Error(`a live code answered ${status} without a socket`);
    return new Response(stream(webSocket, request.signal), {
      headers: {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
      },
    });
  } catch (fault) {
    return unavailable("watching a live code", key, fault);
  }
}

function stream(socket: WebSocket, gone: AbortSignal): ReadableStream<Uint8Array> {
  const text = new TextEncoder();
  let release = (): void => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const end = (): void => {
          release();
          try {
            controller.close();
          } catch {
            // The client was faster.
          }
        };
        // A client that reads too slowly is let go, and sees the present when it comes back.
        const send = (block: string): void => {
          if ((controller.desiredSize ?? 0) <= 0) end();
          else controller.enqueue(text.encode(`${block}\n\n`));
        };
        // Proxies drop what is silent for a minute; a write is also how a client that is gone is noticed.
        const keepAlive = setInterval(() => send(":"), limits.watchKeepAliveMs);
        const life = setTimeout(end, limits.watchStreamLifeMs);
        release = () => {
          release = () => {};
          clearInterval(keepAlive);
          clearTimeout(life);
          socket.close();
        };
        socket.accept();
        send(`retry: ${limits.watchReconnectMs}`);
        socket.addEventListener("message", ({ data }) => send(`data: ${String(data)}`));
        socket.addEventListener("close", end);
        socket.addEventListener("error", end);
        gone.addEventListener("abort", end);
      },
      cancel: () => release(),
    },
    { highWaterMark: limits.watchWaitingMax },
  );
}
