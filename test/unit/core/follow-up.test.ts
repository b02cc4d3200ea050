/** What a conversion learns after it was committed changes what it concerns, once, and nothing beside it. */
import { describe, expect, it } from "vitest";
import { wordsOf, type ConsentWord } from "../../../src/core/consents.ts";
import type { Command } from "../../../src/core/commands.ts";
import type { ActionOutcome, Conversion, ConsentReceipt, Said } from "../../../src/core/conversion.ts";
import type { ConversionAction, Purpose } from "../../../src/core/definition.ts";
import { limits } from "../../../src/core/limits.ts";
import { attempt, begun, captured, hour, Life, minute, placedAt, refunded, terms, total } from "./sample.ts";

const withActions = (...actions: ConversionAction[]): Life =>
  new Life(
    terms({}, { countsStock: false, block: { id: "block_1", version: 1, definition: { actions, targets: [] } } }),
  );
/** `provisional`: nothing is known of who paid. */
const paid = (life: Life, provisional = false): Life => {
  const money = captured("A", { attempt: attempt(1) });
  if (money.kind !== "capture") throw new Error("money");
  life.tell(begun("alice"));
  life.tell({
    ...money,
    capture: { ...money.capture, payer: { ...money.capture.payer, provisional, name: null } },
  });
  return life;
};
const conversionOf = ({ order }: Life): Conversion => {
  if (!order.conversion) throw new Error("converted");
  return order.conversion;
};
const outcomeOf = (life: Life, key: string): ActionOutcome => {
  const found = conversionOf(life).actions.find((outcome) => outcome.key === key);
  if (!found) throw new Error(`no action ${key}`);
  return found;
};
const answer = (fields: Partial<Extract<Command, { kind: "customer" }>> = {}): Command => ({
  kind: "customer",
  firstTime: true,
  ...fields,
});
const giveBack = (life: Life, amount: number): void => {
  life.tell(refunded(amount));
  const refund = life.order.refunds.at(-1);
  if (!refund) throw new Error("a refund was asked for");
  life.tell({ kind: "refundHeard", refund: refund.id, capture: refund.capture, amount, outcome: "SUCCEEDED" });
};
const receipt = (purpose: Purpose, granted: boolean, at: number): ConsentReceipt => ({
  purpose,
  granted,
  at,
  textVersion: "7",
  textHash: null,
  locale: "zh-CN",
  channel: "till",
});
const word = (purpose: Purpose, granted: boolean, at: number): ConsentWord => ({ purpose, granted, at });
const saying = (fields: Partial<Said> = {}): Said => ({
  name: null,
  identities: [],
  consents: [],
  locale: "en",
  country: null,
  ...fields,
});
const details = (life: Life, type: string): readonly unknown[] =>
  life.events.filter((event) => event.type === type).map(({ data }) => data.detail);

const groups = [
  { name: "first", url: "https://group.example/1", capacity: 2 },
  { name: "second", url: "https://group.example/2", capacity: 1 },
  { name: "third", url: "https://group.example/3", capacity: 2 },
];
const invite: ConversionAction = { key: "group", kind: "GROUP_INVITE", groups, onRefund: "KEEP" };
const cup: ConversionAction = {
  key: "cup",
  kind: "COUPON_GRANT",
  name: "Cup",
  value: "5.00",
  limit: { total: 3 },
  onRefund: "REVERSE",
};
const hello: ConversionAction = { key: "hello", kind: "MESSAGE_SEND", template: { en: "Hello" }, onRefund: "KEEP" };
const push = (key: string, onRefund: "KEEP" | "REVERSE" = "REVERSE"): ConversionAction => ({
  key,
  kind: "CRM_PUSH",
  onRefund,
});

describe("a grant", () => {
  it("fills the groups one after the other, the last beyond its room, and has the person invited at once", () => {
    const invited = [1, 2, 3, 5, 6].map((number) => {
      const life = paid(withActions(invite));
      life.now += minute;
      life.tell(answer({ grants: [{ key: "group", number }] }));
      expect(outcomeOf(life, "group")).toMatchObject({
        state: "PENDING",
        waits: "CALL",
        call: { tries: 0, nextAt: life.now },
      });
      // The place is taken: another number for it is no news.
      for (const other of [1, 4, null]) life.tell(answer({ grants: [{ key: "group", number: other }] }));
      return outcomeOf(life, "group").group;
    });
    expect(invited.map((group) => group?.name)).toEqual(["first", "first", "second", "third", "third"]);
    expect(invited[0]).toEqual({ name: "first", url: "https://group.example/1" });
  });

  it("that was the last one leaves nothing behind: no coupon, no group, and nobody to wait for", () => {
    const life = paid(withActions(invite, cup));
    expect(outcomeOf(life, "cup").coupon).toBeDefined();
    life.tell(
      answer({
        grants: [
          { key: "group", number: null },
          { key: "cup", number: null },
        ],
      }),
    );
    for (const key of ["group", "cup"]) {
      expect(outcomeOf(life, key)).toMatchObject({ key, state: "SKIPPED_LIMIT" });
      for (const part of ["waits", "coupon", "group", "call"]) expect(outcomeOf(life, key)).not.toHaveProperty(part);
    }
  });

  it("is given to whom it was asked for, and to no other action", () => {
    const tag: ConversionAction = { key: "tag", kind: "TAG_ADD", tags: ["tea"], onRefund: "KEEP" };
    const life = paid(withActions(hello, tag, cup));
    life.tell(answer());
    const before = ["hello", "tag"].map((key) => outcomeOf(life, key));
    life.tell(
      answer({
        grants: [
          { key: "hello", number: null },
          { key: "tag", number: null },
          { key: "cup", number: 3 },
        ],
      }),
      life.now + minute,
    );
    expect(["hello", "tag"].map((key) => outcomeOf(life, key))).toEqual(before);
    expect(outcomeOf(life, "cup")).toMatchObject({ state: "DONE", coupon: { name: "Cup", value: 500 } });
    life.tell(answer({ grants: [{ key: "cup", number: null }] }));
    expect(outcomeOf(life, "cup")).toMatchObject({ state: "DONE", coupon: { name: "Cup" } });
  });
});

describe("an answer of what had been used up", () => {
  const points: ConversionAction = { key: "points", kind: "POINTS_GRANT", points: 100, onRefund: "PRORATE" };

  it("counts for what it was asked about, and the largest shortfall stands", () => {
    const life = paid(withActions(points));
    const checks = (kept: number, short: number) => life.tell(answer({ checks: [{ key: "points", kept, short }] }));
    // Nobody has asked: nothing was taken back.
    checks(100, 40);
    expect(outcomeOf(life, "points")).not.toHaveProperty("short");
    giveBack(life, total / 2);
    // More went back while the question was on its way: the answer to the old one is none to the new.
    checks(75, 40);
    expect(outcomeOf(life, "points")).toMatchObject({ unchecked: true });
    checks(50, 20);
    expect(outcomeOf(life, "points")).toMatchObject({ short: 20 });
    expect(outcomeOf(life, "points")).not.toHaveProperty("unchecked");
    giveBack(life, total / 2);
    checks(0, 10);
    expect(outcomeOf(life, "points")).toMatchObject({ short: 20 });
    expect(details(life, "ORDER_REVIEW")).toEqual([{ why: "BENEFIT_USED" }]);
  });

  it("calls nobody where nothing had been used", () => {
    const life = paid(withActions(points));
    life.tell(answer());
    giveBack(life, total);
    life.tell(answer({ checks: [{ key: "points", kept: 0, short: 0 }] }));
    for (const part of ["unchecked", "short"]) expect(outcomeOf(life, "points")).not.toHaveProperty(part);
    expect(details(life, "ORDER_REVIEW")).toEqual([]);
    // It had nothing to say of consents, so none was heard of.
    expect(wordsOf(conversionOf(life))).toEqual([]);
  });
});

describe("a word on a consent", () => {
  it("is told to partners as it was given, and spread beside the words on other purposes", () => {
    const life = paid(withActions(hello));
    const [profiling, sharing] = [word("PROFILING", true, 10), word("PARTNER_SHARING", true, 10)];
    life.tell({ kind: "consent", receipt: receipt("PROFILING", true, 10) });
    life.tell({ kind: "consent", receipt: receipt("PARTNER_SHARING", true, 10) });
    expect(conversionOf(life).spreading?.map((one) => one.word)).toEqual([profiling, sharing]);
    expect(details(life, "CUSTOMER_CONSENT_CHANGED")).toEqual(
      ["PROFILING", "PARTNER_SHARING"].map((purpose) => ({
        purpose,
        granted: true,
        textVersion: "7",
        locale: "zh-CN",
        channel: "till",
      })),
    );
    // One takes the next step and the other waits for its own.
    const place = { createdAt: 5, key: life.order.terms.key };
    life.tell({ kind: "spread", word: sharing, after: place });
    expect(conversionOf(life).spreading).toEqual([
      { word: profiling, after: null },
      { word: sharing, after: place },
    ]);
    // A word that none of them is, is nobody's step.
    const stands = life.order;
    life.tell({ kind: "spread", word: word("MARKETING_MESSAGE", true, 10), after: null });
    expect(life.order).toEqual(stands);
    life.tell({ kind: "spread", word: profiling, after: null });
    expect(conversionOf(life).spreading).toEqual([{ word: sharing, after: place }]);
    life.tell({ kind: "spread", word: sharing, after: null });
    expect(conversionOf(life)).not.toHaveProperty("spreading");
    // Of one purpose only the last word goes on its way.
    for (const granted of [false, true])
      life.tell({ kind: "consent", receipt: receipt("PROFILING", granted, granted ? 30 : 20) });
    expect(conversionOf(life).spreading).toEqual([{ word: word("PROFILING", true, 30), after: null }]);
    life.tell({ kind: "spread", word: word("PROFILING", true, 30), after: null });
    // That all have heard may be heard again, which is no news.
    const rest = life.order;
    expect(life.tell({ kind: "spread", word: sharing, after: place }).ok).toBe(true);
    expect(life.order).toEqual(rest);
  });

  it("is spread, but told no further, once the order has told as much as it may", () => {
    for (const [sequence, told] of [
      [limits.eventsWithReopeningMax - 1, 1],
      [limits.eventsWithReopeningMax, 0],
    ] as const) {
      const life = paid(withActions(hello));
      life.order = { ...life.order, sequence };
      life.tell({ kind: "consent", receipt: receipt("PROFILING", true, 10) });
      expect(details(life, "CUSTOMER_CONSENT_CHANGED")).toHaveLength(told);
      expect(conversionOf(life).spreading).toHaveLength(1);
    }
  });
});

describe("a payer who says who they are", () => {
  const identities = [{ kind: "PHONE" as const, value: "+8613800000000", verified: false }];
  const claim: Command = {
    kind: "claimRecord",
    said: saying({
      name: "Li Lei",
      identities,
      consents: [receipt("PROFILING", true, 10), receipt("PARTNER_SHARING", true, 10)],
    }),
  };
  const refusal = { ok: false, refusal: { reason: "UNKNOWN" } };

  it("agrees to what still stands, and partners hear of that alone", () => {
    const life = paid(withActions(hello), true);
    life.tell({ kind: "agreed", words: [word("PROFILING", false, 20)] });
    expect(life.tell(claim, life.now + minute)).toMatchObject({ ok: true });
    expect(conversionOf(life).claim).toMatchObject({ at: life.now, said: { name: "Li Lei" } });
    expect(details(life, "CUSTOMER_CONSENT_CHANGED")).toEqual([{ granted: true, purposes: ["PARTNER_SHARING"] }]);
    const silent = paid(withActions(hello), true);
    silent.tell({ kind: "claimRecord", said: saying({ name: "Han Meimei" }) });
    expect(conversionOf(silent).claim?.said.name).toBe("Han Meimei");
    expect(silent.types()).not.toContain("CUSTOMER_CONSENT_CHANGED");
  });

  it("is refused where they had said so while paying, and once they are forgotten", () => {
    const known = withActions(hello);
    known.tell({ ...begun("alice"), said: saying({ identities }) } as Command);
    paid(known, true);
    expect(conversionOf(known).payer.provisional).toBe(true);
    expect(known.tell(claim)).toMatchObject(refusal);
    const forgotten = paid(withActions(hello), true);
    forgotten.tell({ kind: "forget", erasedAt: placedAt + minute });
    expect(forgotten.tell(claim)).toMatchObject(refusal);
    expect(JSON.stringify(forgotten.order)).not.toContain("Li Lei");
  });
});

describe("trying again", () => {
  const retry: Command = { kind: "retry", words: [] };
  const again = (life: Life): number => {
    life.tell(retry, life.now + hour);
    return life.now;
  };
  /** `leaves` false: what was to be told never got out of the house. */
  const failing = (life: Life, key: string, undo: boolean, tries: number, leaves = true): void => {
    for (let number = 1; number <= tries; number += 1) {
      life.tell({ kind: "calling", key: leaves ? key : "", undo, number });
      life.tell({ kind: "acted", key, undo, number, outcome: "FAILED", detail: "503" });
    }
  };
  const allTries = limits.actionRetryMs.length + 1;

  it("begins from the first try, at once, both what had failed for good and what was waiting for a later try", () => {
    const life = paid(withActions(push("failed"), push("waits"), push("done")));
    failing(life, "failed", false, allTries);
    failing(life, "waits", false, 2);
    life.tell({ kind: "calling", key: "done", undo: false, number: 1 });
    life.tell({ kind: "acted", key: "done", undo: false, number: 1, outcome: "DONE", detail: null });
    expect(["failed", "waits", "done"].map((key) => outcomeOf(life, key).state)).toEqual(["FAILED", "PENDING", "DONE"]);
    const done = outcomeOf(life, "done");
    const nextAt = again(life);
    for (const key of ["failed", "waits"])
      expect(outcomeOf(life, key)).toMatchObject({ state: "PENDING", waits: "CALL", call: { tries: 0, nextAt } });
    expect(outcomeOf(life, "done")).toEqual(done);
  });

  it("does not do, after the money went back, what it would have to take back; what a refund does not touch it does", () => {
    const life = paid(withActions(push("goes"), push("stays", "KEEP")));
    for (const key of ["goes", "stays"]) failing(life, key, false, allTries, false);
    giveBack(life, total / 2);
    expect(conversionOf(life).state).toBe("PARTLY_REVERSED");
    again(life);
    for (const key of ["goes", "stays"]) {
      expect(outcomeOf(life, key).state).toBe("PENDING");
      failing(life, key, false, allTries, false);
    }
    giveBack(life, total / 2);
    const goes = outcomeOf(life, "goes");
    const nextAt = again(life);
    expect(goes.state).toBe("FAILED");
    expect(outcomeOf(life, "goes")).toEqual(goes);
    expect(outcomeOf(life, "stays")).toMatchObject({ state: "PENDING", waits: "CALL", call: { tries: 0, nextAt } });
  });

  it("asks a server that would not take something back once more, and none that has", () => {
    const life = paid(withActions(push("refused"), push("obeyed"), push("waits")));
    const keys = ["refused", "obeyed", "waits"];
    const tell = (key: string, undo: boolean): void => {
      life.tell({ kind: "calling", key, undo, number: 1 });
      life.tell({ kind: "acted", key, undo, number: 1, outcome: "DONE", detail: null });
    };
    for (const key of keys) tell(key, false);
    giveBack(life, total);
    tell("obeyed", true);
    failing(life, "refused", true, allTries);
    failing(life, "waits", true, 1);
    expect(keys.map((key) => outcomeOf(life, key).waits)).toEqual([undefined, undefined, "CALL"]);
    const nextAt = again(life);
    expect(keys.map((key) => outcomeOf(life, key).state)).toEqual(["REVERSED", "REVERSED", "REVERSED"]);
    for (const key of ["refused", "waits"])
      expect(outcomeOf(life, key)).toMatchObject({ waits: "CALL", call: { tries: 0, nextAt } });
    expect(outcomeOf(life, "obeyed")).not.toHaveProperty("waits");
  });
});
