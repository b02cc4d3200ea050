// What becomes of one order: its merchant, its payers and the clerk do what the plan says, each knowing only what a merchant or a phone can know.
import { setTimeout as sleep } from "node:timers/promises";
import { openPhone } from "./phone.mjs";
import { shortLifeSeconds } from "./plan.mjs";
import { decimal } from "./shops.mjs";

/**
 * @typedef {object} Scene
 * @property {string} seed
 * @property {import("./client.mjs").Client} client
 * @property {import("./shops.mjs").Shop[]} shops
 * @property {import("./payer.mjs").Payer} payer
 *
 * @typedef {object} Tale an order as those who dealt with it remember it
 * @property {import("./plan.mjs").PlannedOrder} plan
 * @property {import("./shops.mjs").Shop} shop
 * @property {"SOLD_OUT" | Placed | null} placed null until it was answered
 * @property {boolean} seenPaid
 * @property {number} cash taken at the counter, in minor units
 * @property {boolean} honoured a clerk let money count that does not cover the order
 * @property {string[]} faults what must not have happened, whatever the product's books say
 *
 * @typedef {{ id: string, slug: string, total: number, currency: string }} Placed
 */

/** After so many payments a payer is given one that works, or gives up. */
const paymentsMax = 4;
const chaoticPayments = 2;
/** How long a payer looks at the page. */
const patienceMs = 45_000;
const lookMs = { min: 700, max: 2_500 };

/** @param {import("./plan.mjs").PlannedOrder} plan @param {Scene} scene @returns {Tale} */
export const newTale = (plan, { shops }) => ({
  plan,
  shop: /** @type {import("./shops.mjs").Shop} */ (shops[plan.shop]),
  placed: null,
  seenPaid: false,
  cash: 0,
  honoured: false,
  faults: [],
});

/**
 * @param {Tale} tale @param {Scene} scene
 * @param {() => void} onlyWaits called when what is left is mostly waiting, so that others may begin
 */
export async function live(tale, scene, onlyWaits) {
  const { plan } = tale;
  tale.placed = await place(tale, scene);
  if (tale.placed === "SOLD_OUT") return;
  const { placed } = tale;
  if (plan.lifetimeSeconds !== null) onlyWaits();
  switch (plan.life) {
    case "pays":
      await payAll(tale, placed, scene);
      break;
    case "paysCash":
      await Promise.all([payCash(tale, placed, scene), ...(plan.crowded ? [payAll(tale, placed, scene)] : [])]);
      return;
    case "leaves":
      await visitWallet(tale, placed, scene, { outcome: "abandon" });
      return;
    case "cancels":
      await Promise.all([payAll(tale, placed, scene), sleep(plan.afterMs).then(() => cancel(tale, placed, scene))]);
      break;
    case "extends":
      await sleep(plan.afterMs);
      await extend(tale, placed, scene);
      await payAll(tale, placed, scene);
      break;
    case "expires":
      await sleep((shortLifeSeconds - 3) * 1000);
      await payAll(tale, placed, scene);
      break;
    case "paysTooLate":
      await sleep((shortLifeSeconds - 20) * 1000);
      await visitWallet(tale, placed, scene, { outcome: "pay", lateSeconds: 150 });
      return;
  }
  await refund(tale, placed, scene);
  await decide(tale, placed, scene);
}

/** @param {Tale} tale @param {Scene} scene @returns {Promise<Placed | "SOLD_OUT">} */
async function place(tale, { client, seed }) {
  const { plan, shop, faults } = tale;
  const { index, stocked, quantity, price, lifetimeSeconds } = plan;
  const { currency } = shop.policy;
  const line = stocked
    ? { productId: shop.productId, quantity }
    : { name: "Tea", quantity, unitPrice: { amount: decimal(price, shop.policy), currency } };
  const answers = await asked(plan, () =>
    client.graph(
      shop.apiKey,
      `mutation ($input: OrderPlaceInput!, $key: String!) { orderPlace(input: $input) @idempotent(key: $key) {
        ... on OrderPlaceSuccess { order { id total { minorUnits currency } } liveCode { slug } }
        ... on UserError { code message } } }`,
      { input: { lines: [line], externalReference: referenceOf(index), lifetimeSeconds }, key: `${seed}-${index}` },
    ),
  );
  const [first, ...others] = answers.map(({ orderPlace }) => {
    if (orderPlace.code === "OUT_OF_STOCK") return /** @type {const} */ ("SOLD_OUT");
    if (orderPlace.code) throw new Error(`placing was refused: ${orderPlace.code} ${orderPlace.message}`);
    const { order, liveCode } = orderPlace;
    return { id: order.id, slug: liveCode.slug, total: order.total.minorUnits, currency: order.total.currency };
  });
  if (first === undefined) throw new Error("nothing was asked");
  for (const other of others)
    if (JSON.stringify(other) !== JSON.stringify(first))
      faults.push(`one idempotency key was answered ${JSON.stringify(first)} and ${JSON.stringify(other)}`);
  return first;
}

/** Once, or twice at the same time. @template T @param {import("./plan.mjs").PlannedOrder} plan @param {() => Promise<T>} ask */
const asked = ({ twice }, ask) => Promise.all(twice ? [ask(), ask()] : [ask()]);

/** @param {number} index */
export const referenceOf = (index) => `storm-${index}`;

/** One phone, or two at once. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
async function payAll(tale, placed, scene) {
  const { person, crowded } = tale.plan;
  const people = crowded ? [person, `${person}'s friend`] : [person];
  await Promise.all(people.map((each, phone) => pay(tale, placed, scene, each, phone)));
}

/**
 * Pays until the page says that there is nothing to pay any more. An impatient payer presses the button again: while the product waits for the same
 * payment that leads to the same place, once it wants the rest of the money to another.
 * @param {Tale} tale @param {Placed} placed @param {Scene} scene @param {string} person @param {number} number of the phone
 */
async function pay(tale, placed, { client, payer, seed }, person, number) {
  const { index, calm, declined } = tale.plan;
  const phone = openPhone(client, placed.slug);
  const until = Date.now() + patienceMs;
  /** @type {Set<string>} */
  const paidAt = new Set();
  while (Date.now() < until) {
    const state = await phone.look();
    if (state === "PAID") tale.seenPaid = true;
    if (state === "PAID" || state === "EXPIRED" || state === "CANCELLED" || state === "REVIEW") return;
    const begun = await phone.begin(payer.provider);
    if ("at" in begun && !paidAt.has(begun.at)) {
      if (paidAt.size === paymentsMax) return;
      paidAt.add(begun.at);
      const isChaotic = !calm && paidAt.size <= chaoticPayments;
      const chaos = isChaotic ? `${seed}#${index}.${number}.${paidAt.size}` : null;
      if (declined && paidAt.size === 1) await payer.pay(begun.at, { outcome: "fail", person, chaos: null });
      await payer.pay(begun.at, { outcome: "pay", person, chaos });
    }
    await sleep(lookMs.min + Math.random() * (lookMs.max - lookMs.min));
  }
}

/** @param {Tale} tale @param {Placed} placed @param {Scene} scene @param {Pick<import("./payer.mjs").How, "outcome" | "lateSeconds">} how */
async function visitWallet({ plan }, { slug }, { client, payer }, how) {
  const phone = openPhone(client, slug);
  await phone.look();
  const begun = await phone.begin(payer.provider);
  if ("at" in begun) await payer.pay(begun.at, { ...how, person: plan.person, chaos: null });
}

/** All of it, from hand to hand. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
async function payCash(tale, { id, total, currency }, { client, seed }) {
  const { plan, shop } = tale;
  const amount = { amount: decimal(total, shop.policy), currency };
  const answers = await asked(plan, () =>
    client.graph(
      shop.apiKey,
      `mutation ($input: PaymentRecordInput!, $key: String!) { paymentRecord(input: $input) @idempotent(key: $key) {
        __typename ... on UserError { code message } } }`,
      {
        input: { orderId: id, amount, reference: `till-${plan.index}`, payer: { loyalty: plan.person } },
        key: `${seed}-${plan.index}-cash`,
      },
    ),
  );
  // A phone was faster: nobody hands over cash for what is paid.
  if (answers.some(({ paymentRecord }) => paymentRecord.__typename === "PaymentRecordSuccess")) tale.cash = total;
}

/** @param {Tale} tale @param {Placed} placed @param {Scene} scene */
async function cancel({ shop }, { id }, { client }) {
  await client.graph(
    shop.apiKey,
    `mutation ($input: OrderCancelInput!) { orderCancel(input: $input) { __typename ... on UserError { code message } } }`,
    { input: { orderId: id, reason: "changed my mind" } },
  );
}

/** Again after an answer that was lost, it finds the order extended already. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
async function extend({ shop }, { id }, { client }) {
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
  await client.graph(
    shop.apiKey,
    `mutation ($input: OrderExtendInput!) { orderExtend(input: $input) { __typename ... on UserError { code message } } }`,
    { input: { orderId: id, expiresAt } },
  );
}

/** A third of the total each, or all that is left. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
async function refund({ plan, shop, seenPaid }, { id, total, currency }, { client, seed }) {
  if (!seenPaid) return;
  for (const [number, refunded] of plan.refunds.entries()) {
    const amount = refunded === "ALL" ? null : { amount: decimal(Math.floor(total / 3), shop.policy), currency };
    await asked(plan, () =>
      client.graph(
        shop.apiKey,
        `mutation ($input: OrderRefundInput!, $key: String!) { orderRefund(input: $input) @idempotent(key: $key) { __typename ... on UserError { code message } } }`,
        { input: { orderId: id, amount, reason: "not to their taste" }, key: `${seed}-${plan.index}-refund-${number}` },
      ),
    );
  }
}

/** A clerk looks whether somebody is needed. @param {Tale} tale @param {Placed} placed @param {Scene} scene */
async function decide(tale, { id }, { client }) {
  const { plan, shop } = tale;
  if (plan.clerk === null) return;
  const { order } = await client.graph(shop.apiKey, `query ($id: ID!) { order(by: { id: $id }) { allowedActions } }`, {
    id,
  });
  if (!order.allowedActions.includes("RESOLVE_REVIEW")) return;
  if (plan.clerk === "HONOR") tale.honoured = true;
  await client.graph(
    shop.apiKey,
    `mutation ($input: OrderReviewResolveInput!) { orderReviewResolve(input: $input) { __typename ... on UserError { code message } } }`,
    { input: { orderId: id, decision: plan.clerk, note: "decided in a storm" } },
  );
}
