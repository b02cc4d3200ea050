import { describe, expect, it } from "vitest";
import { parseInstant } from "../../../src/core/instant.ts";

describe("an instant as others write it", () => {
  it.each([
    ["2026-11-23T08:30:00Z", "2026-11-23T08:30:00.000Z"],
    ["2026-11-23T16:30:00+08:00", "2026-11-23T08:30:00.000Z"],
    ["2026-11-23t08:30:00.123456z", "2026-11-23T08:30:00.123Z"],
    ["2028-02-29T00:00:00-00:30", "2028-02-29T00:30:00.000Z"],
  ])("%s is understood", (text, expected) => {
    expect(new Date(parseInstant(text) ?? Number.NaN).toISOString()).toBe(expected);
  });

  it.each([
    "",
    "yesterday",
    "2026-11-23",
    "2026-11-23T08:30Z",
    "2026-11-23T08:30:00",
    "2026-11-23 08:30:00Z",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2027-02-29T00:00:00Z",
    "2026-11-23T25:00:00Z",
    "Mon 2026-11-23T08:30:00Z",
    "2026-11-23T08:30:00Z GMT",
    new Date(0),
    "+002026-11-23T08:30:00Z",
    1_764_000_000_000,
    null,
    undefined,
    {},
  ])("%j is not", (value) => {
    expect(parseInstant(value)).toBeNull();
  });
});
