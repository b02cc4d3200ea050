import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/core/commands.ts";
import { orderStates, stateOf } from "../../../src/core/state.ts";
import { transitions } from "../../../src/core/table.ts";
import { allowedActions, decide, orderActions, type OrderAction } from "../../../src/core/transitions.ts";
import { dueOf, refundableOf } from "../../../src/core/amounts.ts";
import { history, merchants, runs, termsOf } from "./histories.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  expiresAt,
  hour,
  Life,
  minute,
  placedAt,
  recorded,
  refunded,
  resolved,
  terms,
  tick,
  total,
  usd,
} from "./sample.ts";

/** An order in each state, as plainly as it gets there. */
const inState = {
  OPEN: [],
  CLAIMED: [{ kind: "confirm", claimant: "alice" }],
  PAYING: [begun("alice")],
  PAID: [captured("A")],
  EXPIRED: [tick],
  CANCELLED: [cancelled],
  REVIEW: [captured("F", { currency: usd })],
} as const satisfies Readonly<Record<string, readonly Command[]>>;

function lifeIn(state: keyof typeof inState): Life {
  const life = new Life(terms({}, { countsStock: false }));
  for (const command of inState[state]) life.tell(command, state === "EXPIRED" ? expiresAt : placedAt);
  return life;
}

describe("the table", () => {
  const always = [
    "place",
    "scan",
    "tick",
    "capture",
    "kept",
    "opened",
    "ended",
    "refundHeard",
    "stock",
    "reserved",
    "released",
  ];
  it.each([
    ["OPEN", ["confirm", "begin", "extend", "cancel"], ["CONFIRM", "PAY", "EXTEND", "CANCEL", "RECORD_PAYMENT"]],
    ["CLAIMED", ["confirm", "begin", "extend", "cancel"], ["CONFIRM", "PAY", "EXTEND", "CANCEL", "RECORD_PAYMENT"]],
    ["PAYING", ["confirm", "begin", "extend", "cancel"], ["CONFIRM", "PAY", "EXTEND", "CANCEL", "RECORD_PAYMENT"]],
    [
      "PAID",
      [
        "refund",
        "resolve",
        "customer",
        "assigned",
        "calling",
        "acted",
        "consent",
        "agreed",
        "spread",
        "claimRecord",
        "retry",
        "forget",
      ],
      ["REFUND"],
    ],
    ["EXPIRED", ["extend", "refund"], ["EXTEND", "RECORD_PAYMENT"]],
    ["CANCELLED", ["refund"], ["RECORD_PAYMENT"]],
    ["REVIEW", ["resolve"], ["RECORD_PAYMENT", "RESOLVE_REVIEW"]],
  ] as const)("%s hears all news and may %j", (state, commands, actions) => {
    const { order, now } = lifeIn(state);
    expect(stateOf(order, now)).toBe(state);
    expect(Object.keys(transitions[state]).toSorted()).toEqual([...always, ...commands].toSorted());
    expect(allowedActions(order, now)).toEqual(actions);
  });

  it("has a row for every state, and refuses a missing cell with the state the order is in", () => {
    expect(Object.keys(transitions)).toEqual([...orderStates]);
    for (const state of ["PAID", "EXPIRED", "CANCELLED", "REVIEW"] as const)
      expect(lifeIn(state).tell(begun("alice"))).toEqual({ ok: false, refusal: { reason: "STATE", state } });
  });
});

/** Several sensible ways to ask for each action, found without the core's help. */
function ways({ order, now }: Life): Readonly<Record<OrderAction, readonly Command[]>> {
  const claimants = ["alice", "bob", "carol"];
  const left = order.captures.map((capture) => refundableOf(order, capture)).filter((amount) => amount > 0);
  return {
    CONFIRM: claimants.map((claimant) => ({ kind: "confirm", claimant })),
    PAY: claimants.flatMap((claimant) => order.terms.accounts.map(({ id }) => begun(claimant, id))),
    EXTEND: [minute, hour, 26 * hour, 30 * 24 * hour].flatMap((more) => [
      { kind: "extend", expiresAt: now + more },
      { kind: "extend", expiresAt: order.expiresAt + more },
    ]),
    CANCEL: [cancelled],
    REFUND: [refunded(null), ...left.map((amount) => refunded(amount))],
    RECORD_PAYMENT: [recorded("till", { amount: dueOf(order), paidAt: now })],
    RESOLVE_REVIEW: [resolved("HONOR"), resolved("REFUND")],
  };
}

describe("allowedActions", () => {
  it("names an action exactly when some sensible way of asking for it is not refused and does something", () => {
    const named = new Set<string>();
    fc.assert(
      fc.property(merchants, history(14), (merchant, moments) => {
        const life = new Life(termsOf(merchant));
        for (const { wait, command } of moments) life.tell(command, life.now + wait);
        life.tell(tick);
        const { order, now } = life;
        const possible = orderActions.filter((action) =>
          ways(life)[action].some((command) => {
            const decision = decide(order, command, now);
            return decision.ok && decision.changed;
          }),
        );
        expect(allowedActions(order, now)).toEqual(possible);
        for (const action of possible) named.add(action);
      }),
      runs(3_000),
    );
    expect([...named].toSorted()).toEqual([...orderActions].toSorted());
  }, 60_000);

  it("names nothing that waits for an end to begin with: no confirming or paying while a cancel closes the attempt upstream", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(cancelled);
    expect(allowedActions(life.order, life.now)).toEqual(["RECORD_PAYMENT"]);
    life.tell({ kind: "ended", attempt: attempt(1), outcome: "CLOSED", reason: null });
    expect(stateOf(life.order, life.now)).toBe("CANCELLED");
  });

  it("names no recording of money that would only go back", () => {
    const life = new Life(terms({ latePayment: "REFUND" }));
    expect(allowedActions(life.order, expiresAt)).toContain("RECORD_PAYMENT");
    expect(allowedActions(life.order, expiresAt + hour)).not.toContain("RECORD_PAYMENT");
    expect(life.tell(recorded("cash", { paidAt: expiresAt + hour }), expiresAt + hour)).toMatchObject({
      refusal: { reason: "STATE", state: "EXPIRED" },
    });
    expect(life.tell(recorded("cash", { amount: total, paidAt: expiresAt }))).toMatchObject({ ok: true });
  });
});
