/** The awkward moments of a payment, a row of docs/state-machine.md each, under the words it has there. */
import { describe, expect, it } from "vitest";
import { receivedOf, refundedOf } from "../../../src/core/amounts.ts";
import { limits } from "../../../src/core/limits.ts";
import { stateOf } from "../../../src/core/state.ts";
import { effectsOf, pollAt } from "../../../src/core/work.ts";
import {
  attempt,
  begun,
  captured,
  expiresAt,
  hour,
  Life,
  minute,
  placedAt,
  refundNumber,
  returned,
  second,
  tick,
  total,
} from "./sample.ts";

const read = ({ order, now }: Life) => stateOf(order, now);
const dispositions = ({ order }: Life) => order.captures.map(({ disposition }) => disposition);

describe("the same money told more than once", () => {
  it("the same notification N times, at once or months later: one effect, N identical acknowledgements", () => {
    const life = new Life();
    life.tell(captured("A"));
    const { order } = life;
    const told = [0, 0, 0, 90 * 24 * hour].map((later) => life.tell(captured("A"), placedAt + later));
    expect(told).toEqual(told.map(() => ({ ok: true, order, events: [], changed: false })));
    expect(life.types()).toEqual(["ORDER_PLACED", "ORDER_PAID", "CONVERSION_COMMITTED"]);
  });

  it("the same transaction heard of by notification, poll, return page: one payment, for the key is provider and transaction, not the message", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(captured("A", { attempt: null, by: "notified" }));
    life.tell(captured("A", { attempt: attempt(1), by: "polled", paidAt: placedAt + minute }));
    expect(life.order.captures).toHaveLength(1);
    life.tell(captured("A", { provider: "STRIPE", account: "account_2" }));
    expect(dispositions(life)).toEqual(["ACCEPTED", "DUPLICATE"]);
  });

  it("same transaction, other amount: the first stands, flagged, and goes to REVIEW if the order is still unpaid", () => {
    const unpaid = new Life();
    unpaid.tell(captured("A", { amount: 4_000 }));
    unpaid.tell(captured("A", { amount: 9_000 }));
    expect([read(unpaid), receivedOf(unpaid.order), unpaid.order.captures[0]?.conflict]).toEqual([
      "REVIEW",
      4_000,
      9_000,
    ]);
    expect(unpaid.events.at(-1)).toMatchObject({ type: "ORDER_REVIEW", data: { detail: { why: "AMOUNT_CHANGED" } } });
    const paid = new Life();
    paid.tell(captured("A"));
    paid.tell(captured("A", { amount: 1 }));
    expect([read(paid), receivedOf(paid.order), paid.order.captures[0]?.conflict]).toEqual(["PAID", total, 1]);
  });

  it("a second capture, other transaction, after PAID: PAYMENT_DUPLICATE, refunded automatically, never a second conversion", () => {
    const life = new Life();
    life.tell(captured("A"));
    life.tell(captured("B"), placedAt + second);
    expect(life.types().slice(3)).toEqual(["PAYMENT_DUPLICATE"]);
    expect(life.order.refunds).toMatchObject([
      { capture: "SANDBOX:B", amount: total, automatic: true, state: "PENDING" },
    ]);
    expect(life.order.conversion?.payer.customerId).toBe("customer_A");
    life.tell(returned(refundNumber(1), "B"));
    expect([refundedOf(life.order), life.order.conversion?.state]).toEqual([total, "COMMITTED"]);
  });
});

describe("who holds the code", () => {
  it("two people confirm one code: the first holds a claim for 120 s, the second is told and may take over when it lapses", () => {
    const life = new Life();
    life.tell({ kind: "confirm", claimant: "alice" });
    const until = placedAt + 120 * second;
    const refused = { ok: false, refusal: { reason: "CLAIMED", until } };
    expect(life.tell({ kind: "confirm", claimant: "bob" }, until - 1)).toEqual(refused);
    expect(life.tell(begun("bob"), until - 1)).toEqual(refused);
    expect(life.tell({ kind: "confirm", claimant: "bob" }, until).ok).toBe(true);
    expect(life.order.claim?.claimant).toBe("bob");
  });

  it("two people confirm one code: every step towards paying renews the claim, and whoever takes over has the older attempt closed", () => {
    const life = new Life();
    life.tell({ kind: "confirm", claimant: "alice" });
    life.tell(begun("alice"), placedAt + 100 * second);
    expect(life.tell({ kind: "confirm", claimant: "bob" }, placedAt + 200 * second).ok).toBe(false);
    life.tell(begun("bob"), placedAt + 220 * second);
    expect(life.order.attempts).toMatchObject([{ closing: true }, { closing: false, claimant: "bob" }]);
    expect(effectsOf(life.order).map(({ kind }) => kind)).toEqual(["CLOSE", "QUERY"]);
    life.tell(captured("A", { attempt: attempt(1) }));
    expect([read(life), life.order.attempts[0]?.state]).toEqual(["PAID", "SUCCEEDED"]);
  });

  it("who begins again the same way gets the same attempt; another account, or another amount due, makes a new one", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(begun("alice"), placedAt + second);
    expect(life.order.attempts).toHaveLength(1);
    life.tell(begun("alice", "account_2"));
    life.tell(captured("P", { amount: 1_000 }));
    life.tell(begun("alice", "account_2"));
    expect(life.order.attempts.map(({ amount, closing }) => [amount, closing])).toEqual([
      [total, true],
      [total, true],
      [total - 1_000, false],
    ]);
  });

  it("captured on an order nobody confirmed: counts, an implied confirmation", () => {
    const life = new Life();
    life.tell(captured("A"));
    expect(read(life)).toBe("PAID");
  });
});

describe("news out of order", () => {
  it("failed after captured; captured after failed: money wins", () => {
    const failed = { kind: "ended", attempt: attempt(1), outcome: "FAILED", reason: "declined" } as const;
    for (const order of [
      [failed, captured("A", { attempt: attempt(1) })],
      [captured("A", { attempt: attempt(1) }), failed],
    ]) {
      const life = new Life();
      life.tell(begun("alice"));
      for (const news of order) life.tell(news);
      expect([read(life), life.order.attempts[0]?.state, life.order.attempts[0]?.failureReason]).toEqual([
        "PAID",
        "SUCCEEDED",
        null,
      ]);
    }
  });

  it("refund heard before its capture: waits, and both fold when the capture comes", () => {
    const life = new Life();
    life.tell(returned("theirs", "A"));
    expect([read(life), refundedOf(life.order), life.types().length]).toEqual(["OPEN", 0, 1]);
    life.tell(captured("A"));
    expect([read(life), refundedOf(life.order), life.order.conversion?.state]).toEqual(["PAID", total, "REVERSED"]);
    expect(life.types().slice(1)).toEqual([
      "ORDER_REFUNDED",
      "ORDER_PAID",
      "CONVERSION_COMMITTED",
      "CONVERSION_REVERSED",
    ]);
    expect(life.events.map(({ data }) => data.state)).toEqual(["OPEN", "OPEN", "PAID", "PAID", "PAID"]);
  });

  it("no notification ever comes: looked after within 10 s at first, then every 60 s, and before expiring", () => {
    const life = new Life();
    expect(pollAt(life.order, life.now)).toBeNull();
    life.tell(begun("alice"));
    expect(pollAt(life.order, placedAt + second)).toBe(placedAt + 11 * second);
    expect(pollAt(life.order, placedAt + hour)).toBe(placedAt + hour + minute);
    life.tell(tick, expiresAt);
    expect([read(life), effectsOf(life.order).map(({ kind }) => kind)]).toEqual(["PAYING", ["CLOSE"]]);
  });
});

it("every limit of these rows is the one the product states", () => {
  expect([limits.claimMs, limits.lateGraceMs, limits.pollMs.early, limits.pollMs.late]).toEqual([
    120_000, 120_000, 10_000, 60_000,
  ]);
});
