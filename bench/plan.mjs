// What is measured, how long, and what is to be reached.
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} product scenario of product-scenarios.mjs
 * @property {string} ceiling scenario of ceiling-scenarios.mjs
 * @property {string} ceilingDoes
 * @property {boolean} creates whether every unit makes a new object
 * @property {number} [share] of the ceiling's units a second that is to be reached
 * @property {number} [perSecond] units a second that are to be reached on tmpfs
 *
 * @typedef {object} Storage
 * @property {string} name
 * @property {string} folder
 *
 * @typedef {object} Plan
 * @property {Storage[]} storages
 * @property {number[]} connections
 * @property {number} rounds
 * @property {number} sliceSeconds
 * @property {number} warmSeconds of each slice, before it counts
 * @property {number} compileSeconds of each case, before the first round: until then much of the code is not compiled
 * @property {number} budgetSeconds no second or later round begins after this
 * @property {boolean} check
 */

/** @type {Case[]} */
export const cases = [
  {
    name: "QR image",
    product: "picture",
    ceiling: "picture",
    ceilingDoes: "raw 200 with the same bytes",
    creates: false,
    share: 0.8,
  },
  {
    name: "scan, 302",
    product: "redirect",
    ceiling: "redirect",
    ceilingDoes: "hono, one object read, 302",
    creates: false,
    share: 0.8,
  },
  {
    name: "scan, payer page",
    product: "page",
    ceiling: "redirect",
    ceilingDoes: "hono, one object read, 302",
    creates: false,
  },
  {
    name: "order read",
    product: "read",
    ceiling: "read",
    ceilingDoes: "graphql-js, the same data as a constant",
    creates: false,
    share: 0.6,
  },
  {
    name: "order read, from an object",
    product: "read",
    ceiling: "readObject",
    ceilingDoes: "graphql-js, the same data from one object",
    creates: false,
  },
  {
    name: "50 orders, nested",
    product: "list",
    ceiling: "list",
    ceilingDoes: "Yoga and Pothos, the same rows as a constant",
    creates: false,
    share: 0.4,
  },
  {
    name: "order placed",
    product: "place",
    ceiling: "place",
    ceilingDoes: "one new object with one row",
    creates: true,
    share: 0.7,
  },
  {
    name: "order placed, and guarded",
    product: "place",
    ceiling: "placeGuarded",
    ceilingDoes: "graphql-js, one new object with an order's row, its alarm, its mark",
    creates: true,
  },
  {
    name: "whole sale",
    product: "sale",
    ceiling: "sale",
    ceilingDoes: "one new object, one read, two writes",
    creates: true,
    perSecond: 250,
  },
];

/** The number of connections at which goals are judged: the server is busy, and no request waits for long. */
export const judgedConnections = 16;

/** How many objects each scenario that scans or reads has to choose from. */
export const poolSize = 100;

/** Units of one slice that makes objects. */
export const unitsPerCreatingSlice = 1_000;

/** Objects that one server may have made within the time for which it keeps them in memory; more, and it runs out of descriptors. */
export const objectsAliveMax = 3_000;
export const objectsAliveMs = 12_000;

const full = {
  connections: [1, 16, 64],
  rounds: 3,
  sliceSeconds: 0.6,
  warmSeconds: 0.15,
  compileSeconds: 1,
  budgetSeconds: 300,
};
const quick = {
  connections: [judgedConnections],
  rounds: 1,
  sliceSeconds: 0.8,
  warmSeconds: 0.2,
  compileSeconds: 0.5,
  budgetSeconds: 50,
};

const usage = `npm run bench -- [options]
  --quick          tmpfs only, ${judgedConnections} connections, one round; less than a minute
  --check          exit 1 when a goal is missed
  --disk FOLDER    where the data on disk stands; default ${tmpdir()}
  --tmpfs FOLDER   default /dev/shm
  --webhooks       what partners are sent instead: bench/webhooks.mjs`;

/** @param {string[]} args @returns {Plan | string} a string says how to ask */
export function readPlan(args) {
  const options = /** @type {const} */ ({
    quick: { type: "boolean", default: false },
    check: { type: "boolean", default: false },
    disk: { type: "string", default: tmpdir() },
    tmpfs: { type: "string", default: "/dev/shm" },
    help: { type: "boolean", default: false },
  });
  try {
    const { values } = parseArgs({ args, options });
    if (values.help) return usage;
    const tmpfs = { name: "tmpfs", folder: values.tmpfs };
    const disk = { name: "disk", folder: values.disk };
    const storages = (values.quick ? [tmpfs] : [tmpfs, disk]).filter(({ folder }) => existsSync(folder));
    return { storages, ...(values.quick ? quick : full), check: values.check };
  } catch (fault) {
    return `${/** @type {Error} */ (fault).message}\n\n${usage}`;
  }
}
