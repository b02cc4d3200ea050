// What has to be done to be seen: reading changes nothing, and news that is told again changes nothing either.
import { inTurn } from "./evidence.mjs";
import { referenceOf } from "./merchant.mjs";
import { readOrder, readRow } from "./reading.mjs";

/** @typedef {import("./laws.mjs").Violation} Violation */

const probedMax = 40;
const probersMax = 8;

/**
 * While the storm goes on: the lists are never ahead of the objects, and nothing that was PAID is anything else later.
 * @param {import("./lives.mjs").Scene} scene @param {import("./lives.mjs").Tale[]} tales @param {() => boolean} isOver
 * @returns {Promise<Violation[]>}
 */
export async function watch({ client }, tales, isOver) {
  /** @type {Violation[]} */
  const seen = [];
  while (!isOver()) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    const tale = tales[Math.floor(Math.random() * tales.length)];
    if (!tale?.placed || tale.placed === "SOLD_OUT") continue;
    const row = await readRow(client, tale.shop, referenceOf(tale.plan.index));
    const order = await readOrder(client, tale.shop, tale.placed.id);
    if (row && order && row.version > order.version)
      seen.push({
        law: "I5",
        what: `order ${tale.plan.index}: the lists had version ${row.version}, its object ${order.version}`,
      });
    if (row?.state === "PAID" && order?.state !== "PAID")
      seen.push({ law: "I4", what: `order ${tale.plan.index}: was PAID in the lists, then ${order?.state}` });
  }
  return seen;
}

/**
 * Once all is settled: phones look at some orders in every way, and the provider tells of their money again, twice, latest first.
 * @param {import("./lives.mjs").Scene} scene @param {import("./evidence.mjs").Evidence} evidence @returns {Promise<Violation[]>}
 */
export async function probe({ client, payer }, { sales }) {
  const probed = sales.filter((_, index) => index % Math.ceil(sales.length / probedMax) === 0);
  const violations = await inTurn(probed, probersMax, async (sale) => {
    const { tale, placed, takings } = sale;
    const version = async () => (await readOrder(client, tale.shop, placed.id))?.version;
    const before = await version();
    for (const path of ["", "/qr.svg", "/qr.png"])
      for (const method of ["GET", "HEAD"]) await client.ask(`/c/${placed.slug}${path}`, { method });
    const looked = await version();
    const statuses = [];
    for (const taking of [...takings.toReversed(), ...takings]) statuses.push(await payer.tell(tale.shop, taking));
    const told = await version();
    return [
      looked !== before && { law: "I7", what: `looking at it changed version ${before} to ${looked}`, sale },
      statuses.some((status) => status !== 200) && {
        law: "I10",
        what: `news told again was answered ${statuses.join(", ")}`,
        sale,
      },
      told !== looked && { law: "I10", what: `news told again changed version ${looked} to ${told}`, sale },
    ].filter((violation) => violation !== false);
  });
  return violations.flat();
}
