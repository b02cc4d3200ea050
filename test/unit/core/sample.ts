/** One order, as small as it can be: 100.00 CNY, placed at 0, expiring after an hour, with stock, two accounts and a benefit worth stealing. */
import type { Command, HeardCapture } from "../../../src/core/commands.ts";
import type { OrderEvent } from "../../../src/core/events.ts";
import type { OrderKey } from "../../../src/core/ids.ts";
import type { Currency } from "../../../src/core/money.ts";
import { newOrder, type Order, type OrderTerms } from "../../../src/core/order.ts";
import { defaultPolicy, type OrderPolicy } from "../../../src/core/policy.ts";
import { stateOf, type OrderState } from "../../../src/core/state.ts";
import { decide, type Decision } from "../../../src/core/transitions.ts";

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
export const total = 10_000;
export const placedAt = Date.UTC(2026, 0, 1);
export const expiresAt = placedAt + hour;
export const grace = 120 * second;
/** Money that was paid then came late. */
export const late = expiresAt + grace + 1;
export const key = "0123456789ABCDEF" as OrderKey;
/** What nobody may read before the order is paid. */
export const benefit = "https://benefit.example/gold";
export const cny = "CNY" as Currency;
export const usd = "USD" as Currency;

export const terms = (policy: Partial<OrderPolicy> = {}, fields: Partial<OrderTerms> = {}): OrderTerms => ({
  key,
  number: "A-1",
  merchant: { id: "merchant_1", name: "Tea", locale: "en", timeZone: "UTC" },
  currency: cny,
  lines: [{ productId: "product_1", name: "Tea", quantity: 1, unitPrice: total }],
  subtotal: total,
  discount: 0,
  total,
  policy: { ...defaultPolicy, ...policy },
  accounts: [
    { id: "account_1", provider: "SANDBOX" },
    { id: "account_2", provider: "STRIPE" },
  ],
  block: {
    id: "block_1",
    version: 3,
    definition: {
      actions: [
        { key: "kept", kind: "TAG_ADD", tags: ["was-here"], onRefund: "KEEP" },
        { key: "gold", kind: "TAG_ADD", tags: [benefit], onRefund: "REVERSE" },
      ],
      targets: [{ kind: "URL", url: benefit }],
    },
  },
  attribution: { channel: null, campaign: null, staff: null, partner: null, placementId: null },
  externalReference: null,
  metadata: null,
  checkoutUrl: null,
  countsStock: true,
  placedAt,
  expiresAt,
  ...fields,
});

type Heard = Partial<Omit<HeardCapture, "payer">> & { readonly by?: string };
/** Money in time by the sandbox unless said otherwise; `by` names the payer. */
export function captured(transaction: string, { by = transaction, ...fields }: Heard = {}): Command {
  const capture: HeardCapture = {
    id: `${fields.provider ?? "SANDBOX"}:${transaction}`,
    provider: "SANDBOX",
    account: "account_1",
    transaction,
    attempt: null,
    amount: total,
    currency: cny,
    paidAt: placedAt + 10 * second,
    payer: { customerId: `customer_${by}`, provisional: false, name: by, identities: [] },
    ...fields,
  };
  return { kind: "capture", capture, exact: false };
}
/** What a cashier writes down. */
export const recorded = (reference: string, fields: Heard = {}): Command => {
  const command = captured(reference, { provider: "MANUAL", account: "", ...fields });
  return command.kind === "capture" ? { ...command, exact: true } : command;
};
export const returned = (refund: string, transaction: string, amount = total): Command => ({
  kind: "refundHeard",
  refund,
  capture: `SANDBOX:${transaction}`,
  amount,
  outcome: "SUCCEEDED",
});
export const tick: Command = { kind: "tick" };
export const cancelled: Command = { kind: "cancel", reason: null };
export const begun = (claimant: string, account = "account_1"): Command => ({ kind: "begin", claimant, account });
/** Asked for by a person; null for all that is left. */
export const refunded = (amount: number | null, reverseConversion = true, restock = false): Command => ({
  kind: "refund",
  amount,
  reason: null,
  reverseConversion,
  restock,
});
/** The same command under a caller's key, brought by one call. */
export const under = (name: string | null, call: string, command: Command): Command =>
  command.kind === "refund" || command.kind === "capture"
    ? { ...command, request: { call, key: name, input: JSON.stringify(command) } }
    : command;
export const resolved = (decision: "HONOR" | "REFUND"): Command => ({ kind: "resolve", decision, note: "by a person" });
export const stockIs = (taken: boolean): Command => ({ kind: "stock", taken });
export const attempt = (number: number): string => `payment_${key}000${number}`;
export const refundNumber = (number: number): string => `refund_${key}000${number}`;

/** An order with its history, told to one command after another. */
export class Life {
  order: Order;
  now = placedAt;
  readonly events: OrderEvent[] = [];

  constructor(given: OrderTerms = terms()) {
    this.order = newOrder(given);
    this.tell({ kind: "place" });
  }

  /** Decides and commits, at the present hour or a later one. */
  tell(command: Command, at = this.now): Decision {
    this.now = at;
    const decision = decide(this.order, command, at);
    if (decision.ok) {
      this.order = decision.order;
      this.events.push(...decision.events);
    }
    return decision;
  }

  types(): readonly string[] {
    return this.events.map(({ type }) => type);
  }
}

export const read = ({ order, now }: Life): OrderState => stateOf(order, now);
export const dispositions = ({ order }: Life) => order.captures.map(({ disposition }) => disposition);
