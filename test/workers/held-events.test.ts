/** What a feed holds for endpoints that are not told at once, in the storage of a real object: nothing is lost, and no endpoint hears of anything out of order. */
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FeedEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import { HeldEvents, type Parcel } from "../../src/durable/held-events.ts";
import type { MerchantFeed } from "../../src/index.ts";
import { newMerchantId } from "./payment-scene.ts";
import { randomKey, someEvent, someTerms } from "./terms.ts";

const orders = [randomKey(), randomKey(), randomKey()];
const event = (sequence: number, order = orders[0]!): FeedEvent =>
  someEvent(someTerms("merchant_00A", { key: order }), sequence, "ORDER_PAID");
/** Nobody answers any more: the object died. */
const never = (): Promise<boolean> => new Promise(() => undefined);
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
  it("reach each endpoint, each order's in the order in which they were held, whoever refuses, dies anywhere, or adds more meanwhile", async () => {
    const names = ["endpoint_A", "endpoint_B", "endpoint_C"];
    for (let seed = 1; seed <= 12; seed += 1) {
      await inStorage(async (storage) => {
        const random = dice(seed);
        let held = new HeldEvents(storage, alarmOf(storage));
        const said = orders.map(() => 0);
        /** By endpoint and order: what it is to hear, and what it has heard. */
        const meant = new Map<string, string[]>();
        const taken = new Map<string, Set<string>>();
        const laneOf = (name: string, { orderKey }: FeedEvent) => `${name} ${orderKey}`;
        const tell = ({ endpointId, events }: Parcel) => {
          for (const one of events) {
            const lane = laneOf(endpointId, one);
            taken.set(lane, (taken.get(lane) ?? new Set()).add(one.id));
          }
        };
        /** As a feed does: some events of one order, to each endpoint those that it wants; told at once, unless that would overtake. */
        const publish = () => {
          const which = Math.floor(random() * orders.length);
          const events = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
            said[which]! += 1;
            return event(said[which]!, orders[which]);
          });
          const parcels = names
            .map((endpointId) => ({ endpointId, events: events.filter(() => random() < 0.6) }))
            .filter((parcel) => parcel.events.length > 0);
          for (const parcel of parcels)
            for (const one of parcel.events) {
              const lane = laneOf(parcel.endpointId, one);
              meant.set(lane, [...(meant.get(lane) ?? []), one.id]);
            }
          const later = parcels.filter((parcel) => held.isBehind(parcel) || random() < 0.5);
          parcels.filter((parcel) => !later.includes(parcel)).forEach(tell);
          held.hold(later, 0);
        };
        const parcelsOf = () =>
          orders.flatMap((order) => names.map((endpointId) => ({ endpointId, events: [event(9, order)] })));
        for (let round = 0; round < 14; round += 1) {
          for (let left = Math.floor(random() * 40); left > 0; left -= 1) publish();
          const { promise: death, resolve: die } = Promise.withResolvers<"died">();
          const handOver = async () => {
            for (const name of names)
              await held.handOver(name, async (parcel) => {
                if (random() < 0.3) publish();
                if (random() < 0.2) return false;
                tell(parcel);
                // It has them, and nobody knows: they come again.
                if (random() < 0.1) return false;
                if (random() > 0.1) return true;
                die("died");
                return never();
              });
            return "done" as const;
          };
          const end = await Promise.race([handOver(), death]);
          // What it has in memory is what it would read.
          const fresh = new HeldEvents(storage, alarmOf(storage));
          if (end === "died") held = fresh;
          expect(held.endpoints().toSorted()).toEqual(fresh.endpoints().toSorted());
          expect(parcelsOf().map((one) => held.isBehind(one))).toEqual(parcelsOf().map((one) => fresh.isBehind(one)));
          for (const [lane, ids] of meant) {
            const has = [...(taken.get(lane) ?? [])];
            expect(has).toEqual(ids.slice(0, has.length));
          }
        }
        for (const name of names)
          await held.handOver(name, async (parcel) => {
            tell(parcel);
            return true;
          });
        for (const [lane, ids] of meant) expect([...(taken.get(lane) ?? [])]).toEqual(ids);
        expect(held.endpoints()).toEqual([]);
        expect(parcelsOf().filter((parcel) => held.isBehind(parcel))).toEqual([]);
        expect([...storage.kv.list({ prefix: "held:" })]).toEqual([]);
      });
    }
  });

  it("hold back what comes later of their own order for that endpoint, and nothing else", async () => {
    await inStorage(async (storage) => {
      const held = new HeldEvents(storage, alarmOf(storage));
      held.hold([{ endpointId: "a", events: [event(1)] }], 0);
      const parcel = (endpointId: string, order = orders[0]!) => ({ endpointId, events: [event(2, order)] });
      expect([parcel("a"), parcel("b"), parcel("a", orders[1])].map((one) => held.isBehind(one))).toEqual([
        true,
        false,
        false,
      ]);
    });
  });

  it("are told in portions that grow with what there is; whose are too many get no more, and the others theirs", async () => {
    await inStorage(async (storage) => {
      const held = new HeldEvents(storage, alarmOf(storage));
      const { feedHeldMax, feedHandOverPortion } = limits;
      const some = (from: number, length: number, endpointId = "a") => ({
        endpointId,
        events: Array.from({ length }, (_, index) => event(from + index)),
      });
      const sizesOf = async (takes: number): Promise<number[]> => {
        const sizes: number[] = [];
        await held.handOver("a", async ({ events }) => sizes.push(events.length) <= takes);
        return sizes;
      };
      held.hold([some(0, feedHandOverPortion + 1)], 0);
      expect(await sizesOf(2)).toEqual([feedHandOverPortion, 1]);
      for (let from = 0; from < feedHeldMax; from += 500) held.hold([some(from, 500)], 0);
      expect(() => held.hold([some(feedHeldMax, 1), some(1, 2, "b")], 0)).toThrow("too much is held");
      expect(held.endpoints()).toEqual(["a", "b"]);
      // Whoever takes no more is asked for no more.
      const portion = feedHeldMax / 8;
      expect(await sizesOf(2)).toEqual([portion, portion, portion]);
      expect([...storage.kv.list({ prefix: "held:a:" })]).toHaveLength(feedHeldMax - 2 * portion);
      held.hold([some(feedHeldMax, 2 * portion)], 0);
    });
  });

  it("are not held when nothing would wake the object to hand them over", async () => {
    await inStorage(async (storage) => {
      const ringBy = () => {
        throw new Error("no alarm");
      };
      const held = new HeldEvents(storage, { ...alarmOf(storage), ringBy });
      const parcel = { endpointId: "a", events: [event(1)] };
      expect(() => held.hold([parcel], 0)).toThrow("no alarm");
      expect([held.endpoints(), held.isBehind(parcel)]).toEqual([[], false]);
    });
  });
});
