// What becomes of one order: its merchant and its payers do what the plan says, the payers knowing only what a phone shows.
import { setTimeout as sleep } from "node:timers/promises";
import { cancel, extend, place, placeStray, refund, review, takeCash } from "./merchant.mjs";
import { openPhone } from "./phone.mjs";
import { shortLifeSeconds } from "./plan.mjs";

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
 * @property {{ transaction: string, end: "WAITING" | "ASSIGNED" | "REFUNDED" } | null} stray money without an order, and what the clerk did with it
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
  stray: null,
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
      await Promise.all([takeCash(tale, placed, scene), ...(plan.crowded ? [payAll(tale, placed, scene)] : [])]);
      return;
    case "goesAstray":
      await placeStray(tale, placed, scene);
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
  await review(tale, placed, scene);
}

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
  const leave = phone.watch();
  const until = Date.now() + patienceMs;
  /** @type {Set<string>} */
  const paidAt = new Set();
  while (Date.now() < until) {
    const state = await phone.look();
    if (state === "PAID") tale.seenPaid = true;
    if (state === "PAID" || state === "EXPIRED" || state === "CANCELLED" || state === "REVIEW") break;
    const begun = await phone.begin(payer.provider);
    if ("at" in begun && !paidAt.has(begun.at)) {
      if (paidAt.size === paymentsMax) {
        // Nothing can be closed at a provider on whose page nobody has been.
        await payer.pay(begun.at, { outcome: "abandon", person, chaos: null });
        break;
      }
      paidAt.add(begun.at);
      const isChaotic = !calm && paidAt.size <= chaoticPayments;
      const chaos = isChaotic ? `${seed}#${index}.${number}.${paidAt.size}` : null;
      if (declined && paidAt.size === 1) await payer.pay(begun.at, { outcome: "fail", person, chaos: null });
      await payer.pay(begun.at, { outcome: "pay", person, chaos });
    }
    await sleep(lookMs.min + Math.random() * (lookMs.max - lookMs.min));
  }
  leave();
}

/** @param {Tale} tale @param {Placed} placed @param {Scene} scene @param {Pick<import("./payer.mjs").How, "outcome" | "lateSeconds">} how */
async function visitWallet({ plan }, { slug }, { client, payer }, how) {
  const phone = openPhone(client, slug);
  await phone.look();
  const begun = await phone.begin(payer.provider);
  if ("at" in begun) await payer.pay(begun.at, { ...how, person: plan.person, chaos: null });
}
