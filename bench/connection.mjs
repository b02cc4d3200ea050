// One HTTP/1.1 keep-alive connection on a raw socket, one request at a time: Node's own clients cost more than the server that is measured.
import { connect } from "node:net";

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} head status line and headers
 * @property {string} body
 */

const headEnd = "\r\n\r\n";

export class Connection {
  #socket;
  #received = "";
  /** @type {PromiseWithResolvers<Answer> | undefined} */
  #awaited;

  /** @param {import("node:net").Socket} socket */
  constructor(socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    // Lengths are in bytes, so text is decoded only when it is read.
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => this.#receive(String(chunk)));
    socket.on("error", (fault) => this.#fail(fault));
    socket.on("close", () => this.#fail(new Error("The server closed the connection.")));
  }

  /** @param {string} url its host and port count @returns {Promise<Connection>} */
  static open(url) {
    const { hostname, port } = new URL(url);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port) });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new Connection(socket));
      });
    });
  }

  /** @param {Buffer} bytes made by `request` @returns {Promise<Answer>} rejects when the connection breaks */
  ask(bytes) {
    this.#awaited = Promise.withResolvers();
    this.#socket.write(bytes);
    return this.#awaited.promise;
  }

  close() {
    this.#awaited = undefined;
    this.#socket.destroy();
  }

  /** @param {string} chunk */
  #receive(chunk) {
    this.#received = this.#received === "" ? chunk : this.#received + chunk;
    const answer = parse(this.#received);
    if (!answer) return;
    this.#received = "";
    this.#awaited?.resolve(answer);
  }

  /** @param {Error} fault */
  #fail(fault) {
    this.#awaited?.reject(fault);
  }
}

/** @param {string} text what has come so far @returns {Answer | undefined} undefined until all of it is there */
function parse(text) {
  const end = text.indexOf(headEnd);
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const status = Number(head.slice(9, 12));
  const body = bodyOf(status, head, text.slice(end + headEnd.length));
  return body === undefined ? undefined : { status, head, body };
}

/** @param {number} status @param {string} head @param {string} rest */
function bodyOf(status, head, rest) {
  if (status === 204 || status === 304) return "";
  const length = header(head, "content-length");
  if (length !== undefined) return rest.length < Number(length) ? undefined : rest;
  return rest.endsWith(`0${headEnd}`) ? unchunk(rest) : undefined;
}

/** @param {string} text chunks that may be complete @returns {string | undefined} */
function unchunk(text) {
  let body = "";
  for (let at = 0; ;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (size === 0) return body;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
  }
}

/** The first value of a header. @param {string} head @param {string} name lower case @returns {string | undefined} */
export function header(head, name) {
  const start = head.toLowerCase().indexOf(`\r\n${name}:`);
  if (start < 0) return undefined;
  const from = start + name.length + 3;
  const to = head.indexOf("\r\n", from);
  return head.slice(from, to < 0 ? undefined : to).trim();
}

/**
 * The bytes of a request, to be made once and sent often.
 * @param {string} method
 * @param {string} path
 * @param {Record<string, string>} headers `host` among them
 * @param {string} [body]
 */
export function request(method, path, headers, body = "") {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = method === "GET" ? "" : `content-length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join("")}${length}\r\n${body}`);
}
