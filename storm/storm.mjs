// One storm: the product for real, customers who pay badly, SIGKILL at random moments, a database that goes away; then every book held against every other.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { localVars } from "../scripts/serve.mjs";
import { chance } from "./chance.mjs";
import { openClient } from "./client.mjs";
import { gather } from "./evidence.mjs";
import { judge } from "./laws.mjs";
import { live, newTale } from "./lives.mjs";
import { moneyAt, openPayer } from "./payer.mjs";
import { planStorm } from "./plan.mjs";
import { probe, watch } from "./probes.mjs";
import { openProduct } from "./product.mjs";
import { openReceiver } from "./receiver.mjs";
import { untilSettled } from "./settle.mjs";
import { openShops } from "./shops.mjs";

/** How long books may still differ that look finished, and how often they are read meanwhile. */
const stillMs = 20_000;
const lookMs = 2_000;
/** How long the database stays away: ten seconds where there is time for it. */
const outageMsFor = (/** @type {number} */ orders) => Math.min(10_000, 3_000 + 30 * orders);
/** How long the product stays down, and how long after the order that brings it a kill comes. */
const downMs = { min: 0, max: 1_500 };
const killAfterMs = { min: 0, max: 600 };
/** Of the pieces that would be asked for, so that some customers come too late. */
const stockShare = 0.6;

/**
 * @param {import("./options.mjs").Options} options @param {(line: string) => void} say
 * @returns {Promise<import("./report.mjs").Storm>} its folder is kept when something was wrong
 */
export async function storm(options, say) {
  const startedAt = Date.now();
  const state = await mkdtemp(join(tmpdir(), "huoma-storm-"));
  const product = await openProduct(state);
  const receiver = await openReceiver(options.seed);
  const end = async () => {
    product.giveDatabase();
    await product.kill();
    await receiver.close();
  };
  try {
    await product.start();
    const told = await blow(options, product, receiver, say);
    await end();
    if (told.violations.length === 0)
      await rm(state, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    else say(`What the product said and kept: ${state}`);
    return { ...told, options, webhooks: receiver.counts, seconds: (Date.now() - startedAt) / 1000 };
  } catch (fault) {
    await end();
    say(`What the product said and kept: ${state}`);
    throw fault;
  }
}

/**
 * @param {import("./options.mjs").Options} options @param {import("./product.mjs").Product} product
 * @param {import("./receiver.mjs").Receiver} receiver @param {(line: string) => void} say
 */
async function blow(options, product, receiver, say) {
  const plan = planStorm(options);
  const client = openClient(product.url);
  const wanted = plan.orders.filter(({ stocked }) => stocked).reduce((all, { quantity }) => all + quantity, 0);
  const shops = await openShops(client, receiver, {
    adminToken: localVars()["ADMIN_TOKEN"] ?? "",
    name: `storm-${Date.now().toString(36)}`,
    stock: Math.ceil((wanted * stockShare) / 4),
    money: moneyAt(options.provider),
  });
  const payer = await openPayer(options.provider, client, shops);
  const scene = { seed: options.seed, client, shops, payer };
  const tales = plan.orders.map((order) => newTale(order, scene));

  let isOver = false;
  const watching = watch(scene, tales, () => isOver);
  const weather = disturb(options, plan, product, say);
  await sell(options, tales, scene, weather);
  await weather.calm();
  isOver = true;
  const seen = await watching;
  const calmAt = Date.now();
  say("calm; waiting until all is settled …");
  const { settled, waitsFor } = await untilSettled(scene, tales, receiver, say);
  const { evidence, broken } = await judgeWhenStill(scene, tales, receiver);
  const settleSeconds = (Date.now() - calmAt) / 1000;
  const violations = [
    ...(settled ? [] : [{ law: "I12", what: `still waits for ${waitsFor.join(", ")}` }]),
    ...receiver.complaints.map((what) => ({ law: "I6", what })),
    ...seen,
    ...broken,
    ...(await probe(scene, evidence)),
  ];
  await payer.close?.();
  return { evidence, violations, settleSeconds, kills: plan.kills.length, outageSeconds: weather.outageSeconds() };
}

/**
 * What no book outside shows as unfinished may still be on its way to the lists: news that is not urgent goes there within ten seconds.
 * @param {import("./lives.mjs").Scene} scene @param {import("./lives.mjs").Tale[]} tales @param {import("./receiver.mjs").Receiver} receiver
 */
async function judgeWhenStill(scene, tales, receiver) {
  for (const until = Date.now() + stillMs; ; await sleep(lookMs)) {
    const evidence = await gather(scene, tales, receiver);
    const broken = judge(evidence);
    if (broken.length === 0 || Date.now() > until) return { evidence, broken };
  }
}

/**
 * Begins every order, so many in a second and so many at once, and waits until everybody has gone.
 * @param {import("./options.mjs").Options} options @param {import("./lives.mjs").Tale[]} tales
 * @param {import("./lives.mjs").Scene} scene @param {{ begun: (orders: number) => void }} weather
 */
async function sell({ concurrency, ratePerSecond }, tales, scene, weather) {
  let free = concurrency;
  /** @type {(() => void)[]} */
  const waiting = [];
  const leave = () => {
    free += 1;
    waiting.shift()?.();
  };
  const lives = [];
  for (const [index, tale] of tales.entries()) {
    while (free === 0) await new Promise((resolve) => waiting.push(() => resolve(undefined)));
    free -= 1;
    let isIn = true;
    const leaveOnce = () => {
      if (isIn) leave();
      isIn = false;
    };
    lives.push(live(tale, scene, leaveOnce).finally(leaveOnce));
    weather.begun(index + 1);
    await sleep(1000 / ratePerSecond);
  }
  await Promise.all(lives);
}

/**
 * Kills and outages, at the orders of the plan. One disturbance at a time: a product is not started without a database.
 * @param {import("./options.mjs").Options} options @param {import("./plan.mjs").Plan} plan
 * @param {import("./product.mjs").Product} product @param {(line: string) => void} say
 */
function disturb({ seed, orders }, plan, product, say) {
  let outageMsInAll = 0;
  /** @type {Promise<unknown>} */
  let last = Promise.resolve();
  const kill = async (/** @type {number} */ number) => {
    const drawn = chance(seed, "weather", number);
    await sleep(drawn.between("after", killAfterMs.min, killAfterMs.max));
    await product.kill();
    await sleep(drawn.between("down", downMs.min, downMs.max));
    await product.start();
    say(`killed ${number + 1} of ${plan.kills.length}`);
  };
  const outage = async () => {
    const from = Date.now();
    product.takeDatabase();
    await sleep(outageMsFor(orders));
    product.giveDatabase();
    outageMsInAll += Date.now() - from;
    say("the database was away");
  };
  return {
    begun(/** @type {number} */ begun) {
      if (begun % 100 === 0) say(`${begun} of ${orders} orders`);
      for (const [number, at] of plan.kills.entries()) if (at === begun) last = last.then(() => kill(number));
      if (plan.outage === begun) last = last.then(outage);
    },
    calm: () => last,
    outageSeconds: () => outageMsInAll / 1000,
  };
}
