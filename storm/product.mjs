// The product as its operators run it: a process of its own, its data on disk. It is killed as a power cut would, and its database is taken away.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, globSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { bundledNode, inProject, root } from "../scripts/project.mjs";

/**
 * @typedef {object} Product
 * @property {string} url the same over all its lives
 * @property {string} log what it said, in a file
 * @property {() => Promise<void>} start
 * @property {() => Promise<void>} kill the whole process group, workerd included, by SIGKILL
 * @property {() => void} takeDatabase as another process that holds its file would
 * @property {() => void} giveDatabase
 */

/** @param {string} state folder of all its data @returns {Promise<Product>} */
export async function openProduct(state) {
  const port = await freePort();
  const log = join(state, "product.log");
  /** @type {import("node:child_process").ChildProcess | null} */
  let running = null;
  /** @type {DatabaseSync[]} */
  let held = [];

  const kill = async () => {
    const ending = running;
    running = null;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, "exit");
    // A group of its own, so that nothing of it outlives the blow.
    if (ending.pid !== undefined) process.kill(-ending.pid, "SIGKILL");
    await ended;
  };
  const start = async () => {
    running = spawn(bundledNode, [inProject("scripts", "demo.mjs"), "--bare"], {
      cwd: root,
      env: { ...process.env, PORT: String(port), STATE: state },
      // It ends by itself when this process is gone: the channel closes.
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      detached: true,
    });
    await isReady(running, log);
  };
  const giveDatabase = () => {
    for (const database of held) {
      database.exec("ROLLBACK");
      database.close();
    }
    held = [];
  };
  const takeDatabase = () => {
    if (held.length > 0) return;
    held = globSync(join(state, "v3/d1/**/*.sqlite")).map((file) => {
      const database = new DatabaseSync(file, { timeout: 5_000 });
      database.exec("BEGIN EXCLUSIVE");
      return database;
    });
    if (held.length === 0) throw new Error("there is no database file to hold");
  };
  return { url: `http://127.0.0.1:${port}`, log, start, kill, takeDatabase, giveDatabase };
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("there is no port");
  return address.port;
}

/** @param {import("node:child_process").ChildProcess} child @param {string} log */
async function isReady(child, log) {
  const file = createWriteStream(log, { flags: "a" });
  let output = "";
  await new Promise((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (/** @type {Buffer} */ chunk) => {
        file.write(chunk);
        if (output.length < 10_000) output += chunk.toString();
        if (output.includes("Huoma is ready on")) resolve(undefined);
      });
    }
    child.once("exit", () => reject(new Error(`The product ended while starting:\n${output}`)));
  });
}
