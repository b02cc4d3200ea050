// Says what was measured, in markdown.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { inProject, root } from "../scripts/project.mjs";
import { cases, judgedConnections } from "./plan.mjs";

/**
 * @typedef {import("./bench.mjs").Sample} Sample
 * @typedef {import("./bench.mjs").Measurement} Measurement
 * @typedef {import("./plan.mjs").Plan} Plan
 * @typedef {{ name: string, wanted: string, found: string, met: boolean }} Verdict
 */

/** What the numbers belong to: machine, versions, command. @param {Plan} plan */
export function describeRun({ storages, rounds, sliceSeconds }) {
  const versions = ["node", "wrangler", "workerd", "miniflare", "hono", "graphql"];
  const [cpu] = cpus();
  return [
    `    npm run bench -- ${process.argv.slice(2).join(" ")}`.trimEnd(),
    "",
    `${new Date().toISOString().slice(0, 10)}, commit ${commit()}, ${cpus().length} × ${cpu?.model.trim()}, Linux ${release()};`,
    `${versions.map((name) => `${name} ${versionOf(name)}`).join(", ")};`,
    `${storages.map(({ name, folder }) => `${name} is ${folder}`).join(", ")}; up to ${rounds} alternating rounds, slices of ${sliceSeconds} s; medians.`,
  ].join("\n");
}

/** @param {Sample[]} samples @param {Plan} plan */
export function report(samples, { storages, connections }) {
  const tables = storages.map(({ name }) => {
    const rows = cases.flatMap((each) =>
      connections.map((count) => row(each.name, count, pick(samples, name, each.name, count))),
    );
    return [
      `\n### On ${name}, ${roundsOn(samples, name)} rounds`,
      "",
      "| case | connections | a second | p50 ms | p99 ms | CPU µs |",
      "|---|---:|---:|---:|---:|---:|",
      ...rows,
    ].join("\n");
  });
  const goals = judge(samples).map(
    ({ name, wanted, found, met }) => `| ${name} | ${wanted} | ${found} | ${met ? "yes" : "**no**"} |`,
  );
  return [
    ...tables,
    `\n### Goals, at ${judgedConnections} connections`,
    "",
    "| case | goal | found | reached |",
    "|---|---|---|---|",
    ...goals,
  ].join("\n");
}

/** @param {Sample[]} samples @returns {Verdict[]} */
export function judge(samples) {
  const storages = new Set(samples.map(({ storage }) => storage));
  return cases.flatMap(({ name, ceilingDoes, share, perSecond }) =>
    [...storages].flatMap((storage) => {
      const found = pick(samples, storage, name, judgedConnections);
      if (share !== undefined) {
        const ratio = median(found.map(({ product, ceilings }) => rate(product) / rate(ceilings)));
        const byCpu = median(found.map(({ product, ceilings }) => cpuUs(ceilings) / cpuUs(product)));
        const shown = `${ratio.toFixed(2)} (${byCpu.toFixed(2)} by CPU time)`;
        return [verdict(`${name}, ${storage}`, `${share} of ${ceilingDoes}`, shown, ratio >= share)];
      }
      if (perSecond === undefined || storage !== "tmpfs") return [];
      const reached = median(found.map(({ product }) => rate(product)));
      return [verdict(`${name}, ${storage}`, `${perSecond} a second`, whole(reached), reached >= perSecond)];
    }),
  );
}

/** @param {string} name @param {string} wanted @param {string} found @param {boolean} met @returns {Verdict} */
const verdict = (name, wanted, found, met) => ({ name, wanted, found, met });

/** @param {Sample[]} samples @param {string} storage @param {string} name @param {number} connections */
const pick = (samples, storage, name, connections) =>
  samples.filter((each) => each.storage === storage && each.name === name && each.connections === connections);

/** As many as fitted into the time. @param {Sample[]} samples @param {string} storage */
const roundsOn = (samples, storage) => {
  const [first] = samples.filter((each) => each.storage === storage);
  return first ? pick(samples, storage, first.name, first.connections).length : 0;
};

/** Each cell: the product, its ceiling, and the one as a multiple of the other. @param {string} name @param {number} connections @param {Sample[]} samples */
function row(name, connections, samples) {
  /** @param {(slice: Measurement) => number} measure @param {(value: number) => string} show */
  const cell = (measure, show) => {
    const own = median(samples.map(({ product }) => measure(product)));
    const ceiling = median(samples.map(({ ceilings }) => measure(ceilings)));
    const ratio = median(samples.map(({ product, ceilings }) => measure(product) / measure(ceilings)));
    return `${show(own)} / ${show(ceiling)} = **${ratio.toFixed(2)}**`;
  };
  const cells = [cell(rate, whole), cell(({ p50 }) => p50, tenths), cell(({ p99 }) => p99, tenths), cell(cpuUs, whole)];
  return `| ${name} | ${connections} | ${cells.join(" | ")} |`;
}

/** @param {Measurement} slice */
const rate = ({ units, seconds }) => units / seconds;

/** Microseconds a unit. @param {Measurement} slice */
const cpuUs = ({ cpuMs, units }) => (cpuMs * 1000) / units;

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** @param {number} value */
const whole = (value) => (Number.isNaN(value) ? "–" : Math.round(value).toLocaleString("en"));
/** @param {number} value */
const tenths = (value) => value.toFixed(value < 10 ? 2 : 1);

/** @param {string} name */
const versionOf = (name) => JSON.parse(readFileSync(inProject("node_modules", name, "package.json"), "utf8")).version;

function commit() {
  try {
    const git = (/** @type {string[]} */ ...args) =>
      execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "src") ? " with changes" : "");
  } catch {
    return "unknown";
  }
}
