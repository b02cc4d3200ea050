// Partners who hear webhooks, in a process of its own and as cheap as possible, so that the sender is what is measured. Tells its ports over IPC.
import { createServer } from "node:net";

/**
 * @typedef {object} Arrived
 * @property {string} id the event's
 * @property {number} lagMs from the commit, as the event says it, to here
 *
 * @typedef {"sound" | "failing" | "hanging"} Manner
 */

const answers = {
  sound: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
  failing: "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n",
  hanging: "",
};

/** @type {Arrived[]} */
let arrived = [];
let counted = 0;
let awaited = Infinity;

/** @param {string} head @param {string} body */
function note(head, body) {
  counted += 1;
  const [, id = ""] = /\r\nwebhook-id: (\S+)/i.exec(head) ?? [];
  const [, at] = /"timestamp":"([^"]+)"/.exec(body) ?? [];
  arrived.push({ id, lagMs: at ? Date.now() - Date.parse(at) : 0 });
  if (counted === awaited) process.send?.({ counted, at: performance.now() });
}

/** @param {Manner} manner */
const partner = (manner) =>
  createServer((socket) => {
    let received = "";
    socket.setNoDelay(true);
    socket.setEncoding("latin1");
    socket.on("error", () => socket.destroy());
    socket.on("data", (chunk) => {
      received += String(chunk);
      for (;;) {
        const headEnd = received.indexOf("\r\n\r\n");
        if (headEnd < 0) return;
        const head = received.slice(0, headEnd);
        const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
        const end = headEnd + 4 + length;
        if (received.length < end) return;
        if (manner === "sound") note(head, received.slice(headEnd + 4, end));
        received = received.slice(end);
        if (answers[manner]) socket.write(answers[manner]);
      }
    });
  });

/** @param {Manner} manner @returns {Promise<string>} */
const listen = (manner) =>
  new Promise((resolve) => {
    const server = partner(manner).listen(0, "127.0.0.1", () => {
      const address = /** @type {import("node:net").AddressInfo} */ (server.address());
      resolve(`http://127.0.0.1:${address.port}/hook`);
    });
  });

process.on("message", (/** @type {{ expect?: number, take?: true }} */ { expect, take }) => {
  if (expect !== undefined) {
    counted = 0;
    awaited = expect;
  }
  if (take) {
    process.send?.({ arrived });
    arrived = [];
  }
});
process.on("disconnect", () => process.exit(0));

process.send?.({ sound: await listen("sound"), failing: await listen("failing"), hanging: await listen("hanging") });
