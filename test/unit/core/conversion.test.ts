/** What a conversion comes to must depend on what happened, and on nothing else: not on how often it was heard, in which order, or after which crash. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { callOf } from "../../../src/conversions/call.ts";
import { couponSeedLength } from "../../../src/core/block-run.ts";
import { failing, holds, type Circumstances } from "../../../src/core/conditions.ts";
import type { Command } from "../../../src/core/commands.ts";
import { conversionWorkAt, conversionWorkOf } from "../../../src/core/conversion-work.ts";
import { latestOf, wordsOf, type ConsentWord } from "../../../src/core/consents.ts";
import type { Conversion, Said } from "../../../src/core/conversion.ts";
import type { ConversionAction, ConversionDefinition, Purpose } from "../../../src/core/definition.ts";
import { awaitsAnswer } from "../../../src/core/follow-up.ts";
import { answerIn } from "../../../src/durable/outbox.ts";
import { opensAt } from "../../../src/core/local-time.ts";
import { condition, definition, purposes, said } from "./blocks.ts";
import { runs } from "./histories.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  expiresAt,
  Life,
  minute,
  placedAt,
  refunded,
  second,
  terms,
  tick,
  total,
} from "./sample.ts";

/** What the world outside would answer, whenever it is asked. */
type Outside = {
  readonly firstTime: boolean;
  readonly nth: number;
  readonly agreed: readonly Purpose[];
  readonly number: number | null;
  readonly staff: boolean;
  readonly server: "DONE" | "FAILED";
};
const outside: fc.Arbitrary<Outside> = fc.record({
  firstTime: fc.boolean(),
  nth: fc.constantFrom(1, 2, 4),
  agreed: fc.subarray([...purposes]),
  number: fc.constantFrom(null, 1, 3),
  staff: fc.boolean(),
  server: fc.constantFrom("DONE" as const, "FAILED" as const),
});

const word = (purpose: Purpose, granted = true, at = 0): ConsentWord => ({ purpose, granted, at });
const hold = { pool: "pool_1", member: "staff_1", name: "Mei", contactUrl: "https://mei.example", firm: true };

/** Everything that is asked for at this moment, answered. */
function answersFor({ order, now }: Life, world: Outside): readonly Command[] {
  const actions = order.conversion?.actions ?? [];
  const answer: Command = {
    kind: "customer",
    firstTime: world.firstTime,
    nth: world.nth,
    // The read model has the receipts of this order, too.
    words: [...world.agreed, ...(order.conversion?.said?.consents ?? []).map(({ purpose }) => purpose)].map((purpose) =>
      word(purpose),
    ),
    grants: actions.filter(({ waits }) => waits === "GRANT").map(({ key }) => ({ key, number: world.number })),
    checks: actions
      .filter(({ unchecked }) => unchecked)
      .map(({ key, points }) => ({ key, kept: points?.kept ?? 0, short: 0 })),
  };
  const work = conversionWorkOf(order, now).flatMap((one): Command | readonly Command[] => {
    switch (one.kind) {
      case "RESERVE":
        return { kind: "reserved", turn: one.turn, pool: one.pool, hold: world.staff ? hold : null };
      case "RELEASE":
        return { kind: "released", turn: one.turn };
      case "ASSIGN":
        return { kind: "assigned", turn: one.turn, pool: one.pool, hold: world.staff ? hold : null };
      case "SPREAD":
        return { kind: "spread", word: one.word, after: null };
      case "CALL": {
        const { outcome, undo, number } = one;
        const call = { key: outcome.key, undo, number };
        return [
          { kind: "calling", ...call },
          { kind: "acted", ...call, outcome: world.server, detail: null },
        ];
      }
    }
  });
  return [...(awaitsAnswer(order) ? [answer] : []), ...work];
}

/** Lets the world answer until nobody asks any more. `again`: which of the answers come twice; `lost`: which first do not come at all. */
function settle(life: Life, world: Outside, again: readonly boolean[] = [], lost: readonly boolean[] = []): void {
  let told = 0;
  for (let round = 0; round < 60; round += 1) {
    const answers = answersFor(life, world);
    const calls = (life.order.conversion?.actions ?? []).flatMap(({ call }) => (call ? [call.nextAt] : []));
    if (answers.length === 0 && calls.length === 0) return;
    if (answers.length === 0) life.tell(tick, Math.max(life.now, Math.min(...calls)));
    for (const command of answers) {
      told += 1;
      // That a call leaves is written down where it leaves from.
      if (lost[told] && command.kind !== "calling") continue;
      life.tell(command);
      if (again[told]) life.tell(command);
    }
  }
  throw new Error("the conversion never comes to rest");
}

const withBlock = (given: ConversionDefinition) =>
  new Life(
    terms(
      {},
      {
        countsStock: false,
        block: { id: "block_1", version: 3, definition: given, couponSeed: "0123456789".repeat(couponSeedLength / 10) },
        attribution: { channel: "table", campaign: null, staff: null, partner: null, placementId: null },
      },
    ),
  );

const paidBy = (life: Life, entered: Said): void => {
  life.tell({ ...begun("alice"), said: entered } as Command);
  life.tell(captured("A", { attempt: attempt(1) }));
};

/** Times tell when something was heard; what it came to must not depend on them. */
const outcomeOf = ({ order: { conversion } }: Life) =>
  conversion && {
    state: conversion.state,
    target: conversion.target,
    actions: conversion.actions.map(({ coupon, ...rest }) => ({ ...rest, at: 0, coupon: coupon?.code })),
  };

describe("a conversion", () => {
  it("comes to the same whatever is heard twice, lost at first, retried, or answered before the payment was heard of", () => {
    fc.assert(
      fc.property(
        definition,
        said,
        outside,
        fc.array(fc.boolean(), { maxLength: 20 }),
        fc.array(fc.boolean(), { maxLength: 10 }),
        fc.constantFrom(0, 0.5, 1),
        fc.boolean(),
        (given, entered, world, again, lost, part, retried) => {
          const plain = withBlock(given);
          paidBy(plain, entered);
          settle(plain, world);
          const shaken = withBlock(given);
          // A crash forgets what is not in the order: it is written and read again at every step.
          shaken.tell({ kind: "confirm", claimant: "alice" });
          settle(shaken, world, again, []);
          paidBy(shaken, entered);
          shaken.tell(captured("A", { attempt: attempt(1) }));
          shaken.order = JSON.parse(JSON.stringify(shaken.order)) as typeof shaken.order;
          settle(shaken, world, again, lost);
          const retry = (): void => {
            if (!retried) return;
            shaken.tell({ kind: "retry", words: [] });
            settle(shaken, world, again, []);
          };
          retry();
          expect(withoutDetail(outcomeOf(shaken))).toEqual(withoutDetail(outcomeOf(plain)));
          if (part === 0) return;
          for (const life of [plain, shaken]) {
            life.tell(refunded(total * part));
            const refund = life.order.refunds[0];
            if (!refund) throw new Error("a refund was asked for");
            const heard: Command = {
              kind: "refundHeard",
              refund: refund.id,
              capture: refund.capture,
              amount: refund.amount,
              outcome: "SUCCEEDED",
            };
            life.tell(heard);
            if (life === shaken) life.tell(heard);
            settle(life, world, life === shaken ? again : [], life === shaken ? lost : []);
          }
          retry();
          expect(withoutDetail(outcomeOf(shaken))).toEqual(withoutDetail(outcomeOf(plain)));
        },
      ),
      runs(400),
    );
  }, 60_000);

  it("never does what needs a consent without one, and leaves nothing waiting", () => {
    fc.assert(
      fc.property(definition, said, outside, (given, entered, world) => {
        const life = withBlock(given);
        paidBy(life, entered);
        const early = (life.order.conversion as Conversion).actions;
        const agreed = entered.consents.map(({ purpose }) => purpose);
        for (const { key, state } of early) {
          const requires = given.actions.find((action) => action.key === key)?.requires;
          expect(state === "DONE" && requires !== undefined && !agreed.includes(requires)).toBe(false);
        }
        settle(life, world);
        for (const { key, state, waits } of (life.order.conversion as Conversion).actions) {
          const requires = given.actions.find((action) => action.key === key)?.requires;
          const isAgreed = requires === undefined || [...agreed, ...world.agreed].includes(requires);
          expect(state === "DONE" && !isAgreed).toBe(false);
          expect([state, waits]).not.toContain("PENDING");
          expect(waits).toBeUndefined();
        }
        expect(life.order.conversion?.decided).toBe(true);
      }),
      runs(400),
    );
  }, 60_000);

  it("is never guessed at: what is not known is either the same in all that may turn out, or not decided", () => {
    fc.assert(
      fc.property(condition, fc.subarray([...purposes]), (given, agreed) => {
        const { merchant, currency, lines, attribution } = terms();
        const base: Circumstances = {
          terms: { total, currency, lines, attribution, merchant },
          at: placedAt,
          wallet: "SANDBOX",
          locale: "en",
          country: null,
          said: agreed,
          agreed: null,
          firstTime: null,
          nth: null,
        };
        const early = holds(given, base);
        for (const firstTime of [true, false])
          for (const nth of [1, 2, 5])
            for (const more of [agreed, purposes]) {
              const late = holds(given, { ...base, firstTime, nth, agreed: more });
              expect(late).not.toBeNull();
              expect([null, late]).toContain(early);
              expect(failing(given, { ...base, firstTime, nth, agreed: more }).length === 0).toBe(late);
            }
      }),
      runs(500),
    );
  }, 60_000);
});

/** How often a server was asked is its own affair; whether it was is not. */
const withoutDetail = (outcome: ReturnType<typeof outcomeOf>) =>
  outcome && {
    ...outcome,
    actions: outcome.actions.map((one) => ({ ...one, detail: null, call: null, called: one.called !== undefined })),
  };

const points = (onRefund: "PRORATE" | "REVERSE" | "KEEP"): ConversionAction => ({
  key: "points",
  kind: "POINTS_GRANT",
  perMajorUnit: 1,
  onRefund,
});
const giveBack = (life: Life, amount: number): void => {
  life.tell(refunded(amount));
  const refund = life.order.refunds.at(-1);
  if (!refund) throw new Error("a refund was asked for");
  const { id, capture } = refund;
  for (let time = 0; time < 3; time += 1)
    life.tell({ kind: "refundHeard", refund: id, capture, amount, outcome: "SUCCEEDED" });
};
type Came = Extract<Command, { kind: "acted" }>["outcome"];
/** The first call that is due leaves, and ends so; or nobody ever says how. */
const call = (life: Life, came: Came | "UNHEARD"): void => {
  const due = conversionWorkOf(life.order, life.now).find((work) => work.kind === "CALL");
  if (!due) throw new Error("a call is due");
  const { undo, number } = due;
  const one = { key: due.outcome.key, undo, number };
  life.tell({ kind: "calling", ...one });
  if (came !== "UNHEARD") life.tell({ kind: "acted", ...one, outcome: came, detail: null });
};
const only = (...actions: ConversionAction[]): ConversionDefinition => ({ actions, targets: [] });
const answer = (fields: Partial<Extract<Command, { kind: "customer" }>> = {}): Command => ({
  kind: "customer",
  firstTime: true,
  ...fields,
});

describe("a refund", () => {
  it("of half takes half the points, once, however often it is heard of; the rest goes with the other half", () => {
    const life = withBlock(
      only(points("PRORATE"), { ...points("REVERSE"), key: "all" }, { ...points("KEEP"), key: "kept" }),
    );
    life.tell(captured("A"));
    const kept = () => life.order.conversion?.actions.map((action) => [action.points?.kept, action.state]);
    expect(kept()).toEqual([
      [100, "DONE"],
      [100, "DONE"],
      [100, "DONE"],
    ]);
    giveBack(life, total / 2);
    expect(kept()).toEqual([
      [50, "DONE"],
      [100, "DONE"],
      [100, "DONE"],
    ]);
    expect(life.order.conversion?.state).toBe("PARTLY_REVERSED");
    giveBack(life, total / 2);
    expect(kept()).toEqual([
      [0, "REVERSED"],
      [0, "REVERSED"],
      [100, "DONE"],
    ]);
    expect(life.types().filter((type) => type === "CONVERSION_REVERSED")).toHaveLength(2);
  });

  it("ends in a visible shortfall where what it takes back had been used, and calls a person once", () => {
    const coupon: ConversionAction = {
      key: "cup",
      kind: "COUPON_GRANT",
      name: "Cup",
      value: "5.00",
      onRefund: "REVERSE",
    };
    const life = withBlock(only(points("PRORATE"), coupon));
    life.tell(captured("A"));
    life.tell(answer());
    giveBack(life, total);
    expect(awaitsAnswer(life.order)).toBe(true);
    const checks = [
      { key: "points", kept: 0, short: 30 },
      { key: "cup", kept: 0, short: 500 },
    ];
    life.tell(answer({ checks }));
    life.tell(answer({ checks }));
    expect(life.order.conversion?.actions.map(({ short }) => short)).toEqual([30, 500]);
    expect(awaitsAnswer(life.order)).toBe(false);
    const calls = life.events.filter(({ type }) => type === "ORDER_REVIEW");
    expect(calls.map(({ data }) => data.detail["why"])).toEqual(["BENEFIT_USED"]);
  });

  it("tells a server to take back what it did, and not what it never did", () => {
    const crm: ConversionAction = { key: "crm", kind: "CRM_PUSH", onRefund: "REVERSE" };
    const late: ConversionAction = {
      key: "late",
      kind: "CRM_PUSH",
      when: { segment: "RETURNING" },
      onRefund: "REVERSE",
    };
    const life = withBlock(only(crm, late));
    life.tell(captured("A"));
    call(life, "DONE");
    giveBack(life, total);
    expect(conversionWorkOf(life.order, life.now)).toMatchObject([
      { kind: "CALL", undo: true, outcome: { key: "crm" } },
    ]);
    call(life, "DONE");
    life.tell(answer({ firstTime: false }));
    expect(conversionWorkOf(life.order, life.now)).toEqual([]);
    expect(life.order.conversion?.actions.map(({ state }) => state)).toEqual(["REVERSED", "REVERSED"]);
  });
});

describe("consent", () => {
  const hello: ConversionAction = {
    key: "hello",
    kind: "MESSAGE_SEND",
    template: { en: "Hello" },
    requires: "MARKETING_MESSAGE",
    onRefund: "KEEP",
  };
  const consent = (granted: boolean, at: number): Command => ({
    kind: "consent",
    receipt: {
      purpose: "MARKETING_MESSAGE",
      granted,
      textVersion: "1",
      textHash: null,
      locale: "en",
      at,
      channel: "till",
    },
  });

  it("that comes later runs what was left out for want of it; that is taken back stops what waits", () => {
    const life = withBlock(only(hello));
    const state = () => life.order.conversion?.actions[0]?.state;
    life.tell(captured("A"));
    expect(state()).toBe("PENDING");
    life.tell(answer());
    expect(state()).toBe("SKIPPED_NO_CONSENT");
    const work = () => conversionWorkOf(life.order, life.now).filter(({ kind }) => kind !== "SPREAD");
    life.tell(consent(true, 10));
    expect(work()).toMatchObject([{ kind: "CALL", outcome: { key: "hello" } }]);
    life.tell(consent(false, 20));
    expect([state(), work()]).toEqual(["SKIPPED_NO_CONSENT", []]);
    life.tell(consent(true, 30));
    // It was taken back where the call looks for it last: the call does not happen, and nothing begins again by itself.
    life.tell({
      kind: "acted",
      key: "hello",
      undo: false,
      number: 1,
      outcome: "NO_CONSENT",
      detail: null,
      takenBackAt: 40,
    });
    expect([state(), work()]).toEqual(["SKIPPED_NO_CONSENT", []]);
    life.tell(consent(true, 35));
    expect([state(), work()]).toEqual(["SKIPPED_NO_CONSENT", []]);
    expect(life.types().filter((type) => type === "CUSTOMER_CONSENT_CHANGED")).toHaveLength(3);
  });

  it("is spread to the customer's other orders part by part, until all have heard or another word overtakes it", () => {
    const life = withBlock(only(hello));
    life.tell(captured("A"));
    life.tell(answer());
    const spreading = () => conversionWorkOf(life.order, life.now).filter(({ kind }) => kind === "SPREAD");
    const first = word("MARKETING_MESSAGE", true, 10);
    const place = { createdAt: 5, key: life.order.terms.key };
    life.tell(consent(true, 10));
    expect(spreading()).toEqual([{ kind: "SPREAD", word: first, after: null }]);
    life.tell({ kind: "spread", word: first, after: place });
    expect(spreading()).toEqual([{ kind: "SPREAD", word: first, after: place }]);
    life.tell(consent(false, 20));
    const overtaking = word("MARKETING_MESSAGE", false, 20);
    for (const after of [place, null]) life.tell({ kind: "spread", word: first, after });
    expect(spreading()).toEqual([{ kind: "SPREAD", word: overtaking, after: null }]);
    life.tell(consent(true, 15));
    life.tell({ kind: "spread", word: overtaking, after: null });
    expect(spreading()).toEqual([]);
    // Whoever only hears of it tells nobody.
    life.tell({ kind: "agreed", words: [word("PROFILING", true, 30)] });
    expect(spreading()).toEqual([]);
  });

  it("that the answer says was taken back grants nothing with that very answer", () => {
    const cup: ConversionAction = {
      key: "cup",
      kind: "COUPON_GRANT",
      name: "Cup",
      value: "5.00",
      limit: { total: 3 },
      requires: "PROFILING",
      onRefund: "REVERSE",
    };
    const life = withBlock(only(cup));
    const receipt = {
      purpose: "PROFILING" as const,
      granted: true,
      textVersion: "1",
      textHash: null,
      locale: "en",
      at: 1,
      channel: "page",
    };
    paidBy(life, { name: null, identities: [], consents: [receipt], locale: "en", country: null });
    life.tell(answer({ words: [word("PROFILING", false, 2)], grants: [{ key: "cup", number: 1 }] }));
    expect(life.order.conversion?.actions).toMatchObject([{ state: "SKIPPED_NO_CONSENT" }]);
    // What was issued on the way is taken back with the money.
    giveBack(life, total);
    expect(life.order.conversion?.actions).toMatchObject([{ state: "REVERSED", unchecked: true }]);
  });

  it("that the first order has heard of another way is spread and told all the same, once", () => {
    for (const way of [
      { kind: "agreed", words: [word("MARKETING_MESSAGE", true, 10)] },
      { kind: "retry", words: [word("MARKETING_MESSAGE", true, 10)] },
    ] as const) {
      const life = withBlock(only(hello));
      life.tell(captured("A"));
      life.tell(answer());
      life.tell(way);
      for (let time = 0; time < 2; time += 1) life.tell(consent(true, 10));
      expect(life.order.conversion?.spreading).toEqual([{ word: word("MARKETING_MESSAGE", true, 10), after: null }]);
      expect(life.types().filter((type) => type === "CUSTOMER_CONSENT_CHANGED")).toHaveLength(1);
      life.tell({ kind: "spread", word: word("MARKETING_MESSAGE", false, 10), after: null });
      expect(life.order.conversion?.spreading).toHaveLength(1);
    }
  });

  it("that was set between an order's question and its row is read with the row", () => {
    const life = withBlock(only(hello));
    life.tell(captured("A"));
    life.tell(answer());
    const yes = word("MARKETING_MESSAGE", true, 10);
    const raw = { orderKey: life.order.terms.key, firstTime: true, words: [yes] };
    const news = answerIn({ order: life.order, events: [] }, raw);
    expect(news).toEqual({ kind: "agreed", words: [yes] });
    if (news) life.tell(news);
    expect(conversionWorkOf(life.order, life.now)).toMatchObject([{ kind: "CALL" }]);
    // Told again it is no news, so that nobody is told for ever.
    expect(answerIn({ order: life.order, events: [] }, raw)).toBeNull();
  });

  it("comes to the same in whatever order its words are heard, and by whichever way", () => {
    const ways = ["consent", "agreed", "retry", "customer", "acted"] as const;
    const heard = fc.record({
      way: fc.constantFrom(...ways),
      purpose: fc.constantFrom(...purposes),
      granted: fc.boolean(),
      at: fc.integer({ min: 0, max: 6 }),
    });
    const telling = (one: { way: (typeof ways)[number]; purpose: Purpose; granted: boolean; at: number }): Command => {
      const { way, ...heardWord } = one;
      switch (way) {
        case "consent":
          return {
            kind: way,
            receipt: { ...heardWord, textVersion: "1", textHash: null, locale: "en", channel: "till" },
          };
        case "agreed":
        case "retry":
          return { kind: way, words: [heardWord] };
        case "customer":
          return answer({ words: [heardWord] });
        case "acted":
          return {
            kind: way,
            key: heardWord.purpose,
            undo: false,
            number: 1,
            outcome: "NO_CONSENT",
            detail: null,
            takenBackAt: heardWord.at,
          };
      }
    };
    const shuffled = fc
      .array(heard, { maxLength: 8 })
      .chain((news) => fc.shuffledSubarray(news, { minLength: news.length }).map((others) => ({ news, others })));
    const needing = purposes.map((requires): ConversionAction => ({ ...hello, key: requires, requires }));
    fc.assert(
      fc.property(shuffled, ({ news, others }) => {
        const ends = [news, others, [...news, ...others.toReversed()]].map((all) => {
          const life = withBlock(only(...needing));
          life.tell(captured("A"));
          for (const one of all) life.tell(telling(one));
          // An answer has always come in the end.
          life.tell(answer());
          const { conversion } = life.order;
          if (!conversion) throw new Error("converted");
          return [wordsOf(conversion), conversion.actions.map(({ state, waits }) => [state, waits])];
        });
        expect(ends[1]).toEqual(ends[0]);
        expect(ends[2]).toEqual(ends[0]);
        // Nothing waits for a server that the last word forbids, and nothing that it allows is left out.
        const words = latestOf(news.map((one) => (one.way === "acted" ? { ...one, granted: false } : one)));
        const allowed = (purpose: Purpose) => words.some((one) => one.purpose === purpose && one.granted);
        expect(ends[0]?.[1]).toEqual(
          purposes.map((purpose) => (allowed(purpose) ? ["PENDING", "CALL"] : ["SKIPPED_NO_CONSENT", undefined])),
        );
      }),
      runs(500),
    );
  }, 60_000);

  it("given where the record is claimed counts, and a record is claimed once", () => {
    const life = withBlock(only(hello));
    const claim: Command = {
      kind: "claimRecord",
      said: {
        name: "Li Lei",
        identities: [{ kind: "PHONE", value: "+8613800000000", verified: false }],
        consents: [
          {
            purpose: "MARKETING_MESSAGE",
            granted: true,
            textVersion: "1",
            textHash: "00",
            locale: "en",
            at: 0,
            channel: "paid page",
          },
        ],
        locale: "en",
        country: null,
      },
    };
    const paid = captured("A");
    if (paid.kind !== "capture") throw new Error("money");
    life.tell({
      ...paid,
      capture: { ...paid.capture, payer: { ...paid.capture.payer, provisional: true, name: null } },
    });
    life.tell(answer());
    expect(life.tell(claim).ok).toBe(true);
    expect(life.tell(claim)).toMatchObject({ ok: false, refusal: { reason: "UNKNOWN" } });
    expect(conversionWorkOf(life.order, life.now)).toMatchObject([{ outcome: { key: "hello" } }]);
    // A claim that comes after the consent was taken back tells nobody that it was given.
    const late = withBlock(only(hello));
    late.tell({
      ...paid,
      capture: { ...paid.capture, payer: { ...paid.capture.payer, provisional: true, name: null } },
    });
    late.tell(answer({ words: [word("MARKETING_MESSAGE", false, 5)] }));
    expect(late.tell(claim).ok).toBe(true);
    expect(late.types()).not.toContain("CUSTOMER_CONSENT_CHANGED");
    const known = withBlock(only(hello));
    known.tell(captured("A"));
    expect(known.tell(claim).ok).toBe(false);
  });
});

describe("a member of staff", () => {
  const assigned: ConversionDefinition = {
    assignment: { pool: "pool_1" },
    actions: [],
    targets: [{ kind: "STAFF_CONTACT" }],
  };
  const kinds = (life: Life) => conversionWorkOf(life.order, life.now).map(({ kind }) => kind);

  it("is reserved by confirming, committed by the money, and let go when nobody pays", () => {
    const life = withBlock(assigned);
    expect(kinds(life)).toEqual([]);
    life.tell({ kind: "confirm", claimant: "alice" });
    expect(kinds(life)).toEqual(["RESERVE"]);
    life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold });
    expect(kinds(life)).toEqual([]);
    life.tell(tick, life.now + 121 * second);
    expect(kinds(life)).toEqual(["RELEASE"]);
    // News of a reservation that is being let go comes too late to be one.
    life.tell({ kind: "reserved", turn: 2, pool: "pool_1", hold });
    life.tell({ kind: "released", turn: 1 });
    life.tell({ kind: "confirm", claimant: "bob" });
    expect(conversionWorkOf(life.order, life.now)).toEqual([{ kind: "RESERVE", turn: 2, pool: "pool_1" }]);
    life.tell({ kind: "reserved", turn: 2, pool: "pool_1", hold });
    life.tell(captured("A"));
    expect(life.order.conversion).toMatchObject({
      decided: true,
      target: { kind: "STAFF_CONTACT", url: hold.contactUrl },
      actions: [{ key: "staff", state: "DONE", staff: { member: "staff_1" } }],
    });
    expect(conversionWorkOf(life.order, life.now)).toEqual([{ kind: "ASSIGN", turn: 2, pool: "pool_1" }]);
    life.tell({ kind: "assigned", turn: 2, pool: "pool_1", hold });
    expect(kinds(life)).toEqual([]);
  });

  it("that nobody has, or nobody answers for, leaves the order paid and the code leading to the receipt", () => {
    const life = withBlock(assigned);
    life.tell(captured("A"));
    expect(life.order.paid).not.toBeNull();
    expect(life.order.conversion).toMatchObject({ decided: false, target: { kind: "RECEIPT" } });
    life.tell({ kind: "assigned", turn: 1, pool: "pool_1", hold: null });
    expect(life.order.conversion).toMatchObject({
      decided: true,
      target: { kind: "RECEIPT" },
      actions: [{ state: "SKIPPED_LIMIT" }],
    });
  });

  it("is let go where the pool's answer was lost: that it was asked is written down before it is", () => {
    const ends: readonly ((life: Life) => void)[] = [
      (life) => life.tell(tick, life.now + 121 * second),
      (life) => life.tell(cancelled),
      (life) => life.tell(tick, expiresAt + 10 * minute),
    ];
    for (const end of ends) {
      const life = withBlock(assigned);
      life.tell({ kind: "confirm", claimant: "alice" });
      expect(life.order.staff).toEqual({ turn: 1, state: "ASKING", hold: null });
      expect(conversionWorkOf(life.order, life.now)).toEqual([{ kind: "RESERVE", turn: 1, pool: "pool_1" }]);
      end(life);
      const release = { kind: "RELEASE", turn: 1, pools: ["pool_1"] };
      expect(conversionWorkOf(life.order, life.now)).toEqual([release]);
      life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold });
      expect(conversionWorkOf(life.order, life.now)).toEqual([release]);
      life.tell({ kind: "released", turn: 1 });
      expect(kinds(life)).toEqual([]);
    }
  });

  it("is assigned under a turn of its own where the money came before the pool's answer, once that turn was let go", () => {
    const life = withBlock(assigned);
    life.tell({ kind: "confirm", claimant: "alice" });
    life.tell(captured("A"));
    life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold });
    expect(conversionWorkOf(life.order, life.now)).toEqual([{ kind: "RELEASE", turn: 1, pools: ["pool_1"] }]);
    life.tell({ kind: "released", turn: 1 });
    expect(conversionWorkOf(life.order, life.now)).toEqual([{ kind: "ASSIGN", turn: 2, pool: "pool_1" }]);
    life.tell({ kind: "assigned", turn: 2, pool: "pool_1", hold });
    expect(kinds(life)).toEqual([]);
  });

  it("is asked for of one pool at a time, and of the next once the one before has said in this turn that it has nobody", () => {
    const spare = { ...hold, pool: "pool_2", member: "staff_2" };
    const life = withBlock({ ...assigned, assignment: { pool: "pool_1", fallback: "pool_2" } });
    const work = () => conversionWorkOf(life.order, life.now);
    life.tell({ kind: "confirm", claimant: "alice" });
    for (let time = 0; time < 2; time += 1) life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold: null });
    expect(work()).toEqual([{ kind: "RESERVE", turn: 1, pool: "pool_2" }]);
    // The first comes too late with somebody: it keeps nobody who is not asked for.
    life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold });
    expect(work()).toEqual([{ kind: "RESERVE", turn: 1, pool: "pool_2" }]);
    life.tell({ kind: "reserved", turn: 1, pool: "pool_2", hold: spare });
    life.tell(captured("A"));
    expect(work()).toEqual([{ kind: "ASSIGN", turn: 1, pool: "pool_2" }]);
    life.tell({ kind: "assigned", turn: 1, pool: "pool_1", hold });
    life.tell({ kind: "assigned", turn: 1, pool: "pool_2", hold: spare });
    expect(life.order.conversion?.actions).toMatchObject([{ state: "DONE", staff: { member: "staff_2" } }]);
    expect(work()).toEqual([]);
    // Where nobody was reserved, the money asks them the same way.
    const late = withBlock({ ...assigned, assignment: { pool: "pool_1", fallback: "pool_2" } });
    late.tell(captured("A"));
    for (const pool of ["pool_1", "pool_2"]) {
      expect(conversionWorkOf(late.order, late.now)).toEqual([{ kind: "ASSIGN", turn: 1, pool }]);
      for (let time = 0; time < 2; time += 1) late.tell({ kind: "assigned", turn: 1, pool, hold: null });
    }
    expect(late.order.conversion?.actions).toMatchObject([{ state: "SKIPPED_LIMIT" }]);
    expect(conversionWorkOf(late.order, late.now)).toEqual([]);
  });

  it("is let go where a part was paid and the order stays open for the rest, and somebody comes back for it", () => {
    const life = new Life(
      terms(
        { underPayment: "KEEP_OPEN" },
        { countsStock: false, block: { id: "block_1", version: 1, definition: assigned } },
      ),
    );
    life.tell(begun("alice"));
    life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold });
    life.tell(captured("A", { attempt: attempt(1), amount: total / 2 }));
    const lapse = life.order.claim?.until ?? 0;
    // An alarm that rings at that very moment must find that there is something to do.
    expect(conversionWorkAt(life.order, lapse, 2 * second)).toBe(lapse + 2 * second);
    life.tell(tick, lapse);
    expect(kinds(life)).toEqual(["RELEASE"]);
  });

  it("is let go by an expiry too", () => {
    const life = withBlock(assigned);
    life.tell({ kind: "confirm", claimant: "alice" }, expiresAt - minute);
    life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold });
    life.tell(tick, expiresAt + 10 * minute);
    expect(kinds(life)).toEqual(["RELEASE"]);
  });
});

describe("a call to a merchant's server", () => {
  const message = (key: string, text: string): ConversionAction => ({
    key,
    kind: "MESSAGE_SEND",
    template: { en: "Hello", "zh-CN": text },
    onRefund: "KEEP",
  });
  const called = (life: Life) =>
    conversionWorkOf(life.order, life.now).flatMap((one) => (one.kind === "CALL" ? [one.outcome.key] : []));
  const limited: ConversionAction = {
    key: "cup",
    kind: "COUPON_GRANT",
    name: "Cup",
    value: "5.00",
    limit: { total: 3 },
    onRefund: "KEEP",
  };

  it("waits for the coupon and the points that its words name, and for nothing that they do not", () => {
    for (const number of [1, null]) {
      const life = withBlock(
        only(
          message("plain", "{name}"),
          message("code", "{coupon}"),
          { key: "crm", kind: "CRM_PUSH", fields: { points: "{points}" }, onRefund: "KEEP" },
          { ...points("KEEP"), when: { segment: "NEW" } },
          limited,
        ),
      );
      life.tell(captured("A"));
      expect(called(life)).toEqual(["plain"]);
      life.tell(answer());
      expect(called(life)).toEqual(["plain", "crm"]);
      life.tell(answer({ grants: [{ key: "cup", number }] }));
      expect(called(life)).toEqual(["plain", "code", "crm"]);
    }
  });

  const crm: ConversionAction = { key: "crm", kind: "CRM_PUSH", onRefund: "REVERSE" };
  const works = (life: Life) => conversionWorkOf(life.order, life.now);
  const actionOf = (life: Life) => life.order.conversion?.actions[0];

  it("that may have arrived is taken back by a refund, whatever was heard of it; one that never left is not", () => {
    const consented: ConversionAction = { ...crm, requires: "PROFILING" };
    const agreed = answer({ words: [word("PROFILING")] });
    const takenBack: Command = { kind: "agreed", words: [word("PROFILING", false, expiresAt)] };
    const failNine = (life: Life) => {
      for (let time = 0; time < 9; time += 1) {
        call(life, "FAILED");
        const next = actionOf(life)?.call?.nextAt;
        if (next !== undefined) life.tell(tick, next);
      }
      expect(actionOf(life)).toMatchObject({ state: "FAILED" });
    };
    const ways: readonly (readonly [boolean, (life: Life) => void])[] = [
      [false, () => {}],
      [
        false,
        (life) =>
          life.tell({ kind: "acted", key: "crm", undo: false, number: 1, outcome: "FAILED", detail: "no address" }),
      ],
      [
        false,
        (life) => life.tell({ kind: "acted", key: "crm", undo: false, number: 1, outcome: "NO_CONSENT", detail: null }),
      ],
      [true, (life) => call(life, "UNHEARD")],
      [true, (life) => call(life, "FAILED")],
      [true, (life) => call(life, "DONE")],
      [true, failNine],
      [true, (life) => (call(life, "FAILED"), life.tell(takenBack))],
    ];
    for (const [left, way] of ways) {
      const life = withBlock(only(consented));
      life.tell(captured("A"));
      life.tell(agreed);
      way(life);
      giveBack(life, total);
      expect(works(life).map((work) => work.kind === "CALL" && work.undo)).toEqual(left ? [true] : []);
      if (!left) continue;
      call(life, "DONE");
      expect(actionOf(life)).toMatchObject({ state: "REVERSED" });
      expect(works(life)).toEqual([]);
      giveBack(life, total);
      expect(works(life)).toEqual([]);
    }
  });

  it("does not leave any more once it was taken back or forbidden, and leaves once for each time it is written down", () => {
    const leaving: Command = { kind: "calling", key: "crm", undo: false, number: 1 };
    const life = withBlock(only(crm));
    life.tell(captured("A"));
    expect(life.tell(leaving)).toMatchObject({ ok: true, changed: true });
    expect(life.tell(leaving)).toMatchObject({ ok: true, changed: false });
    expect(works(life)).toEqual([]);
    // Nobody told what came of it, perhaps because we died: it is made again.
    life.tell(tick, actionOf(life)?.call?.nextAt);
    expect(works(life)).toMatchObject([{ number: 2 }]);
    const refundedFirst = withBlock(only(crm));
    refundedFirst.tell(captured("A"));
    giveBack(refundedFirst, total);
    expect(refundedFirst.tell(leaving)).toMatchObject({ changed: false });
  });

  it("is counted whatever comes of it, and given up where everybody sees it", () => {
    for (const came of ["FAILED", "UNHEARD"] as const) {
      const life = withBlock(only(crm));
      life.tell(captured("A"));
      for (let number = 1; number <= 9; number += 1) {
        expect(works(life)).toMatchObject([{ number }]);
        call(life, came);
        life.tell(tick, actionOf(life)?.call?.nextAt ?? life.now);
      }
      if (came === "UNHEARD")
        life.tell({ kind: "acted", key: "crm", undo: false, number: 10, outcome: "FAILED", detail: "nobody told" });
      expect(actionOf(life)).toMatchObject({ state: "FAILED" });
      expect(works(life)).toEqual([]);
      life.tell({ kind: "retry", words: [] });
      expect(works(life)).toMatchObject([{ number: 1 }]);
      // Late news of a try from before is none of this one.
      life.tell({ kind: "acted", key: "crm", undo: false, number: 9, outcome: "FAILED", detail: "late" });
      expect(works(life)).toMatchObject([{ number: 1 }]);
    }
  });

  it("brings the same bytes each time, though points went back, a coupon came or the record was claimed in between", () => {
    const told: ConversionAction = {
      key: "crm",
      kind: "CRM_PUSH",
      fields: { all: "{points} {coupon} {name} {amount} {staff}" },
      onRefund: "REVERSE",
    };
    const life = withBlock({ ...only(told, points("PRORATE"), { ...limited, requires: "PROFILING" }), consents: [] });
    const paid = captured("A");
    if (paid.kind !== "capture") throw new Error("money");
    life.tell({
      ...paid,
      capture: { ...paid.capture, payer: { ...paid.capture.payer, provisional: true, name: null } },
    });
    life.tell(answer());
    const bodies: string[] = [];
    const send = (undo: boolean) => {
      call(life, "UNHEARD");
      const outcome = actionOf(life);
      if (!outcome) throw new Error("the action");
      bodies.push(callOf(life.order, outcome, undo).body);
      life.tell(tick, outcome.call?.nextAt);
    };
    send(false);
    giveBack(life, total / 2);
    life.tell({
      kind: "claimRecord",
      said: {
        name: "Li Lei",
        identities: [{ kind: "PHONE", value: "+8613800000000", verified: false }],
        consents: [
          {
            purpose: "PROFILING",
            granted: true,
            textVersion: "1",
            textHash: null,
            locale: "en",
            at: life.now,
            channel: "page",
          },
        ],
        locale: "en",
        country: null,
      },
    });
    life.tell(answer({ grants: [{ key: "cup", number: 1 }] }));
    expect(life.order.conversion?.actions).toMatchObject([{}, { points: { kept: 50 } }, { state: "DONE" }]);
    send(false);
    life.order = JSON.parse(JSON.stringify(life.order)) as typeof life.order;
    send(false);
    giveBack(life, total);
    send(true);
    send(true);
    expect(new Set(bodies).size).toBe(2);
    expect(JSON.parse(bodies[0] ?? "")).toMatchObject({
      data: { fields: { all: "100   100.00 CNY " }, customer: { name: null } },
    });
  });

  it("waits until the pool has confirmed whoever was reserved, for the pool has the last word on who that is", () => {
    const life = withBlock({ ...only(crm), assignment: { pool: "pool_1" } });
    life.tell({ kind: "confirm", claimant: "alice" });
    life.tell({ kind: "reserved", turn: 1, pool: "pool_1", hold });
    life.tell(captured("A"));
    expect(works(life).map(({ kind }) => kind)).toEqual(["ASSIGN"]);
    life.tell({ kind: "assigned", turn: 1, pool: "pool_1", hold });
    expect(works(life).map(({ kind }) => kind)).toEqual(["CALL"]);
  });

  it("waits for whoever looks after the customer, whom every call names, or for the word that it is nobody", () => {
    for (const found of [hold, null]) {
      const invite: ConversionAction = { key: "invite", kind: "CONTACT_INVITE", onRefund: "REVERSE" };
      const life = withBlock({
        ...only(invite, message("hello", "{staff}"), message("plain", "{name}")),
        assignment: { pool: "pool_1", when: { segment: "NEW" } },
      });
      life.tell(captured("A"));
      expect(called(life)).toEqual([]);
      life.tell(answer());
      expect(conversionWorkOf(life.order, life.now)).toMatchObject([{ kind: "ASSIGN" }]);
      life.tell({ kind: "assigned", turn: 1, pool: "pool_1", hold: found });
      expect(called(life)).toEqual(["invite", "hello", "plain"]);
    }
  });
});

describe("the clock of a merchant", () => {
  it("opens a window at its next beginning, over midnight and over days off", () => {
    const noon = Date.UTC(2026, 10, 25, 4); // a Wednesday, 12:00 in Shanghai
    const at = (window: Parameters<typeof opensAt>[0]) =>
      new Date(opensAt(window, noon, "Asia/Shanghai")).toISOString();
    expect(at({ from: "09:00", until: "18:00" })).toBe("2026-11-25T04:00:00.000Z");
    expect(at({ from: "13:30", until: "18:00" })).toBe("2026-11-25T05:30:00.000Z");
    expect(at({ from: "22:00", until: "06:00" })).toBe("2026-11-25T14:00:00.000Z");
    // A day off is looked at again at its end.
    expect(at({ days: ["THU"] })).toBe("2026-11-25T16:00:00.000Z");
  });
});
