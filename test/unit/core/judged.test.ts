/** How money is judged when it is told in odd ways: whose it is, what becomes of it, and what a person is called for. */
import { describe, expect, it } from "vitest";
import { receivedOf, refundedOf, settlementOf } from "../../../src/core/amounts.ts";
import { limits } from "../../../src/core/limits.ts";
import { inWords } from "../../../src/core/commands.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  dispositions,
  expiresAt,
  hour,
  late,
  Life,
  minute,
  placedAt,
  read,
  recorded,
  refunded,
  refundNumber,
  resolved,
  returned,
  second,
  stockIs,
  terms,
  tick,
  total,
  usd,
} from "./sample.ts";

/** Why a person was called, each time. */
const calls = ({ events }: Life) =>
  events.filter(({ type }) => type === "ORDER_REVIEW").map(({ data }) => data.detail["why"]);
const reasons = ({ order }: Life) => order.refunds.map(({ reason, automatic }) => [reason, automatic]);

describe("the payer of several payments", () => {
  const customer = (...payments: Parameters<typeof captured>[]) => {
    const life = new Life();
    for (const payment of payments) life.tell(captured(...payment));
    return life.order.conversion?.payer.customerId;
  };

  it("is whoever paid most, though heard last", () => {
    expect(customer(["A", { amount: 3_000 }], ["B", { amount: 7_000 }])).toBe("customer_B");
    expect(customer(["A", { amount: 7_000 }], ["B", { amount: 3_000 }])).toBe("customer_A");
  });

  it("is of equals whoever paid first, though heard last, and of those the one whose payment's name comes first", () => {
    const at = (seconds: number) => ({ amount: total / 2, paidAt: placedAt + seconds * second });
    const both = (one: Parameters<typeof captured>, other: Parameters<typeof captured>) => {
      const life = new Life();
      life.tell(tick, placedAt + minute);
      life.tell(captured(...one));
      life.tell(captured(...other));
      return life.order.conversion?.payer.customerId;
    };
    expect(both(["A", at(20)], ["B", at(10)])).toBe("customer_B");
    expect(both(["B", at(10)], ["A", at(20)])).toBe("customer_B");
    expect(both(["B", at(10)], ["A", at(10)])).toBe("customer_A");
    expect(both(["A", at(10)], ["B", at(10)])).toBe("customer_A");
  });

  it("is nobody whose money did not count, however much it was", () => {
    const life = new Life();
    life.tell(captured("F", { amount: total * 3, currency: usd }));
    life.tell(captured("A"));
    expect(life.order.conversion?.payer.customerId).toBe("customer_A");
    expect(dispositions(life)).toEqual(["DUPLICATE", "ACCEPTED"]);
    expect(life.events.find(({ type }) => type === "PAYMENT_DUPLICATE")?.data.detail).toEqual({ capture: "SANDBOX:F" });
    expect(reasons(life)).toEqual([["paid twice", true]]);
  });
});

describe("one transaction told in two ways", () => {
  it("by another currency is another amount", () => {
    const life = new Life();
    life.tell(captured("A", { amount: 4_000 }));
    life.tell(captured("A", { amount: 4_000, currency: usd }));
    expect(life.order.captures).toMatchObject([
      { currency: "CNY", amount: 4_000, conflict: 4_000, disposition: "REVIEW" },
    ]);
    expect([read(life), calls(life)]).toEqual(["REVIEW", ["AMOUNT_CHANGED"]]);
  });

  it("calls a person where it waited for stock, and takes nothing back that was decided", () => {
    const waiting = new Life();
    waiting.tell(tick, late);
    waiting.tell(captured("A", { paidAt: late }));
    expect(dispositions(waiting)).toEqual(["WAITING"]);
    waiting.tell(captured("A", { paidAt: late, amount: 1 }));
    expect([dispositions(waiting), calls(waiting)]).toEqual([["REVIEW"], ["AMOUNT_CHANGED"]]);

    const going = new Life(terms({ latePayment: "REFUND" }));
    going.tell(tick, late);
    going.tell(captured("A", { paidAt: late }));
    going.tell(captured("A", { paidAt: late, amount: 1 }));
    expect([dispositions(going), read(going), calls(going)]).toEqual([["REFUND"], "EXPIRED", []]);
    expect(reasons(going)).toEqual([["paid after the order had ended", true]]);
  });
});

describe("late money that waits for stock", () => {
  it("comes in parts, which all wait, and pays when the stock is had", () => {
    const life = new Life();
    life.tell(tick, late);
    life.tell(captured("A", { paidAt: late, amount: 4_000 }));
    life.tell(captured("B", { paidAt: late, amount: 6_000 }));
    expect(dispositions(life)).toEqual(["WAITING", "WAITING"]);
    expect(calls(life)).toEqual([]);
    life.tell(stockIs(true));
    expect([read(life), dispositions(life)]).toEqual(["PAID", ["ACCEPTED", "ACCEPTED"]]);
  });

  it("goes back when it is not, and says why", () => {
    const life = new Life();
    life.tell(tick, late);
    life.tell(captured("A", { paidAt: late }));
    life.tell(stockIs(false));
    expect([read(life), reasons(life)]).toEqual(["EXPIRED", [["sold out meanwhile", true]]]);
  });

  it("is on top when other money pays the order first", () => {
    const life = new Life();
    life.tell(tick, late);
    life.tell(captured("A", { paidAt: late }));
    life.tell(captured("B"));
    expect([read(life), dispositions(life), life.order.stock]).toEqual(["PAID", ["DUPLICATE", "ACCEPTED"], "RETAKING"]);
    expect(reasons(life)).toEqual([["paid twice", true]]);
  });
});

describe("money that nobody asked for in this way", () => {
  it("through an account of the order's by another provider waits for a person", () => {
    const life = new Life();
    life.tell(captured("A", { account: "account_2" }));
    expect([read(life), dispositions(life), calls(life)]).toEqual(["REVIEW", ["REVIEW"], ["UNPLACEABLE"]]);
  });

  it("that one of several payments disagrees about is called by that, and told once", () => {
    const life = new Life();
    life.tell(captured("F", { currency: usd }));
    life.tell(captured("A", { amount: 4_000 }));
    life.tell(captured("A", { amount: 5_000 }));
    expect(calls(life)).toEqual(["UNPLACEABLE"]);
    life.tell(resolved("REFUND"));
    life.tell(captured("G", { currency: usd }));
    life.tell(captured("B", { amount: 4_000 }));
    expect(calls(life)).toEqual(["UNPLACEABLE", "UNPLACEABLE"]);
  });

  it("and part payments at the end are told for what they are", () => {
    const part = new Life();
    part.tell(captured("A", { amount: 4_000 }));
    part.tell(tick, late);
    expect([read(part), calls(part)]).toEqual(["REVIEW", ["UNDERPAID"]]);
    const returnedPart = new Life(terms({ underPayment: "REFUND" }));
    returnedPart.tell(captured("A", { amount: 4_000 }));
    returnedPart.tell(tick, late);
    expect(reasons(returnedPart)).toEqual([["the order ended before it was paid in full", true]]);
  });

  it("leaves an order without any NONE of it, and one whose part went back without a part", () => {
    const life = new Life();
    expect(settlementOf(life.order)).toBe("NONE");
    life.tell(captured("A", { amount: 4_000 }));
    life.tell(returned("theirs", "A", 4_000));
    life.tell(tick, expiresAt);
    expect([read(life), settlementOf(life.order), receivedOf(life.order), refundedOf(life.order)]).toEqual([
      "EXPIRED",
      "UNDER",
      4_000,
      4_000,
    ]);
  });
});

describe("a surplus", () => {
  it("goes back from the last money of the order's own currency that counts, and only that", () => {
    const life = new Life();
    life.tell(captured("F", { currency: usd, amount: 500 }));
    life.tell(captured("A", { amount: 6_000 }));
    life.tell(captured("B", { amount: 4_500 }));
    expect(life.order.refunds.map(({ capture, amount }) => [capture, amount])).toEqual([
      ["SANDBOX:F", 500],
      ["SANDBOX:B", 500],
    ]);
    expect(reasons(life)).toEqual([
      ["paid twice", true],
      ["paid more than the total", true],
    ]);
  });

  it("that a person gives back says what they said", () => {
    const life = new Life(terms({ overPayment: "REVIEW" }));
    life.tell(captured("A", { amount: total + 700 }));
    expect(calls(life)).toEqual(["OVERPAID"]);
    life.tell(resolved("REFUND"));
    expect(reasons(life)).toEqual([["by a person", true]]);
    const kept = new Life(terms({ overPayment: "REVIEW" }));
    kept.tell(captured("A", { amount: total + 700 }));
    kept.tell(resolved("HONOR"));
    expect([kept.order.refunds, kept.order.surplusInReview]).toEqual([[], false]);
  });

  it("that was kept and is given back later takes nothing of the conversion, though asked to", () => {
    const life = new Life(terms({ overPayment: "KEEP" }));
    life.tell(captured("A", { amount: total + 700 }));
    life.tell(refunded(700));
    life.tell(returned(refundNumber(1), "A", 700));
    expect([life.order.conversion?.state, life.types().filter((type) => type === "CONVERSION_REVERSED")]).toEqual([
      "COMMITTED",
      [],
    ]);
  });
});

describe("refunds", () => {
  it("in parts tell of the conversion's reversal when it changes, not each time", () => {
    const life = new Life();
    life.tell(captured("A"));
    for (const [number, amount] of [3_000, 3_000, 4_000].entries()) {
      life.tell(refunded(amount));
      life.tell(returned(refundNumber(number + 1), "A", amount));
    }
    expect(life.types().slice(3)).toEqual([
      "ORDER_REFUNDED",
      "CONVERSION_REVERSED",
      "ORDER_REFUNDED",
      "ORDER_REFUNDED",
      "CONVERSION_REVERSED",
    ]);
    expect(life.order.conversion?.state).toBe("REVERSED");
  });

  it("take first what does not count, however little it is, and of what counts the most", () => {
    const life = new Life(terms({ overPayment: "KEEP" }));
    life.tell(captured("A", { amount: 2_000 }));
    life.tell(captured("B", { amount: 8_000 }));
    life.tell(captured("C", { amount: 300, provider: "MANUAL" }));
    life.tell(refunded(1_000));
    expect(
      life.order.refunds.map(({ capture, amount, reason, automatic, restock }) => [
        capture,
        amount,
        reason,
        automatic,
        restock,
      ]),
    ).toEqual([
      ["MANUAL:C", 300, null, false, false],
      ["SANDBOX:B", 700, null, false, false],
    ]);
  });

  it("keep what a person said in bounded words, and take money of another currency only with all of it", () => {
    const life = new Life();
    life.tell(captured("A"));
    life.tell(captured("F", { currency: usd, amount: 50 }));
    expect(life.tell(refunded(total + 1))).toEqual({ ok: false, refusal: { reason: "AMOUNT", expected: total } });
    life.tell({ kind: "refund", amount: 1, reason: "cold\u0007tea", reverseConversion: true, restock: false });
    expect(life.order.refunds.at(-1)).toMatchObject({ reason: "cold tea", amount: 1 });
  });

  it("that the provider made by itself reverse the conversion and are nobody's request", () => {
    const life = new Life();
    life.tell(captured("A"));
    life.tell(returned("theirs", "A", 4_000));
    expect(life.order.refunds).toEqual([
      {
        id: "theirs",
        capture: "SANDBOX:A",
        amount: 4_000,
        reason: null,
        automatic: false,
        reverseConversion: true,
        restock: false,
        state: "SUCCEEDED",
        requestedAt: life.now,
        goneAt: life.now,
      },
    ]);
    expect(life.order.conversion?.state).toBe("PARTLY_REVERSED");
  });

  it("are counted up to the order's limit, whoever makes them, and then refused", () => {
    const life = new Life();
    life.tell(captured("A"));
    for (let made = 0; made < limits.refundsPerOrderMax; made += 1)
      expect(life.tell(made % 2 === 0 ? refunded(1) : returned(`theirs_${made}`, "A", 1)).ok).toBe(true);
    const limited = { ok: false, refusal: { reason: "LIMIT" } };
    expect(life.tell(refunded(1))).toEqual(limited);
    expect(life.tell(returned("theirs", "A", 1))).toEqual(limited);
    expect(life.order.refunds).toHaveLength(limits.refundsPerOrderMax);
  });

  it("heard before their money are told with it, and those that failed are not", () => {
    const life = new Life();
    life.tell({ ...returned("failed", "A", 100), outcome: "FAILED" } as ReturnType<typeof returned>);
    life.tell(returned("waits", "A", 200));
    life.tell(returned("elsewhere", "B", 300));
    life.tell(captured("A"));
    const told = life.events.filter(({ type }) => type === "ORDER_REFUNDED").map(({ data }) => data.detail["refundId"]);
    expect(told).toEqual(["waits"]);
  });
});

describe("an end", () => {
  it("that somebody asked for says why, and one that time brought says nothing", () => {
    const life = new Life();
    life.tell({ kind: "cancel", reason: "closing\u0000time" });
    expect(life.events.at(-1)).toMatchObject({ type: "ORDER_CANCELLED", data: { detail: { reason: "closing time" } } });
    expect(life.order.closed).toEqual({ as: "CANCELLED", at: placedAt, reason: "closing time" });
    const expired = new Life();
    expired.tell(tick, expiresAt);
    expect(expired.events.at(-1)).toMatchObject({ type: "ORDER_EXPIRED", data: { detail: {} } });
    expect(expired.order.closed).toEqual({ as: "EXPIRED", at: expiresAt, reason: null });
  });

  it("is put off to later than it is, and not to the very same instant as now", () => {
    const life = new Life();
    life.tell(tick, expiresAt + hour);
    const extend = (at: number) => life.tell({ kind: "extend", expiresAt: at });
    expect(extend(life.now)).toMatchObject({ ok: false, refusal: { reason: "TIME", earliest: life.now } });
    expect(extend(life.now + 1).ok).toBe(true);
  });

  it("of an order that is cancelled with cash in it leaves the cash for a hand", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(recorded("till-1", { amount: total }));
    expect(read(life)).toBe("PAID");
    expect(life.tell(cancelled)).toEqual({ ok: false, refusal: { reason: "STATE", state: "PAID" } });
    expect(life.order.attempts).toMatchObject([{ id: attempt(1), closing: true }]);
  });
});

describe("words", () => {
  it("are kept with their line ends and without control characters or halves of letters, up to a length", () => {
    expect(inWords("a\tb\nc\rd")).toBe("a\tb\nc\rd");
    expect(inWords("a\u0000b\u001bc\u007fd\u0085e")).toBe("a b c d e");
    expect(inWords("a\ud800b 茶 🍵")).toBe("a b 茶 🍵");
    expect(inWords("x".repeat(limits.reasonLengthMax + 1))).toBe("x".repeat(limits.reasonLengthMax));
  });
});
