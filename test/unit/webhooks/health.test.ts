import { describe, expect, it } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import { after, doubted, isFailing, isHopeless, sound, type Health } from "../../../src/webhooks/health.ts";

const start = 1_000_000;
const minute = 60_000;
const hour = 60 * minute;

/** Failures at these moments, in milliseconds from the start. */
const failedAt = (...moments: number[]): Health =>
  moments.reduce((health, moment) => after(health, false, start + moment), sound);
const everySecond = (seconds: number): number[] => Array.from({ length: seconds }, (_, index) => index * 1000);

describe("an endpoint's health", () => {
  it("opens the breaker only after many failures in a row that lasted a while", () => {
    const atOnce = Array.from({ length: 60 }, () => 0);
    expect(failedAt(...atOnce, 4_999).probeAt).toBeNull();
    expect(failedAt(...everySecond(9)).probeAt).toBeNull();
    expect(failedAt(...everySecond(10)).probeAt).toBe(start + 9_000 + 1_000);
    expect(failedAt(...atOnce, 5_000).probeAt).toBe(start + 5_000 + 1_000);
  });

  it("forgets all of it with the first success", () => {
    const failing = failedAt(...everySecond(61));
    expect(after(failing, true, start + 2 * minute)).toBe(sound);
    expect(after(sound, true, start)).toBe(sound);
  });

  it("asks ever less often, from seconds to five minutes, and what was under way already postpones nothing", () => {
    const opened = failedAt(...everySecond(10));
    expect(after(opened, false, start + 9_001).probeAt).toBe(opened.probeAt);
    const pauses = [minute, 2 * minute, 10 * minute, hour, 60 * hour].map((moment) => {
      const { probeAt } = after(opened, false, start + moment);
      return (probeAt ?? 0) - start - moment;
    });
    expect(pauses).toEqual([6_000, 12_000, minute, 5 * minute, 5 * minute]);
    expect(limits.webhookBreaker.pauseMs).toEqual({ min: 1000, max: 5 * minute });
  });

  it("lets one more try at once when a person asks, and only then", () => {
    expect(doubted(failedAt(...everySecond(10)), start + 9_500).probeAt).toBe(start + 9_500);
    expect(doubted(failedAt(0), start)).toEqual(failedAt(0));
  });

  it("is failing after an hour and hopeless after five days of nothing but failures, however few", () => {
    const once = failedAt(0);
    expect([isFailing(sound, start), isFailing(once, start + hour - 1), isFailing(once, start + hour)]).toEqual([
      false,
      false,
      true,
    ]);
    const days = 120 * hour;
    expect([isHopeless(once, start + days - 1), isHopeless(once, start + days)]).toEqual([false, true]);
    expect(isHopeless(after(after(once, true, start + 1), false, start + 2), start + days)).toBe(false);
  });
});
