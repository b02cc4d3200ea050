/** A merchant's feed beside endpoints that are told later: who is well never waits for them, and nothing is lost, late for no reason, or out of order. The clock is ours. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { EventType, FeedEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import { FanOut } from "../../src/durable/fan-out.ts";
import { HeldEvents } from "../../src/durable/held-events.ts";
import { LiveFeed } from "../../src/durable/live-feed.ts";
import { WebhookEndpointObject } from "../../src/durable/webhook-endpoint.ts";
import type { MerchantFeed } from "../../src/index.ts";
import { listen, opened, partner, rpc, settled, start, stopListening, until } from "./partner.ts";
import { newMerchantId } from "./payment-scene.ts";
import { randomKey, someEvent, someTerms } from "./terms.ts";

beforeEach(listen);
afterEach(stopListening);

const event = (order = randomKey(), sequence = 1, type: EventType = "ORDER_PAID"): FeedEvent =>
  someEvent(someTerms("merchant_00A", { key: order }), sequence, type);

/** A feed with so many endpoints that want everything. */
async function feedWith(count: number) {
  const merchantId = newMerchantId();
  const feed = env.MERCHANT_FEED.getByName(merchantId);
  const endpoints = await Promise.all(
    Array.from({ length: count }, (_, index) => opened({ merchantId, url: `https://p${index}.example/` })),
  );
  for (const { id } of endpoints) await feed.subscribe({ id, types: [] });
  return { feed, ids: endpoints.map(({ id }) => id) };
}
const alarmOf = (feed: DurableObjectStub<MerchantFeed>) =>
  runInDurableObject(feed, (_: MerchantFeed, { storage }) => storage.getAlarm());
const heardAt = (index: number) =>
  partner.heard.filter(({ url }) => url === `https://p${index}.example/`).map(({ id }) => id);
/** What an endpoint has, whether it sent it or not. */
const queued = async (id: string) => (await rpc(id).deliveries(100, null)).map((one) => one.event.id).toSorted();
const idsOf = (events: readonly FeedEvent[]) => events.map(({ id }) => id).toSorted();
const pause = (id: string) => rpc(id).update({ state: "PAUSED" });

describe("a merchant's feed", () => {
  it("waits once for an endpoint whose own object hangs, tells the others at once, and asks it again in time, in order", async () => {
    const { feed, ids } = await feedWith(2);
    const [hung = "", well = ""] = ids;
    const order = randomKey();
    const asked: number[] = [];
    const { enqueue } = WebhookEndpointObject.prototype;
    const spy = vi.spyOn(WebhookEndpointObject.prototype, "enqueue").mockImplementation(async function (
      this: WebhookEndpointObject,
      events,
    ) {
      const summary = await this.summary();
      if (summary?.url !== "https://p0.example/") return enqueue.call(this, events);
      asked.push(Date.now());
      return new Promise<never>(() => undefined);
    });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await feed.publish([event(order, 1)]);
    await feed.publish([event(order, 2)]);
    await feed.publish([event()]);
    await settled(well);
    expect(heardAt(1)).toHaveLength(3);
    expect(asked).toEqual([start]);
    // Others in trouble would be handed theirs meanwhile: it is not asked with them.
    vi.setSystemTime(start + limits.feedHeldMs);
    await runDurableObjectAlarm(feed);
    expect(asked).toEqual([start]);
    expect(await alarmOf(feed)).toBeLessThanOrEqual(Date.now() + limits.watchdogMs.max);

    spy.mockRestore();
    silent.mockRestore();
    vi.setSystemTime(start + limits.watchdogMs.max);
    await runDurableObjectAlarm(feed);
    await settled(hung);
    expect(heardAt(0)).toHaveLength(3);
    expect(heardAt(0).filter((id) => id.includes(order))).toEqual([event(order, 1).id, event(order, 2).id]);
    await feed.publish([event(order, 3)]);
    await settled(hung);
    expect(heardAt(0).at(-1)).toBe(event(order, 3).id);
  });

  it("tells an endpoint that is well again at once: what is held delays its own order and no other, and nobody is believed to be in trouble for long", async () => {
    const { feed, ids } = await feedWith(1);
    const [id = ""] = ids;
    await pause(id);
    const order = randomKey();
    // Taking the first one it says that it has time.
    const first = event();
    await feed.publish([first]);
    await feed.publish([event(order, 1)]);
    expect(await queued(id)).toEqual([first.id]);
    await rpc(id).update({ state: "ENABLED" });
    vi.setSystemTime(start + limits.feedTroubleBelievedMs);
    await feed.publish([event(order, 2)]);
    const other = event();
    await feed.publish([other]);
    await settled(id);
    expect(heardAt(0)).toEqual([first.id, other.id]);
    await runDurableObjectAlarm(feed);
    await settled(id);
    expect(heardAt(0)).toEqual([first.id, other.id, event(order, 1).id, event(order, 2).id]);
  });

  it("hands over what was held for an endpoint, whatever it has been asked to be told since", async () => {
    const { feed, ids } = await feedWith(1);
    const [id = ""] = ids;
    await pause(id);
    const events = [event(), event()];
    for (const one of events) await feed.publish([one]);
    await feed.subscribe({ id, types: ["ORDER_EXPIRED"] });
    await feed.publish([event()]);
    await evictDurableObject(feed);
    await runDurableObjectAlarm(feed);
    expect(await queued(id)).toEqual(idsOf(events));
  });

  it("looks after its subscriptions when it said it would, however often it is woken to hand over", async () => {
    const { feed, ids } = await feedWith(1);
    await pause(ids[0] ?? "");
    vi.spyOn(LiveFeed.prototype, "isOpen").mockReturnValue(true);
    vi.spyOn(LiveFeed.prototype, "isFollowed").mockReturnValue(true);
    const look = vi.spyOn(LiveFeed.prototype, "lookAfter").mockResolvedValue();
    await feed.publish([event()]);
    await feed.publish([event()]);
    const looksAt = start + limits.liveLookMs;
    for (let rings = 0; look.mock.calls.length === 0; rings += 1) {
      expect(rings).toBeLessThan(10);
      const at = (await alarmOf(feed)) ?? Infinity;
      expect(at).toBeLessThanOrEqual(looksAt);
      vi.setSystemTime(at);
      await runDurableObjectAlarm(feed);
      if (Date.now() < looksAt) await feed.publish([event()]);
    }
    expect(Date.now()).toBe(looksAt);
    expect(look).toHaveBeenCalledTimes(1);

    // Nor does it wait for what hangs, or fail with what fails.
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    vi.spyOn(FanOut.prototype, "handOver").mockImplementationOnce(() => ended);
    look.mockImplementationOnce(async () => end());
    vi.setSystemTime(Date.now() + limits.liveTickMs);
    await runDurableObjectAlarm(feed);
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(FanOut.prototype, "handOver").mockRejectedValueOnce(new Error("no storage"));
    vi.setSystemTime(Date.now() + limits.liveTickMs);
    await runDurableObjectAlarm(feed);
    expect(look).toHaveBeenCalledTimes(3);
  });

  it("asks all who do not answer side by side, and hands over meanwhile to whoever does", async () => {
    const { feed, ids } = await feedWith(4);
    const [paused = ""] = ids;
    await pause(paused);
    const first = event();
    await feed.publish([first]);
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const asked = new Set<string>();
    const { enqueue } = WebhookEndpointObject.prototype;
    let isDown = true;
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    vi.spyOn(WebhookEndpointObject.prototype, "enqueue").mockImplementation(async function (
      this: WebhookEndpointObject,
      events,
    ) {
      const url = (await this.summary())?.url ?? "";
      if (url === "https://p0.example/") return enqueue.call(this, events);
      if (isDown) throw new Error("it is broken");
      asked.add(url);
      // Each waits until all have been asked.
      if (asked.size === 3) answer();
      await answered;
      return enqueue.call(this, events);
    });
    const second = event();
    await feed.publish([second]);
    isDown = false;
    vi.setSystemTime(start + limits.watchdogMs.max);
    await runDurableObjectAlarm(feed);
    for (const [index, id] of ids.entries()) {
      await settled(id);
      expect(await queued(id)).toEqual(idsOf([first, second]));
      expect(heardAt(index)).toHaveLength(index === 0 ? 0 : 2);
    }
  });

  it("asks an object that was merely reset once more, and believes of nobody that they are silent for whom nothing is held", async () => {
    const { feed, ids } = await feedWith(1);
    const [id = ""] = ids;
    const { enqueue } = WebhookEndpointObject.prototype;
    const spy = vi.spyOn(WebhookEndpointObject.prototype, "enqueue");
    spy.mockImplementationOnce(async () => {
      throw Object.assign(new Error("reset by a deploy"), { retryable: true });
    });
    await feed.publish([event()]);
    await settled(id);
    expect(heardAt(0)).toHaveLength(1);

    // It fails once, and nothing can be held for it.
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    spy.mockRejectedValueOnce(new Error("it is broken"));
    vi.spyOn(HeldEvents.prototype, "hold").mockImplementationOnce(() => {
      throw new Error("no storage");
    });
    const lost = event();
    await expect(Promise.resolve(feed.publish([lost]))).rejects.toThrow("no storage");
    silent.mockRestore();
    spy.mockImplementation(enqueue);
    await feed.publish([lost]);
    await settled(id);
    expect(heardAt(0)).toHaveLength(2);
  });

  it("that is found with something held and no alarm has one again", async () => {
    const { feed, ids } = await feedWith(1);
    const [id = ""] = ids;
    await pause(id);
    const events = [event(), event()];
    for (const one of events) await feed.publish([one]);
    await runInDurableObject(feed, (_: MerchantFeed, { storage }) => storage.deleteAlarm());
    await evictDurableObject(feed);
    await feed.logged();
    await until(async () => (await alarmOf(feed)) !== null);
    await runDurableObjectAlarm(feed);
    expect(await queued(id)).toEqual(idsOf(events));
  });
});
