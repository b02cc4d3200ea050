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
const block = (event: string, data: string, id?: string): Uint8Array =>
  text.encode(`event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${data}\n\n`);
const comment = (said: string): Uint8Array => text.encode(`:${said}\n\n`);

/** Of a question that has one answer. */
export const onlyAnswer = (told: unknown): Response =>
  new Response(`event: next\ndata: ${JSON.stringify(told)}\n\nevent: complete\ndata: \n\n`, { headers });

/** `event`: the id of the event that is told of. */
type FromFeed = { readonly type: string; readonly payload?: unknown; readonly event?: string };

/** As the feed closes the sockets of a key that has ended. */
const forbidden = 4403;

/**
 * `feed` is open; what is asked goes to it. `lastEventId`: as the header of a client that comes back. Only a subscription that is over is told that it is: whoever's stream breaks off is to
 * come back, and goes on after the last event that it has.
 */
export function watching(
  feed: WebSocket,
  { query, variables, operationName }: Question,
  { gone, lastEventId }: { readonly gone: AbortSignal; readonly lastEventId: string | null },
): Response {
  let release = (): void => {};
  /** The feed sends no more than it was told is read, and is told so when the client has taken what waits here. */
  let answerPing: (() => void) | null = null;
  const say = (message: object): void => feed.send(JSON.stringify(message));
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
        const send = (bytes: Uint8Array): void => {
          try {
            controller.enqueue(bytes);
          } catch {
            release();
          }
        };
        const hasRoom = (): boolean => (controller.desiredSize ?? 0) > 0;
        // Proxies drop what is silent for a minute; a write is also how a client that is gone is noticed.
        const keepAlive = setInterval(() => hasRoom() && send(comment("")), limits.watchKeepAliveMs);
        release = () => {
          release = () => {};
          answerPing = null;
          clearInterval(keepAlive);
          feed.close(1000, "");
        };
        const over = (...told: readonly Uint8Array[]): void => {
          for (const bytes of [...told, block("complete", "")]) send(bytes);
          end();
        };
        feed.accept();
        feed.addEventListener("message", ({ data }) => {
          const { type, payload, event } = JSON.parse(String(data)) as FromFeed;
          switch (type) {
            case "next":
              return send(block("next", JSON.stringify(payload), event));
            case "error":
              return over(block("next", JSON.stringify({ errors: payload })));
            case "complete":
              return over();
            case "ping":
              answerPing = () => say({ type: "pong" });
              return hasRoom() ? answered() : undefined;
          }
        });
        feed.addEventListener("close", ({ code, reason }) => {
          if (code === forbidden) return over(block("next", JSON.stringify({ errors: [endedKey] })));
          if (reason) send(comment(` ${reason}`));
          return end();
        });
        feed.addEventListener("error", end);
        gone.addEventListener("abort", end);
        say({ type: "connection_init" });
        const extensions = lastEventId ? { lastEventId } : undefined;
        say({ id: "1", type: "subscribe", payload: { query, variables, operationName, extensions } });
        send(comment(""));
      },
      pull: () => answered(),
      cancel: () => release(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: limits.liveUnreadBytes }),
  );
  function answered(): void {
    answerPing?.();
    answerPing = null;
  }
  return new Response(stream, { headers });
}

const endedKey = { message: "This key has expired or was revoked.", extensions: { code: "UNAUTHENTICATED" } };
