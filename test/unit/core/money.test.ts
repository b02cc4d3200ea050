import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import {
  allocate,
  exponentOf,
  formatDecimal,
  isCurrency,
  isMinor,
  money,
  parseDecimal,
  type Currency,
} from "../../../src/core/money.ts";
import { runs } from "./histories.ts";

const jpy = "JPY" as Currency;
const cny = "CNY" as Currency;
const kwd = "KWD" as Currency;
const minors = fc.integer({ min: 0, max: limits.amountMinorMax });

describe("money", () => {
  it.each([
    [jpy, 0, 1_990, "1990"],
    [cny, 2, 1_990, "19.90"],
    [cny, 2, 5, "0.05"],
    [cny, 2, 0, "0.00"],
    [kwd, 3, 1_990, "1.990"],
    [kwd, 3, -5, "-0.005"],
  ])("%s has %i places: %i is %s", (currency, places, minor, text) => {
    expect(exponentOf(currency)).toBe(places);
    expect(formatDecimal(money(minor, currency))).toBe(text);
  });

  it("comes back from its decimal, for currencies of 0, 2 and 3 places", () => {
    fc.assert(
      fc.property(fc.constantFrom(jpy, cny, kwd), minors, (currency, minor) => {
        expect(parseDecimal(formatDecimal(money(minor, currency)), currency)).toEqual({ ok: true, value: minor });
      }),
      runs(5_000, 0.2),
    );
  });

  it("takes fewer places than the currency has, and never rounds more", () => {
    expect(parseDecimal("19.9", cny)).toEqual({ ok: true, value: 1_990 });
    expect(parseDecimal("19", kwd)).toEqual({ ok: true, value: 19_000 });
    expect(parseDecimal("100", jpy)).toEqual({ ok: true, value: 100 });
    expect(parseDecimal("19.999", cny)).toEqual({ ok: false, error: "CNY has 2 decimal places, not 3" });
    expect(parseDecimal("100.0", jpy)).toEqual({ ok: false, error: "JPY has 0 decimal places, not 1" });
    expect(parseDecimal("ten", cny)).toEqual({ ok: false, error: 'must be a plain decimal such as "19.90"' });
    expect(parseDecimal("10000000000.01", cny)).toEqual({ ok: false, error: "is too large" });
  });

  it.each([
    "",
    " 1",
    "1 ",
    "-1",
    "+1",
    "1e3",
    "1,000",
    ".5",
    "5.",
    "0x10",
    "１",
    "NaN",
    "1.2.3",
    "9".repeat(16),
    "10000000000.01",
  ])("refuses %j", (text) => {
    expect(parseDecimal(text, cny).ok).toBe(false);
  });

  it("knows the currencies people pay with, by their upper-case code", () => {
    expect(["AED", "CNY", "DJF", "JPY", "KHR", "KWD", "EUR", "OMR", "TOP", "TRY", "ZWG"].every(isCurrency)).toBe(true);
    expect(["cny", "XXX", "XAU", "", "CNYY", "__proto__"].some(isCurrency)).toBe(false);
  });

  it("is a safe integer within the limit, and nothing else", () => {
    expect([0, -1, limits.amountMinorMax].every(isMinor)).toBe(true);
    expect([0.1, Number.NaN, Infinity, limits.amountMinorMax + 1, "1", null, 1n].some(isMinor)).toBe(false);
  });
});

describe("allocate", () => {
  const weights = fc.array(fc.integer({ min: 0, max: limits.amountMinorMax }), { minLength: 1, maxLength: 20 });

  it("loses no unit, and gives each its share to within one", () => {
    fc.assert(
      fc.property(minors, weights, (total, shares) => {
        const parts = allocate(total, shares);
        expect(parts.reduce((all, part) => all + part, 0)).toBe(total);
        const sum = shares.reduce((all, weight) => all + BigInt(weight), 0n);
        const close = parts.every((part, index) => {
          const distance = BigInt(part) * sum - BigInt(total) * BigInt(shares[index] ?? 0);
          return sum === 0n || (distance > -sum && distance < sum);
        });
        expect(close).toBe(true);
      }),
      runs(5_000, 0.2),
    );
  });

  it("gives the remainder to the largest fractions, ties to the earlier, and nothing to no weight", () => {
    expect(allocate(100, [1, 1, 1])).toEqual([34, 33, 33]);
    expect(allocate(10, [1, 2, 0])).toEqual([3, 7, 0]);
    expect(allocate(1, [1, 3])).toEqual([0, 1]);
    expect(allocate(4, [3, 1, 1])).toEqual([2, 1, 1]);
    expect(allocate(3, [5, 4, 1])).toEqual([2, 1, 0]);
    expect(allocate(7, [4, 3, 3])).toEqual([3, 2, 2]);
    expect(allocate(5, [0, 0])).toEqual([3, 2]);
    expect(allocate(0, [3, 4])).toEqual([0, 0]);
  });
});
