/** Wires verbs to this deployment: objects by their names, databases by their merchants, the clock and chance. */
import { database, databaseBuckets } from "./db/database.ts";
import { liveCodeStub } from "./durable/live-code-stub.ts";
import { sandboxWallet } from "./durable/sandbox-wallet.ts";
import type { Config } from "./env.ts";
import { paymentPorts } from "./payments/registry.ts";
import type { Deps } from "./resolvers/deps.ts";

/** `origin` is the request's own; a configured public origin wins. */
export function depsOf(env: Env, config: Config, origin: string, ctx: Pick<ExecutionContext, "waitUntil">): Deps {
  return { ...lastingDeps(env, config, config.publicOrigin ?? origin), waitUntil: (work) => ctx.waitUntil(work) };
}

type LastingDeps = Omit<Deps, "waitUntil">;

/** Of each configuration's last request: the next one mostly comes by the same name, and making them anew is a part of every redirect. */
const lasting = new WeakMap<Config, LastingDeps>();

/** What outlives a request. A configuration is made of one environment. */
function lastingDeps(env: Env, config: Config, origin: string): LastingDeps {
  const last = lasting.get(config);
  if (last?.origin === origin) return last;
  const deps: LastingDeps = {
    now: () => Date.now(),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    keys: config.keys,
    origin,
    local: config.local,
    adminToken: config.adminToken,
    database: (merchantId) => database(env, merchantId),
    newMerchantBucket: databaseBuckets(env)[0] ?? "00",
    liveCode: (key) => liveCodeStub(env, key),
    account: (id) => env.PAYMENT_ACCOUNT.getByName(id),
    ports: paymentPorts((order) => sandboxWallet(env, order)),
    feed: (id) => env.MERCHANT_FEED.getByName(id),
    pool: (id) => env.STAFF_POOL.getByName(id),
    endpoint: (id) => env.WEBHOOK_ENDPOINT.getByName(id),
    outcomes: (owner) => env.OUTCOMES.getByName(owner),
    documents: (merchantId) => env.TRUSTED_DOCUMENTS.getByName(merchantId),
  };
  lasting.set(config, deps);
  return deps;
}
