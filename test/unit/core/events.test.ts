import { describe, expect, it } from "vitest";
import { eventDataOf } from "../../../src/core/event-data.ts";
import { eventBody, eventTypeOf, eventTypes, feedEvent, wireType } from "../../../src/core/events.ts";
import {
  benefit,
  captured,
  expiresAt,
  hour,
  key,
  Life,
  placedAt,
  refunded,
  refundNumber,
  returned,
  terms,
  tick,
  total,
} from "./sample.ts";

describe("a type on the wire", () => {
  it("is one name for one type, both ways", () => {
    const names = eventTypes.map(wireType);
    expect(new Set(names).size).toBe(eventTypes.length);
    expect(names.map(eventTypeOf)).toEqual([...eventTypes]);
    expect(names.filter((name) => !/^[a-z]+\.[a-z]+(_[a-z]+)*$/.test(name))).toEqual([]);
    expect(
      ["order.paid", "customer.consent_changed", "webhook.endpoint_disabled"].every((name) => names.includes(name)),
    ).toBe(true);
  });

  it("is nothing else", () => {
    expect(["ORDER_PAID", "order_paid", "Order.paid", "order.paid ", "", "__proto__"].map(eventTypeOf)).toEqual(
      Array.from({ length: 6 }),
    );
  });
});

describe("what partners receive", () => {
  const life = new Life(terms({}, { metadata: { table: 7 }, externalReference: "pos-1" }));
  life.tell(captured("A"), placedAt + 20_000);
  life.tell(refunded(null));
  life.tell(returned(refundNumber(1), "A", total));

  it("is the state of the order as it was, with money as decimals and instants as RFC 3339", () => {
    const paid = life.events[1]!;
    const data = eventDataOf(life.order.terms, paid);
    expect(data).toEqual({
      orderId: `order_${key}`,
      sequence: 2,
      merchantId: "merchant_1",
      number: "A-1",
      state: "PAID",
      total: { amount: "100.00", currency: "CNY" },
      received: { amount: "100.00", currency: "CNY" },
      refunded: { amount: "0.00", currency: "CNY" },
      externalReference: "pos-1",
      metadata: { table: 7 },
      createdAt: "2026-01-01T00:00:00.000Z",
      expiresAt: "2026-01-01T01:00:00.000Z",
      paidAt: "2026-01-01T00:00:10.000Z",
      version: 2,
      conversionId: `conversion_${key}`,
      customerId: "customer_A",
      conversion: {
        state: "COMMITTED",
        blockVersion: 3,
        actions: [
          { key: "kept", kind: "TAG_ADD", state: "DONE" },
          { key: "gold", kind: "TAG_ADD", state: "DONE" },
        ],
      },
    });
    expect(JSON.parse(eventBody(life.order.terms, paid))).toEqual({
      type: "order.paid",
      timestamp: "2026-01-01T00:00:20.000Z",
      data,
    });
  });

  it("carries its own id, and the same bytes however often it is rendered", () => {
    const carried = life.events.map((event) => feedEvent(life.order.terms, event));
    expect(carried).toEqual(life.events.map((event) => feedEvent(life.order.terms, event)));
    expect(carried.map(({ id }) => id)).toEqual(carried.map((_, index) => `event_${key}000${index + 1}`));
  });

  it("has its fields in one order for ever, the details of its type last", () => {
    expect(eventBody(life.order.terms, life.events.at(-1)!)).toBe(
      `{"type":"conversion.reversed","timestamp":"2026-01-01T00:00:20.000Z","data":{"orderId":"order_${key}","sequence":5,` +
        `"merchantId":"merchant_1","number":"A-1","state":"PAID","total":{"amount":"100.00","currency":"CNY"},` +
        `"received":{"amount":"100.00","currency":"CNY"},"refunded":{"amount":"100.00","currency":"CNY"},` +
        `"externalReference":"pos-1","metadata":{"table":7},"createdAt":"2026-01-01T00:00:00.000Z",` +
        `"expiresAt":"2026-01-01T01:00:00.000Z","paidAt":"2026-01-01T00:00:10.000Z","version":4,` +
        `"conversionId":"conversion_${key}","customerId":"customer_A","conversion":{"state":"REVERSED","blockVersion":3,` +
        `"actions":[{"key":"kept","kind":"TAG_ADD","state":"DONE"},{"key":"gold","kind":"TAG_ADD","state":"REVERSED"}]}}}`,
    );
    expect(eventBody(life.order.terms, life.events.at(-2)!)).toMatch(
      new RegExp(`"state":"DONE"}]},"refundId":"${refundNumber(1)}"}}$`),
    );
  });

  it("is kept without what the terms say already", () => {
    const kept = JSON.stringify(life.events);
    for (const agreed of ["merchant_1", "pos-1", "table", "CNY", key])
      expect(kept.replaceAll(refundNumber(1), "")).not.toContain(agreed);
  });

  it("tells each moment of one decision by itself: expired, then paid late", () => {
    const late = new Life(terms({ latePayment: "HONOR" }));
    late.tell(captured("A", { paidAt: expiresAt + hour }), expiresAt + hour);
    expect(late.events.map(({ type, data }) => [type, data.state, data.received])).toEqual([
      ["ORDER_PLACED", "OPEN", 0],
      ["ORDER_EXPIRED", "EXPIRED", 0],
      ["ORDER_PAID", "PAID", total],
      ["CONVERSION_COMMITTED", "PAID", total],
    ]);
  });

  it("never names the benefit or a person (I15)", () => {
    const bodies = life.events.map((event) => eventBody(life.order.terms, event)).join("\n");
    expect(bodies).not.toContain(benefit);
    expect(bodies).not.toContain('"name":"A"');
  });

  it("is not told twice: hearing nothing new tells nothing", () => {
    const { length } = life.events;
    life.tell(tick);
    life.tell(captured("A"));
    expect(life.events).toHaveLength(length);
  });

  it("comes of no scan, even of one that looks at an order whose time is up", () => {
    const open = new Life();
    open.tell({ kind: "scan", count: 3, firstAt: placedAt + 5 }, expiresAt + hour);
    open.tell({ kind: "scan", count: 1, firstAt: placedAt + 9 });
    expect([open.order.scans, open.events.length]).toEqual([{ count: 4, firstAt: placedAt + 5 }, 1]);
    expect(open.order.closed).toBeNull();
  });
});
