/**
 * A call to the merchant's own server: everything that may forbid it is looked up first, then the order writes down that it leaves now, and only then
 * it leaves, so however often it is begun it is counted and seen.
 */
import { actionOf, callOf } from "../conversions/call.ts";
import { firstCall } from "../core/block-run.ts";
import type { Command, Commands } from "../core/commands.ts";
import { latestOf, wordsOf } from "../core/consents.ts";
import type { ConversionWork } from "../core/conversion-work.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { actionSecretPlace, findActionEndpoint } from "../db/action-endpoints.ts";
import { lastWordOn } from "../db/consents.ts";
import { erasedAtOf } from "../db/customers.ts";
import { database } from "../db/database.ts";
import { keysOf } from "../keys/root.ts";
import { unseal } from "../keys/seal.ts";
import { deliver } from "../webhooks/deliver.ts";
import { succeeded } from "../webhooks/retry.ts";
import { TimeLimit } from "../webhooks/time-limit.ts";
import { policyOf } from "../webhooks/url-guard.ts";
import { within } from "./within.ts";

/** Writes down that a call leaves now. The order as it is then, or null when it is not to leave any more. */
export type Begin = (command: Command) => Order | null;

type CallWork = Extract<ConversionWork, { kind: "CALL" }>;
const newsOf = ({ outcome: { key }, undo, number }: CallWork) => ({ kind: "acted", key, undo, number }) as const;

/** A try like any other, so that no fault is met for ever: it is counted, ends, and is seen. */
export const failedByUs = (work: CallWork): Command => ({
  ...newsOf(work),
  outcome: "FAILED",
  detail: "the call could not be made: a fault on our side",
});

/** Consent is asked for at the last moment, where all of it is known: what was taken back a moment ago is not acted upon. */
export async function callServer(env: Env, order: Order, work: CallWork, begin: Begin): Promise<Command | null> {
  const { undo, number } = work;
  const { key } = work.outcome;
  const { merchant } = order.terms;
  const action = actionOf(order, key);
  const acted = (outcome: Commands["acted"]["outcome"], detail: string | null): Command => ({
    ...newsOf(work),
    outcome,
    detail,
  });
  const now = () => Date.now();
  if (!action || !order.conversion) return null;
  if (number > limits.actionRetryMs.length + 1) return acted("FAILED", "nobody told what came of the last call");
  if (!undo && firstCall(action, order.terms, now()).nextAt > now()) return acted("NOT_YET", null);
  const db = database(env, merchant.id);
  const { convertedAt, erasedAt: forgotten, payer } = order.conversion;
  const { requires } = action;
  const [erasedAt, known, endpoint] = await within(
    limits.actionTimeoutMs,
    Promise.all([
      erasedAtOf(db, merchant.id, payer.customerId),
      undo || requires === undefined ? null : lastWordOn(db, merchant.id, payer.customerId, requires),
      findActionEndpoint(db, merchant.id, action.kind),
    ]),
  );
  // Whoever was erased is told nothing more, even by an order that has not heard of it.
  if (erasedAt !== null && erasedAt >= convertedAt && forgotten === undefined)
    return { kind: "forget", erasedAt, alone: true };
  const read = known && requires ? [{ purpose: requires, granted: known.granted === 1, at: known.at }] : [];
  // What was said with this order may not have reached the read model yet, and what was set a moment ago not this order: the latest stands.
  const words = latestOf([...wordsOf(order.conversion), ...read].filter(({ at }) => at > (erasedAt ?? 0)));
  const word = words.find(({ purpose }) => purpose === requires);
  if (!undo && requires !== undefined && word?.granted !== true)
    return { ...newsOf(work), outcome: "NO_CONSENT", detail: null, takenBackAt: word?.at ?? now() };
  if (!endpoint) return acted("FAILED", `no address is set for ${action.kind}: use conversionEndpointSave`);
  const place = actionSecretPlace(merchant.id, action.kind);
  const secrets = [unseal(keysOf(env.ROOT_SECRET).sealing, place, endpoint.sealed)];
  const begun = begin({ kind: "calling", key, undo, number });
  const outcome = begun?.conversion?.actions.find((one) => one.key === key);
  // Taken back or forbidden since it was looked for: there is nothing to tell, and whatever is to be done now is found anew.
  if (!begun || outcome?.waits !== "CALL" || outcome.call?.tries !== number || undo !== (outcome.state === "REVERSED"))
    return { kind: "tick" };
  const answer = await deliver(
    { url: endpoint.url, policy: policyOf(env), secrets, ...callOf(begun, outcome, undo) },
    { fetch: (...request) => fetch(...request), now, limit: new TimeLimit(limits.actionTimeoutMs, now) },
  );
  if (succeeded(answer)) return acted("DONE", null);
  return acted("FAILED", answer.error ?? `the server answered ${answer.status ?? "nothing"}`);
}
