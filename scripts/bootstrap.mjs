// Makes a fresh clone able to run: installs what the lockfile names and this folder lacks. Runs on Node 20 with nothing installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { bundledNode, inProject, root, toolEnvironment } from "./project.mjs";

/** Installs if need be; ends the process when that fails, as nothing else can be done. */
export function installWhatIsMissing() {
  if (isInstalled()) return;
  console.log("Installing what is missing …");
  const npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  const [command, ...args] = [...npm, "ci", "--include=dev", "--loglevel=error"];
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status === 0 && existsSync(bundledNode)) return;
  console.error(
    "`npm ci` did not install the tools. Its output above says why; npm must be allowed to run install scripts.",
  );
  process.exit(1);
}

/** Whether every package of the lockfile is there in its version; packages for other machines may be absent. */
function isInstalled() {
  if (!existsSync(bundledNode)) return false;
  const wanted = packagesOf(inProject("package-lock.json"));
  const present = packagesOf(inProject("node_modules", ".package-lock.json"));
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === "" || optional || present[path]?.version === version,
  );
}

/** @param {string} lockfile @returns {Record<string, { version: string, optional?: boolean }>} */
function packagesOf(lockfile) {
  return existsSync(lockfile) ? JSON.parse(readFileSync(lockfile, "utf8")).packages : {};
}

/**
 * Runs a script under the bundled Node and becomes one with it: it gets our signals, we take its exit code, and neither
 * outlives the other, not even when one of us, or the npm that runs us, is killed by SIGKILL.
 * @param {string} script path in the project
 * @param {string[]} args
 */
export function becomeBundledNode(script, args) {
  // The script sees the channel close when this process is gone.
  const child = spawn(bundledNode, [inProject(script), ...args], {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: toolEnvironment(),
  });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => child.kill(signal));
  child.on("exit", (code) => process.exit(code ?? 1));
  if (process.env.npm_lifecycle_event) whenOrphaned(() => child.kill("SIGTERM"));
}

/**
 * npm puts a shell between itself and a script, so the death of either is to be noticed.
 * @param {() => void} act
 */
function whenOrphaned(act) {
  const shell = process.ppid;
  const npm = parentOf(shell);
  const watch = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return;
    clearInterval(watch);
    act();
  }, 250);
}

/** The parent's id, where the system keeps /proc; else always undefined. @param {number} pid */
function parentOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1];
  } catch {
    return undefined;
  }
}
