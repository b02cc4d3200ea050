// Fails when the Worker outgrows its budget: what is downloaded is parsed at every cold start, with a payer waiting.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { bundle } from "./bundle.mjs";

const budgetKiB = 160;

const { modules } = await bundle();
const bytes = modules.reduce((sum, { path }) => sum + gzipSync(readFileSync(path)).byteLength, 0);
const sizeKiB = bytes / 1024;
console.log(`The Worker weighs ${sizeKiB.toFixed(1)} KiB gzipped, of ${budgetKiB}.`);
if (sizeKiB > budgetKiB) process.exitCode = 1;
