/** What a feed holds for endpoints that are not told at once, in the storage of a real object: nothing is lost, and no endpoint hears of anything out of order. */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FeedEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import { HeldEvents } from "../../src/durable/held-events.ts";
import type { MerchantFeed } from "../../src/index.ts";
import { newMerchantId } from "./payment-scene.ts";
import { randomKey, someEvent, someTerms } from "./terms.ts";

const order = randomKey();
const event = (sequence: number): FeedEvent =>
  someEvent(someTerms("merchant_00A", { key: order }), sequence, "ORDER_PAID");
const inStorage = <T>(work: (storage: DurableObjectStorage) => Promise<T> | T): Promise<T> =>
  runInDurableObject(env.MERCHANT_FEED.getByName(newMerchantId()), (_: MerchantFeed, state) => work(state.storage));

/** Who hands over what is held is the test. */
const alarmOf = (storage: DurableObjectStorage) => ({
  transaction: <Done>(work: () => Done) => storage.transactionSync(work),
  ringBy: () => {},
});

/** The same numbers for the same seed. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

// Others have their turn between two calls: here nobody waits for it.
beforeEach(() => void vi.spyOn(scheduler, "wait").mockResolvedValue());
afterEach(() => void vi.restoreAllMocks());

describe("held events", () => {
  it("reach each endpoint in the order in which they were held, whoever refuses, dies, or adds more meanwhile", async () => {
    const names = ["a", "b", "c"];
    for (let seed = 1; seed <= 12; seed += 1) {
      await inStorage(async (storage) => {
        const random = dice(seed);
        let held = new HeldEvents(storage, alarmOf(storage));
        let next = 1;
        const meant = new Map(names.map((name) => [name, [] as string[]]));
        const taken = new Map(names.map((name) => [name, new Set<string>()]));
        const hold = () => {
          const endpoints = names.filter(() => random() < 0.6);
          if (endpoints.length === 0) return;
          const one = { event: event(next), endpoints };
          next += 1;
          held.hold([one]);
          for (const name of endpoints) meant.get(name)?.push(one.event.id);
        };
        for (let round = 0; round < 14; round += 1) {
          const isLast = round === 13;
          for (let count = Math.floor(random() * 40); count > 0; count -= 1) hold();
          if (random() < 0.3) held = new HeldEvents(storage, alarmOf(storage));
          await held.handOver(async (name, events) => {
            if (random() < 0.3) hold();
            if (!isLast && random() < 0.2) throw new Error("it takes nothing");
            for (const { id } of events) taken.get(name)?.add(id);
            // It has them, and nobody knows: they come again.
            if (!isLast && random() < 0.1) throw new Error("the answer is lost");
          });
          for (const name of names) {
            const has = [...(taken.get(name) ?? [])];
            expect(has).toEqual(meant.get(name)?.slice(0, has.length));
            // Else what comes next would overtake.
            expect(held.isBehind(name) || has.length === meant.get(name)?.length).toBe(true);
          }
        }
        await held.handOver(async (name, events) => {
          for (const { id } of events) taken.get(name)?.add(id);
        });
        for (const name of names) {
          expect([...(taken.get(name) ?? [])]).toEqual(meant.get(name));
          expect(held.isBehind(name)).toBe(false);
        }
        expect(held.isEmpty()).toBe(true);
        expect([...storage.kv.list({ prefix: "held:" })]).toEqual([]);
      });
    }
  });

  it("are told a portion at a time, so that no call and no transaction grows with an outage, and are no more than so many", async () => {
    await inStorage(async (storage) => {
      const held = new HeldEvents(storage, alarmOf(storage));
      const portion = Array.from({ length: 500 }, (_, index) => ({ event: event(index + 1), endpoints: ["a"] }));
      for (let count = 0; count < limits.feedHeldMax; count += portion.length) held.hold(portion);
      expect(() => held.hold(portion.slice(0, 1))).toThrow("too much is held");
      const sizes: number[] = [];
      await held.handOver(async (_name, events) => {
        sizes.push(events.length);
        if (sizes.length === 3) throw new Error("it takes no more");
      });
      expect(sizes).toEqual([1, 2, 3].map(() => limits.feedHandOverPortion));
      const left = limits.feedHeldMax - 2 * limits.feedHandOverPortion;
      expect([...storage.kv.list({ prefix: "held:" })]).toHaveLength(left);
    });
  });

  it("are not held when nothing would wake the object to hand them over", async () => {
    await inStorage(async (storage) => {
      const ringBy = () => {
        throw new Error("no alarm");
      };
      const held = new HeldEvents(storage, { ...alarmOf(storage), ringBy });
      expect(() => held.hold([{ event: event(1), endpoints: ["a"] }])).toThrow("no alarm");
      expect([held.isEmpty(), held.isBehind("a")]).toEqual([true, false]);
    });
  });
});
