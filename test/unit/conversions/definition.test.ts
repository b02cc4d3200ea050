/** What a merchant may publish, and what they are told of what they may not. */
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { definitionFaults } from "../../../src/conversions/definition-faults.ts";
import { definitionSchema } from "../../../src/conversions/grammar.ts";
import { fill } from "../../../src/conversions/template.ts";
import { limits } from "../../../src/core/limits.ts";
import { definition } from "../core/blocks.ts";
import { cny } from "../core/sample.ts";
import { conforms } from "./json-schema.ts";

const faults = (given: unknown) =>
  definitionFaults(given, cny).map(({ path, message }) => `${path.join(".")} ${message}`);
const base = { actions: [], targets: [] };
const message = { key: "hello", kind: "MESSAGE_SEND", template: { en: "Hi {name}" }, onRefund: "KEEP" };
const consents = [{ purpose: "MARKETING_MESSAGE", textVersion: "1", text: { en: "May we write to you?" } }];

/** Each is wrong in one way, and says so. */
const wrong: readonly (readonly [given: unknown, said: string])[] = [
  [[], " must be an object"],
  [{ ...base, code: "alert(1)" }, "code is not known here"],
  [{ actions: [] }, "targets is needed"],
  [{ ...base, actions: [{ key: "x", kind: "RUN_CODE", onRefund: "KEEP" }] }, "actions.0.kind must be one of TAG_ADD"],
  [
    { ...base, actions: [{ key: "x", kind: "TAG_ADD", tags: [], onRefund: "KEEP" }] },
    "actions.0.tags must be a list of 1 to 20",
  ],
  [
    { ...base, actions: [{ key: "x", kind: "TAG_ADD", tags: ["a"], onRefund: "PRORATE" }] },
    "actions.0.onRefund must be one of KEEP, REVERSE",
  ],
  [
    { ...base, actions: [{ key: "X y", kind: "TAG_ADD", tags: ["a"], onRefund: "KEEP" }] },
    "actions.0.key must begin with a letter",
  ],
  [{ ...base, actions: [{ key: "p", kind: "POINTS_GRANT", onRefund: "KEEP" }] }, "actions.0 must have either"],
  [
    { ...base, actions: [{ key: "c", kind: "COUPON_GRANT", name: "C", value: "1.999", onRefund: "KEEP" }] },
    "actions.0.value CNY has 2 decimal places",
  ],
  [{ ...base, actions: [message] }, "actions.0.requires is needed: a message is sent only to those who agreed"],
  [
    { ...base, actions: [{ ...message, requires: "MARKETING_MESSAGE" }] },
    "actions.0.requires names a consent that the block does not ask for",
  ],
  [
    { ...base, consents, actions: [{ ...message, requires: "MARKETING_MESSAGE", onRefund: "REVERSE" }] },
    "actions.0.onRefund must be one of KEEP",
  ],
  [
    { ...base, consents, actions: [{ ...message, requires: "MARKETING_MESSAGE", template: { en: "{secret}" } }] },
    "actions.0.template.en has no variable {secret}",
  ],
  [
    { ...base, consents, actions: [{ ...message, requires: "MARKETING_MESSAGE", window: { from: "25:00" } }] },
    "actions.0.window.from must be a time of day",
  ],
  [{ ...base, consents: [...consents, ...consents] }, "consents.1.purpose is asked for twice"],
  [
    { ...base, targets: [{ kind: "RECEIPT" }, { kind: "RECEIPT", when: { segment: "NEW" } }] },
    "targets.1 can never be reached: one before it",
  ],
  [{ ...base, targets: [{ kind: "STAFF_CONTACT" }] }, "targets.0 can never be reached: the block has no assignment"],
  [
    { ...base, targets: [{ kind: "URL", url: "javascript:alert(1)" }] },
    "targets.0.url must be a URL that begins with https",
  ],
  [{ ...base, targets: [{ kind: "RECEIPT", when: {} }] }, "targets.0.when must say something"],
  [
    { ...base, targets: [{ kind: "RECEIPT", when: { currency: ["USD"] } }] },
    "targets.0.when.currency can never hold: you sell in CNY",
  ],
  [
    { ...base, targets: [{ kind: "RECEIPT", when: { segment: "VIP" } }] },
    "targets.0.when.segment must be one of NEW, RETURNING",
  ],
  [{ ...base, assignment: { pool: "pool_1", fallback: "pool_1" } }, "assignment.fallback must be another pool"],
];

describe("a definition", () => {
  it.each(wrong)("%j is refused, with its path", (given, said) => {
    expect(faults(given).join("; ")).toContain(said);
  });

  it("that nests without end, is too large, or has an action twice is refused", () => {
    let when: object = { segment: "NEW" };
    for (let depth = 0; depth < 10; depth += 1) when = { not: when };
    expect(faults({ ...base, targets: [{ kind: "RECEIPT", when }] }).join()).toContain("must not be nested deeper");
    const note = (key: string) => ({
      key,
      kind: "NOTE_ADD",
      note: "字".repeat(limits.textLengthMax),
      onRefund: "KEEP",
    });
    expect(faults({ ...base, actions: Array.from({ length: 8 }, (_, index) => note(`n${index}`)) }).join()).toContain(
      "bytes",
    );
    expect(faults({ ...base, actions: [note("n"), note("n")] })).toEqual(["actions.1.key is used twice"]);
    expect(faults({ ...base, actions: [note("staff")] }).join()).toContain("is the assignment's own");
  });

  it("is accepted exactly when the published schema accepts its shape", () => {
    const schema = definitionSchema("https://pay.example");
    const spoiled = definition.chain((good) =>
      fc.constantFrom<unknown>(
        good,
        { ...good, more: 1 },
        { ...good, targets: [{ kind: "RECEIPT", when: { any: [] } }] },
        { ...good, actions: [...good.actions, { key: "k", kind: "TIER_SET", tier: " ", onRefund: "KEEP" }] },
        {
          ...good,
          actions: [...good.actions, { key: "k", kind: "TIER_SET", tier: "gold", onRefund: "KEEP", tags: [] }],
        },
        { ...good, identity: { ask: ["PHONE", "FAX"] } },
      ),
    );
    let refused = 0;
    fc.assert(
      fc.property(spoiled, (given) => {
        const shape = faults(given).filter((fault) => !/requires|reached|can never|twice|say something/.test(fault));
        refused += shape.length > 0 ? 1 : 0;
        expect(conforms(schema, given)).toBe(shape.length === 0);
      }),
      { numRuns: 300 },
    );
    expect(refused).toBeGreaterThan(50);
  });
});

describe("the examples", () => {
  it.each(["tea-shop", "training-school"])("%s can be published as it stands", (name) => {
    const { definition: given } = JSON.parse(readFileSync(`examples/${name}.json`, "utf8")) as { definition: unknown };
    expect(faults(given)).toEqual([]);
    expect(conforms(definitionSchema("https://pay.example"), given)).toBe(true);
  });
});

describe("a text with variables", () => {
  it("takes what is known, leaves nothing of what is not, and reads no variable inside a value", () => {
    const values = {
      merchant: "Tea",
      name: "{coupon}",
      number: "1",
      amount: "2",
      points: null,
      coupon: "X",
      staff: null,
      group: null,
    };
    expect(fill("{merchant} thanks {name}: {points}!", values)).toBe("Tea thanks {coupon}: !");
  });
});
