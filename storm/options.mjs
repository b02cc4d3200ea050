// How large a storm is asked for.
import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

/**
 * @typedef {object} Options
 * @property {string} seed
 * @property {number} orders
 * @property {number} kills
 * @property {number} concurrency orders that are under way at once, beside those that only wait
 * @property {number} ratePerSecond orders begun in a second at most
 * @property {string} provider
 */

/** @type {Omit<Options, "seed">} */
const usual = { orders: 300, kills: 5, concurrency: 40, ratePerSecond: 8, provider: "sandbox" };

const help = `npm run storm -- [--orders ${usual.orders}] [--kills ${usual.kills}] [--seed text] [--concurrency ${usual.concurrency}] [--rate ${usual.ratePerSecond}] [--provider ${usual.provider}]`;

/** @param {string[]} args @returns {Options | string} how to ask, when this was not it */
export function readOptions(args) {
  try {
    const { values } = parseArgs({
      args,
      options: {
        orders: { type: "string" },
        kills: { type: "string" },
        seed: { type: "string" },
        concurrency: { type: "string" },
        rate: { type: "string" },
        provider: { type: "string" },
        help: { type: "boolean" },
      },
    });
    if (values.help) return help;
    return {
      seed: values.seed ?? String(randomInt(1_000_000)),
      orders: countIn(values.orders, usual.orders, 1),
      kills: countIn(values.kills, usual.kills, 0),
      concurrency: countIn(values.concurrency, usual.concurrency, 1),
      ratePerSecond: countIn(values.rate, usual.ratePerSecond, 1),
      provider: values.provider ?? usual.provider,
    };
  } catch (fault) {
    return `${/** @type {Error} */ (fault).message}\n${help}`;
  }
}

/** @param {string | undefined} text @param {number} otherwise @param {number} min */
function countIn(text, otherwise, min) {
  if (text === undefined) return otherwise;
  if (!/^\d{1,6}$/.test(text) || Number(text) < min) throw new Error(`${text} is no count from ${min} on.`);
  return Number(text);
}
