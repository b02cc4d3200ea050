// Serves the compiled Worker on this machine with its data on disk. Used by `npm start`, the bench and the browser tests.
// Miniflare wires D1 and the Durable Objects; requests go straight to workerd's own socket, as `wrangler dev` with its
// proxies costs ten times the time of a request. The data has the layout of `wrangler dev --persist-to STATE`.
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseEnv } from "node:util";
import { bundle } from "./bundle.mjs";
import { inProject } from "./project.mjs";

/**
 * @typedef {object} ServeOptions
 * @property {string} state folder of all data; made if absent
 * @property {number} [port] 0, the default, takes a free one
 * @property {string} [host] default 127.0.0.1
 * @property {Record<string, string>} [vars] win over .dev.vars
 *
 * @typedef {object} Server
 * @property {string} url without a slash at the end
 * @property {Record<string, string>} vars what the Worker sees
 * @property {() => Promise<void>} stop
 */

/** How long to wait for a port that a server just killed may still hold. */
const portPatienceMs = 5_000;

/**
 * Compiles if need be, applies the migrations, then listens.
 * @param {ServeOptions} options
 * @returns {Promise<Server>} rejects when the Worker does not compile, a migration fails, or the port stays taken
 */
export async function serve({ state, port = 0, host = "127.0.0.1", vars = {} }) {
  const { modules, worker, vars: defaults, migrations } = await bundle();
  const shared = { resourcePersistencePath: resolve(state, "v3"), cf: false };
  mkdirSync(shared.resourcePersistencePath, { recursive: true });
  await migrate(worker, shared, migrations);

  const bindings = { ...defaults, ...localVars(), ...vars };
  const name = /** @type {string} */ (worker.name);
  const miniflare = await listen({
    ...shared,
    ...worker,
    modules,
    modulesRoot: inProject("dist"),
    bindings,
    unsafeDirectSockets: [{ host, port }],
  });
  const { origin } = await miniflare.unsafeGetDirectURL(name);
  return { url: origin, vars: bindings, stop: () => miniflare.dispose() };
}

/** The values of .dev.vars, which is made from the example on first use. @returns {Record<string, string>} */
export function localVars() {
  const path = inProject(".dev.vars");
  if (!existsSync(path)) copyFileSync(inProject(".dev.vars.example"), path);
  return /** @type {Record<string, string>} */ (parseEnv(readFileSync(path, "utf8")));
}

/** Miniflare is wrangler's, so that there is one workerd; found late, because loading it takes half a second. */
async function runtime() {
  const fromWrangler = createRequire(createRequire(import.meta.url).resolve("wrangler/package.json"));
  const fromMiniflare = createRequire(fromWrangler.resolve("miniflare"));
  process.env.HUOMA_WORKERD = fromMiniflare("workerd").default;
  process.env.MINIFLARE_WORKERD_PATH = inProject("scripts", "workerd.sh");
  return fromWrangler("miniflare");
}

/** @param {Record<string, unknown>} options */
async function start(options) {
  const { Miniflare, convertV4MiniflareOptions, Log, LogLevel } = await runtime();
  const miniflare = new Miniflare(convertV4MiniflareOptions({ log: new Log(LogLevel.WARN), ...options }));
  try {
    await miniflare.ready;
    return miniflare;
  } catch (error) {
    await miniflare.dispose().catch(() => {});
    throw error;
  }
}

/** @param {Record<string, unknown>} options */
async function listen(options) {
  for (const patience = Date.now() + portPatienceMs; ; await sleep(100)) {
    try {
      return await start(options);
    } catch (error) {
      if (/** @type {{ code?: string }} */ (error).code !== "ERR_ADDRESS_IN_USE" || Date.now() > patience) throw error;
    }
  }
}

/**
 * Applies what is missing to each D1 database, in a runtime of its own that answers nobody. The table is wrangler's, so
 * that `wrangler d1 migrations` and this agree on what is done.
 * @param {Record<string, unknown>} worker
 * @param {Record<string, unknown>} shared
 * @param {{ name: string, queries: string[] }[]} migrations
 */
async function migrate({ name, compatibilityDate, d1Databases }, shared, migrations) {
  const miniflare = await start({
    ...shared,
    name,
    compatibilityDate,
    d1Databases,
    modules: true,
    script: "export default {}",
  });
  try {
    for (const binding of Object.keys(/** @type {object} */ (d1Databases))) {
      const db = await miniflare.getD1Database(binding);
      await db
        .prepare(
          `CREATE TABLE IF NOT EXISTS "d1_migrations"(
             id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
             applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
        )
        .run();
      const { results } = await db.prepare(`SELECT name FROM "d1_migrations"`).all();
      const applied = new Set(results.map((/** @type {{ name: string }} */ row) => row.name));
      for (const migration of migrations.filter((each) => !applied.has(each.name))) {
        const done = db.prepare(`INSERT INTO "d1_migrations" (name) VALUES (?)`).bind(migration.name);
        await db.batch([...migration.queries.map((query) => db.prepare(query)), done]);
      }
    }
  } finally {
    await miniflare.dispose();
  }
}
