/**
 * What partners are told, type by type: the one source of the JSON Schemas, the examples and the page that partners read, and of what the graph says of each type. What is
 * really sent is held against it by a test. Add freely; what stands here is part of what partners rely on.
 */
import type { EventType } from "./events.ts";
import { orderStates } from "./state.ts";

/** `is` says what a value looks like; a thing and a list of things have fields of their own. */
export type Field = {
  readonly about: string;
  readonly is: "text" | "instant" | "count" | "flag" | "anything" | "texts" | "thing" | "things";
  readonly example: unknown;
  readonly values?: readonly string[];
  readonly fields?: Fields;
  readonly nullable?: true;
  /** Absent where there is nothing to say. */
  readonly optional?: true;
};
export type Fields = Readonly<Record<string, Field>>;
export type EventEntry = {
  /** When it is sent. */
  readonly when: string;
  /** What its `sequence` counts. */
  readonly subject: "order" | "customer" | "endpoint";
  readonly fields: Fields;
  /** Where this type's example differs from what its fields say. */
  readonly example: Readonly<Record<string, unknown>>;
};

const text = (about: string, example: string): Field => ({ about, is: "text", example });
const instant = (about: string, example: string): Field => ({ about, is: "instant", example });
const count = (about: string, example: number): Field => ({ about, is: "count", example });
const orNull = (field: Field): Field => ({ ...field, nullable: true });
const maybe = (field: Field): Field => ({ ...field, optional: true });
const thing = (about: string, fields: Fields): Field => ({ about, is: "thing", fields, example: exampleOf(fields) });
const money = (about: string): Field =>
  thing(about, {
    amount: text("A decimal in major units; never a float.", "19.90"),
    currency: text("ISO 4217.", "CNY"),
  });

/** What every example of these fields shows. */
export const exampleOf = (fields: Fields): Readonly<Record<string, unknown>> =>
  Object.fromEntries(Object.entries(fields).map(([name, { example }]) => [name, example]));

const sequence = (subject: string): Field =>
  count(`Rises by one with each event of ${subject}, without gaps, from 1.`, 3);
const merchantId = text("The merchant's id.", "merchant_0001KB8T4ZVRAJPPXW38TFN3E9");
const conversionAction: Fields = {
  key: text("Its name in the block.", "tag"),
  kind: text("What it does.", "TAG_ADD"),
  state: text("What became of it.", "DONE"),
};

/** What every event of an order tells: the order as it was in that commit. */
const ofOrder: Fields = {
  orderId: text("The order's id.", "order_01H455VB4PEX5VSK"),
  sequence: sequence("the order"),
  merchantId,
  number: text("Short number that people read to each other.", "1001"),
  state: { ...text("Where the order is in its life.", "PAID"), values: orderStates },
  total: money("What is to be paid."),
  received: money("All the money that arrived."),
  refunded: money("What went back for certain."),
  externalReference: orNull(text("The merchant's own name of it.", "table 7")),
  metadata: orNull({ about: "The merchant's own notes.", is: "anything", example: null }),
  createdAt: instant("When it was placed.", "2026-11-23T07:58:12.000Z"),
  expiresAt: instant("Until when it can be paid.", "2026-11-23T09:58:12.000Z"),
  paidAt: orNull(instant("When the money that covered it was paid.", "2026-11-23T08:00:00.000Z")),
  version: count("Rises with every change of the order; compare it to drop stale news.", 4),
  conversionId: maybe(text("Once the payer is a customer: the conversion.", "conversion_01H455VB4PEX5VSK")),
  customerId: maybe(text("Once the payer is a customer: who.", "customer_5VSK01H455VB4PEX01H455VB4P")),
  conversion: maybe(
    thing("Once the payer is a customer: what was done with that.", {
      state: text("Whether a refund took it back.", "COMMITTED"),
      blockVersion: count("Which version of the conversion block.", 1),
      actions: {
        about: "In the order of the block.",
        is: "things",
        fields: conversionAction,
        example: [exampleOf(conversionAction)],
      },
    }),
  ),
};

const order = (when: string, fields: Fields = {}, example: EventEntry["example"] = {}): EventEntry => ({
  when,
  subject: "order",
  fields: { ...ofOrder, ...fields },
  example,
});
const none = { amount: "0.00", currency: "CNY" };
const unpaid = {
  received: none,
  refunded: none,
  paidAt: null,
  conversionId: undefined,
  customerId: undefined,
  conversion: undefined,
};
const paid = { refunded: none };
const reason = (about: string): Field => orNull(text(about, "changed their mind"));

export const eventCatalogue: Readonly<Record<EventType, EventEntry>> = {
  ORDER_PLACED: order(
    "An order was placed, and its live code generated.",
    {},
    { ...unpaid, state: "OPEN", sequence: 1, version: 1 },
  ),
  ORDER_CONFIRMED: order("A payer confirmed the order.", {}, { ...unpaid, state: "CLAIMED", sequence: 2, version: 2 }),
  ORDER_PAID: order("The total is covered.", {}, paid),
  ORDER_EXPIRED: order("Nobody paid in time.", {}, { ...unpaid, state: "EXPIRED" }),
  ORDER_CANCELLED: order(
    "The merchant called the order off.",
    { reason: reason("Why, in the merchant's words.") },
    { ...unpaid, state: "CANCELLED" },
  ),
  ORDER_REFUNDED: order(
    "Money went back.",
    { refundId: text("Which refund.", "refund_01H455VB4PEX5VSK0001") },
    { sequence: 6 },
  ),
  ORDER_REVIEW: order(
    "Money arrived that a person must decide about.",
    {
      why: text(
        "OVERPAID, UNDERPAID, AMOUNT_CHANGED, UNPLACEABLE, STOCK_SHORT, REFUND_FAILED; more may come.",
        "OVERPAID",
      ),
      refundId: maybe(text("The refund that failed.", "refund_01H455VB4PEX5VSK0001")),
    },
    { ...paid, refundId: undefined },
  ),
  PAYMENT_FAILED: order(
    "A try to pay failed.",
    {
      paymentId: text("Which try.", "payment_01H455VB4PEX5VSK0001"),
      reason: orNull(text("Why, as far as the provider says.", "insufficient funds")),
    },
    { ...unpaid, state: "CLAIMED" },
  ),
  PAYMENT_DUPLICATE: order(
    "Money came on top of an order already paid.",
    { capture: text("Which money: provider and transaction.", "SANDBOX:W-7731") },
    { ...paid, received: { amount: "39.80", currency: "CNY" } },
  ),
  CONVERSION_COMMITTED: order("The payer is a customer.", {}, { ...paid, sequence: 4 }),
  CONVERSION_REVERSED: order(
    "A refund took the conversion back, in part or whole.",
    {},
    {
      sequence: 7,
      conversion: { state: "REVERSED", blockVersion: 1, actions: [{ key: "tag", kind: "TAG_ADD", state: "REVERSED" }] },
    },
  ),
  CUSTOMER_CREATED: order("The customer is new to the merchant.", {}, { ...paid, sequence: 5 }),
  CUSTOMER_CONSENT_CHANGED: order(
    "A customer agreed to something, or took it back.",
    {
      granted: { about: "Agreed, or took it back.", is: "flag", example: true },
      purpose: maybe(text("To what.", "MARKETING_MESSAGE")),
      purposes: maybe({
        about: "To what, where it is several things at once.",
        is: "texts",
        example: ["MARKETING_MESSAGE"],
      }),
      textVersion: maybe(text("Which text they were shown.", "mkt-v3")),
      locale: maybe(text("In which language.", "zh-CN")),
      channel: maybe(text("Where.", "payer page")),
    },
    { ...paid, sequence: 6, purposes: undefined },
  ),
  CUSTOMER_ERASED: {
    when: "A customer's personal data was destroyed.",
    subject: "customer",
    fields: {
      customerId: text("Whose.", "customer_5VSK01H455VB4PEX01H455VB4P"),
      sequence: sequence("the customer"),
      merchantId,
    },
    example: { sequence: 1 },
  },
  WEBHOOK_ENDPOINT_DISABLED: {
    when: "An endpoint is sent nothing any more.",
    subject: "endpoint",
    fields: {
      endpointId: text("Which.", "endpoint_01KB8T4ZVRAJPPXW38TFN3E9GHN01H455V"),
      sequence: sequence("the endpoint"),
      merchantId,
      url: text("Where it was.", "https://partner.example/hook"),
      reason: text("Why.", "Every attempt has failed for 5 days."),
      failingSince: orNull(instant("Since when every attempt had failed.", "2026-11-18T08:00:00.000Z")),
    },
    example: { sequence: 1 },
  },
};
