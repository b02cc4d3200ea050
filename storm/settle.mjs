// Waiting until nothing moves any more. Only books are looked at that no order has to be asked for: what is still to do must get done by itself.
import { setTimeout as sleep } from "node:timers/promises";
import { readLists } from "./reading.mjs";

/** A partner that was down is tried again after up to two minutes. */
const stillMs = 150_000;
const lookMs = 1_500;
const sayMs = 15_000;

/**
 * @param {import("./lives.mjs").Scene} scene @param {import("./lives.mjs").Tale[]} tales @param {import("./receiver.mjs").Receiver} receiver
 * @param {(line: string) => void} say
 * @returns {Promise<{ settled: boolean, waitsFor: string[] }>} not settled when nothing has moved for long, and something should
 */
export async function untilSettled(scene, tales, receiver, say) {
  let before = "";
  let movedAt = Date.now();
  let saidAt = Date.now();
  for (;;) {
    const waitsFor = await unsettled(scene, tales, receiver);
    if (waitsFor.length === 0) return { settled: true, waitsFor };
    const now = waitsFor.join();
    if (now !== before) movedAt = Date.now();
    before = now;
    if (Date.now() - saidAt > sayMs) {
      say(`still waiting for ${waitsFor.join(", ")}`);
      saidAt = Date.now();
    }
    if (Date.now() - movedAt > stillMs) return { settled: false, waitsFor };
    await sleep(lookMs);
  }
}

/** @param {import("./lives.mjs").Scene} scene @param {import("./lives.mjs").Tale[]} tales @param {import("./receiver.mjs").Receiver} receiver */
async function unsettled({ client, shops, payer }, tales, { heard }) {
  const [books, lists] = await Promise.all([payer.books(), Promise.all(shops.map((shop) => readLists(client, shop)))]);
  const rows = new Map(lists.flatMap(({ orders }) => orders.map((row) => [row.id, row])));
  const known = new Set([...rows.values()].flatMap(({ payments }) => payments.map(({ transaction }) => transaction)));
  for (const { unmatched } of lists) for (const { transaction } of unmatched) known.add(transaction);
  const logged = new Set(lists.flatMap(({ events }) => events.map(({ id }) => id)));
  const unlisted = tales.filter(({ placed }) => placed && placed !== "SOLD_OUT" && !rows.has(placed.id));
  const ending = tales.filter(({ plan, placed }) => {
    const row = placed && placed !== "SOLD_OUT" && rows.get(placed.id);
    // A code of an hour or more stays as it is, until somebody pays.
    return (
      row &&
      row.state === "PAYING" &&
      (plan.lifetimeSeconds !== null || plan.life === "cancels") &&
      row.received.minorUnits === 0
    );
  });
  const waits = {
    "notifications or money of the provider": books.unsettled,
    "payments that nobody knows of": books.takings.filter(({ transaction }) => !known.has(transaction)).length,
    "orders that are not in the lists": unlisted.length,
    "orders that are about to end": ending.length,
    "refunds under way": [...rows.values()].filter(({ refunds }) => refunds.some(({ state }) => state === "PENDING"))
      .length,
    "unmatched payments that are being placed": lists.flatMap(({ unmatched }) =>
      unmatched.filter(({ state }) => state.endsWith("ING") && state !== "WAITING"),
    ).length,
    "events that the log lacks": [...heard.keys()].filter((id) => !logged.has(id)).length,
    "events that no webhook told": lists.flatMap(({ events }) => events.filter(({ id }) => !heard.has(id))).length,
  };
  return Object.entries(waits).flatMap(([what, number]) => (number > 0 ? [`${number} ${what}`] : []));
}
