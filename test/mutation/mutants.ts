/**
 * All mutants of the core and all of its tests as one script, compiled once. Run anew for each mutant, which takes some milliseconds, it
 * has fresh modules throughout, so that what is computed when they are loaded is mutated too.
 */
import { createRequire } from "node:module";
import { globSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { Script } from "node:vm";
import { Instrumenter } from "@stryker-mutator/instrumenter";
import { build } from "esbuild";
import { expect } from "vitest";

export type Mutant = {
  readonly id: number;
  readonly file: string;
  readonly line: number;
  readonly mutator: string;
  readonly replacement: string;
};
export type Test = { readonly name: string; readonly file: string; readonly body: () => unknown };
/** Loads core and tests with one mutant alive; null: none. `covered` is told which mutants' places are passed. */
export type Load = (mutant: number | null, covered: ((ids: readonly number[]) => void) | null) => readonly Test[];

/** A mutant that one test, or the loading of all of them, passes so often stays in a loop for ever. */
const passesPerRunMax = 300_000;

/**
 * No test of the core passes by them; they are held where they are used: declarations of what partners are told against what is really sent
 * (`test/workers/event-catalogue.test.ts`), printed amounts on the pages and in the graph (`test/unit/edge-page.test.ts`, `test/workers/graph.test.ts`).
 */
const heldElsewhere: readonly string[] = ["event-catalogue.ts", "event-schema.ts", "money-text.ts"];

export async function mutants(): Promise<{ readonly all: readonly Mutant[]; readonly load: Load }> {
  const nobody = new Proxy({}, { get: (_, name) => () => !String(name).startsWith("is") });
  const instrumenter = new Instrumenter(nobody as never);
  const sources = globSync("src/core/*.ts").toSorted();
  const instrumented = await instrumenter.instrument(
    sources.map((name) => ({
      name: resolve(name),
      content: readFileSync(name, "utf8"),
      mutate: !heldElsewhere.includes(basename(name)),
    })),
    { plugins: null, excludedMutations: [], ignorers: [], noHeader: false },
  );
  const all = instrumented.mutants.map(({ id, fileName, location, mutatorName, replacement }): Mutant => ({
    id: Number(id),
    file: basename(fileName),
    line: location.start.line + 1,
    mutator: mutatorName,
    replacement: replacement.replaceAll(/\s+/g, " "),
  }));
  const text = await bundled(new Map(instrumented.files.map(({ name, content }) => [name, content])));
  const [plain, covering] = [compiled(text, false), compiled(text, true)];
  return { all, load: (mutant, covered) => loaded(covered ? covering : plain, mutant ?? -1, covered) };
}

async function bundled(contents: ReadonlyMap<string, string>): Promise<string> {
  const tests = globSync("test/unit/core/*.test.ts").toSorted();
  const built = await build({
    stdin: {
      contents: tests.map((test) => `inFile("${basename(test)}"); require("./${test}");`).join("\n"),
      resolveDir: process.cwd(),
    },
    bundle: true,
    write: false,
    format: "cjs",
    platform: "node",
    target: "node24",
    external: ["vitest", "fast-check", "node:crypto"],
    plugins: [
      {
        name: "mutants",
        setup: ({ onLoad }) =>
          onLoad({ filter: /src\/core\/[^/]+\.ts$/ }, ({ path }) => ({
            contents: contents.get(path) ?? "",
            loader: "ts",
          })),
      },
    ],
  });
  return built.outputFiles[0]?.text ?? "";
}

type Run = (
  require: (name: string) => unknown,
  inFile: (file: string) => void,
  mutant: number,
  passed: () => true,
  covered: ((...ids: readonly number[]) => void) | null,
) => void;

/** The instrumenter's own switches are made for any program; these are a comparison of numbers. */
function compiled(text: string, isCovering: boolean): Run {
  const switched = text
    .replaceAll(/stryMutAct_9fa48\d*\("(\d+)"\)/g, "(mutant === $1 && passed())")
    .replaceAll(/stryCov_9fa48\d*\(((?:"\d+",?\s*)+)\)/g, (_, ids: string) =>
      isCovering ? `covered(${ids.replaceAll('"', "")})` : "0",
    );
  const script = new Script(
    `(function (require, inFile, mutant, passed, covered) { const module = {}; ${switched}\n})`,
  );
  return script.runInThisContext() as Run;
}

const installed = createRequire(import.meta.url);

/** What vitest offers to the core's tests, which need no more of it. */
function loaded(run: Run, mutant: number, covered: ((ids: readonly number[]) => void) | null): readonly Test[] {
  const tests: Test[] = [];
  const path: string[] = [];
  let file = "";
  let passesLeft = passesPerRunMax;
  const describe = (name: string, body: () => void): void => {
    path.push(name);
    body();
    path.pop();
  };
  const add = (name: string, body: () => unknown): void => {
    const counted = (): unknown => {
      passesLeft = passesPerRunMax * Number(process.env["FC_RUNS"]);
      return body();
    };
    tests.push({ name: [file, ...path, name].join(" › "), file, body: counted });
  };
  const each = (rows: readonly unknown[]) => (name: string, body: (...row: unknown[]) => unknown) =>
    rows.forEach((row, index) =>
      add(`${name} #${index}`, () => (Array.isArray(row) ? body(...(row as unknown[])) : body(row))),
    );
  const it = Object.assign(add, { each });
  const vitest = { describe, it, test: it, expect };
  const passed = (): true => {
    passesLeft -= 1;
    if (passesLeft < 0) throw new Error("an endless loop");
    return true;
  };
  run(
    (name) => (name === "vitest" ? vitest : (installed(name) as unknown)),
    (name) => (file = name),
    mutant,
    passed,
    covered && ((...ids) => covered(ids)),
  );
  return tests;
}
