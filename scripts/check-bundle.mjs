// Fails when the Worker outgrows its budget: what is downloaded is parsed at every cold start, with a payer waiting.
// The budget is the sum of what each capability may weigh: docs/decisions/0004-budget-by-capability.md.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.mjs";

const allowancesKiB = {
  "the main job, from the order to the first webhook": 160,
  "money that no order has and what went back of it, refund keys, the wallet's misbehaviour": 7,
  "partners' tools, a log that is counted and read from both ends, neighbours in trouble, and the catalogue of events": 11,
  "subscriptions that wait for slow readers and go on after a break, and outcomes that are replayed": 12,
  "conversion blocks, staff, coupons and consent": 26,
  "Stripe, WeChat Pay and Alipay": 19,
  "erasing people": 5,
};
const budgetKiB = Object.values(allowancesKiB).reduce((sum, allowance) => sum + allowance, 0);

const { modules } = await bundle();
const bytes = modules.reduce((sum, { path }) => sum + gzipSync(readFileSync(path)).byteLength, 0);
const sizeKiB = bytes / 1024;
console.log(`The Worker weighs ${sizeKiB.toFixed(1)} KiB gzipped, of ${budgetKiB}.`);
if (sizeKiB > budgetKiB) process.exitCode = 1;
