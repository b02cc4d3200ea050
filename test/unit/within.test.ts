import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { within } from "../../src/durable/within.ts";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("gives up on somebody who never answers, once the time has passed", async () => {
  const heard = vi.fn();
  const answer = within(5_000, new Promise(() => {})).catch(heard);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(heard).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  await answer;
  expect(heard).toHaveBeenCalledWith(new Error("no answer within 5000 ms"));
});

it("passes on an answer or a fault, and leaves no timer behind", async () => {
  expect(await within(5_000, Promise.resolve(7))).toBe(7);
  await expect(within(5_000, Promise.reject(new Error("refused")))).rejects.toThrow("refused");
  expect(vi.getTimerCount()).toBe(0);
});
