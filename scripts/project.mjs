// Where things are, and how a program of the project's own toolchain is run. Every other script starts here.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds package.json. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Absolute path of a file of the project. @param {string[]} parts */
export const inProject = (...parts) => join(root, ...parts);

/** The Node that the lockfile pins, whatever `node` means on this machine. */
export const bundledNode = inProject("node_modules", "node", "bin", "node");

/** The environment in which tools run: theirs come first on PATH, and nobody phones home. */
export const toolEnvironment = () => ({
  ...process.env,
  PATH: `${inProject("node_modules", ".bin")}:${process.env.PATH}`,
  WRANGLER_SEND_METRICS: "false",
});

/**
 * Runs one of the project's tools to its end.
 * @param {string} tool a name in node_modules/.bin
 * @param {string[]} args
 * @param {"inherit" | "quiet"} output "quiet" keeps the output for the result
 * @returns {{ ok: boolean, output: string }}
 */
export function runTool(tool, args, output = "inherit") {
  const done = spawnSync(inProject("node_modules", ".bin", tool), args, {
    cwd: root,
    env: toolEnvironment(),
    stdio: output === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.error) throw done.error;
  return { ok: done.status === 0, output: `${done.stdout ?? ""}${done.stderr ?? ""}` };
}
