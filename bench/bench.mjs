// Measures the product beside its ceilings, in alternating rounds of one run. See docs/performance.md.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { bundle } from "../scripts/bundle.mjs";
import { cases, judgedConnections, objectsAliveMax, objectsAliveMs, readPlan, unitsPerCreatingSlice } from "./plan.mjs";
import { answersOf, prepareCeilings, prepareShop } from "./prepare.mjs";
import { describeRun, judge, report } from "./report.mjs";
import { startServer } from "./servers.mjs";

/**
 * @typedef {import("./plan.mjs").Case} Case
 * @typedef {import("./plan.mjs").Plan} Plan
 * @typedef {import("./client.mjs").Slice & { cpuMs: number }} Measurement
 *
 * @typedef {object} Sample both sides of one case in one round
 * @property {string} storage
 * @property {string} name of the case
 * @property {number} connections
 * @property {Measurement} product
 * @property {Measurement} ceilings
 *
 * @typedef {object} Side
 * @property {"product" | "ceilings"} kind
 * @property {"product" | "ceiling"} scenario which of a case's scenarios is its
 * @property {import("./servers.mjs").Measured} server
 * @property {unknown} world
 * @property {{ at: number, count: number }[]} made objects, lately
 */

const client = new Worker(new URL("client.mjs", import.meta.url));
/** @type {Set<import("./servers.mjs").Measured>} */
const running = new Set();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "disconnect"]) process.on(signal, () => void end(1));

const plan = readPlan(process.argv.slice(2));
if (typeof plan === "string") {
  console.log(plan);
  await end(1);
} else {
  try {
    await run(plan);
  } catch (fault) {
    console.error(fault);
    await end(1);
  }
}

/** @param {Plan} asked */
async function run(asked) {
  console.log(describeRun(asked));
  // Compiled before the clock runs, and once.
  await bundle();
  /** @type {Sample[]} */
  const samples = [];
  for (const [index, { name, folder }] of asked.storages.entries()) {
    const budget = (asked.budgetSeconds * (index + 1)) / asked.storages.length;
    samples.push(...(await measureOn(name, folder, asked, budget)));
  }
  console.log(report(samples, asked));
  await end(asked.check && !judge(samples).every(({ met }) => met) ? 1 : 0);
}

/**
 * @param {string} storage @param {string} folder @param {Plan} asked
 * @param {number} budgetSeconds since the start of the run
 */
async function measureOn(storage, folder, asked, budgetSeconds) {
  const product = await start("product", folder);
  const shop = await prepareShop(product);
  const ceilings = await start("ceilings", folder, await answersOf(shop));
  /** @type {Side[]} */
  const sides = [
    { kind: "ceilings", scenario: "ceiling", server: ceilings, world: await prepareCeilings(ceilings), made: [] },
    { kind: "product", scenario: "product", server: product, world: shop, made: [] },
  ];
  // A round that nobody counts: both compilers get to know every path.
  for (const each of cases)
    for (const side of sides)
      await measure(side, each, judgedConnections, { ...asked, sliceSeconds: asked.compileSeconds });

  /** @type {Sample[]} */
  const samples = [];
  for (let round = 0; round < asked.rounds && (round === 0 || performance.now() < budgetSeconds * 1000); round += 1) {
    process.stderr.write(`${storage}, round ${round + 1} of ${asked.rounds} …\n`);
    for (const connections of asked.connections) {
      for (const each of cases) {
        const measured = /** @type {Record<Side["kind"], Measurement>} */ ({});
        // Who comes first changes from round to round.
        for (const side of round % 2 === 0 ? sides : sides.toReversed())
          measured[side.kind] = await measure(side, each, connections, asked);
        samples.push({ storage, name: each.name, connections, ...measured });
      }
    }
  }
  for (const { kind, server } of sides)
    process.stderr.write(`${storage}, ${kind}: ${server.memoryMb().toFixed(0)} MB\n`);
  for (const { server } of sides) await stop(server);
  return samples;
}

/**
 * One slice: everything it touches is awake before it begins.
 * @param {Side} side @param {Case} what @param {number} connections @param {Plan} asked
 * @returns {Promise<Measurement>}
 */
async function measure(side, what, connections, { sliceSeconds, warmSeconds }) {
  const { creates } = what;
  if (creates) await roomFor(side, unitsPerCreatingSlice);
  const order = { server: side.kind, scenario: what[side.scenario], world: side.world, connections };
  const most = creates ? unitsPerCreatingSlice : Infinity;
  await ask({ ...order, do: "warm", seconds: warmSeconds, most: creates ? 100 : Infinity });
  const before = side.server.cpuMs();
  const slice = await ask({ ...order, do: "time", seconds: sliceSeconds, most });
  const cpuMs = side.server.cpuMs() - before;
  if (creates) side.made.push({ at: Date.now(), count: slice.units + 100 });
  return { ...slice, cpuMs };
}

/** Waits until the server has forgotten enough objects to make so many new ones. @param {Side} side @param {number} count */
async function roomFor(side, count) {
  for (;;) {
    const since = Date.now() - objectsAliveMs;
    const alive = side.made.reduce((sum, made) => sum + (made.at > since ? made.count : 0), 0);
    if (alive + count <= objectsAliveMax) return;
    await sleep(100);
  }
}

/** @param {import("./client.mjs").Order} order @returns {Promise<any>} */
function ask(order) {
  const answered = Promise.withResolvers();
  client.once("message", ({ ok, fault }) => (fault ? answered.reject(new Error(fault)) : answered.resolve(ok)));
  client.postMessage(order);
  return answered.promise;
}

/** @param {"product" | "ceilings"} kind @param {string} folder @param {Record<string, string>} [vars] */
async function start(kind, folder, vars) {
  const server = await startServer(kind, folder, vars);
  running.add(server);
  return server;
}

/** @param {import("./servers.mjs").Measured} server */
async function stop(server) {
  await server.stop();
  running.delete(server);
}

/** @param {number} code */
async function end(code) {
  await Promise.all([...running].map(stop));
  process.exit(code);
}
