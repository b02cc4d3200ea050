import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import type { Order } from "../../../src/core/order.ts";
import { standingOf, stateOf } from "../../../src/core/state.ts";
import { decide } from "../../../src/core/transitions.ts";
import { endsAt } from "../../../src/core/work.ts";
import { history, merchants, runs, termsOf, type Moment } from "./histories.ts";
import { begun, captured, expiresAt, hour, Life, minute, placedAt, tick, total } from "./sample.ts";

/** Everything but how often, and when, it was written down. */
const factsOf = (order: Order) => ({
  ...order,
  version: 0,
  refunds: order.refunds.map((refund) => ({ ...refund, requestedAt: 0 })),
});

/** How far into each wait, in twentieths of it, an alarm went off; none for 0. */
const alarms = fc.array(fc.nat({ max: 20 }), { minLength: 40, maxLength: 40 });

function live(life: Life, moments: readonly Moment[], alarmsAt: readonly number[]): Life {
  moments.forEach(({ wait, command }, index) => {
    const twentieths = alarmsAt[index] ?? 0;
    const start = life.now;
    if (twentieths > 0) life.tell(tick, start + Math.floor((wait * twentieths) / 20));
    life.tell(command, start + wait);
  });
  life.tell(tick);
  return life;
}

describe("the clock", () => {
  it("no alarm, early, late, lost or doubled, changes what becomes of an order or what is told of it", () => {
    fc.assert(
      fc.property(merchants, history(15), alarms, (merchant, moments, alarmsAt) => {
        const alone = live(new Life(termsOf(merchant)), moments, []);
        const watched = live(new Life(termsOf(merchant)), moments, alarmsAt);
        expect(factsOf(watched.order)).toEqual(factsOf(alone.order));
        expect(watched.types()).toEqual(alone.types());
      }),
      runs(3_000),
    );
  }, 60_000);

  it("what is read at an instant is what an alarm at that instant would write", () => {
    fc.assert(
      fc.property(merchants, history(12), fc.nat({ max: 40 * hour }), (merchant, moments, later) => {
        const { order, now } = live(new Life(termsOf(merchant)), moments, []);
        const written = decide(order, tick, now + later);
        expect(written.ok && standingOf(written.order, now + later)).toBe(stateOf(order, now + later));
      }),
      runs(2_000),
    );
  }, 60_000);

  it("an order ends exactly at the instant it says, not a millisecond earlier", () => {
    fc.assert(
      fc.property(merchants, history(12), (merchant, moments) => {
        const { order, now } = live(new Life(termsOf(merchant)), moments, []);
        const at = endsAt(order);
        if (at === null) return;
        expect(at).toBeGreaterThan(now);
        const just = decide(order, tick, at);
        expect(just.ok && (just.order.closed ?? just.order.closing)?.as).toBe("EXPIRED");
        // A payment that nobody tells the end of may lapse a moment before.
        const before = decide(order, tick, at - 1);
        expect(before.ok && (before.order.closed ?? before.order.closing)).toBeNull();
      }),
      runs(2_000),
    );
  }, 60_000);

  it("every order that is not kept open comes to an end, however silent its providers are", () => {
    fc.assert(
      fc.property(merchants, history(15), (merchant, moments) => {
        fc.pre(merchant.underPayment !== "KEEP_OPEN");
        const life = live(new Life(termsOf(merchant)), moments, []);
        life.tell(tick, Math.max(life.order.expiresAt, life.now) + limits.attemptLifeMs + hour);
        expect(["PAID", "EXPIRED", "CANCELLED", "REVIEW"]).toContain(stateOf(life.order, life.now));
      }),
      runs(2_000),
    );
  }, 60_000);
});

describe("an attempt that outlives every provider's page", () => {
  it("is over, and its money still wins if it comes after all", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(tick, expiresAt);
    expect(stateOf(life.order, life.now)).toBe("PAYING");
    life.tell(tick, placedAt + limits.attemptLifeMs);
    expect(stateOf(life.order, life.now)).toBe("EXPIRED");
    life.tell(captured("A", { paidAt: placedAt + 2 * hour }), placedAt + 30 * hour);
    expect(stateOf(life.order, life.now)).toBe("PAID");
    expect(life.order.paid?.late).toBe(false);
  });
});

describe("a refused command", () => {
  it("commits nothing, not even the time that passed", () => {
    const life = new Life();
    life.tell(captured("A", { amount: total / 2 }));
    const before = life.order;
    expect(life.tell({ kind: "resolve", decision: "HONOR", note: "" }, placedAt + minute).ok).toBe(false);
    expect(life.order).toBe(before);
  });
});
