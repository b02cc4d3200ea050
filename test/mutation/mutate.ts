/**
 * `npm run mutate [-- --file captures.ts]`: lets each mutant of the core live once, under the tests that pass by it, with few runs of their
 * properties first and more if nobody noticed. Prints the score and who survived; exits 1 below 85 %.
 */
import { parseArgs } from "node:util";
import { mutants, type Mutant, type Test } from "./mutants.ts";

const { values } = parseArgs({ options: { file: { type: "string" }, runs: { type: "string", default: "200" } } });
const rounds = [10, Number(values.runs)];
const scoreMin = 85;
process.env["FC_SEED"] ??= "1";

/** Long walks and longest lives take seconds each: a mutant that only they would notice counts as alive. */
const isSlow = ({ file }: Test): boolean => file === "walk.test.ts" || file === "size.test.ts";

const { all, load } = await mutants();
type Known = { readonly passes: Set<number>; took: number; noticed: number };
const known = new Map<string, Known>();
const atLoading = new Set<number>();

process.env["FC_RUNS"] = "100";
let passing = atLoading;
for (const test of load(null, (ids) => ids.forEach((id) => passing.add(id)))) {
  if (isSlow(test)) continue;
  passing = new Set();
  const startedAt = performance.now();
  await test.body();
  known.set(test.name, { passes: passing, took: performance.now() - startedAt, noticed: 0 });
}

type Fate = "noticed" | "endless" | "alive" | "untested";
async function fateOf({ id }: Mutant): Promise<Fate> {
  try {
    const tests = load(id, null).filter((test) => !isSlow(test));
    if (tests.length !== known.size) return "noticed";
    const near = tests.flatMap((test) => {
      const about = known.get(test.name);
      return about && (atLoading.has(id) || about.passes.has(id)) ? [{ test, about }] : [];
    });
    if (near.length === 0) return "untested";
    // Whoever notices most in the least time comes first.
    near.sort((a, b) => (b.about.noticed + 1) / (b.about.took + 1) - (a.about.noticed + 1) / (a.about.took + 1));
    for (const runs of rounds) {
      process.env["FC_RUNS"] = String(runs);
      for (const { test, about } of near) {
        try {
          await test.body();
        } catch (fault) {
          about.noticed += 1;
          return String(fault).includes("an endless loop") ? "endless" : "noticed";
        }
      }
    }
    return "alive";
  } catch {
    return "noticed";
  }
}

const wanted = all.filter(({ file }) => values.file === undefined || file === values.file);
if (wanted.length === 0) throw new Error(`nothing in src/core/${values.file} is mutated`);
const fates = new Map<string, Record<Fate, number>>();
const survivors: string[] = [];
const startedAt = performance.now();
let previous = "";
for (const mutant of wanted) {
  if (mutant.file !== previous)
    console.error(`${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${mutant.file}`);
  previous = mutant.file;
  const fate = await fateOf(mutant);
  const counts = fates.get(mutant.file) ?? { noticed: 0, endless: 0, alive: 0, untested: 0 };
  counts[fate] += 1;
  fates.set(mutant.file, counts);
  if (fate === "alive" || fate === "untested")
    survivors.push(`${fate}  ${mutant.file}:${mutant.line}  ${mutant.mutator}  →  ${mutant.replacement.slice(0, 100)}`);
}

const sum = (fate: Fate): number => [...fates.values()].reduce((total, counts) => total + counts[fate], 0);
const score = (100 * (sum("noticed") + sum("endless"))) / wanted.length;
console.log(survivors.join("\n"));
console.table(Object.fromEntries(fates));
console.log(
  `${wanted.length} mutants in ${Math.round((performance.now() - startedAt) / 1000)} s: ${sum("noticed")} noticed, ${sum("endless")} endless, ` +
    `${sum("alive")} alive, ${sum("untested")} untested; score ${score.toFixed(1)} %`,
);
process.exitCode = score >= scoreMin ? 0 : 1;
