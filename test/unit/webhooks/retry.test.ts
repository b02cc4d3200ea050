import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import { attemptsMax, judge, type Outcome } from "../../../src/webhooks/retry.ts";

const now = Date.parse("2026-11-23T08:00:00Z");
const outcome = (status: number | null, retryAfter: string | null = null): Outcome => ({
  status,
  error: null,
  durationMs: 5,
  responseBody: null,
  retryAfter,
});
const hour = 3_600_000;

describe("an attempt", () => {
  it.each([200, 201, 202, 204, 299])("succeeded with %i", (status) => {
    expect(judge(outcome(status), 1, now, 0.5).state).toBe("SUCCEEDED");
  });

  it.each([null, 100, 199, 300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 599])(
    "failed with %s and is made again",
    (status) => {
      expect(judge(outcome(status), 1, now, 0.5).state).toBe("RETRYING");
    },
  );

  it("is made again after 5 s, 30 s, 2 min, 10 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h", () => {
    const minute = 60_000;
    const waits = [
      5000,
      30_000,
      2 * minute,
      10 * minute,
      30 * minute,
      2 * hour,
      5 * hour,
      10 * hour,
      14 * hour,
      20 * hour,
      24 * hour,
    ];
    expect(waits.map((_, index) => judge(outcome(500), index + 1, now, 0.5).nextAt)).toEqual(
      waits.map((wait) => now + wait),
    );
  });

  it("is made again within ±20 % of that, over the whole width", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 11 }),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (number, random) => {
          const wait = limits.webhookRetryMs[number - 1] ?? 0;
          const waited = (judge(outcome(500), number, now, random).nextAt ?? 0) - now;
          expect(waited).toBeGreaterThanOrEqual(Math.floor(wait * 0.8));
          expect(waited).toBeLessThanOrEqual(Math.ceil(wait * 1.2));
        },
      ),
    );
    expect(judge(outcome(500), 1, now, 0).nextAt).toBe(now + 4000);
    expect(judge(outcome(500), 1, now, 0.999999).nextAt).toBe(now + 6000);
  });

  it("is the last one when it is the twelfth", () => {
    expect(attemptsMax).toBe(12);
    expect(judge(outcome(500), 12, now, 0.5)).toEqual({ state: "DEAD", nextAt: null, holdUntil: null, gone: false });
    expect(judge(outcome(200), 12, now, 0.5).state).toBe("SUCCEEDED");
  });

  it("is the endpoint's last when the partner answers 410", () => {
    expect(judge(outcome(410), 1, now, 0.5)).toEqual({ state: "DEAD", nextAt: null, holdUntil: null, gone: true });
  });
});

describe("Retry-After", () => {
  it.each([
    ["seconds", "120", 120_000],
    ["a date", "Mon, 23 Nov 2026 08:10:00 GMT", 600_000],
    ["longer than a day", "999999", 24 * hour],
    ["absurdly long", "9".repeat(400), 24 * hour],
  ])("of 429 and 503 holds the endpoint back: %s", (_what, header, wait) => {
    for (const status of [429, 503]) {
      const verdict = judge(outcome(status, header), 1, now, 0.5);
      expect(verdict).toMatchObject({ nextAt: now + wait, holdUntil: now + wait });
    }
  });

  it("never makes an attempt earlier than it would have been", () => {
    expect(judge(outcome(429, "1"), 6, now, 0.5)).toMatchObject({ nextAt: now + 2 * hour, holdUntil: now + 1000 });
    expect(judge(outcome(429, "Mon, 23 Nov 2020 08:10:00 GMT"), 1, now, 0.5)).toMatchObject({
      nextAt: now + 5000,
      holdUntil: now,
    });
  });

  it.each([null, "", "soon", "-5x", "1e999z"])("that says nothing is no Retry-After: %s", (header) => {
    expect(judge(outcome(429, header), 1, now, 0.5)).toMatchObject({ nextAt: now + 5000, holdUntil: null });
  });

  it("of any other answer is not meant for us", () => {
    expect(judge(outcome(500, "120"), 1, now, 0.5)).toMatchObject({ nextAt: now + 5000, holdUntil: null });
  });
});
