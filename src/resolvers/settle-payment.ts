/**
 * A provider says that something happened to a payment. Once its account vouches for the message, the live code decides what it means; only
 * when that is committed may the provider be told that we have it. No database is asked.
 */
import type { Command } from "../core/commands.ts";
import { orderKeyOf, type OrderKey } from "../core/ids.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { PaymentAccountProtocol } from "../durable/protocol.ts";
import type { NotificationFault } from "../payments/provider.ts";
import type { Deps } from "./deps.ts";

export type SettlePayment = {
  /** As the address has it: `sandbox`, `wechat_pay`. */
  readonly provider: string;
  readonly accountId: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
};
export type SettledPayment = {
  /** UNMATCHED: no order takes this money, so it is kept for a person. IGNORED: of no consequence, and `why` says so. */
  readonly outcome: "APPLIED" | "UNMATCHED" | "IGNORED";
  readonly order: OrderKey | null;
  readonly why: string | null;
};
export type SettlePaymentError = { readonly reason: NotificationFault | "UNKNOWN_ACCOUNT" };

/** Rejects when the account or the live code could not be reached: the provider must then be left to try again. */
export async function settlePayment(
  deps: Deps,
  input: SettlePayment,
): Promise<Result<SettledPayment, SettlePaymentError>> {
  const { provider, accountId, headers, body } = input;
  // An invented id is refused here, before it can bring any object into being.
  if (!accountId.startsWith("account_") || !deps.keys.isTagged(accountId.slice("account_".length)))
    return err({ reason: "UNKNOWN_ACCOUNT" });
  const account = deps.account(accountId);
  const news = await account.receive([...headers], body);
  if (!news.ok) return err({ reason: news.error });
  const { merchantId, command, why } = news.value;
  if (news.value.provider.toLowerCase() !== provider) return err({ reason: "UNKNOWN_ACCOUNT" });
  if (command === null) return ok({ outcome: "IGNORED", order: news.value.order, why });

  return command.kind === "capture"
    ? settleCapture(deps, account, merchantId, news.value.order, command)
    : settleNews(deps, merchantId, ordersNamed(news.value.order, command), command);
}

/** The account has given the money to `order` before, so whatever is interrupted here ends the same when the provider tells again. */
async function settleCapture(
  deps: Deps,
  account: PaymentAccountProtocol,
  merchantId: string,
  order: OrderKey | null,
  command: Extract<Command, { kind: "capture" }>,
): Promise<Result<SettledPayment, never>> {
  if (order === null) return unmatched;
  const { id, attempt } = command.capture;
  // An account speaks for its own merchant's orders only: any other is not found.
  const applied = await deps.liveCode(order).apply(command, merchantId);
  if (!applied.found) {
    // An unknown order does not hide a known payment.
    const other = orderKeyOf(attempt ?? "");
    if (other !== null && other !== order && (await account.pass(id, order, other)))
      return settleCapture(deps, account, merchantId, other, command);
    await account.keepUnmatched(command, order, "UNKNOWN_ORDER");
    return unmatched;
  }
  if (applied.ok) return ok({ outcome: "APPLIED", order, why: applied.changed ? null : "heard before" });
  await account.keepUnmatched(command, order, "REFUSED");
  // Or the order would go on asking for money that it has refused.
  if (attempt !== null) await deps.liveCode(order).apply({ kind: "kept", attempt }, merchantId);
  return unmatched;
}

const unmatched = ok({ outcome: "UNMATCHED", order: null, why: null } as const);

async function settleNews(
  deps: Deps,
  merchantId: string,
  orders: ReadonlySet<OrderKey>,
  command: Command,
): Promise<Result<SettledPayment, never>> {
  for (const order of orders) {
    const applied = await deps.liveCode(order).apply(command, merchantId);
    if (!applied.found) continue;
    if (applied.ok) return ok({ outcome: "APPLIED", order, why: applied.changed ? null : "heard before" });
    return ok({ outcome: "IGNORED", order, why: applied.refusal.reason });
  }
  return ok({ outcome: "IGNORED", order: null, why: "no such order" });
}

/** The order the message names, then the one whose payment it names. */
function ordersNamed(order: OrderKey | null, command: Command): ReadonlySet<OrderKey> {
  const ofPayment = command.kind === "ended" ? orderKeyOf(command.attempt) : null;
  return new Set([order, ofPayment].filter((key) => key !== null));
}
