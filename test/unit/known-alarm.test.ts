/** What an instance believes of its alarm, against the alarm that is really set. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { KnownAlarm } from "../../src/durable/known-alarm.ts";
import { Disk, storageOn } from "../simulation/disk.ts";

const start = Date.parse("2031-05-01T08:00:00Z");
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  vi.stubGlobal("scheduler", { wait: () => Promise.resolve() });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const nothing = { committing: () => undefined, committed: () => undefined };

/** An instance over what `disk` keeps, which has learnt what it can. */
async function instanceOver(disk: Disk, wakeAt?: () => number | null, isBlind = false): Promise<KnownAlarm> {
  const storage = storageOn(disk, nothing);
  if (isBlind) storage.getAlarm = () => Promise.reject(new Error("it cannot be seen"));
  let learnt = Promise.resolve();
  const alarm = new KnownAlarm({ storage, blockConcurrencyWhile: (work) => (learnt = work()) }, wakeAt);
  await learnt;
  await new Promise(setImmediate);
  return alarm;
}

describe("an object's alarm", () => {
  it("is set again where one with work is found without, stays where there is one, and where there is nothing to do none is set", async () => {
    const disk = new Disk();
    await instanceOver(disk, () => null);
    expect(disk.alarm).toBeNull();
    await instanceOver(disk, () => start + 5_000);
    expect(disk.alarm).toBe(start + 5_000);
    await instanceOver(disk, () => start + 1);
    expect(disk.alarm).toBe(start + 5_000);
  });

  it("that cannot be seen rings at once where there is work, and is set by whoever wants one where there is none", async () => {
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const disk = new Disk();
    for (const due of [null, start - 1, start + 3_600_000]) {
      disk.alarm = due;
      await instanceOver(disk, () => start + 60_000, true);
      expect(disk.alarm).toBe(start);
    }
    disk.alarm = null;
    const alarm = await instanceOver(disk, () => null, true);
    expect(disk.alarm).toBeNull();
    alarm.ringBy(start + 60_000);
    expect(disk.alarm).toBe(start + 60_000);
    expect(silent).toHaveBeenCalledTimes(4);
  });

  it("that is set in a transaction is forgotten with it, so whatever comes next sets it", async () => {
    const disk = new Disk();
    const alarm = await instanceOver(disk);
    const fails = (work: () => void) => () =>
      alarm.transaction(() => {
        alarm.transaction(work);
        throw new Error("rolled back");
      });
    expect(fails(() => alarm.ringBy(start + 1_000))).toThrow("rolled back");
    expect(disk.alarm).toBeNull();
    alarm.transaction(() => alarm.ringBy(start + 1_000));
    expect(disk.alarm).toBe(start + 1_000);
    expect(fails(() => alarm.set(null))).toThrow("rolled back");
    alarm.set(start + 1_000);
    alarm.ringBy(start + 2_000);
    expect(disk.alarm).toBe(start + 1_000);
  });

  it("is left alone by whoever wants it by then, while it rings earlier or at any moment; and one that never came is set", async () => {
    const disk = new Disk();
    const alarm = await instanceOver(disk);
    alarm.ringBy(start + 1_000);
    alarm.ringBy(null);
    alarm.ringBy(start + 9_000);
    expect(disk.alarm).toBe(start + 1_000);
    alarm.ringBy(start + 500);
    expect(disk.alarm).toBe(start + 500);
    vi.setSystemTime(start + 600);
    alarm.ringBy(start + 9_000);
    expect(disk.alarm).toBe(start + 500);
    vi.setSystemTime(start + 500 + limits.watchdogMs.longMax);
    alarm.ringBy(start + 99_000);
    expect(disk.alarm).toBe(start + 99_000);
  });

  it("is set again before whoever is rung does anything, and rests when nothing is left", async () => {
    const disk = new Disk();
    const alarm = await instanceOver(disk);
    alarm.set(start);
    disk.alarm = null;
    alarm.rang(start + 5_000);
    expect(disk.alarm).toBe(start + 5_000);
    alarm.set(start + 6_000);
    expect(disk.alarm).toBe(start + 5_000);
    alarm.set(start + 6_000, true);
    expect(disk.alarm).toBe(start + 6_000);
    alarm.set(null);
    expect(disk.alarm).toBeNull();
  });
});
