// Prints the graph to src/schema/schema.graphql, so that a reviewer reads the change of the API before that of the code.
// With --check it writes nothing, and fails when the file is not what the code says.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { lexicographicSortSchema, printSchema } from "graphql";
import { inProject } from "./project.mjs";

const printed = inProject("src", "schema", "schema.graphql");

/** The schema is built in Node, where the platform's own modules do not exist; nothing of them is called for printing. */
/** @type {import("esbuild").Plugin} */
const platformStub = {
  name: "platform-stub",
  setup(build) {
    build.onResolve({ filter: /^cloudflare:/ }, ({ path }) => ({ path, namespace: "platform-stub" }));
    build.onLoad({ filter: /.*/, namespace: "platform-stub" }, () => ({
      contents: `export class DurableObject {}; export class WorkerEntrypoint {}; export class RpcTarget {}
        export const env = {}; export const exports = {}; export const waitUntil = () => {};`,
    }));
  },
};

/** Packages stay outside the bundle, so that this script and the schema share one copy of graphql. */
async function loadSchema() {
  const esbuild = createRequire(createRequire(import.meta.url).resolve("wrangler/package.json"))("esbuild");
  mkdirSync(inProject("dist"), { recursive: true });
  const outfile = inProject("dist", `schema-${process.pid}.mjs`);
  try {
    await esbuild.build({
      entryPoints: [inProject("src", "schema", "index.ts")],
      outfile,
      bundle: true,
      format: "esm",
      platform: "node",
      packages: "external",
      plugins: [platformStub],
      logLevel: "error",
    });
    const { schema } = await import(outfile);
    return schema();
  } finally {
    rmSync(outfile, { force: true });
  }
}

const text = `${printSchema(lexicographicSortSchema(await loadSchema()))}\n`;
if (!process.argv.includes("--check")) {
  writeFileSync(printed, text);
} else if (!existsSync(printed) || readFileSync(printed, "utf8") !== text) {
  console.error("src/schema/schema.graphql is not what the code says. Run: npm run schema");
  process.exitCode = 1;
}
