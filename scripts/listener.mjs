// What `npm run listen` does: hears the demo merchant's events beside `npm start`, and prints them as they come. PORT and STATE are those of the server.
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { receiver } from "../examples/webhook-receiver/receiver.mjs";
import { inProject } from "./project.mjs";
import { ask, mutate } from "./seed.mjs";

/** By this the endpoint is found again. */
const description = "npm run listen";
const url = `http://127.0.0.1:${process.env.PORT || 8787}`;
const memory = join(resolve(process.env.STATE || inProject(".state")), "demo.json");

try {
  await listen();
} catch (error) {
  console.error(
    `Cannot listen. ${/** @type {Error} */ (error).message}\nIs \`npm start\` running, with the same PORT and STATE?`,
  );
  process.exit(1);
}

async function listen() {
  if (!existsSync(memory)) throw new Error(`There is no demo merchant in ${memory}.`);
  const who = { url, token: JSON.parse(readFileSync(memory, "utf8")).apiKey };
  /** The port must be open before the endpoint is, and the secret comes with the endpoint. @type {PromiseWithResolvers<ReturnType<typeof receiver>>} */
  const ready = Promise.withResolvers();
  const server = createServer(async (request, response) => (await ready.promise)(request, response));
  await new Promise((open, fail) =>
    server.once("error", fail).listen(Number(process.env.LISTEN_PORT || 0), "127.0.0.1", () => open(null)),
  );
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());

  const { id, secret } = await register(who, `http://127.0.0.1:${port}/`);
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "disconnect"]) process.on(signal, () => void end(who, id));
  ready.resolve(receiver({ secret, handle: print }));
  console.log(`Listening to everything that happens at ${url}\n`);
}

/** The same endpoint every time, so that what came meanwhile is told now. @param {{ url: string, token: string }} who @param {string} to */
async function register(who, to) {
  const { viewer } = await ask(
    who,
    "{ viewer { merchant { webhookEndpoints(first: 50) { nodes { id description } } } } }",
  );
  const known = viewer.merchant.webhookEndpoints.nodes.find(
    (/** @type {{ description: string | null }} */ one) => one.description === description,
  );
  if (!known) {
    const made = await mutate(who, "webhookEndpointCreate", "webhookEndpoint { id } secret", {
      url: to,
      types: [],
      description,
    });
    return { id: made.webhookEndpoint.id, secret: made.secret };
  }
  const webhookEndpointId = known.id;
  const { secret } = await mutate(who, "webhookSecretRotate", "secret", { webhookEndpointId, overlapSeconds: 0 });
  await mutate(who, "webhookEndpointUpdate", "webhookEndpoint { id }", {
    webhookEndpointId,
    url: to,
    state: "ENABLED",
  });
  return { id: known.id, secret };
}

/** @param {import("../examples/webhook-receiver/receiver.mjs").Received} event */
function print({ type, timestamp, data: { orderId = "", sequence, ...data } }) {
  console.log(`${timestamp}  ${type.padEnd(24)} ${orderId} ${sequence ?? ""}\n${JSON.stringify(data)}\n`);
}

/** Nothing is sent to a port that somebody else may have tomorrow. @param {{ url: string, token: string }} who @param {string} webhookEndpointId */
async function end(who, webhookEndpointId) {
  await mutate(who, "webhookEndpointUpdate", "webhookEndpoint { id }", { webhookEndpointId, state: "PAUSED" }).catch(
    () => {},
  );
  process.exit(0);
}
