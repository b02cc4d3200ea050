/** What people, the stock and the read model decide about an order, and what follows. */
import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/core/commands.ts";
import { acceptedOf, refundedOf } from "../../../src/core/amounts.ts";
import { paymentId } from "../../../src/core/ids.ts";
import { isRefusing } from "../../../src/core/attempts.ts";
import { limits } from "../../../src/core/limits.ts";
import { allowedActions } from "../../../src/core/transitions.ts";
import { effectsOf } from "../../../src/core/work.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  expiresAt,
  key,
  late,
  Life,
  placedAt,
  read,
  recorded,
  refunded,
  refundNumber,
  resolved,
  returned,
  stockIs,
  terms,
  tick,
  total,
  under,
  usd,
} from "./sample.ts";

describe("a cashier", () => {
  it("records money by the same path as a provider, and only what is due in the order's currency", () => {
    const life = new Life();
    life.tell(captured("P", { amount: 6_000 }));
    expect(life.tell(recorded("till-1"))).toEqual({ ok: false, refusal: { reason: "AMOUNT", expected: 4_000 } });
    expect(life.tell(recorded("till-1", { amount: 4_000, currency: usd }))).toEqual({
      ok: false,
      refusal: { reason: "CURRENCY" },
    });
    expect(life.tell(recorded("till-1", { amount: 4_000 })).ok).toBe(true);
    expect([read(life), life.types().slice(1)]).toEqual(["PAID", ["ORDER_PAID", "CONVERSION_COMMITTED"]]);
    expect(life.tell(recorded("till-1", { amount: 4_000 }))).toMatchObject({ ok: true, changed: false });
    expect(life.tell(recorded("till-1", { amount: 1 }))).toEqual({
      ok: false,
      refusal: { reason: "AMOUNT", expected: 4_000 },
    });
    expect(life.tell(recorded("till-2"))).toEqual({ ok: false, refusal: { reason: "STATE", state: "PAID" } });
  });

  it("gives cash back by hand: asked for is done, and no policy does it", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(recorded("till-1"));
    expect(effectsOf(life.order).map(({ kind }) => kind)).toEqual(["CLOSE"]);
    life.tell(refunded(null));
    expect([refundedOf(life.order), life.order.refunds[0]?.state, life.types().at(-2)]).toEqual([
      total,
      "SUCCEEDED",
      "ORDER_REFUNDED",
    ]);
    const waiting = new Life();
    waiting.tell(recorded("till-1", { paidAt: late }), late);
    waiting.tell(stockIs(false));
    expect([read(waiting), waiting.order.refunds]).toEqual(["EXPIRED", []]);
    expect(waiting.tell(refunded(null)).ok).toBe(true);
  });
});

describe("a request", () => {
  it("for a refund is carried out once, by whichever call it comes again, in whatever state the order is by then", () => {
    const life = new Life(terms({ latePayment: "REFUND" }));
    life.tell(captured("A", { amount: 6_000 }));
    life.tell(captured("B", { amount: 5_000 }));
    const asked = refunded(8_000);
    expect(life.tell(under("k", "call-1", asked))).toMatchObject({ ok: true, changed: true });
    expect(life.order.refunds.map(({ amount }) => amount)).toEqual([1_000, 6_000, 2_000]);
    for (const call of ["call-1", "call-2"])
      expect(life.tell(under("k", call, asked))).toMatchObject({ ok: true, changed: false });
    expect(life.tell(under("k", "call-3", refunded(1)))).toEqual({ ok: false, refusal: { reason: "KEY" } });
    // Without a key of the caller's, only the platform's repetition of one call is known.
    for (const _ of [1, 2]) life.tell(under(null, "call-4", refunded(1)));
    life.tell(under(null, "call-5", refunded(1)));
    expect(life.order.refunds.slice(3).map(({ amount }) => amount)).toEqual([1, 1]);

    const ended = new Life();
    ended.tell(recorded("cash", { paidAt: late }), late);
    ended.tell(stockIs(false));
    expect(ended.tell(under("k", "1", refunded(null))).ok).toBe(true);
    ended.tell(captured("F", { currency: usd }));
    expect(read(ended)).toBe("REVIEW");
    expect(ended.tell(under("k", "2", refunded(null)))).toMatchObject({ ok: true, changed: false });
    expect(ended.tell(under("l", "3", refunded(null)))).toEqual({
      ok: false,
      refusal: { reason: "STATE", state: "REVIEW" },
    });
  });

  it("to record a payment is one payment under one key, even under another reference", () => {
    const life = new Life();
    const half = recorded("till-1", { amount: 4_000 });
    // Only what is due may be recorded, so the first half comes by a provider.
    life.tell(captured("P", { amount: 6_000 }));
    expect(life.tell(under("k", "1", half))).toMatchObject({ ok: true, changed: true });
    expect(life.tell(under("k", "2", half))).toMatchObject({ ok: true, changed: false });
    expect(life.tell(under("k", "3", recorded("till-2", { amount: 4_000 })))).toEqual({
      ok: false,
      refusal: { reason: "KEY" },
    });
    expect(life.tell(under("l", "4", half))).toMatchObject({ ok: true, changed: false });
    expect(life.order.captures.map(({ id }) => id)).toEqual(["SANDBOX:P", "MANUAL:till-1"]);
  });
});

describe("what was sold", () => {
  const back = (life: Life, ...refunds: readonly (readonly [number | null, boolean])[]) => {
    for (const [amount, restock] of refunds) life.tell(refunded(amount, true, restock));
    return life.order.stock;
  };

  it("comes back once all of its money has gone back for it, and stays back", () => {
    const life = new Life();
    life.tell(captured("A"));
    expect(back(life, [4_000, true], [6_000, true])).toBe("SOLD");
    life.tell(returned(refundNumber(2), "A", 6_000));
    expect(life.order.stock).toBe("SOLD");
    life.tell(returned(refundNumber(1), "A", 4_000));
    expect(life.order.stock).toBe("RETURNED");
    life.tell(captured("B"));
    life.tell(returned(refundNumber(3), "B"));
    expect(life.order.stock).toBe("RETURNED");
  });

  it("stays sold where a refund did not say so, was refused, or was only of a surplus", () => {
    const [kept, refused, over] = [new Life(), new Life(), new Life(terms({ overPayment: "KEEP" }))];
    kept.tell(recorded("cash"));
    expect(back(kept, [1, false], [null, true])).toBe("SOLD");
    refused.tell(captured("A"));
    back(refused, [null, true]);
    refused.tell({
      kind: "refundHeard",
      refund: refundNumber(1),
      capture: "SANDBOX:A",
      amount: total,
      outcome: "FAILED",
    });
    expect(refused.order.stock).toBe("SOLD");
    over.tell(captured("A", { amount: total + 700 }));
    back(over, [700, true]);
    over.tell(returned(refundNumber(1), "A", 700));
    expect(over.order.stock).toBe("SOLD");
    back(over, [null, true]);
    over.tell(returned(refundNumber(2), "A", total));
    expect(over.order.stock).toBe("RETURNED");
  });

  it("comes back as soon as it is sold, where the money was faster; what could not be had is not given back", () => {
    for (const [taken, stock] of [
      [true, "RETURNED"],
      [false, "SHORT"],
    ] as const) {
      const life = new Life();
      life.tell(tick, expiresAt);
      life.tell(captured("A", { paidAt: expiresAt }));
      back(life, [null, true]);
      life.tell(returned(refundNumber(1), "A"));
      expect(life.order.stock).toBe("RETAKING");
      life.tell(stockIs(taken));
      expect(life.order.stock).toBe(stock);
    }
  });
});

describe("a person who resolves a review", () => {
  it("honours money as it is, less than the total or of another currency, and takes no more of it than the order needs", () => {
    const little = new Life();
    little.tell(captured("P", { amount: 100 }));
    little.tell(tick, late);
    little.tell(resolved("HONOR"));
    expect([read(little), acceptedOf(little.order), little.order.stock]).toEqual(["PAID", 100, "RETAKING"]);
    const foreign = new Life();
    foreign.tell(captured("F", { currency: usd }));
    foreign.tell(resolved("HONOR"));
    expect([read(foreign), foreign.order.conversion?.payer.customerId]).toEqual(["PAID", "customer_F"]);
    foreign.tell(refunded(null));
    foreign.tell(returned(refundNumber(1), "F"));
    expect(foreign.order.conversion?.state).toBe("REVERSED");
    const two = new Life(terms({ latePayment: "REVIEW", overPayment: "KEEP" }));
    two.tell(captured("A", { paidAt: late }), late);
    two.tell(captured("B", { paidAt: late }));
    two.tell(resolved("HONOR"));
    expect(two.order.captures.map(({ disposition }) => disposition)).toEqual(["ACCEPTED", "DUPLICATE"]);
    expect(effectsOf(two.order).map(({ kind }) => kind)).toEqual(["REFUND", "RETAKE_STOCK"]);
  });

  it("gives it back, and the order is again what it was without the money", () => {
    const life = new Life();
    life.tell(captured("F", { currency: usd }));
    expect(life.tell(begun("alice"))).toEqual({ ok: false, refusal: { reason: "STATE", state: "REVIEW" } });
    life.tell(resolved("REFUND"));
    expect([read(life), effectsOf(life.order).length]).toEqual(["OPEN", 1]);
    expect(life.tell(resolved("HONOR"))).toEqual({ ok: false, refusal: { reason: "STATE", state: "OPEN" } });
  });

  it("decides once about a surplus, which goes back from the money that came last and never asks a payment for more than it brought", () => {
    const life = new Life(terms({ overPayment: "REVIEW" }));
    life.tell(captured("P", { amount: 9_000 }));
    life.tell(captured("Q", { amount: 3_000 }));
    life.tell(resolved("REFUND"));
    expect(life.order.refunds).toMatchObject([{ capture: "SANDBOX:Q", amount: 2_000 }]);
    expect(life.tell(resolved("REFUND"))).toEqual({ ok: false, refusal: { reason: "STATE", state: "PAID" } });
  });

  it("is answered as the first time when the same request comes again, and decides nothing else by it", () => {
    const request = { call: "0123456789ABCDEF", key: null, input: "" };
    const by = (decision: "HONOR" | "REFUND", call = request.call): Command => ({
      kind: "resolve",
      decision,
      note: "by a person",
      request: { ...request, call },
    });
    const life = new Life(terms({ overPayment: "REVIEW" }));
    life.tell(captured("F", { currency: usd }));
    life.tell(by("REFUND"));
    const { version } = life.order;
    expect(life.tell(by("REFUND"))).toMatchObject({ ok: true, changed: false });
    // Told again much later, it does not fall on money that nobody has looked at.
    life.tell(captured("P", { amount: 12_000 }));
    expect(life.order).toMatchObject({ surplusInReview: true });
    expect(life.tell(by("REFUND"))).toMatchObject({ ok: true, changed: false });
    expect(life.order).toMatchObject({ surplusInReview: true, version: version + 1 });
    life.tell(by("HONOR", "ANOTHER"));
    expect(life.order).toMatchObject({ surplusInReview: false });
    expect(life.tell(by("HONOR", "ANOTHER"))).toMatchObject({ ok: true, changed: false });
    expect(life.tell(by("HONOR", "A THIRD"))).toMatchObject({ ok: false, refusal: { reason: "STATE" } });
  });

  it("has nothing left to decide once the provider gave the money back by itself", () => {
    const life = new Life();
    life.tell(captured("F", { currency: usd }));
    life.tell(returned("theirs", "F"));
    expect(read(life)).toBe("OPEN");
  });
});

describe("refunds", () => {
  it("take first what does not count towards the order, then from the largest payment", () => {
    const life = new Life();
    life.tell(captured("P", { amount: 3_000 }));
    life.tell(captured("Q", { amount: 7_000 }));
    life.tell(captured("B"));
    life.tell({ kind: "refundHeard", refund: refundNumber(1), capture: "SANDBOX:B", amount: total, outcome: "FAILED" });
    life.tell(refunded(total + 8_000));
    expect(life.order.refunds.slice(1).map(({ capture, amount }) => [capture, amount])).toEqual([
      ["SANDBOX:B", total],
      ["SANDBOX:Q", 7_000],
      ["SANDBOX:P", 1_000],
    ]);
  });

  it("that a provider refuses are told of once, whoever asked for them, and what it refused may be asked for again", () => {
    const life = new Life();
    life.tell(captured("A"));
    life.tell(captured("B"));
    life.tell(refunded(total));
    for (const [number, transaction] of [
      [1, "B"],
      [2, "A"],
      [1, "B"],
    ] as const)
      life.tell({
        kind: "refundHeard",
        refund: refundNumber(number),
        capture: `SANDBOX:${transaction}`,
        amount: total,
        outcome: "FAILED",
      });
    expect(life.order.refunds.map(({ automatic, state }) => [automatic, state])).toEqual([
      [true, "FAILED"],
      [false, "FAILED"],
    ]);
    const reviews = life.events.filter(({ type }) => type === "ORDER_REVIEW");
    expect(reviews.map(({ data }) => data.detail)).toEqual(
      [1, 2].map((number) => ({ why: "REFUND_FAILED", refundId: refundNumber(number) })),
    );
    expect(life.tell(refunded(2 * total))).toMatchObject({ ok: true, changed: true });
  });

  it("that fail after they succeeded count as they did, and call a person once, however the words are told", () => {
    const heard = (outcome: "SUCCEEDED" | "FAILED"): Command => ({
      kind: "refundHeard",
      refund: refundNumber(1),
      capture: "SANDBOX:A",
      amount: total,
      outcome,
    });
    const [yes, no] = [heard("SUCCEEDED"), heard("FAILED")];
    for (const words of [
      [yes, no],
      [yes, no, no, yes, no],
      [no, yes],
      [no, yes, no, yes],
    ]) {
      const life = new Life();
      life.tell(captured("A"));
      life.tell(refunded(total));
      for (const word of words) life.tell(word);
      expect([refundedOf(life.order), life.order.refunds.map(({ state }) => state)]).toEqual([total, ["SUCCEEDED"]]);
      const reviews = life.events.filter(({ type }) => type === "ORDER_REVIEW");
      expect(reviews.map(({ data }) => data.detail)).toEqual([{ why: "REFUND_FAILED", refundId: refundNumber(1) }]);
      expect(life.events.filter(({ type }) => type === "ORDER_REFUNDED")).toHaveLength(1);
    }
  });

  it("told with all that went back so far count what is new in it, whichever is told first", () => {
    const soFar = (refund: string, amount: number): Command => ({
      kind: "refundHeard",
      refund,
      capture: "SANDBOX:A",
      amount,
      outcome: "SUCCEEDED",
      soFar: true,
    });
    const [first, second] = [soFar("desk-1", 1_500), soFar("desk-2", 2_500)];
    for (const words of [
      [first, second],
      [second, first],
      [first, first, second, first, second],
    ]) {
      const life = new Life();
      life.tell(captured("A"));
      life.tell(refunded(500));
      life.tell(returned(refundNumber(1), "A", 500));
      life.tell(captured("B"));
      for (const word of words) life.tell(word);
      expect(refundedOf(life.order)).toBe(2_500);
    }
  });

  it("leave the conversion alone when asked to, and a returned surplus never touches it", () => {
    const life = new Life();
    life.tell(captured("A", { amount: total + 700 }));
    life.tell(returned(refundNumber(1), "A", 700));
    life.tell(refunded(4_000, false));
    life.tell(returned(refundNumber(2), "A", 4_000));
    expect([refundedOf(life.order), life.order.conversion?.state]).toEqual([4_700, "COMMITTED"]);
    life.tell(refunded(null));
    life.tell(returned(refundNumber(3), "A", 6_000));
    expect(life.order.conversion?.state).toBe("PARTLY_REVERSED");
  });

  it("told by the provider beyond what was paid count up to it, and one under a number of ours that was never given is refused", () => {
    const life = new Life();
    life.tell(captured("A"));
    life.tell(returned("theirs", "A", total * 3));
    expect(refundedOf(life.order)).toBe(total);
    expect(life.tell(returned(refundNumber(7), "A"))).toEqual({ ok: false, refusal: { reason: "UNKNOWN" } });
    expect(life.tell(returned("nothing", "A", 0))).toMatchObject({ ok: false, refusal: { reason: "AMOUNT" } });
  });
});

describe("the read model", () => {
  it("says once whether the customer is new, and only a new one is told", () => {
    for (const firstTime of [true, false]) {
      const life = new Life();
      expect(life.tell({ kind: "customer", firstTime }).ok).toBe(false);
      life.tell(captured("A"));
      life.tell({ kind: "customer", firstTime });
      life.tell({ kind: "customer", firstTime: !firstTime });
      expect([life.order.conversion?.firstTime, life.types().includes("CUSTOMER_CREATED")]).toEqual([
        firstTime,
        firstTime,
      ]);
    }
  });
});

describe("limits of one order", () => {
  it("refuse further attempts, and payments that another place must keep, but never a refund that a policy owes", () => {
    const life = new Life();
    for (let count = 0; count < limits.attemptsPerOrderMax; count += 1)
      life.tell(begun("alice", `account_${1 + (count % 2)}`));
    expect(life.tell(begun("alice"))).toEqual({ ok: false, refusal: { reason: "LIMIT" } });
    for (let count = 0; count < limits.capturesPerOrderMax; count += 1) life.tell(captured(`T${count}`));
    expect(life.tell(captured("one more"))).toEqual({ ok: false, refusal: { reason: "LIMIT" } });
    expect(life.tell(captured("T0"))).toMatchObject({ ok: true, changed: false });
    expect(life.order.refunds).toHaveLength(limits.capturesPerOrderMax - 1);
  });

  it("count no try that its provider refused at once, though not without end, and name an account that does nothing else", () => {
    const life = new Life();
    const refuse = (number: number) =>
      life.tell({ kind: "ended", attempt: paymentId(key, number), outcome: "REFUSED", reason: "no such app" });
    for (let number = 1; number <= limits.refusalsPerAccountMax; number += 1) {
      life.tell(begun("alice", "account_1"));
      refuse(number);
      expect(life.order.attempts.at(-1)).toMatchObject({ state: "FAILED", refused: true, endedAt: life.now });
      expect([read(life), effectsOf(life.order)]).toEqual(["CLAIMED", []]);
      expect(refuse(number)).toMatchObject({ ok: true, changed: false });
    }
    expect(life.types().filter((type) => type === "PAYMENT_FAILED")).toHaveLength(limits.refusalsPerAccountMax);
    expect(["account_1", "account_2"].map((account) => isRefusing(life.order, account, life.now))).toEqual([
      true,
      false,
    ]);
    expect(allowedActions(life.order, life.now)).toContain("PAY");
    for (let number = limits.refusalsPerAccountMax + 1; number < limits.refusedAttemptsPerOrderMax; number += 1) {
      expect(life.tell(begun("alice", "account_1")).ok).toBe(true);
      refuse(number);
    }
    for (let count = 1; count <= limits.attemptsPerOrderMax; count += 1) {
      expect(life.tell(begun("alice", "account_2")).ok).toBe(true);
      const made = life.order.attempts.at(-1)?.id ?? "";
      life.tell({ kind: "ended", attempt: made, outcome: "CLOSED", reason: null });
    }
    expect(life.tell(begun("alice", "account_2"))).toEqual({ ok: false, refusal: { reason: "LIMIT" } });
    expect(new Set(life.order.attempts.map(({ id }) => id)).size).toBe(life.order.attempts.length);
  });

  it("let an order rest that its providers have refused so often, by nothing that another account does, and take the payer who comes back later", () => {
    const life = new Life(terms({}, { expiresAt: placedAt + limits.liveCodeLifetimeMs.max }));
    const tryAt = (account: string, at = life.now) => {
      const begins = life.tell(begun("alice", account), at);
      const made = life.order.attempts.at(-1)?.id ?? "";
      if (begins.ok) life.tell({ kind: "ended", attempt: made, outcome: "REFUSED", reason: "no such app" });
      return begins.ok;
    };
    const resting = { ok: false, refusal: { reason: "LIMIT" } };
    for (let count = 0; count < limits.refusedAttemptsPerOrderMax; count += 1) expect(tryAt("account_1")).toBe(true);
    expect(life.tell(begun("alice", "account_1"))).toEqual(resting);
    expect(allowedActions(life.order, life.now)).toContain("PAY");
    // Once it has refused, too, both rest.
    expect(tryAt("account_2")).toBe(true);
    for (const account of ["account_1", "account_2"]) expect(life.tell(begun("alice", account))).toEqual(resting);
    expect(allowedActions(life.order, life.now)).not.toContain("PAY");
    const until = life.now + limits.refusalsCountMs;
    expect(life.tell(begun("alice"), until - 1)).toEqual(resting);
    expect(isRefusing(life.order, "account_1", until)).toBe(false);

    // However long they go on, the order and its story stay as long as they are, and no name is given twice.
    const names = new Set<string>();
    for (let turn = 0; turn < 30 * limits.refusedAttemptsPerOrderMax; turn += 1) {
      expect(
        tryAt(
          "account_1",
          turn % limits.refusedAttemptsPerOrderMax === 0 ? life.now + limits.refusalsCountMs : life.now,
        ),
      ).toBe(true);
      names.add(life.order.attempts.at(-1)?.id ?? "");
    }
    expect(names.size).toBe(30 * limits.refusedAttemptsPerOrderMax);
    // Those of money that no try brought, since the first release, are passed over.
    for (let place = 0; place < limits.capturesPerOrderMax; place += 1)
      expect(names.has(paymentId(key, 51 + place))).toBe(false);
    expect(life.order.attempts).toHaveLength(limits.refusedAttemptsPerOrderMax);
    expect(life.events.length).toBe(limits.eventsWithConfirmationsMax);
    life.tell(begun("alice"), life.now + limits.refusalsCountMs);
    const [made] = life.order.attempts.slice(-1);
    life.tell(captured("A", { attempt: made?.id ?? "", paidAt: life.now }));
    expect(read(life)).toBe("PAID");
  });

  it("go on looking after a try that its provider has made something of, though it refused another asking", () => {
    const named = new Life();
    named.tell(begun("alice"));
    named.tell({ kind: "opened", attempt: attempt(1), reference: "cs_1" });
    // In another tab, at the same moment: one is led to it, one is refused.
    const twice = new Life();
    for (const _ of [1, 2]) twice.tell(begun("alice"));
    for (const life of [named, twice]) {
      life.tell({ kind: "ended", attempt: attempt(1), outcome: "REFUSED", reason: "no such app" });
      expect(life.order.attempts).toMatchObject([{ state: "FAILED", endedAt: null }]);
      expect(effectsOf(life.order)).toMatchObject([{ kind: "QUERY" }]);
    }
  });

  it("end for good a try that was refused after all, and believe the money that comes of it all the same", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell({ kind: "ended", attempt: attempt(1), outcome: "FAILED", reason: "declined" });
    life.tell({ kind: "ended", attempt: attempt(1), outcome: "REFUSED", reason: "no such app" });
    expect(life.order.attempts).toMatchObject([{ state: "FAILED", failureReason: "declined", endedAt: life.now }]);
    expect(life.types().filter((type) => type === "PAYMENT_FAILED")).toHaveLength(1);
    life.tell(captured("A", { attempt: attempt(1) }));
    expect(read(life)).toBe("PAID");
  });

  it("leave nothing to ask about where money came that the order could not take, so that an end need not wait for it", () => {
    const life = new Life();
    for (let count = 0; count < limits.capturesPerOrderMax; count += 1) life.tell(captured(`T${count}`, { amount: 1 }));
    life.tell(begun("alice"));
    expect(life.tell(captured("one more", { attempt: attempt(1) })).ok).toBe(false);
    life.tell(cancelled);
    life.tell({ kind: "kept", attempt: attempt(1) });
    expect([read(life), life.order.attempts[0]?.state]).toEqual(["CANCELLED", "SUCCEEDED"]);
    expect(life.tell({ kind: "kept", attempt: attempt(1) })).toMatchObject({ ok: true, changed: false });
    expect(life.tell({ kind: "kept", attempt: attempt(2) })).toEqual({ ok: false, refusal: { reason: "UNKNOWN" } });
  });

  it("refuse money that is none", () => {
    for (const amount of [0, -1, 0.5, Number.NaN, limits.amountMinorMax + 1])
      expect(new Life().tell(captured("A", { amount }))).toMatchObject({ ok: false, refusal: { reason: "AMOUNT" } });
  });
});
