// Fails when the tables have changed and no migration says so. Generates into a copy, so that nothing is written here.
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inProject, runTool } from "./project.mjs";

const copy = mkdtempSync(join(tmpdir(), "huoma-migrations-"));
try {
  if (existsSync(inProject("migrations"))) cpSync(inProject("migrations"), copy, { recursive: true });
  const before = readdirSync(copy).length;
  const flags = ["--dialect=sqlite", "--schema=./src/db/tables.ts", `--out=${copy}`];
  const { ok, output } = runTool("drizzle-kit", ["generate", ...flags], "quiet");
  if (!ok || readdirSync(copy).length !== before) {
    console.error(`${output}\nThe tables differ from the migrations. Run: npm run generate:migrations`);
    process.exitCode = 1;
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
