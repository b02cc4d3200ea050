// `npm run bench -- --webhooks`: how fast an endpoint is sent what waits, beside a bare loop of `fetch`; and what partners in trouble cost a sound one.
// See docs/performance.md.
import { fork } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { bundle } from "../scripts/bundle.mjs";
import { bundledNode, inProject } from "../scripts/project.mjs";
import { startServer } from "./servers.mjs";

/** @typedef {import("./receiver.mjs").Arrived} Arrived */

const { values: asked } = parseArgs({
  options: {
    webhooks: { type: "boolean" },
    rounds: { type: "string", default: "9" },
    events: { type: "string", default: "1000" },
    orders: { type: "string", default: "100" },
    folder: { type: "string", default: "/dev/shm" },
    check: { type: "boolean", default: false },
  },
});
const rounds = Number(asked.rounds);
const events = Number(asked.events);
const orders = Number(asked.orders);

/** What is to be reached: a share of the bare loop's rate, and the sound partner's p99 beside the others, as a share of its own. */
const shareMin = 0.6;
const slowdownMax = 1.2;
const atOnce = 6;

const receiver = fork(inProject("bench", "receiver.mjs"), { execPath: bundledNode });
const [partners] = /** @type {[{ sound: string, failing: string, hanging: string }]} */ (
  await once(receiver, "message")
);
await bundle();
const product = await startServer("product", asked.folder);
const ceilings = await startServer("ceilings", asked.folder);
/** @type {() => Promise<void>} */
const stopAll = async () => {
  receiver.disconnect();
  await Promise.all([product.stop(), ceilings.stop()]);
};
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void stopAll().then(() => process.exit(1)));

/** @param {string} key @param {string} document @param {unknown} [variables] */
async function ask(key, document, variables) {
  const response = await fetch(`${product.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: document, variables }),
  });
  const { data, errors } = /** @type {any} */ (await response.json());
  if (errors) throw new Error(JSON.stringify(errors));
  return data;
}

/** @param {string} slug @returns {Promise<string>} its key */
async function merchant(slug) {
  const input = { name: "Bench Tea House", slug, currency: "CNY" };
  const document = `mutation ($input: MerchantRegisterInput!) { merchantRegister(input: $input) { ... on MerchantRegisterSuccess { apiKey } } }`;
  return (await ask(product.vars["ADMIN_TOKEN"] ?? "", document, { input })).merchantRegister.apiKey;
}

/** @param {string} key @param {string} url @returns {Promise<string>} its id */
async function endpoint(key, url) {
  const document = `mutation ($url: URL!) { webhookEndpointCreate(input: { url: $url, types: [] }) { ... on WebhookEndpointCreateSuccess { webhookEndpoint { id } } ... on UserError { message } } }`;
  return (await ask(key, document, { url })).webhookEndpointCreate.webhookEndpoint.id;
}

/** @param {string} key @param {string} id @param {"ENABLED" | "PAUSED"} state */
const set = (key, id, state) =>
  ask(
    key,
    `mutation ($id: ID!, $state: WebhookEndpointState) { webhookEndpointUpdate(input: { webhookEndpointId: $id, state: $state }) { __typename } }`,
    { id, state },
  );

const placing = `mutation { orderPlace(input: { lines: [{ name: "Tea", unitPrice: { amount: "19.90", currency: "CNY" } }] }) { __typename } }`;

/** Places so many orders, eight at once. @param {string} key @param {number} count */
async function place(key, count) {
  let left = count;
  const shopper = async () => {
    while ((left -= 1) >= 0) await ask(key, placing);
  };
  await Promise.all(Array.from({ length: 8 }, shopper));
}

/** @param {number} count @returns {Promise<number>} when the sound partner has heard so many, by its clock */
function heard(count) {
  const { promise, resolve } = Promise.withResolvers();
  const listen = (/** @type {{ at?: number }} */ told) => {
    if (told.at === undefined) return;
    receiver.off("message", listen);
    resolve(performance.now());
  };
  receiver.on("message", listen);
  receiver.send({ expect: count });
  return promise;
}

/** @returns {Promise<Arrived[]>} */
async function taken() {
  receiver.send({ take: true });
  for (;;) {
    const [told] = await once(receiver, "message");
    if (told.arrived) return told.arrived;
  }
}

/** @param {string} key @param {string} id */
async function backlogOf(key, id) {
  return (await ask(key, `query ($id: ID!) { node(id: $id) { ... on WebhookEndpoint { backlog } } }`, { id })).node
    .backlog;
}

/** Waits until the product has nothing left to do: what follows upon placing is not what is measured. */
async function rest() {
  for (let idle = 0; idle < 4;) {
    const before = product.cpuMs();
    await sleep(250);
    idle = product.cpuMs() - before <= 20 ? idle + 1 : 0;
  }
}

/** Events a second, from a backlog: every order waits at one endpoint for each round, so that the two sides follow each other at once. */
async function throughput() {
  const key = await merchant("bench-throughput");
  const ids = [];
  for (let round = 0; round <= rounds; round += 1) ids.push(await endpoint(key, partners.sound));
  for (const id of ids) await set(key, id, "PAUSED");
  await place(key, events);
  for (const id of ids) while ((await backlogOf(key, id)) < events) await sleep(50);
  await rest();
  await taken();
  /** @type {number[]} */
  const shares = [];
  for (const [round, id] of ids.entries()) {
    const sides = {
      ours: () => set(key, id, "ENABLED"),
      bare: () => fetch(`${ceilings.url}/fetches`, { method: "POST", body: JSON.stringify(loop) }),
    };
    const measured = { ours: { rate: 0, cpu: 0 }, bare: { rate: 0, cpu: 0 } };
    // Who comes first changes from round to round.
    /** @type {("ours" | "bare")[]} */
    const turns = round % 2 === 0 ? ["ours", "bare"] : ["bare", "ours"];
    for (const side of turns) {
      const server = side === "ours" ? product : ceilings;
      const all = heard(events);
      const [from, before] = [performance.now(), server.cpuMs()];
      await sides[side]();
      measured[side].rate = events / (((await all) - from) / 1000);
      measured[side].cpu = (1000 * (server.cpuMs() - before)) / events;
    }
    const own = (await taken()).filter(({ id: event }) => event.startsWith("event_"));
    if (new Set(own.map(({ id: event }) => event)).size !== events) throw new Error("An event was lost.");
    const { ours, bare } = measured;
    // The first round only wakes everything.
    if (round > 0) shares.push(ours.rate / bare.rate);
    console.log(
      `  round ${round}: ${ours.rate.toFixed(0)}/s, a bare loop ${bare.rate.toFixed(0)}/s: ${((100 * ours.rate) / bare.rate).toFixed(0)} %; CPU ${ours.cpu.toFixed(0)} and ${bare.cpu.toFixed(0)} µs an event`,
    );
  }
  return median(shares);
}

/** As long as what the product sends. */
const body = JSON.stringify({ type: "order.placed", timestamp: new Date().toISOString(), data: "x".repeat(430) });
const loop = { url: partners.sound, count: events, atOnce, body };

/** The sound partner's lag from commit to arrival, alone and beside partners in trouble, in turns of one run. */
async function isolation() {
  const alone = await merchant("bench-alone");
  const beside = await merchant("bench-beside");
  await endpoint(alone, partners.sound);
  await endpoint(beside, partners.sound);
  for (const url of [partners.hanging, partners.failing, "http://127.0.0.1:9/hook"]) await endpoint(beside, url);
  /** @type {Map<string, number[]>} */
  const lags = new Map([alone, beside].map((key) => [key, []]));
  for (let round = 0; round < 2 * rounds; round += 1) {
    for (const key of round % 2 === 0 ? [alone, beside] : [beside, alone]) {
      await taken();
      const all = heard(orders);
      // One after the other: what is measured is the way, not the queue.
      for (let index = 0; index < orders; index += 1) await ask(key, placing);
      await all;
      // The first round wakes everything and is not counted.
      if (round > 0) lags.get(key)?.push(...(await taken()).map(({ lagMs }) => lagMs));
    }
  }
  const [own, others] = [alone, beside].map((key) => p(lags.get(key) ?? [], 0.99));
  const halves = [alone, beside].map((key) => p(lags.get(key) ?? [], 0.5));
  console.log(
    `  alone p50 ${halves[0]} ms, p99 ${own} ms; beside a hanging, a failing and an absent one p50 ${halves[1]} ms, p99 ${others} ms`,
  );
  return (others ?? 0) / Math.max(1, own ?? 0);
}

/** @param {number[]} values @param {number} share */
const p = (values, share) => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
/** @param {number[]} values */
const median = (values) => p(values, 0.5);

try {
  console.log(`Throughput to a fast partner: ${events} events that waited, ${atOnce} at once, ${rounds} rounds`);
  const share = await throughput();
  console.log(`Isolation: ${orders} orders a turn, ${2 * rounds - 1} turns each`);
  const slowdown = await isolation();
  const met = { throughput: share >= shareMin, isolation: slowdown <= slowdownMax };
  console.log(
    `${met.throughput ? "met   " : "MISSED"} throughput ${(100 * share).toFixed(0)} % of a bare loop, goal ${100 * shareMin} %`,
  );
  console.log(
    `${met.isolation ? "met   " : "MISSED"} a sound partner's p99 beside others is ${(100 * slowdown).toFixed(0)} % of its own, goal ${100 * slowdownMax} %`,
  );
  await stopAll();
  process.exit(asked.check && !(met.throughput && met.isolation) ? 1 : 0);
} catch (fault) {
  console.error(fault);
  await stopAll();
  process.exit(1);
}
