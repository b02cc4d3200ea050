// What `npm run storm` does once the tools are there. The exit code is 1 when anything was not as promised.
import { bundle } from "../scripts/bundle.mjs";
import { readOptions } from "./options.mjs";
import { report } from "./report.mjs";
import { storm } from "./storm.mjs";

const options = readOptions(process.argv.slice(2));
if (typeof options === "string") {
  console.log(options);
  process.exitCode = 1;
} else {
  const { seed, orders, kills, concurrency, ratePerSecond, provider } = options;
  const again = `npm run storm -- --orders ${orders} --kills ${kills} --seed ${seed} --concurrency ${concurrency} --rate ${ratePerSecond} --provider ${provider}`;
  console.log(again);
  await bundle();
  const startedAt = Date.now();
  const told = await storm(options, (line) =>
    console.error(`${String(Math.round((Date.now() - startedAt) / 1000)).padStart(4)} s  ${line}`),
  );
  console.log(`\n${report(told)}`);
  if (told.violations.length > 0) console.log(`\nAgain: ${again}`);
  process.exit(told.violations.length > 0 ? 1 : 0);
}
