// Fails when the tables have changed and no migration says so. Generates into a copy, so that nothing is written here.
import { cpSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { inProject, runTool } from "./project.mjs";

// drizzle-kit takes a path inside the project only, and exits with 0 whatever happens: its own words have to be read.
const copy = `dist/migrations-${process.pid}`;
try {
  mkdirSync(inProject(copy), { recursive: true });
  if (existsSync(inProject("migrations"))) cpSync(inProject("migrations"), inProject(copy), { recursive: true });
  const flags = ["--dialect=sqlite", "--schema=./src/db/tables.ts", `--out=./${copy}`];
  const { output } = runTool("drizzle-kit", ["generate", ...flags], "quiet");
  if (!output.includes("No schema changes")) {
    console.error(`${output}\nThe tables differ from the migrations. Run: npm run generate:migrations`);
    process.exitCode = 1;
  }
} finally {
  rmSync(inProject(copy), { recursive: true, force: true });
}
