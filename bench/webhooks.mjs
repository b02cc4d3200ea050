// `npm run bench -- --webhooks`: how fast an endpoint is sent what waits, of many orders and of one, beside a bare loop of `fetch`; and what partners in trouble cost a sound one.
// See docs/performance.md.
import { fork } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { bundle } from "../scripts/bundle.mjs";
import { bundledNode, inProject } from "../scripts/project.mjs";
import { objectsAliveMs } from "./plan.mjs";
import { startServer } from "./servers.mjs";

/** @typedef {import("./receiver.mjs").Arrived} Arrived */

const { values: asked } = parseArgs({
  options: {
    webhooks: { type: "boolean" },
    rounds: { type: "string", default: "9" },
    events: { type: "string", default: "1000" },
    lane: { type: "string", default: "150" },
    orders: { type: "string", default: "100" },
    folder: { type: "string", default: "/dev/shm" },
    check: { type: "boolean", default: false },
  },
});
const rounds = Number(asked.rounds);
const events = Number(asked.events);
const lane = Number(asked.lane);
const orders = Number(asked.orders);

/** What is to be reached: a share of the bare loop's rate, and the sound partner's p99 beside the others, as a share of its own. */
const shareMin = 0.6;
const slowdownMax = 1.2;
/** As many attempts as the product lets be under way at once. */
const atOnceMax = 6;

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

/**
 * Events a second, from a backlog: everything waits at one endpoint for each round, so that the two sides follow each other at once.
 * @param {{ slug: string, count: number, atOnce: number, fill: (key: string) => Promise<void> }} shape
 */
async function throughput({ slug, count, atOnce, fill }) {
  const key = await merchant(slug);
  const ids = [];
  for (let round = 0; round <= rounds; round += 1) ids.push(await endpoint(key, partners.sound));
  for (const id of ids) await set(key, id, "PAUSED");
  await fill(key);
  for (const id of ids) while ((await backlogOf(key, id)) < count) await sleep(50);
  await rest();
  // The orders' own objects leave memory after that, which is work too.
  await sleep(objectsAliveMs);
  const waiting = await backlogOf(key, ids[0] ?? "");
  await taken();
  /** As long as what the product sends. */
  const body = JSON.stringify({ type: "order.placed", timestamp: new Date().toISOString(), data: "x".repeat(430) });
  const loop = JSON.stringify({ url: partners.sound, count, atOnce, body });
  /** @type {{ rate: number, cpu: number }[]} */
  const shares = [];
  for (const [round, id] of ids.entries()) {
    const sides = {
      ours: () => set(key, id, "ENABLED"),
      bare: () => fetch(`${ceilings.url}/fetches`, { method: "POST", body: loop }),
    };
    const measured = { ours: { rate: 0, cpu: 0 }, bare: { rate: 0, cpu: 0 } };
    // Who comes first changes from round to round.
    /** @type {("ours" | "bare")[]} */
    const turns = round % 2 === 0 ? ["ours", "bare"] : ["bare", "ours"];
    for (const side of turns) {
      const server = side === "ours" ? product : ceilings;
      const [from, before] = [performance.now(), server.cpuMs()];
      const all = heard(side === "ours" ? waiting : count);
      await sides[side]();
      const sent = side === "ours" ? waiting : count;
      measured[side].rate = sent / (((await all) - from) / 1000);
      measured[side].cpu = (1000 * (server.cpuMs() - before)) / sent;
    }
    const own = (await taken()).filter(({ id: event }) => event.startsWith("event_"));
    if (new Set(own.map(({ id: event }) => event)).size < count) throw new Error("An event was lost.");
    const { ours, bare } = measured;
    // The first round only wakes everything.
    if (round > 0) shares.push({ rate: ours.rate / bare.rate, cpu: bare.cpu / ours.cpu });
    console.log(
      `  round ${round}: ${ours.rate.toFixed(0)}/s, a bare loop ${bare.rate.toFixed(0)}/s: ${percent(ours.rate / bare.rate)}; CPU ${ours.cpu.toFixed(0)} and ${bare.cpu.toFixed(0)} µs an event`,
    );
  }
  const [rates, costs] = [shares.map(({ rate }) => rate), shares.map(({ cpu }) => cpu)];
  console.log(
    `  median ${percent(median(rates))}, half of the rounds between ${percent(p(rates, 0.25))} and ${percent(p(rates, 0.75))}; by CPU ${percent(median(costs))}`,
  );
  return median(rates);
}

/** Changes one customer's mind so often: their events follow each other, as those of one order do. @param {string} key @param {number} count */
async function changeMind(key, count) {
  const placed = `mutation { orderPlace(input: { lines: [{ name: "Tea", unitPrice: { amount: "19.90", currency: "CNY" } }] }) { ... on OrderPlaceSuccess { order { id } } } }`;
  const { id } = (await ask(key, placed)).orderPlace.order;
  const paying = `mutation ($id: ID!) { paymentRecord(input: { orderId: $id, amount: { amount: "19.90", currency: "CNY" }, reference: "1", payer: { email: "bench@example.com" } }) {
    ... on PaymentRecordSuccess { conversion { customer { id } } } } }`;
  const { customer } = (await ask(key, paying, { id })).paymentRecord.conversion;
  const consent = `mutation ($id: ID!, $granted: Boolean!) { customerConsentSet(input: { customerId: $id, granted: $granted, channel: "bench", locale: "en", purpose: MARKETING_MESSAGE, textVersion: "1" }) { __typename } }`;
  for (let index = 0; index < count; index += 1) await ask(key, consent, { id: customer.id, granted: index % 2 === 0 });
}

/** Longer than every breaker takes to open, that of the one included who is only ever waited for. */
const troubleMs = 45_000;

/** @typedef {{ name: string, key: string }} Side */

/** The merchants whose sound partner is watched: alone, alone once more, which shows what chance alone does, and beside partners in trouble. @returns {Promise<Side[]>} */
async function neighbours() {
  const names = /** @type {const} */ (["alone", "alone again", "beside"]);
  const sides = [];
  for (const name of names) sides.push({ name, key: await merchant(`bench-${name.replace(" ", "-")}`) });
  for (const { key } of sides) await endpoint(key, partners.sound);
  for (const url of [partners.hanging, partners.failing, "http://127.0.0.1:9/hook"])
    await endpoint(/** @type {Side} */ (sides[2]).key, url);
  return sides;
}

/** The sound partner's lag from commit to arrival, in turns of one run. @param {Side[]} sides */
async function isolation(sides) {
  const lags = new Map(sides.map(({ name }) => [name, /** @type {number[]} */ ([])]));
  for (let round = 0; round < 2 * rounds; round += 1) {
    // Who comes first changes from round to round.
    for (const side of [...sides.slice(round % 3), ...sides.slice(0, round % 3)]) {
      await taken();
      const all = heard(orders);
      // One after the other: what is measured is the way, not the queue.
      for (let index = 0; index < orders; index += 1) await ask(side.key, placing);
      await all;
      // The first round wakes everything and is not counted.
      const arrived = await taken();
      if (round > 0) lags.get(side.name)?.push(...arrived.map(({ lagMs }) => lagMs));
    }
  }
  for (const [name, all] of lags)
    console.log(
      `  ${name.padEnd(11)} ${all.length} orders: p50 ${p(all, 0.5)}, p90 ${p(all, 0.9)}, p99 ${p(all, 0.99)}, most ${Math.max(...all)} ms`,
    );
  const [first = [], second = [], third = []] = [...lags.values()];
  const p99 = (/** @type {number[]} */ all) => Math.max(1, p(all, 0.99));
  const [alone, again] = [p99(first), p99(second)];
  return { slowdown: p99(third) / p99([...first, ...second]), chance: Math.max(alone / again, again / alone) };
}

/** @param {number[]} values @param {number} share */
const p = (values, share) => values.toSorted((a, b) => a - b)[Math.floor(values.length * share)] ?? 0;
/** @param {number[]} values */
const median = (values) => p(values, 0.5);

/** @param {number} share */
const percent = (share) => `${(100 * share).toFixed(0)} %`;

try {
  console.log(
    `Throughput to a fast partner: ${events} orders' events that waited, ${atOnceMax} at once, ${rounds} rounds`,
  );
  const many = {
    slug: "bench-throughput",
    count: events,
    atOnce: atOnceMax,
    fill: (/** @type {string} */ key) => place(key, events),
  };
  const share = await throughput(many);
  console.log(`The same of ${lane} events that follow each other, one at a time`);
  const one = {
    slug: "bench-lane",
    count: lane,
    atOnce: 1,
    fill: (/** @type {string} */ key) => changeMind(key, lane),
  };
  await throughput(one);
  const sides = await neighbours();
  console.log(`Isolation in the first moments of their trouble: ${orders} orders a turn, ${2 * rounds - 1} turns each`);
  const early = await isolation(sides);
  const { key: beside } = /** @type {Side} */ (sides[2]);
  for (const end = performance.now() + troubleMs; performance.now() < end; await sleep(500)) await ask(beside, placing);
  console.log(`Isolation once they have been in trouble for ${troubleMs / 1000} s: the same`);
  const late = await isolation(sides);
  const { slowdown, chance } = early.slowdown > late.slowdown ? early : late;
  const met = { throughput: share >= shareMin, isolation: slowdown <= slowdownMax };
  console.log(
    `${met.throughput ? "met   " : "MISSED"} throughput ${percent(share)} of a bare loop, goal ${percent(shareMin)}`,
  );
  console.log(
    `${met.isolation ? "met   " : "MISSED"} a sound partner's p99 beside others is ${percent(early.slowdown)} of its own at first and ${percent(late.slowdown)} later, goal ${percent(slowdownMax)}; chance alone made ${percent(chance)}`,
  );
  await stopAll();
  process.exit(asked.check && !(met.throughput && met.isolation) ? 1 : 0);
} catch (fault) {
  console.error(fault);
  await stopAll();
  process.exit(1);
}
