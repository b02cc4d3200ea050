/**
 * Carries out what a conversion wants done elsewhere: by a staff pool, or by the merchant's own server. Answers with the news of it; null when
 * nobody answered, and then it is tried again. Never throws, and nothing on the way to PAID waits for it.
 */
import { actionOf, callOf } from "../conversions/call.ts";
import type { Command } from "../core/commands.ts";
import type { ConversionWork } from "../core/conversion-work.ts";
import { firstCall } from "../core/block-run.ts";
import { receiptsOf } from "../core/conversion.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { actionSecretPlace, findActionEndpoint } from "../db/action-endpoints.ts";
import { lastWordOn } from "../db/consents.ts";
import { database } from "../db/database.ts";
import { keysOf } from "../keys/root.ts";
import { unseal } from "../keys/seal.ts";
import { deliver } from "../webhooks/deliver.ts";
import { succeeded } from "../webhooks/retry.ts";
import { TimeLimit } from "../webhooks/time-limit.ts";
import type { StaffPoolProtocol } from "./protocol.ts";
import { within } from "./within.ts";

export async function carryOut(env: Env, order: Order, work: ConversionWork): Promise<Command | null> {
  try {
    return work.kind === "CALL"
      ? await call(env, order, work)
      : await within(limits.staffPoolTimeoutMs, ask(env, order, work));
  } catch (fault) {
    console.error("work of a conversion", work.kind, fault);
    return null;
  }
}

type StaffWork = Extract<ConversionWork, { turn: number }>;

async function ask(env: Env, { terms, conversion }: Order, work: StaffWork): Promise<Command> {
  const { turn } = work;
  const reservation = { order: terms.key, turn, merchantId: terms.merchant.id };
  switch (work.kind) {
    case "RESERVE": {
      const { pool } = work;
      return { kind: "reserved", turn, pool, hold: await poolOf(env, pool).reserve(reservation) };
    }
    case "RELEASE":
      await Promise.all(work.pools.map((id) => poolOf(env, id).release(reservation)));
      return { kind: "released", turn };
    case "ASSIGN": {
      const { pool } = work;
      const payer = conversion?.payer;
      const customerId = payer && !payer.provisional ? payer.customerId : null;
      return { kind: "assigned", turn, pool, hold: await poolOf(env, pool).assign({ ...reservation, customerId }) };
    }
  }
}

const poolOf = (env: Env, id: string): StaffPoolProtocol => env.STAFF_POOL.getByName(id);

/** Consent is asked for at the last moment, where all of it is known: what was taken back a moment ago is not acted upon. */
async function call(
  env: Env,
  order: Order,
  { outcome, undo }: Extract<ConversionWork, { kind: "CALL" }>,
): Promise<Command | null> {
  const { key } = outcome;
  const { merchant } = order.terms;
  const action = actionOf(order, key);
  const acted = (came: "DONE" | "FAILED" | "NO_CONSENT" | "NOT_YET", detail: string | null): Command => ({
    kind: "acted",
    key,
    undo,
    outcome: came,
    detail,
  });
  const now = () => Date.now();
  if (!action || !order.conversion) return null;
  if (!undo && firstCall(action, order.terms, now()).nextAt > now()) return acted("NOT_YET", null);
  const db = database(env, merchant.id);
  if (!undo && action.requires !== undefined) {
    const { customerId } = order.conversion.payer;
    const word = await within(limits.actionTimeoutMs, lastWordOn(db, merchant.id, customerId, action.requires));
    // What the payer said with this order may not have reached the read model yet; whatever is newer stands.
    const own = receiptsOf(order.conversion).findLast(({ purpose }) => purpose === action.requires);
    const isGranted = word && word.at >= (own?.at ?? 0) ? word.granted === 1 : own !== undefined;
    if (!isGranted) return acted("NO_CONSENT", null);
  }
  const endpoint = await within(limits.actionTimeoutMs, findActionEndpoint(db, merchant.id, action.kind));
  if (!endpoint) return acted("FAILED", `no address is set for ${action.kind}: use conversionEndpointSave`);
  const place = actionSecretPlace(merchant.id, action.kind);
  const answer = await deliver(
    {
      url: endpoint.url,
      policy: policyOf(env),
      secrets: [unseal(keysOf(env.ROOT_SECRET).sealing, place, endpoint.sealed)],
      ...callOf(order, outcome, undo),
    },
    { fetch: (...request) => fetch(...request), now, limit: new TimeLimit(limits.actionTimeoutMs, now) },
  );
  if (succeeded(answer)) return acted("DONE", null);
  return acted("FAILED", answer.error ?? `the server answered ${answer.status ?? "nothing"}`);
}

const policyOf = ({ WEBHOOK_ALLOW_PRIVATE, PUBLIC_ORIGIN }: Env) => ({
  allowPrivate: WEBHOOK_ALLOW_PRIVATE === "1",
  ownHost: PUBLIC_ORIGIN ? new URL(PUBLIC_ORIGIN).hostname : null,
});
