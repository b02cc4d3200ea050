/** `npm run simulate -- --seeds 1000 --from 1`: plays the days in plain Node, prints each seed that breaks a law, and exits 1 if any did. */
import { registerHooks } from "node:module";
import { parseArgs } from "node:util";

const standIn = new URL("./cloudflare-workers.ts", import.meta.url).href;
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "cloudflare:workers" ? { url: standIn, shortCircuit: true } : next(specifier, context),
});
const { simulate } = await import("./simulate.ts");

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "200" }, from: { type: "string", default: "1" } },
});
const [seeds, from] = [Number(values.seeds), Number(values.from)];
if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(from) || seeds < 1 || from < 0) {
  console.error("usage: npm run simulate -- [--seeds how many] [--from which]");
  process.exit(2);
}

const startedAt = performance.now();
const sums = { orders: 0, paid: 0, deaths: 0, happened: 0 };
const failed: number[] = [];
for (let seed = from; seed < from + seeds; seed += 1) {
  const { broken, orders, paid, deaths, happened } = await simulate(seed);
  sums.orders += orders;
  sums.paid += paid;
  sums.deaths += deaths;
  sums.happened += happened;
  if (broken.length === 0) continue;
  failed.push(seed);
  console.log(`seed ${seed} broke ${broken.length}:`);
  for (const law of broken.slice(0, 10)) console.log(`  ${law}`);
  console.log(`  again: npm run simulate -- --seeds 1 --from ${seed}`);
}
const took = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  `${seeds} days from seed ${from} in ${took} s: ${sums.orders} orders, ${sums.paid} paid, ${sums.deaths} deaths, ` +
    `${sums.happened} things happened; ${failed.length === 0 ? "no law broken" : `laws broken by seeds ${failed.join(", ")}`}`,
);
process.exitCode = failed.length === 0 ? 0 : 1;
