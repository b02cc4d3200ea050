/** Carries out what the core wants done at a provider or in the catalogue, and answers with the news of it. Never throws: what failed is tried again. */
import type { Command } from "../core/commands.ts";
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import type { Effect } from "../core/work.ts";
import { database } from "../db/database.ts";
import { dropStrayHold, takeStock } from "../db/stock.ts";
import type { AccountReport, PaymentAccountProtocol } from "./protocol.ts";
import type { Result } from "../core/result.ts";
import type { ProviderFault, RefundReport } from "../payments/provider.ts";
import { within } from "./within.ts";

/** The command that tells the order what came of it; null when nothing is known yet, or nobody answered in time. */
export async function perform(env: Env, order: Order, effect: Effect): Promise<Command | null> {
  try {
    return await within(limits.effectTimeoutMs, carryOut(env, order, effect));
  } catch (fault) {
    console.error("an effect of a live code", effect.kind, fault);
    return null;
  }
}

async function carryOut(env: Env, order: Order, effect: Effect): Promise<Command | null> {
  switch (effect.kind) {
    case "QUERY":
      return news(await account(env, effect.attempt.account).query(effect.attempt.id, effect.attempt.reference));
    case "CLOSE":
      return news(await account(env, effect.attempt.account).close(effect.attempt.id, effect.attempt.reference));
    case "REFUND":
      return refund(env, order, effect);
    case "RETAKE_STOCK":
      return retake(env, order);
  }
}

const account = (env: Env, id: string): PaymentAccountProtocol => env.PAYMENT_ACCOUNT.getByName(id);

const news = (report: Result<AccountReport, ProviderFault>): Command | null =>
  report.ok && report.value.state === "NEWS" ? report.value.command : null;

async function refund(
  env: Env,
  order: Order,
  { refund: asked }: Extract<Effect, { kind: "REFUND" }>,
): Promise<Command | null> {
  const capture = order.captures.find(({ id }) => id === asked.capture);
  if (!capture) return null;
  const report = await account(env, capture.account).refund({
    refund: asked.id,
    payment: capture.attempt,
    transaction: capture.transaction,
    captured: capture.amount,
    amount: asked.amount,
    currency: capture.currency,
  });
  const outcome = refundOutcomeOf(report);
  return outcome && { kind: "refundHeard", refund: asked.id, capture: asked.capture, amount: asked.amount, outcome };
}

/** A provider that says no is believed; one that says nothing is asked again. */
export function refundOutcomeOf(report: Result<RefundReport, ProviderFault>): "SUCCEEDED" | "FAILED" | null {
  if (!report.ok) return report.error.reason === "REFUSED" ? "FAILED" : null;
  return report.value.state === "PENDING" ? null : report.value.state;
}

/**
 * Money that its order could not take stays with its account, where a person sees it: no news of money is ever dropped. Answers what the order
 * is to be told of it, so that it does not ask for the same money again.
 */
export async function keepRefused(env: Env, order: OrderKey, command: Command): Promise<Command | null> {
  if (command.kind !== "capture") return null;
  await account(env, command.capture.account).keepUnmatched(command, order, "REFUSED");
  return command.capture.attempt === null ? null : { kind: "kept", attempt: command.capture.attempt };
}

async function retake(env: Env, order: Order): Promise<Command | null> {
  const { terms, version } = order;
  const db = database(env, terms.merchant.id);
  const taken = await takeStock(db, {
    merchantId: terms.merchant.id,
    orderKey: terms.key,
    placedAt: terms.placedAt,
    version,
    lines: terms.lines,
  });
  if (taken.ok || taken.error !== "OTHER_REQUEST") return { kind: "stock", taken: taken.ok };
  // What another request took with this order's key is in the way, and says nothing about the stock: it goes, and the next try will see.
  await dropStrayHold(db, terms);
  return null;
}
