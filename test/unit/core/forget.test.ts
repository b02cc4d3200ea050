/** What an order knows of people is gone when it is to be gone, everywhere in it and for good; and its money, its states and its story are as they were. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { couponSeedLength } from "../../../src/core/block-run.ts";
import type { Command } from "../../../src/core/commands.ts";
import { conversionWorkOf } from "../../../src/core/conversion-work.ts";
import type { Identity, Said } from "../../../src/core/conversion.ts";
import type { ConversionDefinition } from "../../../src/core/definition.ts";
import { awaitsAnswer } from "../../../src/core/follow-up.ts";
import type { Order } from "../../../src/core/order.ts";
import { stateOf } from "../../../src/core/state.ts";
import { definition, said } from "./blocks.ts";
import { capture, refundHeard, runs } from "./histories.ts";
import { attempt, captured, hour, Life, minute, placedAt, refunded, returned, second, terms, total } from "./sample.ts";
import { wordsOf } from "../../../src/core/consents.ts";

/** Nothing that belongs to a person lacks this word. */
const canary = "CANARY";
const person = (who: string): readonly Identity[] => [
  { kind: "WALLET", value: `${canary} wallet ${who}`, verified: true },
  { kind: "PHONE", value: `${canary} phone ${who}`, verified: false },
];
const named = (command: Command, who: string): Command =>
  command.kind === "capture"
    ? {
        ...command,
        capture: {
          ...command.capture,
          payer: { ...command.capture.payer, name: `${canary} name ${who}`, identities: person(who) },
        },
        request: { call: who, key: who, input: `${canary} hashed ${who}` },
      }
    : command;
const enteredBy = (who: string, entered: Said): Said => ({
  ...entered,
  name: `${canary} ${who}`,
  identities: person(who),
  country: canary,
});
const hold = { pool: "pool_1", member: "staff_1", name: "Mei", contactUrl: "https://mei.example", firm: true };

/** Somebody tries and leaves, somebody else pays, a third pays on top. */
function paidWith(given: ConversionDefinition, entered: Said): Life {
  const couponSeed = canary.repeat(couponSeedLength).slice(0, couponSeedLength);
  const block = { id: "block_1", version: 3, definition: given, couponSeed };
  const life = new Life(terms({}, { countsStock: false, block }));
  life.tell({
    kind: "begin",
    claimant: `${canary} browser 1`,
    account: "account_1",
    said: enteredBy("first", entered),
  });
  life.tell(
    { kind: "begin", claimant: `${canary} browser 2`, account: "account_1", said: enteredBy("second", entered) },
    placedAt + 3 * minute,
  );
  life.tell(named(captured("A", { attempt: attempt(2) }), "payer"));
  life.tell(named(captured("B"), "other"));
  return life;
}
const erase = (life: Life, erasedAt = life.now): void => {
  expect(life.tell({ kind: "forget", erasedAt })).toMatchObject({ ok: true });
};

/** What may be heard of a paid order, whenever it likes; much of it names the person again. */
const claimed = (entered: Said): Command => ({ kind: "claimRecord", said: enteredBy("claimed", entered) });
const later: fc.Arbitrary<Command> = fc.oneof(
  capture.map((command) => named(command, "late")),
  refundHeard,
  fc.constantFrom<Command>(refunded(null), refunded(total * 0.4), { kind: "tick" }, { kind: "retry", words: [] }),
  said.map(claimed),
  said.map((entered): Command => ({
    kind: "consent",
    receipt: { ...(entered.consents[0] ?? receipt), at: placedAt },
  })),
  fc.tuple(fc.boolean(), fc.constantFrom(null, 1)).map(([firstTime, number]): Command => ({
    kind: "customer",
    firstTime,
    words: [{ purpose: "MARKETING_MESSAGE", granted: true, at: placedAt }],
    grants: keys.map((key) => ({ key, number })),
  })),
  fc.constantFrom(1, 2).map((turn): Command => ({ kind: "assigned", turn, pool: "pool_1", hold })),
  fc
    .tuple(
      fc.constantFrom("a0", "a1", "a2", "a3"),
      fc.boolean(),
      fc.constantFrom(1, 2),
      fc.constantFrom(null, "DONE" as const, "FAILED" as const),
    )
    .map(([key, undo, number, outcome]): Command =>
      outcome === null
        ? { kind: "calling", key, undo, number }
        : { kind: "acted", key, undo, number, outcome, detail: null },
    ),
);
const keys = Array.from({ length: 8 }, (_, index) => `a${index}`);
const receipt = {
  purpose: "MARKETING_MESSAGE",
  granted: true,
  textVersion: "1",
  textHash: null,
  locale: "en",
  at: placedAt,
  channel: "counter",
} as const;
const lives = fc.tuple(definition, said, fc.array(later, { maxLength: 6 }), fc.array(later, { maxLength: 12 }));

/** Everything that is not about a person. */
const ledgerOf = (order: Order) => ({
  state: stateOf(order, placedAt + hour),
  paid: order.paid,
  stock: order.stock,
  refunds: order.refunds,
  captures: order.captures.map(({ payer, request, ...money }) => ({
    ...money,
    by: [payer.customerId, payer.provisional, request?.key],
  })),
  attempts: order.attempts.map((tried) => ({ ...tried, said: null, claimant: null })),
  conversion: order.conversion && {
    customer: order.conversion.payer.customerId,
    state: order.conversion.state,
    convertedAt: order.conversion.convertedAt,
    points: order.conversion.actions.map(({ points }) => points),
  },
});

describe("an order whose customer is erased", () => {
  it("has nothing of any person left, and its ledger and story are what they were", () => {
    fc.assert(
      fc.property(lives, ([given, entered, before]) => {
        const life = paidWith(given, entered);
        for (const command of before) life.tell(command, life.now + second);
        expect(JSON.stringify(life.order)).toContain(canary);
        const { order: known, events } = life;
        const told = [...events];
        erase(life);
        expect(JSON.stringify([life.order, life.events])).not.toContain(canary);
        expect(ledgerOf(life.order)).toEqual(ledgerOf(known));
        expect([life.order.sequence, life.events, life.order.version]).toEqual([
          known.sequence,
          told,
          known.version + 1,
        ]);
        const once = life.order;
        erase(life, life.now + hour);
        expect(life.order).toBe(once);
      }),
      runs(500),
    );
  }, 60_000);

  it("hears nothing of them again: late money, claims, consents and answers change the ledger as ever, and bring nobody back", () => {
    fc.assert(
      fc.property(lives, ([given, entered, before, after]) => {
        const [plain, life] = [paidWith(given, entered), paidWith(given, entered)];
        for (const one of [plain, life]) for (const command of before) one.tell(command, one.now + second);
        erase(life);
        for (const command of after) {
          plain.tell(command, plain.now + second);
          life.tell(command, life.now + second);
          expect(JSON.stringify([life.order, life.events])).not.toContain(canary);
        }
        expect({ ...ledgerOf(life.order), conversion: null }).toEqual({ ...ledgerOf(plain.order), conversion: null });
        expect(life.order.conversion?.state).toBe(plain.order.conversion?.state);
        expect(life.order.conversion && wordsOf(life.order.conversion)).toEqual([]);
      }),
      runs(500),
    );
  }, 60_000);

  it("has nothing more to be done for them but what a refund takes back, and comes to rest", () => {
    fc.assert(
      fc.property(lives, ([given, entered, before, after]) => {
        const life = paidWith(given, entered);
        for (const command of before) life.tell(command, life.now + second);
        erase(life);
        for (const command of after) life.tell(command, life.now + second);
        const work = conversionWorkOf(life.order, life.now + 100 * hour);
        for (const one of work) expect(one.kind !== "CALL" || one.undo).toBe(true);
        for (let round = 0; awaitsAnswer(life.order); round += 1) {
          expect(round).toBeLessThan(5);
          const actions = life.order.conversion?.actions ?? [];
          const checks = actions.map(({ key, points }) => ({ key, kept: points?.kept ?? 0, short: 0 }));
          life.tell({ kind: "customer", firstTime: true, checks });
        }
        for (const one of conversionWorkOf(life.order, life.now)) {
          if (one.kind === "ASSIGN") life.tell({ ...one, kind: "assigned", hold: null });
          if (one.kind === "RELEASE") life.tell({ kind: "released", turn: one.turn });
        }
        for (const one of conversionWorkOf(life.order, life.now))
          if (one.kind === "ASSIGN") life.tell({ ...one, kind: "assigned", hold: null });
        expect(life.order.conversion?.actions.filter(({ state }) => state === "PENDING")).toEqual([]);
        expect(life.order.conversion?.target).toEqual({ kind: "RECEIPT" });
      }),
      runs(300),
    );
  }, 60_000);

  it("takes back at the merchant's server what it had done there, without a name", () => {
    const given: ConversionDefinition = {
      actions: [
        { key: "crm", kind: "CRM_PUSH", onRefund: "REVERSE" },
        { key: "later", kind: "CRM_PUSH", when: { segment: "NEW" }, onRefund: "REVERSE" },
      ],
      targets: [],
    };
    const life = paidWith(given, enteredBy("second", { ...entering, consents: [] }));
    life.tell({ kind: "calling", key: "crm", undo: false, number: 1 });
    life.tell({ kind: "acted", key: "crm", undo: false, number: 1, outcome: "DONE", detail: null });
    erase(life);
    life.tell(refunded(null));
    life.tell(returned(life.order.refunds[1]!.id, "A"));
    expect(conversionWorkOf(life.order, life.now)).toMatchObject([{ outcome: { key: "crm" }, undo: true }]);
    expect(life.order.conversion?.actions.map(({ state }) => state)).toEqual(["REVERSED", "SKIPPED_NO_CONSENT"]);
    expect(life.order.conversion?.payer).toMatchObject({ customerId: "customer_A", name: null, identities: [] });
  });

  it("keeps the proof of what was agreed to, and agrees to nothing; a consent of another day is told and changes nothing here", () => {
    const given: ConversionDefinition = {
      actions: [
        {
          key: "hello",
          kind: "MESSAGE_SEND",
          requires: "MARKETING_MESSAGE",
          template: { en: "Hello" },
          onRefund: "KEEP",
        },
      ],
      targets: [],
    };
    const life = paidWith(given, { ...entering, consents: [receipt] });
    life.tell({ kind: "consent", receipt: { ...receipt, granted: false, at: life.now - 1 } });
    life.tell({ kind: "customer", firstTime: true, words: [receipt] });
    expect(life.order.conversion?.spreading).toHaveLength(1);
    erase(life);
    expect(life.order.conversion).toMatchObject({ said: { consents: [receipt], identities: [] } });
    // Nor is any word from before on its way to a relation that begins anew.
    expect([life.order.conversion?.words, life.order.conversion?.spreading]).toEqual([undefined, undefined]);
    const { order } = life;
    life.tell({ kind: "consent", receipt: { ...receipt, at: life.now } });
    expect(life.order).toBe(order);
    life.tell({ kind: "consent", receipt: { ...receipt, at: life.now + 1 } }, life.now + 1);
    // The relation may have begun anew: whoever else is to hear does, and this order does nothing.
    const word = { purpose: receipt.purpose, granted: true, at: life.now };
    expect(life.order.conversion).toEqual({
      ...order.conversion,
      words: [word],
      spreading: [{ word, after: null }],
      toldOf: { [receipt.purpose]: life.now },
    });
    expect(life.types().at(-1)).toBe("CUSTOMER_CONSENT_CHANGED");
  });

  it("is recorded again by the same request, whatever that says: it never takes money twice", () => {
    const life = paidWith({ actions: [], targets: [] }, entering);
    const again = named(captured("C"), "payer");
    erase(life);
    expect(
      life.tell({ ...again, request: { call: "another", key: "payer", input: "another" } } as Command),
    ).toMatchObject({ ok: true, changed: false });
  });
});

describe("an order that converts after its customer was erased", () => {
  it("is of a relation that began anew, and forgets nothing", () => {
    const life = paidWith({ actions: [], targets: [] }, entering);
    const { order } = life;
    erase(life, life.now - 1);
    expect(life.order).toBe(order);
    const open = new Life();
    expect(open.tell({ kind: "forget", erasedAt: placedAt })).toMatchObject({ refusal: { reason: "STATE" } });
    expect(open.order.version).toBe(1);
  });
});

describe("any order", () => {
  it("knows the person whom it converted and nobody else", () => {
    const life = paidWith({ actions: [], targets: [] }, entering);
    const { conversion, ...rest } = life.order;
    expect(JSON.stringify(conversion)).toContain(`${canary} name payer`);
    expect(
      JSON.stringify([rest.captures.map(({ payer }) => payer), rest.attempts.map((one) => one.said)]),
    ).not.toContain(canary);
    const ended = new Life(terms({ latePayment: "REFUND" }));
    ended.tell(named(captured("A", { amount: 1 }), "part"));
    expect(JSON.stringify(ended.order)).toContain(canary);
    ended.tell({ kind: "cancel", reason: null }, placedAt + minute);
    expect(ended.order.captures.map(({ disposition, payer }) => [disposition, payer.name])).toEqual([["REFUND", null]]);
    ended.tell(named(captured("B"), "late"), placedAt + 30 * hour);
    expect(JSON.stringify(ended.order.captures.map(({ payer }) => payer))).not.toContain(canary);
  });

  it("still converts whoever paid most by the money that comes last", () => {
    const life = new Life();
    life.tell(named(captured("A", { amount: total * 0.6 }), "more"));
    life.tell(named(captured("B", { amount: total * 0.4 }), "less"));
    expect(life.order.conversion?.payer).toMatchObject({ customerId: "customer_A", name: `${canary} name more` });
  });
});

const entering: Said = { name: null, identities: [], consents: [], locale: "en", country: null };
