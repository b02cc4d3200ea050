/** The awkward moments of a payment, a row of docs/state-machine.md each, under the words it has there. */
import { describe, expect, it } from "vitest";
import { receivedOf, refundedOf } from "../../../src/core/amounts.ts";
import type { Command } from "../../../src/core/commands.ts";
import { limits } from "../../../src/core/limits.ts";
import { effectsOf, endsAt, pollAt } from "../../../src/core/work.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  dispositions,
  expiresAt,
  hour,
  Life,
  minute,
  placedAt,
  read,
  recorded,
  refundNumber,
  returned,
  second,
  terms,
  tick,
  total,
} from "./sample.ts";

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

  it("tells of each turn once: who held the code last takes it again in silence, and turns beyond all measure are told no more", () => {
    const life = new Life(terms({}, { expiresAt: placedAt + 24 * hour }));
    for (let turn = 0; turn < 20; turn += 1) life.tell(begun("alice"), life.now + 121 * second);
    expect([life.types(), life.order.attempts.length, read(life)]).toEqual([
      ["ORDER_PLACED", "ORDER_CONFIRMED"],
      1,
      "PAYING",
    ]);
    life.tell({ kind: "confirm", claimant: "bob" }, life.now + 121 * second);
    life.tell({ kind: "confirm", claimant: "alice" }, life.now + 121 * second);
    expect(life.types().slice(2)).toEqual(["ORDER_CONFIRMED", "ORDER_CONFIRMED"]);
    for (let turn = 0; turn < 2 * limits.eventsWithConfirmationsMax; turn += 1)
      expect(life.tell({ kind: "confirm", claimant: `browser_${turn}` }, life.now + 121 * second).ok).toBe(true);
    expect(life.order.claim?.claimant).toBe(`browser_${2 * limits.eventsWithConfirmationsMax - 1}`);
    expect(life.events).toHaveLength(limits.eventsWithConfirmationsMax);
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

  it("no notification ever comes: looked after every 10 s at first and while somebody watches, then every minute, and once more before expiring", () => {
    const life = new Life();
    expect(pollAt(life.order, life.now)).toBeNull();
    life.tell(begun("alice"), placedAt);
    const waits = (isWatched: boolean) =>
      [0, 2 * minute, 29 * minute, 30 * minute, 119 * minute, 2 * hour, 20 * hour].map(
        (after) => (pollAt(life.order, placedAt + after, isWatched) ?? 0) - placedAt - after,
      );
    const [soon, later, seldom] = [10 * second, minute, 10 * minute];
    expect(waits(false)).toEqual([soon, later, later, later, later, seldom, seldom]);
    // Nobody looks for half an hour at a page that does not move: the tab is forgotten.
    expect(waits(true)).toEqual([soon, soon, soon, later, later, seldom, seldom]);
    // Whenever somebody asks, and whether or not a page watches, the next question stays where it was.
    for (const [from, step] of [
      [0, 10 * second],
      [2 * minute, minute],
      [2 * hour, 10 * minute],
    ] as const)
      for (let after = from; after < from + step; after += step / 10)
        for (const isWatched of [false, true])
          expect(pollAt(life.order, placedAt + after, isWatched)).toBeLessThanOrEqual(placedAt + from + step);
    expect(endsAt(life.order)).toBe(expiresAt);
    life.tell(tick, expiresAt);
    expect([read(life), effectsOf(life.order).map(({ kind }) => kind)]).toEqual(["PAYING", ["CLOSE"]]);
    // What is being ended is asked more seldom sooner, watched or not.
    for (const isWatched of [false, true])
      expect(
        [0, 2, 19, 20, 64].map((late) => (pollAt(life.order, expiresAt + late * minute, isWatched) ?? 0) - expiresAt),
      ).toEqual([10 * second, 3 * minute, 20 * minute, 30 * minute, 70 * minute]);
  });
});

describe("a payment that failed", () => {
  const told = (outcome: "FAILED" | "CLOSED"): Command => ({
    kind: "ended",
    attempt: attempt(1),
    outcome,
    reason: null,
  });
  const work = ({ order }: Life) => effectsOf(order).map(({ kind }) => kind);
  const declined = (): Life => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(told("FAILED"));
    return life;
  };

  it("does not hold the order, is told once, and is looked after all the same: its page may still take another card", () => {
    const life = declined();
    expect([read(life), work(life)]).toEqual(["CLAIMED", ["QUERY"]]);
    expect(life.tell(told("FAILED"))).toMatchObject({ ok: true, changed: false });
    expect(life.types().slice(2)).toEqual(["PAYMENT_FAILED"]);
    life.tell(captured("A", { attempt: attempt(1) }), placedAt + hour / 2);
    expect([read(life), work(life), life.order.attempts[0]?.state]).toEqual(["PAID", [], "SUCCEEDED"]);
  });

  it("is over when its provider has closed it", () => {
    const life = declined();
    life.tell(told("CLOSED"), placedAt + second);
    expect([work(life), life.order.attempts[0]?.state]).toEqual([[], "FAILED"]);
    expect(life.tell(told("CLOSED"))).toMatchObject({ ok: true, changed: false });
    life.tell(tick, expiresAt);
    expect(read(life)).toBe("EXPIRED");
  });

  it("is closed at its provider as soon as its payer begins again, or the order is paid", () => {
    const again = declined();
    again.tell(begun("alice"));
    expect([read(again), again.order.attempts.length, work(again)]).toEqual(["PAYING", 2, ["CLOSE", "QUERY"]]);
    const paid = declined();
    paid.tell(recorded("till-1"));
    expect([read(paid), work(paid)]).toEqual(["PAID", ["CLOSE"]]);
    paid.tell(captured("A", { attempt: attempt(1) }));
    expect(dispositions(paid)).toEqual(["ACCEPTED", "DUPLICATE"]);
  });

  it("is waited for by an end, but no longer than any other; to fail once more is not to be closed", () => {
    for (const end of [tick, cancelled]) {
      const life = declined();
      life.tell(end, end === tick ? expiresAt : placedAt + minute);
      life.tell(told("FAILED"));
      expect([read(life), work(life)]).toEqual(["PAYING", ["CLOSE"]]);
      const closed = new Life();
      Object.assign(closed, { order: life.order, now: life.now });
      closed.tell(told("CLOSED"), life.now + second);
      expect([read(closed), closed.order.closed?.at]).toEqual([end === tick ? "EXPIRED" : "CANCELLED", closed.now]);
      life.tell(tick, placedAt + limits.attemptLifeMs);
      expect([read(life), work(life)]).toEqual([end === tick ? "EXPIRED" : "CANCELLED", []]);
    }
  });
});

it("every limit of these rows is the one the product states", () => {
  expect([limits.claimMs, limits.lateGraceMs, limits.pollMs.early, limits.pollMs.late, limits.pollMs.latest]).toEqual([
    120_000, 120_000, 10_000, 60_000, 600_000,
  ]);
});
