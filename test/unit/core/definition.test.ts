/** What a definition means beside its conditions: whose language is spoken, and what becomes of an assignment. */
import { describe, expect, it } from "vitest";
import { textFor, type Assignment } from "../../../src/core/definition.ts";
import { captured, Life, refunded, refundNumber, returned, terms } from "./sample.ts";

describe("a text", () => {
  const texts = { fr: "Merci", "zh-TW": "謝謝", "zh-CN": "谢谢", en: "Thank you" };
  const said = (...locales: readonly string[]) => textFor(texts, ...locales).locale;

  it("is in the person's very language, else in one that they read, however the tag is spelt", () => {
    expect(textFor(texts, "zh-CN", "fr")).toEqual({ locale: "zh-CN", text: "谢谢" });
    expect([said("ZH-cn"), said("zh-HK"), said("EN-gb", "fr"), said("en")]).toEqual(["zh-CN", "zh-TW", "en", "en"]);
  });

  it("is in the merchant's language where there is none in the person's, else the first there is", () => {
    expect([said("ja", "en-US"), said("ja", "es"), said()]).toEqual(["en", "fr", "fr"]);
    expect(textFor({}, "en")).toEqual({ locale: "", text: "" });
  });
});

describe("an assignment", () => {
  const paid = (assignment: Assignment): Life => {
    const definition = { actions: [], assignment, targets: [] };
    const life = new Life(terms({}, { countsStock: false, block: { id: "block_1", version: 1, definition } }));
    life.tell(captured("A"));
    return life;
  };

  it("asks nobody where its condition fails", () => {
    const states = ["500.00", "50.00"].map(
      (amountAtLeast) => paid({ pool: "pool_1", when: { amountAtLeast } }).order.conversion?.actions[0]?.state,
    );
    expect(states).toEqual(["SKIPPED_CONDITION", "PENDING"]);
  });

  it("outlives a refund: whoever looks after the customer goes on doing so", () => {
    const life = paid({ pool: "pool_1" });
    const hold = { pool: "pool_1", member: "staff_1", name: "Mei", contactUrl: null, firm: true };
    life.tell({ kind: "assigned", turn: 1, pool: "pool_1", hold });
    life.tell(refunded(null));
    life.tell(returned(refundNumber(1), "A"));
    expect(life.order.conversion).toMatchObject({
      state: "REVERSED",
      actions: [{ kind: "STAFF_ASSIGN", state: "DONE", staff: { member: "staff_1" } }],
    });
  });
});
