/** What a merchant's conditions mean: each clause at its edge, how clauses are put together, and what is said where one fails. */
import { describe, expect, it } from "vitest";
import { asksNth, failing, holds, judge, type Circumstances, type Verdict } from "../../../src/core/conditions.ts";
import type { Condition } from "../../../src/core/definition.ts";
import { hour, placedAt, terms, total, usd } from "./sample.ts";

const { merchant, currency, lines, attribution } = terms();
const base: Circumstances = {
  terms: { total, currency, lines, attribution, merchant },
  at: placedAt + 9 * hour,
  wallet: "SANDBOX",
  locale: "en",
  country: null,
  said: [],
  agreed: [],
  firstTime: true,
  nth: 1,
};
const sold = (fields: Partial<Circumstances["terms"]>): Circumstances => ({
  ...base,
  terms: { ...base.terms, ...fields },
});
const verdicts = (condition: Condition, ...all: readonly Circumstances[]): readonly Verdict[] =>
  all.map((circumstances) => holds(condition, circumstances));
const speaking = (...locales: readonly string[]) => locales.map((locale): Circumstances => ({ ...base, locale }));

const never: Condition = { channel: ["no such channel"] };
const always: Condition = { not: never };
const unknown: Condition = { segment: "NEW" };
const unanswered: Circumstances = { ...base, agreed: null, firstTime: null, nth: null };

describe("a condition", () => {
  it("takes an amount from exactly its decimal on, or below it, in the order's own currency", () => {
    const around = [total - 1, total, total + 1].map((amount) => sold({ total: amount }));
    expect(verdicts({ amountAtLeast: "100.00" }, ...around)).toEqual([false, true, true]);
    expect(verdicts({ amountBelow: "100.00" }, ...around)).toEqual([true, false, false]);
    expect(verdicts({ amountAtLeast: "50.00", amountBelow: "100.00" }, ...around)).toEqual([true, false, false]);
    expect(verdicts({ currency: ["USD", "EUR"] }, base, sold({ currency: usd }))).toEqual([false, true]);
  });

  it("fits an order by any one of its products, however many others are in it", () => {
    const [tea] = lines;
    if (!tea) throw new Error("a line");
    const mixed = sold({ lines: [tea, { ...tea, productId: "product_2" }] });
    const unlisted = sold({ lines: [{ ...tea, productId: null }] });
    expect(verdicts({ product: ["product_2", "product_3"] }, mixed, base, unlisted)).toEqual([true, false, false]);
  });

  it("fits where the code hung, which wallet paid and from which country, and nothing where that was never told", () => {
    const hung = sold({ attribution: { ...attribution, channel: "table", placementId: "placement_7" } });
    expect(verdicts({ channel: ["table"] }, hung, base)).toEqual([true, false]);
    expect(verdicts({ placement: ["placement_7"] }, hung, base)).toEqual([true, false]);
    expect(verdicts({ placement: ["placement_8"] }, hung)).toEqual([false]);
    expect(verdicts({ wallet: ["STRIPE", "MANUAL"] }, base, { ...base, wallet: "STRIPE" })).toEqual([false, true]);
    expect(verdicts({ country: ["CN", "SG"] }, { ...base, country: "SG" }, { ...base, country: "US" }, base)).toEqual([
      true,
      false,
      false,
    ]);
  });

  it("takes a language for all of its regions and a region for itself, however it is spelt", () => {
    const heard = speaking("zh", "zh-CN", "ZH-tw", "zhx", "en-zh-", "en");
    expect(verdicts({ locale: ["zh"] }, ...heard)).toEqual([true, true, true, false, false, false]);
    expect(verdicts({ locale: ["ZH-cn"] }, ...heard)).toEqual([false, true, false, false, false, false]);
    expect(verdicts({ locale: ["fr", "EN"] }, ...heard)).toEqual([false, false, false, false, true, true]);
  });

  it("reads the time on the merchant's own clock", () => {
    const morning: Condition = { time: { from: "09:00", until: "12:00" } };
    const inShanghai = sold({ merchant: { ...merchant, timeZone: "Asia/Shanghai" } });
    expect(verdicts(morning, base, { ...base, at: base.at - 1 }, inShanghai)).toEqual([true, false, false]);
  });

  it("tells the new from the returning and counts purchases, once that is known", () => {
    const third: Circumstances = { ...base, firstTime: false, nth: 3 };
    expect(verdicts({ segment: "NEW" }, base, third, unanswered)).toEqual([true, false, null]);
    expect(verdicts({ segment: "RETURNING" }, base, third, unanswered)).toEqual([false, true, null]);
    expect(verdicts({ nthPurchase: [2, 3] }, base, third, unanswered)).toEqual([false, true, null]);
  });

  it("takes a yes at once, and a missing yes for a no only when no more can come", () => {
    const both: Condition = { consent: ["PROFILING", "PARTNER_SHARING"] };
    expect(
      verdicts(
        both,
        { ...unanswered, said: ["PROFILING", "PARTNER_SHARING"] },
        { ...unanswered, said: ["PROFILING"] },
        { ...base, said: ["PROFILING"], agreed: ["PROFILING"] },
        { ...base, agreed: ["PARTNER_SHARING", "PROFILING"] },
      ),
    ).toEqual([true, null, false, true]);
  });

  it("is put together of others so that what is not known yet counts only where it would decide", () => {
    const rows: readonly (readonly [Condition, Verdict])[] = [
      [{ all: [always, always] }, true],
      [{ all: [always, unknown] }, null],
      [{ all: [unknown, never] }, false],
      [{ any: [never, never] }, false],
      [{ any: [never, unknown] }, null],
      [{ any: [unknown, always] }, true],
      [{ any: [never, always] }, true],
      [{ not: always }, false],
      [{ not: unknown }, null],
      [{ all: [always], any: [never] }, false],
      [{}, true],
    ];
    for (const [condition, verdict] of rows)
      expect([condition, holds(condition, unanswered)]).toEqual([condition, verdict]);
    expect(holds(undefined, unanswered)).toBe(true);
  });

  it("has purchases counted wherever in it they are asked for, and else not", () => {
    const asking: Condition = { nthPurchase: [2] };
    const asked: readonly Condition[] = [
      asking,
      { all: [never, asking] },
      { any: [asking, never] },
      { not: asking },
      { all: [{ any: [{ not: asking }] }] },
    ];
    expect(asked.map(asksNth)).toEqual([true, true, true, true, true]);
    const silent = [undefined, {}, never, always, unknown, { all: [never], any: [unknown] }];
    expect(silent.map(asksNth)).toEqual([false, false, false, false, false, false]);
  });

  it("names what fails of it in the merchant's own words, and what is not known yet apart", () => {
    const mixed: Condition = { amountAtLeast: "500.00", segment: "NEW", wallet: ["SANDBOX"] };
    expect(failing(mixed, unanswered)).toEqual([
      'amountAtLeast "500.00" does not hold',
      'segment "NEW" is not known yet',
    ]);
    expect(failing(mixed, { ...base, firstTime: false })).toEqual([
      'amountAtLeast "500.00" does not hold',
      'segment "NEW" does not hold',
    ]);
    expect([failing(always, base), failing(undefined, base)]).toEqual([[], []]);
  });

  it("that fails is said before a consent that lacks, and what may still become true is waited for", () => {
    const requires = "PROFILING";
    expect(judge({ when: never, requires }, unanswered)).toBe("SKIPPED_CONDITION");
    expect(judge({ when: never, requires }, base)).toBe("SKIPPED_CONDITION");
    expect(judge({ when: always, requires }, base)).toBe("SKIPPED_NO_CONSENT");
    expect(judge({ when: unknown, requires }, { ...unanswered, said: [requires] })).toBe("WAIT");
    expect(judge({ when: always, requires }, unanswered)).toBe("WAIT");
    expect(judge({ when: always, requires }, { ...base, agreed: [requires] })).toBe("RUN");
    expect(judge({}, unanswered)).toBe("RUN");
  });
});
