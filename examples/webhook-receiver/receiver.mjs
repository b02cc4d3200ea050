// Hears webhooks: verifies the raw bytes, does nothing twice, and hands each order's events on one after the other.
import { Webhook } from "standardwebhooks";

/**
 * A listener for `createServer` of node:http. `seen` belongs on disk, in the transaction that does the work.
 * @typedef {{ id: string, type: string, timestamp: string, data: { orderId?: string, sequence?: number } }} Received
 * @param {{ secret: string, handle: (event: Received) => void | Promise<void>, seen?: Set<string> }} options
 * @returns {(...call: Parameters<import("node:http").RequestListener>) => Promise<void>}
 */
export function receiver({ secret, handle, seen = new Set() }) {
  const webhook = new Webhook(secret);
  /** The last work of each order. @type {Map<string, Promise<void>>} */
  const lanes = new Map();

  return async (request, response) => {
    const answer = (/** @type {number} */ status) => void response.writeHead(status).end();
    try {
      let body = Buffer.alloc(0);
      for await (const chunk of request)
        if ((body = Buffer.concat([body, chunk])).length > 1_000_000) return answer(413);
      // Throws when it is not signed with our secret, or is older than five minutes.
      const said = webhook.verify(body, /** @type {Record<string, string>} */ (request.headers));
      const event = { .../** @type {Received} */ (said), id: String(request.headers["webhook-id"]) };
      const lane = event.data.orderId ?? event.id;
      const work = (lanes.get(lane) ?? Promise.resolve()).then(async () => {
        // Each event comes at least once: what is known already is only acknowledged.
        if (!seen.has(event.id)) await handle(event);
        seen.add(event.id);
      });
      const ended = work.catch(() => {}).finally(() => lanes.get(lane) === ended && lanes.delete(lane));
      lanes.set(lane, ended);
      // When the work fails, the event comes again.
      answer(await work.then(() => 204).catch(() => 500));
    } catch {
      answer(401);
    }
  };
}
