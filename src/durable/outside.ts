/**
 * Carries out what a conversion wants done elsewhere: by a staff pool, the merchant's own server, or the customer's other orders. Answers with the
 * news of it; null when nobody answered, and then they are asked again. Never throws, and nothing on the way to PAID waits for it.
 */
import { actionOf, callOf } from "../conversions/call.ts";
import type { Command, Commands } from "../core/commands.ts";
import type { ConversionWork } from "../core/conversion-work.ts";
import { firstCall } from "../core/block-run.ts";
import { latestOf, wordsOf } from "../core/consents.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { actionSecretPlace, findActionEndpoint } from "../db/action-endpoints.ts";
import { lastWordOn } from "../db/consents.ts";
import { erasedAtOf, ordersWaitingForConsent } from "../db/customers.ts";
import { database } from "../db/database.ts";
import { keysOf } from "../keys/root.ts";
import { unseal } from "../keys/seal.ts";
import { deliver } from "../webhooks/deliver.ts";
import { succeeded } from "../webhooks/retry.ts";
import { TimeLimit } from "../webhooks/time-limit.ts";
import type { StaffPoolProtocol } from "./protocol.ts";
import { within } from "./within.ts";

export async function carryOut(env: Env, order: Order, work: ConversionWork, begin: Begin): Promise<Command | null> {
  try {
    switch (work.kind) {
      case "CALL":
        return await call(env, order, work, begin);
      case "SPREAD":
        return await within(limits.ordersToldTimeoutMs, spread(env, order, work));
      case "RESERVE":
      case "ASSIGN":
      case "RELEASE":
        return await within(limits.staffPoolTimeoutMs, ask(env, order, work));
    }
  } catch (fault) {
    console.error("work of a conversion", work.kind, fault);
    return work.kind === "CALL" ? { ...newsOf(work), outcome: "FAILED", detail: ourFault } : null;
  }
}
/** Writes down that a call leaves now. The order as it is then, or null when it is not to leave any more. */
export type Begin = (command: Command) => Order | null;

/** A try like any other, so that no fault is met for ever: it is counted, ends, and is seen. */
const ourFault = "the call could not be made: a fault on our side";

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
      const isKnown = payer && !payer.provisional && conversion.erasedAt === undefined;
      const customerId = isKnown ? payer.customerId : null;
      const assignment = { ...reservation, customerId, convertedAt: conversion?.convertedAt ?? 0 };
      return { kind: "assigned", turn, pool, hold: await poolOf(env, pool).assign(assignment) };
    }
  }
}

const poolOf = (env: Env, id: string): StaffPoolProtocol => env.STAFF_POOL.getByName(id);

/** Some of the customer's orders at a time, each of which hears of it as often as it is told. */
async function spread(
  env: Env,
  { terms, conversion }: Order,
  { word, after }: Extract<ConversionWork, { kind: "SPREAD" }>,
): Promise<Command> {
  const { id } = terms.merchant;
  const customerId = conversion?.payer.customerId ?? "";
  const db = database(env, id);
  const places = await ordersWaitingForConsent(db, id, customerId, after, limits.ordersToldAtOnce);
  await Promise.all(places.map(({ key }) => env.LIVE_CODE.getByName(key).apply({ kind: "agreed", words: [word] }, id)));
  return { kind: "spread", word, after: places.at(-1) ?? null };
}

type CallWork = Extract<ConversionWork, { kind: "CALL" }>;
const newsOf = ({ outcome: { key }, undo, number }: CallWork) => ({ kind: "acted", key, undo, number }) as const;

/** Consent is asked for at the last moment, where all of it is known: what was taken back a moment ago is not acted upon. */
async function call(env: Env, order: Order, work: CallWork, begin: Begin): Promise<Command | null> {
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

const policyOf = ({ WEBHOOK_ALLOW_PRIVATE, PUBLIC_ORIGIN }: Env) => ({
  allowPrivate: WEBHOOK_ALLOW_PRIVATE === "1",
  ownHost: PUBLIC_ORIGIN ? new URL(PUBLIC_ORIGIN).hostname : null,
});
