/** An order as agreed, for tests that begin at the live code. */
import type { Payer } from "../../src/core/conversion.ts";
import { defaultBlock } from "../../src/conversions/default-block.ts";
import { orderKeyFrom, type OrderKey } from "../../src/core/ids.ts";
import type { Command } from "../../src/core/commands.ts";
import type { Currency } from "../../src/core/money.ts";
import { feedEvent, type EventType, type FeedEvent } from "../../src/core/events.ts";
import type { OrderTerms } from "../../src/core/order.ts";
import { defaultPolicy } from "../../src/core/policy.ts";

export const randomKey = (): OrderKey => orderKeyFrom(crypto.getRandomValues(new Uint8Array(10)));

/** 19.90 CNY of tea, two hours, a sandbox account of its own. `merchant` must carry a bucket the test database knows. */
export function someTerms(merchant: string, fields: Partial<OrderTerms> = {}): OrderTerms {
  const now = Date.now();
  return {
    key: randomKey(),
    number: "1001",
    merchant: { id: merchant, name: "Tea House", locale: "en", timeZone: "UTC" },
    currency: "CNY" as Currency,
    lines: [{ productId: null, name: "Longjing", quantity: 1, unitPrice: 1990 }],
    subtotal: 1990,
    discount: 0,
    total: 1990,
    policy: defaultPolicy,
    accounts: [{ id: "account_TEST", provider: "SANDBOX" }],
    block: defaultBlock,
    attribution: { channel: null, campaign: null, staff: null, partner: null, placementId: null },
    externalReference: null,
    metadata: null,
    checkoutUrl: null,
    countsStock: false,
    placedAt: now,
    expiresAt: now + 2 * 60 * 60 * 1000,
    ...fields,
  };
}

export const somePayer = (customer: string): Payer => ({
  customerId: `customer_${customer}`,
  provisional: false,
  name: "Li Lei",
  identities: [{ kind: "WALLET", value: customer, verified: true }],
});

/** A wallet's word that money arrived, as the account's object would put it. */
export function someCapture(
  terms: OrderTerms,
  fields: Partial<Extract<Command, { kind: "capture" }>["capture"]> = {},
): Extract<Command, { kind: "capture" }> {
  const transaction = fields.transaction ?? "T1";
  return {
    kind: "capture",
    exact: false,
    capture: {
      id: `SANDBOX:${transaction}`,
      provider: "SANDBOX",
      account: "account_TEST",
      transaction,
      attempt: null,
      amount: terms.total,
      currency: terms.currency,
      paidAt: Date.now(),
      payer: somePayer("WALLET42"),
      ...fields,
    },
  };
}

/** An event of a paid order, on its way to partners. */
export const someEvent = (terms: OrderTerms, sequence: number, type: EventType, at = Date.now()): FeedEvent =>
  feedEvent(terms, {
    type,
    sequence,
    at,
    data: {
      state: "PAID",
      received: terms.total,
      refunded: 0,
      expiresAt: terms.expiresAt,
      paidAt: at,
      version: sequence,
      conversion: { customerId: "customer_1", state: "COMMITTED", actions: ["DONE"] },
      detail: {},
    },
  });
