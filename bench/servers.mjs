// Starts the servers that are measured, each with its data in a folder that is gone when it ends.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { inProject } from "../scripts/project.mjs";
import { bundledNode } from "../scripts/project.mjs";
import { cpuMsOf, memoryMbOf } from "./cpu.mjs";

/**
 * @typedef {object} Measured
 * @property {string} url
 * @property {Record<string, string>} vars
 * @property {() => number} cpuMs user and system time of the process tree so far
 * @property {() => number} memoryMb resident memory of the process tree now
 * @property {() => Promise<void>} stop also removes the data
 */

/** Each object that is alive costs three descriptors, so the system's usual limit would end the server. */
const withManyDescriptors = 'ulimit -n "$(ulimit -Hn)"; exec "$0" "$@"';

/**
 * @param {"product" | "ceilings"} kind
 * @param {string} folder in which its data may stand
 * @param {Record<string, string>} [vars]
 * @returns {Promise<Measured>} rejects with what the server said when it does not start
 */
export async function startServer(kind, folder, vars = {}) {
  const state = mkdtempSync(join(folder, `huoma-bench-${kind}-`));
  const args = [bundledNode, inProject("bench", "server.mjs"), kind, state, JSON.stringify(vars)];
  const child = spawn("sh", ["-c", withManyDescriptors, ...args], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const ended = once(child, "exit").finally(() => rmSync(state, { recursive: true, force: true, maxRetries: 3 }));
  const refusal = ended.then(([code]) => {
    throw new Error(`The ${kind} ended with code ${code} before serving.`);
  });
  const [{ url, vars: seen }] = await Promise.race([once(child, "message"), refusal]);
  refusal.catch(() => {});
  const pid = /** @type {number} */ (child.pid);
  return {
    url,
    vars: seen,
    cpuMs: () => cpuMsOf(pid),
    memoryMb: () => memoryMbOf(pid),
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
