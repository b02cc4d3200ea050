// `npm run check`: everything a commit must hold, cheapest first. With --browser also the tests that need Chromium.
// Every step runs even when one before it failed, so that one run tells all. The last line counts tests; a failed step counts as one.
import { installWhatIsMissing } from "./bootstrap.mjs";
import { runTool } from "./project.mjs";
import { conclude, runTests } from "./run-tests.mjs";

/** @type {[string, string, string[]][]} */
const steps = [
  ["format", "oxfmt", ["--check"]],
  ["lint", "oxlint", []],
  ["types", "tsc", []],
  ["types of the scripts", "tsc", ["-p", "scripts"]],
  ["types of the bench", "tsc", ["-p", "bench"]],
  ["types of the browser's scripts", "tsc", ["-p", "src/edge/browser"]],
  ["types of the storm", "tsc", ["-p", "storm"]],
  ["types of the frontend example", "node", ["scripts/frontend-types.mjs", "--check"]],
  ["environment's types are fresh", "wrangler", ["types", "--strict-vars=false", "--check"]],
  ["printed graph is fresh", "node", ["scripts/print-schema.mjs", "--check"]],
  ["migrations are fresh", "node", ["scripts/check-migrations.mjs"]],
  ["bundle is within its budget", "node", ["scripts/check-bundle.mjs"]],
];

installWhatIsMissing();
const failedSteps = steps.filter(([name, tool, args]) => {
  console.log(`\n— ${name}`);
  return !runTool(tool, args).ok;
});
const projects = [["unit", "workers", "system"], ...(process.argv.includes("--browser") ? [["browser"]] : [])];
const runs = projects.map((names) => {
  console.log(`\n— tests: ${names.join(", ")}`);
  return runTests(names);
});
for (const [name] of failedSteps) console.error(`Failed: ${name}`);
conclude({
  passed: runs.reduce((sum, { passed }) => sum + passed, 0),
  failed: runs.reduce((sum, { failed }) => sum + failed, failedSteps.length),
});
