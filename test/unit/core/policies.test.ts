/** Money that comes late, short, beyond or from elsewhere: rows of docs/state-machine.md, under the words they have there. */
import { describe, expect, it } from "vitest";
import { dueOf, refundedOf, settlementOf } from "../../../src/core/amounts.ts";
import { effectsOf } from "../../../src/core/work.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  dispositions,
  expiresAt,
  grace,
  hour,
  late,
  Life,
  minute,
  placedAt,
  read,
  refunded,
  refundNumber,
  returned,
  second,
  terms,
  tick,
  total,
  usd,
} from "./sample.ts";

describe("money and the end", () => {
  it("paid in time, heard late (paidAt ≤ expiresAt + 120 s): on time, PAID, under every policy", () => {
    for (const latePayment of ["HONOR", "HONOR_IF_STOCK", "REFUND", "REVIEW"] as const) {
      const life = new Life(terms({ latePayment }));
      life.tell(tick, expiresAt);
      life.tell(captured("A", { paidAt: expiresAt + grace }), expiresAt + 26 * hour);
      expect([read(life), life.order.paid?.late, life.order.stock]).toEqual(["PAID", false, "RETAKING"]);
    }
  });

  it("paid in the provider's future: its clock is wrong, so it was paid by the time we heard of it", () => {
    const life = new Life();
    life.tell(captured("A", { paidAt: expiresAt + 26 * hour }));
    expect([read(life), life.order.paid]).toEqual(["PAID", { at: placedAt, committedAt: placedAt, late: false }]);
  });

  it("paid late: HONOR pays and converts, and says that it was late", () => {
    const life = new Life(terms({ latePayment: "HONOR" }));
    life.tell(captured("A", { paidAt: late }), late);
    expect([read(life), life.order.paid?.late]).toEqual(["PAID", true]);
    expect(life.types()).toEqual(["ORDER_PLACED", "ORDER_EXPIRED", "ORDER_PAID", "CONVERSION_COMMITTED"]);
  });

  it("paid late: HONOR_IF_STOCK takes the stock again, else refunds", () => {
    for (const taken of [true, false]) {
      const life = new Life();
      life.tell(captured("A", { paidAt: late }), late);
      expect([read(life), effectsOf(life.order)]).toEqual(["REVIEW", [{ kind: "RETAKE_STOCK" }]]);
      life.tell({ kind: "stock", taken });
      expect([read(life), life.order.stock, life.order.refunds.length]).toEqual(
        taken ? ["PAID", "SOLD", 0] : ["EXPIRED", "RELEASED", 1],
      );
    }
    const uncounted = new Life(terms({}, { countsStock: false }));
    uncounted.tell(captured("A", { paidAt: late }), late);
    expect([read(uncounted), uncounted.order.stock]).toEqual(["PAID", "NONE"]);
  });

  it("paid late: REFUND gives it back, REVIEW calls a person", () => {
    const refunding = new Life(terms({ latePayment: "REFUND" }));
    refunding.tell(captured("A", { paidAt: late }), late);
    expect([read(refunding), effectsOf(refunding.order).map(({ kind }) => kind)]).toEqual(["EXPIRED", ["REFUND"]]);
    const reviewing = new Life(terms({ latePayment: "REVIEW" }));
    reviewing.tell(captured("A", { paidAt: late }), late);
    expect([read(reviewing), reviewing.types().at(-1)]).toEqual(["REVIEW", "ORDER_REVIEW"]);
  });

  it("expiry while a payment is under way: asked for and closed at the provider, only then EXPIRED; money still wins", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(tick, expiresAt);
    expect(life.tell(begun("alice"))).toEqual({ ok: false, refusal: { reason: "STATE", state: "EXPIRED" } });
    const won = new Life();
    Object.assign(won, { order: life.order, now: life.now });
    life.tell({ kind: "ended", attempt: attempt(1), outcome: "CLOSED", reason: null }, expiresAt + second);
    expect([read(life), life.order.closed?.at, life.order.stock]).toEqual(["EXPIRED", expiresAt + second, "RELEASED"]);
    won.tell(captured("A", { attempt: attempt(1), paidAt: expiresAt + 10 * minute }), expiresAt + 11 * minute);
    expect([read(won), won.order.paid?.late, won.order.stock]).toEqual(["PAID", false, "SOLD"]);
  });

  it("cancel while the payer is in the wallet: closes upstream first; if the capture won, PAID and the canceller is told", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(cancelled, placedAt + second);
    expect([read(life), effectsOf(life.order).map(({ kind }) => kind)]).toEqual(["PAYING", ["CLOSE"]]);
    life.tell(captured("A", { attempt: attempt(1) }));
    expect([read(life), life.types().slice(-2)]).toEqual(["PAID", ["ORDER_PAID", "CONVERSION_COMMITTED"]]);
    expect(life.tell(cancelled)).toEqual({ ok: false, refusal: { reason: "STATE", state: "PAID" } });
  });

  it("cancel: money paid before it counts whenever it is heard; money paid after it meets the policy for late money", () => {
    const life = new Life(terms({ latePayment: "REFUND" }));
    life.tell(cancelled, placedAt + minute);
    life.tell(captured("B", { paidAt: placedAt + minute + 1 }), placedAt + 2 * minute);
    expect([read(life), dispositions(life)]).toEqual(["CANCELLED", ["REFUND"]]);
    life.tell(captured("A", { paidAt: placedAt + minute }));
    expect([read(life), dispositions(life)]).toEqual(["PAID", ["REFUND", "ACCEPTED"]]);
  });
});

describe("money that does not fit", () => {
  it("UNDER stays open for the rest until expiry, and its grace", () => {
    const life = new Life();
    life.tell(captured("P", { amount: 6_000 }));
    expect([read(life), settlementOf(life.order), dueOf(life.order)]).toEqual(["OPEN", "UNDER", 4_000]);
    life.tell(captured("R", { amount: 4_000, paidAt: expiresAt + minute }), expiresAt + minute);
    expect([read(life), settlementOf(life.order), life.order.paid?.at]).toEqual(["PAID", "EXACT", expiresAt + minute]);
    expect(life.order.conversion?.payer.customerId).toBe("customer_P");
  });

  it("UNDER at expiry follows the policy: REFUND, REVIEW, or KEEP_OPEN for the rest", () => {
    const ends = (["REFUND", "REVIEW", "KEEP_OPEN"] as const).map((underPayment) => {
      const life = new Life(terms({ underPayment }));
      life.tell(captured("P", { amount: 6_000 }));
      life.tell(tick, expiresAt + grace);
      return [read(life), life.order.refunds.length, life.types().at(-1)];
    });
    expect(ends).toEqual([
      ["EXPIRED", 1, "ORDER_EXPIRED"],
      ["REVIEW", 0, "ORDER_REVIEW"],
      ["OPEN", 0, "ORDER_PLACED"],
    ]);
  });

  it("OVER is PAID, the surplus by policy: REFUND, KEEP or REVIEW", () => {
    const ends = (["REFUND", "KEEP", "REVIEW"] as const).map((overPayment) => {
      const life = new Life(terms({ overPayment }));
      life.tell(captured("A", { amount: total + 700 }));
      expect([read(life), settlementOf(life.order)]).toEqual(["PAID", "OVER"]);
      return [life.order.refunds.map(({ amount }) => amount), life.types().slice(3)];
    });
    expect(ends).toEqual([
      [[700], []],
      [[], []],
      [[], ["ORDER_REVIEW"]],
    ]);
  });

  it("other currency, other account: never dropped, never PAID, but REVIEW until a person or a proper payment decides", () => {
    for (const strange of [captured("F", { currency: usd }), captured("F", { account: "account_9" })]) {
      const life = new Life();
      life.tell(strange);
      expect([read(life), life.order.captures.length, life.order.conversion]).toEqual(["REVIEW", 1, null]);
      life.tell(captured("A"));
      expect([read(life), dispositions(life)]).toEqual(["PAID", ["DUPLICATE", "ACCEPTED"]]);
      expect(effectsOf(life.order)).toMatchObject([{ kind: "REFUND", refund: { capture: "SANDBOX:F" } }]);
    }
  });

  it("refund, partial or full: per order never more than received, and the conversion's actions do as each declares", () => {
    const life = new Life();
    life.tell(captured("A"));
    expect(life.tell(refunded(total + 1))).toEqual({ ok: false, refusal: { reason: "AMOUNT", expected: total } });
    life.tell(refunded(4_000));
    life.tell(returned(refundNumber(1), "A", 4_000));
    expect([refundedOf(life.order), life.order.conversion?.state]).toEqual([4_000, "PARTLY_REVERSED"]);
    life.tell(refunded(null));
    expect(life.tell(refunded(null))).toEqual({ ok: false, refusal: { reason: "AMOUNT", expected: 0 } });
    life.tell(returned(refundNumber(2), "A", 6_000));
    expect([read(life), refundedOf(life.order), life.order.conversion?.state]).toEqual(["PAID", total, "REVERSED"]);
    expect(life.order.conversion?.actions.map(({ key, state }) => [key, state])).toEqual([
      ["kept", "DONE"],
      ["gold", "REVERSED"],
    ]);
  });
});
