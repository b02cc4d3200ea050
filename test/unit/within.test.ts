import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { within } from "../../src/durable/within.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("gives up on somebody who never answers, once the time has passed", async () => {
  const answer = expect(within(5_000, new Promise(() => {}))).rejects.toThrow("no answer within 5000 ms");
  await vi.advanceTimersByTimeAsync(5_000);
  await answer;
});

it("passes on an answer or a fault, and leaves no timer behind", async () => {
  expect(await within(5_000, Promise.resolve(7))).toBe(7);
  await expect(within(5_000, Promise.reject(new Error("refused")))).rejects.toThrow("refused");
  expect(vi.getTimerCount()).toBe(0);
});
