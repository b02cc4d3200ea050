// What `npm start` does once the tools are there: serve, make sure that there is a demo merchant, place an order, show its code.
// PORT and STATE choose where; `--bare` leaves the merchant and the order out.
import { resolve } from "node:path";
import { inProject } from "./project.mjs";
import { placeDemoOrder, registerDemoMerchant } from "./seed.mjs";
import { serve } from "./serve.mjs";
import { drawQrCode } from "./terminal-qr.mjs";

/** @type {import("./serve.mjs").Server | undefined} */
let server;

let isEnding = false;

/** @param {number} code */
async function end(code) {
  if (isEnding) return;
  isEnding = true;
  await server?.stop();
  process.exit(code);
}
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "disconnect"]) process.on(signal, () => void end(0));

async function start() {
  const port = Number(process.env.PORT || 8787);
  const state = resolve(process.env.STATE || inProject(".state"));
  server = await serve({ port, state });
  if (!process.argv.includes("--bare")) await showDemo(server, state);
  console.log(`Huoma is ready on ${server.url}`);
}

/**
 * @param {import("./serve.mjs").Server} running
 * @param {string} state
 */
async function showDemo({ url, vars }, state) {
  const apiKey = await registerDemoMerchant({ url, adminToken: vars.ADMIN_TOKEN ?? "", state });
  const { liveCode, order } = await placeDemoOrder({ url, apiKey });
  console.log(`\n${drawQrCode(liveCode.url, { colour: process.stdout.isTTY })}`);
  console.log(`Order ${order.number}, ${order.total.formatted}. Scan it, or open its live code:\n`);
  console.log(`  live code   ${liveCode.url}`);
  console.log(`  terminal    ${url}/terminal`);
  console.log(`  events      ${url}/docs/events`);
  console.log(`  GraphQL     ${url}/graphql`);
  console.log(`  API key     ${apiKey}\n`);
}

try {
  await start();
} catch (error) {
  console.error(explain(/** @type {Error} */ (error)));
  await end(1);
}

/** @param {Error & { code?: string }} error */
function explain(error) {
  if (error.code === "ERR_ADDRESS_IN_USE")
    return `Port ${process.env.PORT || 8787} is taken. Choose another: PORT=9000 npm start`;
  return `Huoma could not start. ${error.message}`;
}
