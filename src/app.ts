/** Which door opens for which request. The scan comes first, before any framework. */
import { Hono } from "hono/tiny";
import { databases } from "./db/database.ts";
import { depsOf } from "./deps.ts";
import { sandboxWallet, sandboxWalletNamed } from "./durable/sandbox-wallet.ts";
import { notificationDoor } from "./edge/notification.ts";
import { qrImage } from "./edge/qr.ts";
import { answerScan, mountEdge } from "./edge/routes.ts";
import { sandboxBooksDoor } from "./edge/sandbox-books.ts";
import { sandboxWalletDoor, type SandboxWalletDoor } from "./edge/sandbox-wallet.tsx";
import { configOf } from "./env.ts";
import { sweepErasures } from "./resolvers/sweep-erasures.ts";
import { sweepStockHolds } from "./resolvers/sweep-stock-holds.ts";
import { graphqlHandler } from "./schema/server.ts";

export function serve(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> | Response {
  const config = configOf(env);
  if (typeof config === "string") return new Response(config, { status: 503 });
  const deps = () => depsOf(env, config, originOf(request.url), ctx);
  const scanned = answerScan(request, deps);
  if (scanned) return scanned;
  depsByRequest.set(request, { ...deps(), wallets: (order) => sandboxWallet(env, order) });
  return application.fetch(request, env, ctx);
}

/** Gives back the stock of orders that were never placed after all, because the Worker that took it died in between; and goes on with erasures. */
export async function sweep(env: Env, ctx: ExecutionContext): Promise<void> {
  const config = configOf(env);
  if (typeof config === "string") throw new Error(config);
  const deps = depsOf(env, config, "", ctx);
  const swept = await Promise.allSettled(
    databases(env).flatMap((database) => [sweepStockHolds(deps, database), sweepErasures(deps, database)]),
  );
  // One that fails cuts off none of the others.
  for (const one of swept) if (one.status === "rejected") throw one.reason;
}

const originOf = (url: string): string => url.slice(0, url.indexOf("/", url.indexOf("//") + 2));

const depsByRequest = new WeakMap<Request, SandboxWalletDoor>();
const depsFor = (request: Request): SandboxWalletDoor => {
  const deps = depsByRequest.get(request);
  if (!deps) throw new Error("a request that did not come through serve");
  return deps;
};

const application: Hono = new Hono();
application
  .all("/graphql", ({ req }) => graphqlHandler(req.raw, depsFor(req.raw), { qrImage }))
  .post("/payments/:provider/:accountId/notifications", ({ req }) =>
    notificationDoor(req.raw, req.param(), depsFor(req.raw)),
  )
  .get("/sandbox/ledger/:wallet", ({ req, env }) =>
    sandboxBooksDoor(req.raw, req.param("wallet"), depsFor(req.raw), (name) => sandboxWalletNamed(env as Env, name)),
  )
  .on(["GET", "HEAD", "POST"], "/sandbox/wallet/:payment", ({ req }) =>
    sandboxWalletDoor(req.raw, req.param("payment"), depsFor(req.raw)),
  );
mountEdge(application, depsFor);
