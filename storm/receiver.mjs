// A partner's server: verifies every delivery with the reference library, remembers it, and is itself no better than partners are.
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import { chance } from "./chance.mjs";

/**
 * @typedef {object} Heard an event, by its id
 * @property {string} id
 * @property {number} shop
 * @property {string} orderId
 * @property {number} sequence
 * @property {string} type as webhooks write it
 * @property {string} body of the first delivery
 * @property {number} place among all events that were heard, by their first delivery
 * @property {number} deliveries answered 2xx, or taken without an answer
 *
 * @typedef {object} Receiver
 * @property {(shop: number) => string} urlOf
 * @property {(shop: number, secret: string) => void} trust
 * @property {Map<string, Heard>} heard
 * @property {string[]} complaints about deliveries that must never come
 * @property {{ deliveries: number, spoilt: number }} counts `spoilt`: on purpose
 * @property {() => Promise<void>} close
 */

/** @param {string} seed @returns {Promise<Receiver>} */
export async function openReceiver(seed) {
  const whims = chance(seed, "receiver");
  /** @type {Map<string, Webhook>} */
  const trusted = new Map();
  /** @type {Map<string, Heard>} */
  const heard = new Map();
  /** @type {string[]} */
  const complaints = [];
  /** @type {Set<string>} */
  const seen = new Set();
  const counts = { deliveries: 0, spoilt: 0 };

  const take = (/** @type {string} */ id, /** @type {number} */ shop, /** @type {string} */ body) => {
    const { type, data } = JSON.parse(body);
    const known = heard.get(id);
    if (known && known.body !== body) complaints.push(`${id} came with another body`);
    if (known) known.deliveries += 1;
    else
      heard.set(id, {
        id,
        shop,
        orderId: data.orderId,
        sequence: data.sequence,
        type,
        body,
        place: heard.size,
        deliveries: 1,
      });
  };
  /** What the partner's server does with a delivery, the first time that it sees the event; later it behaves. @param {string} id @param {string} body */
  const moodFor = (id, body) => {
    if (seen.has(id)) return "TAKES";
    seen.add(id);
    const { externalReference, sequence } = JSON.parse(body).data;
    return whims.among(
      `${externalReference} ${sequence}`,
      /** @type {[number, "TAKES" | "IS_DOWN" | "HANGS_UP"][]} */ ([
        [92, "TAKES"],
        [5, "IS_DOWN"],
        [3, "HANGS_UP"],
      ]),
    );
  };
  const server = createServer(async (request, response) => {
    const path = request.url ?? "";
    const id = String(request.headers["webhook-id"]);
    try {
      const body = await text(request);
      counts.deliveries += 1;
      trusted.get(path)?.verify(body, /** @type {Record<string, string>} */ (request.headers));
      const mood = moodFor(id, body);
      if (mood !== "IS_DOWN") take(id, Number(path.slice(1)), body);
      if (mood !== "TAKES") counts.spoilt += 1;
      if (mood === "HANGS_UP") response.destroy();
      else response.writeHead(mood === "IS_DOWN" ? 503 : 204).end();
    } catch (fault) {
      // A delivery that breaks off in the middle comes from a product that was killed; everything else must not happen.
      if (request.complete) complaints.push(`${id} at ${path}: ${String(fault)}`);
      response.destroy();
    }
  });

  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the receiver has no port");
  return {
    urlOf: (shop) => `http://127.0.0.1:${address.port}/${shop}`,
    trust: (shop, secret) => void trusted.set(`/${shop}`, new Webhook(secret)),
    heard,
    complaints,
    counts,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
