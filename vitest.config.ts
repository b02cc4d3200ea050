import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

// Pure logic runs in plain Node, the Durable Objects, D1 and the doors inside workerd, whole pages in Chromium.
// Loading a worker test file costs seconds, so prefer few and long ones; storage is isolated per file, not per test.
const migrations = existsSync("migrations") ? await readD1Migrations("migrations") : [];

// `.dev.vars` is a developer's own; tests see the same values on every machine. Wrangler looks for them in the environment.
const vars = parseEnv(readFileSync(".dev.vars.example", "utf8"));
Object.assign(process.env, vars);

export default defineConfig({
  test: {
    // Two cores are the common case; a third workerd only makes all of them slow.
    maxWorkers: 2,
    projects: [
      {
        // The simulation runs the objects' classes in plain Node.
        resolve: {
          alias: { "cloudflare:workers": join(import.meta.dirname, "test/simulation/cloudflare-workers.ts") },
        },
        test: {
          name: "unit",
          environment: "node",
          include: [
            "test/unit/**/*.test.{ts,tsx}",
            "test/simulation/**/*.test.ts",
            "test/architecture.test.ts",
            "src/**/*.test.{ts,tsx}",
          ],
        },
      },
      {
        plugins: [
          cloudflareTest({
            remoteBindings: false,
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { ...vars, TEST_MIGRATIONS: migrations } },
          }),
        ],
        test: {
          name: "workers",
          include: ["test/workers/**/*.test.{ts,tsx}", "test/story.test.ts"],
          setupFiles: ["test/setup.ts"],
          // The first test of a file also pays for loading the Worker.
          testTimeout: 30_000,
          hookTimeout: 30_000,
          deps: {
            optimizer: {
              ssr: {
                enabled: true,
                include: ["graphql", "@pothos/core", "@pothos/plugin-scope-auth", "hono", "hono/jsx", "qrcode-svg"],
                // qrcode-svg asks for "fs" when it is loaded, and never uses it here.
                rolldownOptions: { external: [/^cloudflare:/, /^node:/, "fs"] },
              },
            },
          },
        },
      },
      {
        test: {
          name: "system",
          environment: "node",
          include: ["test/system/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.{ts,mjs}"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
