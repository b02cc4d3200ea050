// Runs vitest and counts, so that every door (`npm test`, `npm run check`, .ci/run) ends with the same true line.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runTool } from "./project.mjs";

/**
 * @param {string[]} projects of vitest.config.ts
 * @param {string[]} [more] arguments for vitest, such as a file
 * @returns {{ passed: number, failed: number }} a file that could not be run at all counts as one failure
 */
export function runTests(projects, more = []) {
  const folder = mkdtempSync(join(tmpdir(), "huoma-tests-"));
  const report = join(folder, "report.json");
  try {
    const { ok } = runTool("vitest", [
      "run",
      ...projects.map((name) => `--project=${name}`),
      "--passWithNoTests",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...more,
    ]);
    /** @type {{ numPassedTests?: number, numFailedTests?: number, testResults?: { status: string, assertionResults: unknown[] }[] }} */
    const told = existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : {};
    const { numPassedTests: passed = 0, numFailedTests = 0, testResults = [] } = told;
    const unrunFiles = testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
    const failed = numFailedTests + unrunFiles.length;
    return { passed, failed: ok ? failed : Math.max(failed, 1) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Says the result and sets the exit code. @param {{ passed: number, failed: number }} result */
export function conclude({ passed, failed }) {
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
