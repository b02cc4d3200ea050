// Serves the ceilings as the product is served: bundled by wrangler, run by the same workerd on Miniflare's direct socket.
import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { inProject, runTool } from "../scripts/project.mjs";

/** @param {{ state: string, vars: Record<string, string> }} options @returns {Promise<import("../scripts/serve.mjs").Server>} */
export async function serveCeilings({ state, vars }) {
  const bundle = resolve(state, "bundle");
  const config = inProject("bench", "ceilings", "wrangler.toml");
  const built = runTool("wrangler", ["deploy", "--dry-run", "--config", config, "--outdir", bundle], "quiet");
  if (!built.ok) throw new Error(`The ceilings do not compile.\n${built.output}`);

  const { Miniflare, convertV4MiniflareOptions, Log, LogLevel } = runtime();
  const resourcePersistencePath = resolve(state, "v3");
  mkdirSync(resourcePersistencePath, { recursive: true });
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...(await workerOptions(config)),
      name: "ceilings",
      modules: readdirSync(bundle)
        .filter((name) => name.endsWith(".js"))
        .map((name) => ({ type: "ESModule", path: join(bundle, name) })),
      modulesRoot: bundle,
      bindings: vars,
      resourcePersistencePath,
      cf: false,
      log: new Log(LogLevel.WARN),
      unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    }),
  );
  await miniflare.ready;
  const { origin } = await miniflare.unsafeGetDirectURL("ceilings");
  return { url: origin, vars, stop: () => miniflare.dispose() };
}

/** Wrangler's Miniflare and its workerd, so that both sides run on the same. */
function runtime() {
  const fromWrangler = createRequire(createRequire(import.meta.url).resolve("wrangler/package.json"));
  process.env.HUOMA_WORKERD = createRequire(fromWrangler.resolve("miniflare"))("workerd").default;
  process.env.MINIFLARE_WORKERD_PATH = inProject("scripts", "workerd.sh");
  return fromWrangler("miniflare");
}

/** @param {string} config */
async function workerOptions(config) {
  process.env.WRANGLER_LOG ??= "error";
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import("wrangler");
  const {
    modulesRules: _,
    bindings: __,
    rootPath: ___,
    ...options
  } = unstable_getMiniflareWorkerOptions(unstable_readConfig({ config })).workerOptions;
  return options;
}
