import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TimeLimit } from "../../../src/webhooks/time-limit.ts";

const ms = 15_000;
let limit: TimeLimit;
const now = () => Date.now();

beforeEach(() => {
  vi.useFakeTimers();
  limit = new TimeLimit(ms, now);
});
afterEach(() => void vi.useRealTimers());

/** When it was ended, counted from its beginning; null: not yet. */
function begun() {
  const [startedAt, one] = [now(), limit.begin()];
  const ended = { after: null as number | null, ...one };
  one.signal.addEventListener("abort", () => (ended.after = now() - startedAt));
  return ended;
}

describe("a time limit", () => {
  it("ends each when its time is over, at most a sixtieth later, however they come", () => {
    const all = [0, 10, 240, 5, 700, 14_000, 0, 3_000].map((wait) => {
      vi.advanceTimersByTime(wait);
      return begun();
    });
    vi.advanceTimersByTime(ms - 1);
    expect(all.at(-1)!.after).toBeNull();
    vi.advanceTimersByTime(ms / 60 + 1);
    for (const { after } of all) {
      expect(after).toBeGreaterThanOrEqual(ms);
      expect(after).toBeLessThanOrEqual(ms + ms / 60);
    }
  });

  it("ends nothing that is through, and nothing that began beside it too early", () => {
    const [quick, slow] = [begun(), begun()];
    quick.end();
    vi.advanceTimersByTime(ms - 1);
    expect([quick.after, slow.after]).toEqual([null, null]);
    slow.end();
    vi.advanceTimersByTime(ms);
    expect([quick.after, slow.after]).toEqual([null, null]);
  });

  it("has no timer while nothing is under way", () => {
    expect(vi.getTimerCount()).toBe(0);
    const all = [begun(), begun()];
    vi.advanceTimersByTime(1_000);
    all.push(begun());
    expect(vi.getTimerCount()).toBe(1);
    for (const { end } of all.slice(1)) end();
    expect(vi.getTimerCount()).toBe(1);
    all[0]!.end();
    expect(vi.getTimerCount()).toBe(0);
    begun();
    vi.advanceTimersByTime(2 * ms);
    expect(vi.getTimerCount()).toBe(0);
  });
});
