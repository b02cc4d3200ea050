/** The laws of a storm are only worth something if they see each kind of wrong. Truthful books are doctored, one figure at a time. */
import { describe, expect, it } from "vitest";
import { judge } from "../../storm/laws.mjs";

type Evidence = Parameters<typeof judge>[0];
type Sale = Evidence["sales"][number];
type Order = NonNullable<Sale["order"]>;
type Json = { -readonly [K in keyof Sale]: Sale[K] };

const at = Date.parse("2026-01-31T12:00:00Z");
const instant = (offMs: number) => new Date(at + offMs).toISOString();
const types = ["ORDER_PLACED", "ORDER_CONFIRMED", "ORDER_PAID", "CONVERSION_COMMITTED", "CUSTOMER_CREATED"];

/** One order of two pieces, paid and partly refunded, in all books alike. */
function truth(): Evidence {
  const shop = {
    index: 0,
    apiKey: "",
    sandboxSecret: "",
    accountId: "",
    notificationUrl: "",
    productId: "product_1",
    stock: 10,
    price: 500,
    policy: {
      currency: "CNY",
      places: 2,
      latePayment: "HONOR_IF_STOCK",
      overPayment: "REFUND",
      underPayment: "REVIEW",
    } as Sale["tale"]["shop"]["policy"],
  };
  const tale: Sale["tale"] = {
    plan: {
      index: 0,
      shop: 0,
      life: "pays",
      twice: false,
      stocked: true,
      quantity: 2,
      price: 0,
      lifetimeSeconds: null,
      crowded: false,
      declined: false,
      calm: true,
      afterMs: 0,
      refunds: ["PART"],
      clerk: null,
      person: "person-1",
    },
    shop,
    placed: { id: "order_A", slug: "A", total: 1000, currency: "CNY" },
    seenPaid: true,
    stray: null,
    cash: 0,
    honoured: false,
    faults: [],
  };
  const events = types.map((type, index) => ({
    id: `event_A${index + 1}`,
    type,
    sequence: index + 1,
    occurredAt: instant(index),
    data: { orderId: "order_A" },
  }));
  const row = {
    id: "order_A",
    state: "PAID",
    version: 9,
    received: { minorUnits: 1000 },
    refunded: { minorUnits: 300 },
    settlement: "EXACT",
    payments: [{ transaction: "T1", state: "SUCCEEDED" }],
    refunds: [{ state: "SUCCEEDED", automatic: false, amount: { minorUnits: 300 } }],
  };
  const order: Order = {
    ...structuredClone(row),
    total: { minorUnits: 1000, currency: "CNY" },
    expiresAt: instant(3_600_000),
    allowedActions: [],
    liveCode: { explain: ["PAID"] },
    conversion: { id: "conversion_A", firstTime: true, customer: { id: "customer_1" } },
    timeline: events,
  };
  const takings = [
    {
      orderId: "order_A",
      payment: "payment_A0001",
      transaction: "T1",
      amount: 1000,
      currency: "CNY",
      takenAt: at,
      paidAt: instant(0),
      acknowledged: true,
      askable: true,
      refunds: [{ refund: "refund_A0001", amount: 300 }],
    },
  ];
  const heard = events.map(({ id, type, sequence }) => ({
    id,
    shop: 0,
    orderId: "order_A",
    sequence,
    type: type.toLowerCase().replace("_", "."),
    body: "",
    place: sequence - 1,
    deliveries: 1,
  }));
  return {
    sales: [{ tale, placed: tale.placed as Sale["placed"], order, row, takings, heard }],
    tales: [tale],
    shops: [
      {
        shop,
        lists: {
          orders: [row],
          events: structuredClone(events),
          customers: [{ id: "customer_1", ordersPaid: 1, lifetimeValue: { minorUnits: 700 } }],
          unmatched: [],
          pieces: 8,
        },
      },
    ],
    books: { takings: structuredClone(takings), unsettled: 0 },
    heard: new Map(heard.map((one) => [one.id, one])),
  };
}

type Doctor = (order: Order, sale: Json, evidence: Evidence) => void;
const cancelled: Doctor = (order, sale, { shops }) => {
  order.state = "CANCELLED";
  order.conversion = null;
  order.timeline = [
    { ...order.timeline[0]!, sequence: 1 },
    { ...order.timeline[1]!, type: "ORDER_CANCELLED", occurredAt: instant(60_000), sequence: 2 },
  ];
  sale.heard = [sale.heard[0]!, { ...sale.heard[1]!, type: "order.cancelled" }];
  sale.tale.seenPaid = false;
  sale.row = { ...sale.row!, state: "CANCELLED" };
  shops[0]!.lists = { ...shops[0]!.lists, events: order.timeline, customers: [], pieces: 10 };
};

const wrongs: readonly (readonly [law: string, wrong: string, doctor: Doctor])[] = [
  [
    "I1",
    "a conversion that happened twice",
    (order) => void order.timeline.push({ ...order.timeline[3]!, sequence: 6, id: "event_A6" }),
  ],
  ["I1", "a paid order without its conversion", (order) => void (order.conversion = null)],
  ["I1", "two conversions told by webhook", (_, sale) => void sale.heard.push({ ...sale.heard[3]!, id: "event_X" })],
  ["I1", "an order paid with too little", (order) => void (order.total.minorUnits = 1001)],
  ["I1", "an order that is gone", (_, sale) => void (sale.order = null)],
  [
    "I1",
    "an order that nobody placed",
    (_, __, { shops }) => void shops[0]!.lists.orders.push({ ...shops[0]!.lists.orders[0]!, id: "order_B" }),
  ],
  ["I1", "one key that gave two orders", (_, sale) => void sale.tale.faults.push("two orders")],
  [
    "I2",
    "an acknowledged payment that is lost",
    (_, __, { books }) => void books.takings.push({ ...books.takings[0]!, transaction: "T2" }),
  ],
  [
    "I2",
    "money without an order that nobody sees",
    (_, sale) => void (sale.tale.stray = { transaction: "S1", end: "WAITING" }),
  ],
  [
    "I2",
    "money without an order that stays where it was",
    (_, sale, { shops }) => {
      sale.tale.stray = { transaction: "S1", end: "REFUNDED" };
      shops[0]!.lists.unmatched.push({ transaction: "S1", state: "WAITING" });
    },
  ],
  [
    "I3",
    "money that was given to an order and did not come there",
    (_, sale, { shops }) => {
      sale.tale.stray = { transaction: "S1", end: "ASSIGNED" };
      shops[0]!.lists.unmatched.push({ transaction: "S1", state: "ASSIGNED" });
    },
  ],
  [
    "I9",
    "a payment that was never found",
    (_, __, { books }) => void books.takings.push({ ...books.takings[0]!, transaction: "T2", acknowledged: false }),
  ],
  ["I3", "more received than was taken", (order) => void (order.received.minorUnits = 1001)],
  ["I3", "a refund that never left the provider", (_, sale) => void (sale.takings[0]!.refunds = [])],
  [
    "I3",
    "a customer who is worth more than they brought",
    (_, __, { shops }) => void (shops[0]!.lists.customers[0]!.lifetimeValue.minorUnits = 701),
  ],
  ["I4", "an order that was paid once", (order) => void (order.state = "REVIEW")],
  ["I5", "a list that lags for ever", (_, sale) => void (sale.row!.version = 8)],
  ["I5", "a list without the order", (_, sale) => void (sale.row = undefined)],
  ["I5", "a log that lacks an event", (_, __, { shops }) => void shops[0]!.lists.events.pop()],
  [
    "I5",
    "a log with an event twice",
    (_, __, { shops }) => void shops[0]!.lists.events.push(shops[0]!.lists.events[0]!),
  ],
  [
    "I5",
    "a customer who paid once and is counted twice",
    (_, __, { shops }) => void (shops[0]!.lists.customers[0]!.ordersPaid = 2),
  ],
  ["I5", "a customer who was never new", (order) => void (order.conversion!.firstTime = false)],
  ["I5", "a customer who is not listed", (_, __, { shops }) => void shops[0]!.lists.customers.pop()],
  ["I6", "a gap in the timeline", (order) => void (order.timeline[2]!.sequence = 4)],
  ["I6", "an event that no webhook told", (_, sale) => void sale.heard.pop()],
  ["I6", "a webhook of nothing", (_, sale) => void sale.heard.push({ ...sale.heard[0]!, id: "event_X", sequence: 7 })],
  ["I6", "webhooks out of order", (_, sale) => void (sale.heard = sale.heard.toReversed())],
  ["I8", "another amount than was agreed", (order) => void (order.total.minorUnits = 999)],
  ["I8", "another currency than was agreed", (order) => void (order.total.currency = "EUR")],
  ["I9", "money in time for an order that is cancelled", (...all) => cancelled(...all)],
  [
    "I9",
    "money of a cancelled order that nobody decided about",
    (order, sale, evidence) => {
      cancelled(order, sale, evidence);
      sale.takings[0]!.takenAt = at + 70_000;
    },
  ],
  [
    "I9",
    "an open order that is covered",
    (order) => {
      order.state = "OPEN";
      order.refunded.minorUnits = 0;
    },
  ],
  ["I11", "a refund that was made twice", (order) => void order.refunds.push(order.refunds[0]!)],
  ["I3", "cash that was taken and is not in the books", (_, sale) => void (sale.tale.cash = 1000)],
  ["I11", "more given back than came in", (order) => void (order.refunded.minorUnits = 1001)],
  [
    "I11",
    "more given back by the provider than it took",
    (_, sale) => void sale.takings[0]!.refunds.push({ refund: "refund_A0002", amount: 701 }),
  ],
  ["I12", "a refund that nobody finishes", (order) => void (order.refunds[0]!.state = "PENDING")],
  ["I12", "a payment that nobody ends", (order) => void order.payments.push({ transaction: null, state: "PENDING" })],
  [
    "I12",
    "an order that does not end",
    (order) => {
      order.state = "OPEN";
      order.received.minorUnits = order.refunded.minorUnits = 0;
    },
  ],
  ["I13", "a piece that was sold and is still there", (_, __, { shops }) => void (shops[0]!.lists.pieces = 9)],
  ["I13", "a piece that was sold twice", (_, __, { shops }) => void (shops[0]!.lists.pieces = 7)],
];

describe("the laws of a storm", () => {
  it("find nothing wrong with an order that is in all books alike", () => {
    expect(judge(truth())).toEqual([]);
  });

  it("find nothing wrong with late money of a cancelled order that went back", () => {
    const evidence = truth();
    const [sale] = evidence.sales as [Sale];
    cancelled(sale.order!, sale, evidence);
    sale.takings[0]!.takenAt = at + 70_000;
    sale.takings[0]!.refunds[0]!.amount = 1000;
    sale.order!.refunded.minorUnits = sale.row!.refunded.minorUnits = 1000;
    expect(judge(evidence)).toEqual([]);
  });

  it.each(wrongs)("%s: see %s", (law, _, doctor) => {
    const evidence = truth();
    const [sale] = evidence.sales as [Sale];
    doctor(sale.order!, sale, evidence);
    expect(judge(evidence).map((violation) => violation.law)).toContain(law);
  });
});
