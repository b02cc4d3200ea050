/** How an order ends unpaid, what puts its end off, and what opens it again. */
import { describe, expect, it } from "vitest";
import { dueOf } from "../../../src/core/amounts.ts";
import { limits } from "../../../src/core/limits.ts";
import { stateOf } from "../../../src/core/state.ts";
import { allowedActions } from "../../../src/core/transitions.ts";
import { effectsOf, endsAt } from "../../../src/core/work.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  expiresAt,
  grace,
  hour,
  late,
  Life,
  minute,
  placedAt,
  read,
  second,
  stockIs,
  terms,
  tick,
} from "./sample.ts";

describe("an end", () => {
  it("that waits for an attempt comes as soon as the attempt brings a part payment", () => {
    const life = new Life(terms({ underPayment: "REFUND" }));
    life.tell(begun("alice"));
    life.tell(cancelled);
    life.tell(captured("P", { attempt: attempt(1), amount: 1 }));
    expect([read(life), life.order.refunds.length]).toEqual(["CANCELLED", 1]);
  });

  it("by expiry is put off by a part payment: for its grace, or for good where the order is kept open", () => {
    for (const [underPayment, ends] of [
      ["REVIEW", expiresAt + grace],
      ["KEEP_OPEN", null],
    ] as const) {
      const life = new Life(terms({ underPayment }));
      life.tell(begun("alice"));
      life.tell(tick, expiresAt);
      life.tell(captured("P", { attempt: attempt(1), amount: 1 }), expiresAt + second);
      expect([life.order.closing, life.order.closed, endsAt(life.order)]).toEqual([null, null, ends]);
    }
  });

  it("opens again for a part payment in time that is heard after it, where the order is kept open, and the rest pays it", () => {
    const life = new Life(terms({ underPayment: "KEEP_OPEN" }));
    life.tell(tick, late);
    life.tell(captured("P", { amount: 6_000 }));
    expect([read(life), life.order.stock, dueOf(life.order)]).toEqual(["OPEN", "RETAKING", 4_000]);
    life.tell(stockIs(true));
    life.tell(captured("R", { amount: 4_000, paidAt: late + hour }), late + hour);
    expect([read(life), life.order.stock]).toEqual(["PAID", "SOLD"]);
  });

  it("does not part what was paid in time: two halves heard on either side of it still pay the order", () => {
    const life = new Life();
    life.tell(captured("P", { amount: 6_000 }));
    life.tell(tick, late);
    expect(read(life)).toBe("REVIEW");
    life.tell(captured("R", { amount: 4_000 }), late + hour);
    expect([read(life), life.order.paid?.late]).toEqual(["PAID", false]);
  });
});

describe("extending", () => {
  it("puts the end off, to later than it was and no later than a code may live", () => {
    const life = new Life();
    expect(life.tell({ kind: "extend", expiresAt: expiresAt - 1 })).toEqual({
      ok: false,
      refusal: { reason: "TIME", earliest: expiresAt, latest: placedAt + limits.liveCodeLifetimeMs.max },
    });
    life.tell({ kind: "extend", expiresAt: expiresAt + hour });
    expect(life.tell({ kind: "extend", expiresAt: expiresAt + hour })).toMatchObject({ ok: true, changed: false });
    expect(stateOf(life.order, expiresAt)).toBe("OPEN");
  });

  it("opens an ended order again many times, and not for ever", () => {
    const life = new Life(terms({}, { countsStock: false }));
    let reopened = 0;
    const extend = () => life.tell({ kind: "extend", expiresAt: life.now + minute });
    for (life.tell(tick, expiresAt); extend().ok; life.tell(tick, life.now + minute)) reopened += 1;
    expect(reopened).toBe(limits.eventsWithReopeningMax - 2);
    expect(extend()).toEqual({ ok: false, refusal: { reason: "LIMIT" } });
    expect(allowedActions(life.order, life.now)).not.toContain("EXTEND");
    expect(life.tell(captured("A")).ok).toBe(true);
    expect(read(life)).toBe("PAID");
  });

  it("opens an expired order again; it asks for its released stock, and ends again if that is gone", () => {
    for (const taken of [true, false]) {
      const life = new Life();
      life.tell({ kind: "extend", expiresAt: expiresAt + 2 * hour }, expiresAt + hour);
      expect([read(life), effectsOf(life.order)]).toEqual(["OPEN", [{ kind: "RETAKE_STOCK" }]]);
      life.tell(stockIs(taken), expiresAt + hour + second);
      expect([read(life), life.order.stock]).toEqual(taken ? ["OPEN", "HELD"] : ["EXPIRED", "RELEASED"]);
    }
  });

  it("lets money in before the stock has answered: paid either way, and a person hears of it when the stock was short", () => {
    const life = new Life();
    life.tell({ kind: "extend", expiresAt: expiresAt + 2 * hour }, expiresAt + hour);
    life.tell(captured("A", { paidAt: life.now }));
    life.tell(stockIs(false));
    expect([read(life), life.order.stock]).toEqual(["PAID", "SHORT"]);
    expect(life.events.at(-1)).toMatchObject({ type: "ORDER_REVIEW", data: { detail: { why: "STOCK_SHORT" } } });
  });

  it("calls off an expiry that waits for its provider, but not a cancel", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell({ kind: "extend", expiresAt: expiresAt + 2 * hour }, expiresAt + minute);
    expect([life.order.closing, life.order.attempts[0]?.closing]).toEqual([null, true]);
    life.tell(cancelled);
    expect(life.tell({ kind: "extend", expiresAt: expiresAt + 3 * hour })).toEqual({
      ok: false,
      refusal: { reason: "STATE", state: "CANCELLED" },
    });
  });
});
