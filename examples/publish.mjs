// Publishes an example as the merchant's default conversion block: node examples/publish.mjs NAME [--dry-run]
// HUOMA_URL and HUOMA_KEY say where and as whom; without them the demo merchant of `npm start` on this machine.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [name = "", flag] = process.argv.slice(2);
const file = join(here, `${name}.json`);
if (!/^[a-z-]+$/.test(name) || !existsSync(file)) stop("Which example? node examples/publish.mjs tea-shop");
const url = process.env.HUOMA_URL ?? `http://127.0.0.1:${process.env.PORT || 8787}`;
const key = process.env.HUOMA_KEY ?? demoKey();
const example = JSON.parse(readFileSync(file, "utf8"));

const merchant = (
  await ask(
    `{ viewer { merchant { currency conversionBlocks { id name } staffPools { id name members { id name } } } } }`,
  )
).viewer.merchant;
const definition = await withPools(example);
if (flag === "--dry-run") await simulate();
else await publish();

/** The pools that the example brings, saved, and their ids where the definition names them. */
async function withPools({ staffPools = {}, definition: given }) {
  /** @type {Record<string, string>} */
  const ids = {};
  for (const [label, pool] of Object.entries(staffPools)) {
    const known = merchant.staffPools.find((/** @type {{ name: string }} */ one) => one.name === pool.name);
    const members = pool.members.map((/** @type {{ name: string }} */ member) => ({
      ...member,
      id: known?.members.find((/** @type {{ name: string }} */ one) => one.name === member.name)?.id,
    }));
    const { staffPool } = await mutate("staffPoolSave", "staffPool { id }", {
      ...pool,
      members,
      staffPoolId: known?.id,
    });
    ids[label] = staffPool.id;
  }
  if (!given.assignment) return given;
  const { pool, fallback } = given.assignment;
  return {
    ...given,
    assignment: { ...given.assignment, pool: ids[pool] ?? pool, fallback: ids[fallback] ?? fallback },
  };
}

async function publish() {
  const known = merchant.conversionBlocks.find((/** @type {{ name: string }} */ one) => one.name === example.name);
  const { conversionBlock } = await mutate("conversionBlockPublish", "conversionBlock { id version }", {
    conversionBlockId: known?.id,
    name: example.name,
    definition,
  });
  console.log(`${example.name}: ${conversionBlock.id}, version ${conversionBlock.version}. New orders pin it.`);
}

async function simulate() {
  const { conversionSimulate: dry } = await ask(
    `query ($definition: JSON!, $order: ConversionSimulateOrderInput!) {
      conversionSimulate(definition: $definition, order: $order, payer: { firstTime: true }) {
        issues { path message } actions { key kind state why } target } }`,
    { definition, order: { amount: { amount: "50.00", currency: merchant.currency } } },
  );
  for (const { path, message } of dry.issues) console.log(`${path.join(".")} ${message}`);
  for (const { key: action, kind, state, why } of dry.actions) console.log(`${action} (${kind}): ${state}, ${why}`);
  console.log(`The code leads to: ${dry.target ?? "decided after the payment"}`);
}

/**
 * @param {string} mutation
 * @param {string} selection
 * @param {object} input
 */
async function mutate(mutation, selection, input) {
  const type = mutation.charAt(0).toUpperCase() + mutation.slice(1);
  const { [mutation]: result } = await ask(
    `mutation ($input: ${type}Input!) { ${mutation}(input: $input) { __typename ... on ${type}Success { ${selection} } ... on UserError { message } } }`,
    { input },
  );
  return result.__typename === `${type}Success` ? result : stop(result.message);
}

/**
 * @param {string} query
 * @param {object} [variables]
 */
async function ask(query, variables) {
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  }).catch(() => stop(`Nothing answers at ${url}. Is npm start running?`));
  const { data, errors } = await response.json();
  return errors ? stop(errors[0].message) : data;
}

function demoKey() {
  const memory = join(process.env.STATE || join(here, "..", ".state"), "demo.json");
  return existsSync(memory)
    ? JSON.parse(readFileSync(memory, "utf8")).apiKey
    : stop("Set HUOMA_KEY, or run npm start first.");
}

/** @param {string} message @returns {never} */
function stop(message) {
  console.error(message);
  process.exit(1);
}
