/**
 * Answers as server-sent events, in the "distinct connections mode" that graphql-sse and urql speak (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md). A
 * subscription is the same as over a WebSocket: the Worker holds the stream, and listens to the feed over a socket that hibernates, so no object is kept awake.
 */
import { limits } from "../core/limits.ts";
import type { Question } from "./question.ts";

const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "access-control-allow-origin": "*",
};
const text = new TextEncoder();
const block = (event: string, data: string): Uint8Array => text.encode(`event: ${event}\ndata: ${data}\n\n`);

/** Of a question that has one answer. */
export const onlyAnswer = (told: unknown): Response =>
  new Response(`event: next\ndata: ${JSON.stringify(told)}\n\nevent: complete\ndata: \n\n`, { headers });

type FromFeed = { readonly type: string; readonly payload?: unknown };

/** `feed` is open; what is asked goes to it. */
export function watching(feed: WebSocket, { query, variables, operationName }: Question, gone: AbortSignal): Response {
  let release = (): void => {};
  const stream = new ReadableStream<Uint8Array>(
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
        // A client that reads too slowly is let go: it resumes after the last event it has.
        const send = (bytes: Uint8Array): void => {
          if ((controller.desiredSize ?? 0) <= 0) end();
          else controller.enqueue(bytes);
        };
        // Proxies drop what is silent for a minute; a write is also how a client that is gone is noticed.
        const keepAlive = setInterval(() => send(text.encode(":\n\n")), limits.watchKeepAliveMs);
        release = () => {
          release = () => {};
          clearInterval(keepAlive);
          feed.close(1000, "");
        };
        feed.accept();
        feed.addEventListener("message", ({ data }) => {
          const { type, payload } = JSON.parse(String(data)) as FromFeed;
          if (type === "next") return send(block("next", JSON.stringify(payload)));
          if (type === "error") send(block("next", JSON.stringify({ errors: payload })));
          if (type !== "error" && type !== "complete") return;
          send(block("complete", ""));
          return end();
        });
        feed.addEventListener("close", () => {
          send(block("complete", ""));
          end();
        });
        feed.addEventListener("error", end);
        gone.addEventListener("abort", end);
        feed.send(JSON.stringify({ type: "connection_init" }));
        feed.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query, variables, operationName } }));
        send(text.encode(":\n\n"));
      },
      cancel: () => release(),
    },
    { highWaterMark: limits.liveWaitingMax },
  );
  return new Response(stream, { headers });
}
