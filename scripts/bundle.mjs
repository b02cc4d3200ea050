// Compiles the Worker as a deployment would (wrangler bundles and minifies), and remembers it until a source changes.
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { inProject, root, runTool } from "./project.mjs";

/**
 * @typedef {object} Bundle
 * @property {string} folder where wrangler put the Worker
 * @property {{ type: string, path: string }[]} modules the Worker's modules, the main one first
 * @property {Record<string, unknown>} worker bindings and compatibility from wrangler.toml, in Miniflare's words; no values
 * @property {Record<string, string>} vars the [vars] of wrangler.toml
 * @property {{ name: string, queries: string[] }[]} migrations of D1, in order
 */

/** How workerd is to read a file, by the end of its name. @type {Record<string, string>} */
const moduleTypes = {
  ".js": "ESModule",
  ".txt": "Text",
  ".html": "Text",
  ".sql": "Text",
  ".bin": "Data",
  ".wasm": "CompiledWasm",
};

const isFingerprint = /^[0-9a-f]{16}$/;

/** What the bundle is made of: any change to one of these makes another bundle. */
function fingerprint() {
  const hash = createHash("sha256");
  const sources = globSync(["src/**/*.*", "migrations/*.sql"], { cwd: root }).toSorted();
  for (const path of [...sources, "wrangler.toml", "tsconfig.json", "package-lock.json", "scripts/bundle.mjs"]) {
    hash
      .update(`${path}\0`)
      .update(readFileSync(inProject(path)))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

/**
 * The compiled Worker, built first if need be. Two processes may ask at once: each builds aside, and the first to finish wins.
 * @returns {Promise<Bundle>}
 */
export async function bundle() {
  const folder = inProject("dist", fingerprint());
  if (!existsSync(folder)) await build(folder);
  return { folder, ...JSON.parse(readFileSync(join(folder, "bundle.json"), "utf8")) };
}

/** @param {string} folder */
async function build(folder) {
  mkdirSync(inProject("dist"), { recursive: true });
  const aside = inProject("dist", `building-${process.pid}`);
  const wrangler = runTool("wrangler", ["deploy", "--dry-run", "--outdir", aside], "quiet");
  if (!wrangler.ok) {
    rmSync(aside, { recursive: true, force: true });
    throw new Error(`The Worker does not compile.\n${wrangler.output}`);
  }
  writeFileSync(join(aside, "bundle.json"), JSON.stringify(await describe(aside, folder)));
  for (const old of readdirSync(inProject("dist"))) {
    if (isFingerprint.test(old)) rmSync(inProject("dist", old), { recursive: true, force: true });
  }
  try {
    renameSync(aside, folder);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

/**
 * @param {string} aside where the files are now
 * @param {string} folder where they will be
 */
async function describe(aside, folder) {
  process.env.WRANGLER_LOG ??= "error";
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig, unstable_splitSqlQuery } = await import("wrangler");
  const config = unstable_readConfig({ config: inProject("wrangler.toml") });
  const {
    modulesRules: _,
    bindings: __,
    rootPath: ___,
    ...worker
  } = unstable_getMiniflareWorkerOptions(config).workerOptions;
  const modules = readdirSync(aside)
    .flatMap((name) => {
      const type = moduleTypes[name.slice(name.lastIndexOf("."))];
      return type ? [{ type, path: join(folder, name) }] : [];
    })
    .toSorted((a, b) => Number(b.path.endsWith("/index.js")) - Number(a.path.endsWith("/index.js")));
  const migrations = globSync("migrations/*.sql", { cwd: root })
    .toSorted()
    .map((path) => ({
      name: path.slice("migrations/".length),
      queries: unstable_splitSqlQuery(readFileSync(inProject(path), "utf8")),
    }));
  return { modules, worker: { name: config.name, ...worker }, vars: config.vars, migrations };
}
