// The client, in a thread of its own so that it has a core for itself. Latencies are uncorrected: each user sends its next request when the last was answered.
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { ceilingScenarios } from "./ceiling-scenarios.mjs";
import { Connection } from "./connection.mjs";
import { productScenarios } from "./product-scenarios.mjs";

/**
 * @typedef {object} Order what the client is asked to do
 * @property {"warm" | "time"} do warm: wake every object and the compiler; nothing is reported
 * @property {"product" | "ceilings"} server
 * @property {string} scenario
 * @property {any} world what the scenario knows of the server
 * @property {number} connections one user each
 * @property {number} seconds
 * @property {number} most units
 *
 * @typedef {object} Slice
 * @property {number} units
 * @property {number} seconds until the last unit had its last effect
 * @property {number} p50 ms
 * @property {number} p99 ms
 */

/** How long effects may lag behind the last answer before the bench calls them lost. */
const effectPatienceMs = 30_000;

/** @type {{ key: string, connections: Connection[], scenario: import("./scenario.mjs").Scenario } | undefined} */
let warmed;

parentPort?.on("message", async (/** @type {Order} */ order) => {
  try {
    parentPort?.postMessage({ ok: order.do === "warm" ? await warm(order) : await time(order) });
  } catch (fault) {
    parentPort?.postMessage({ fault: `${order.server}, ${order.scenario}: ${String(fault)}` });
  }
});

/** @param {Order} order */
async function warm(order) {
  for (const connection of warmed?.connections ?? []) connection.close();
  const scenarios = order.server === "product" ? productScenarios : ceilingScenarios;
  const scenario = scenarios[order.scenario]?.(order.world);
  if (!scenario) throw new Error("There is no such scenario.");
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () => Connection.open(order.world.url)),
  );
  warmed = { key: keyOf(order), connections, scenario };
  await drive(warmed, { seconds: Infinity, most: Math.max(scenario.touch, order.connections) });
  await drive(warmed, order);
}

/** @param {Order} order @returns {Promise<Slice>} */
async function time(order) {
  if (warmed?.key !== keyOf(order)) throw new Error("This slice was not warmed.");
  const { seconds, latencies } = await drive(warmed, order);
  latencies.sort();
  const at = (/** @type {number} */ share) =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { units: latencies.length, seconds, p50: at(0.5), p99: at(0.99) };
}

/** @param {Order} order */
const keyOf = ({ server, scenario, connections }) => `${server} ${scenario} ${connections}`;

/**
 * Lets every connection's user work until the time or the units are used up.
 * @param {NonNullable<typeof warmed>} ready
 * @param {{ seconds: number, most: number }} bounds
 */
async function drive({ connections, scenario }, { seconds, most }) {
  const [first] = connections;
  const before = first && (await scenario.counted?.(first));
  /** @type {number[]} */
  const latencies = [];
  let begun = 0;
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(
    connections.map(async (connection) => {
      for (let now = performance.now(); now < end && begun < most;) {
        begun += 1;
        await scenario.unit(connection, begun);
        const then = performance.now();
        latencies.push(then - now);
        now = then;
      }
    }),
  );
  if (first && before !== undefined) await untilCounted(scenario, first, before + latencies.length);
  return { seconds: (performance.now() - start) / 1000, latencies: Float64Array.from(latencies) };
}

/** @param {import("./scenario.mjs").Scenario} scenario @param {Connection} connection @param {number} wanted */
async function untilCounted(scenario, connection, wanted) {
  for (const patience = performance.now() + effectPatienceMs; ; await sleep(10)) {
    const counted = (await scenario.counted?.(connection)) ?? wanted;
    if (counted === wanted) return;
    if (counted > wanted || performance.now() > patience)
      throw new Error(`Counted ${counted} effects instead of ${wanted}.`);
  }
}
