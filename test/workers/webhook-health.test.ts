/** An endpoint over hours and days of failure: spared by its breaker, shown as failing, given up, and said to be. The clock is ours. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { pageEvents } from "../../src/db/event-log.ts";
import type { FeedEvent } from "../../src/core/events.ts";
import type { MerchantFeed, WebhookEndpoint } from "../../src/index.ts";
import {
  alarmOf,
  forget,
  listen,
  opened,
  partner,
  ring,
  rpc,
  settled,
  start,
  stopListening,
  stubOf,
  until,
  verified,
} from "./partner.ts";
import { newMerchantId } from "./payment-scene.ts";
import { randomKey, someEvent, someTerms } from "./terms.ts";

beforeEach(listen);
afterEach(stopListening);

const minute = 60_000;
const hour = 60 * minute;
const event = (order = randomKey(), sequence = 1): FeedEvent =>
  someEvent(someTerms("merchant_00A", { key: order }), sequence, "ORDER_PAID");

/** Rings until the clock has reached a moment. */
async function passUntil(id: string, at: number): Promise<void> {
  for (let rings = 0; Date.now() < at; rings += 1) {
    if (rings > 3000) throw new Error("the clock stands still");
    if (!(await ring(id))) throw new Error("nothing waits");
    await settled(id);
  }
}

describe("an endpoint that only fails", () => {
  it("is probed one delivery at a time, loses no attempt of those that wait, and gets everything once it answers again", async () => {
    const { id } = await opened();
    partner.answer = () => new Response("no", { status: 500 });
    const orders = Array.from({ length: 12 }, () => randomKey());
    await rpc(id).enqueue(orders.map((order) => event(order)));
    await settled(id);
    await passUntil(id, start + 10 * minute);
    const before = partner.heard.length;
    await rpc(id).enqueue(orders.map((order) => event(order, 2)));
    const late = event();
    await rpc(id).enqueue([late]);
    await passUntil(id, start + 40 * minute);
    // Half an hour of probes, at most one a minute, and none of the twelve and more that were due went beside another.
    expect(partner.heard.length - before).toBeLessThanOrEqual(30);
    const times = partner.heard.slice(before).map(({ at }) => at);
    expect(times.slice(1).every((at, index) => at - times[index]! >= 30_000)).toBe(true);
    expect(await rpc(id).summary()).toMatchObject({ state: "ENABLED", backlog: 25 });

    partner.answer = () => new Response();
    for (let rings = 0; (await rpc(id).summary())!.backlog > 0; rings += 1) {
      expect(rings).toBeLessThan(400);
      await ring(id);
      await settled(id);
    }
    const arrived = partner.heard.slice(before + times.length);
    for (const order of orders) {
      const own = arrived.filter((heard) => heard.body.includes(order)).map((heard) => heard.id);
      expect(own).toEqual([event(order).id, event(order, 2).id]);
    }
    expect(arrived.map((heard) => heard.id)).toContain(late.id);
    expect(await rpc(id).summary()).toMatchObject({ state: "ENABLED", disabledReason: null, backlog: 0 });
  });

  it("is told a little later and of many events at once, while its merchant's others are told at once; no death and no recovery mixes up an order", async () => {
    const merchantId = newMerchantId();
    const lost = await opened({ merchantId, url: "https://lost.example/" });
    const sound = await opened({ merchantId, url: "https://sound.example/" });
    const feed = env.MERCHANT_FEED.getByName(merchantId);
    for (const { id } of [lost, sound]) await feed.subscribe({ id, types: [] });
    partner.answer = ({ url }) => new Response(null, { status: url.includes("lost") ? 500 : 200 });
    const heardAt = (name: string) => partner.heard.filter(({ url }) => url.includes(name)).map(({ id }) => id);
    const publish = async (...events: FeedEvent[]) => {
      await feed.publish(events);
      await settled(sound.id);
      await settled(lost.id);
    };
    // Once more than it takes: it is while taking an event that it says so.
    const { failuresMin } = limits.webhookTrouble;
    const failed = Array.from({ length: failuresMin + 1 }, () => event());
    for (const one of failed) await publish(one);
    expect(heardAt("lost")).toEqual(failed.map(({ id }) => id));

    const order = randomKey();
    await publish(event(order, 1));
    await evictDurableObject(feed);
    await publish(event(order, 2), event());
    expect(heardAt("sound")).toHaveLength(failed.length + 3);
    expect(heardAt("lost")).toHaveLength(failed.length);
    expect(await rpc(lost.id).summary()).toMatchObject({ backlog: failed.length });

    partner.answer = () => new Response();
    const alarmOfFeed = () => runInDurableObject(feed, (_: MerchantFeed, { storage }) => storage.getAlarm());
    const ringFeed = async () => {
      expect(await alarmOfFeed()).toBeLessThanOrEqual(Date.now() + limits.feedHeldMs);
      await runDurableObjectAlarm(feed);
      await settled(lost.id);
    };
    await ringFeed();
    await publish(event(order, 3));
    // It had not answered yet when it took the last ones.
    await ringFeed();
    await publish(event(order, 4));
    const own = [1, 2, 3, 4].map((sequence) => event(order, sequence).id);
    expect(heardAt("lost").filter((id) => own.includes(id))).toEqual(own);
    // Set beforehand in case something went wrong, it rings once more and then no longer.
    await runDurableObjectAlarm(feed);
    expect(await alarmOfFeed()).toBeNull();
  });

  it("is sent nothing more that was decided on in advance, whether it asks for quiet, goes away, or the merchant pauses it", async () => {
    const stops: Record<string, (id: string) => Response | Promise<Response>> = {
      quiet: () => new Response(null, { status: 429, headers: { "retry-after": "60" } }),
      gone: () => new Response(null, { status: 410 }),
      pause: async (id) => {
        await rpc(id).update({ state: "PAUSED" });
        return new Response();
      },
    };
    for (const [kind, stop] of Object.entries(stops)) {
      partner.heard.length = 0;
      const { id } = await opened();
      let answered = 0;
      const stopped = Promise.withResolvers<void>();
      partner.answer = async () => {
        if ((answered += 1) < 20) return new Response();
        if (answered > 20) return stopped.promise.then(() => new Response());
        const answer = await stop(id);
        stopped.resolve();
        return answer;
      };
      await rpc(id).enqueue(Array.from({ length: 60 }, () => event()));
      await until(() => answered >= 20);
      await settled(id);
      // Those under way when the answer came, and no more.
      expect([kind, partner.heard.length < 20 + 2 * limits.webhookConcurrencyMax]).toEqual([kind, true]);
      const states = Map.groupBy(await rpc(id).deliveries(100, null), ({ state }) => state);
      expect(states.get("SUCCEEDED")!.length).toBeGreaterThanOrEqual(19);
      expect([kind, states.get(kind === "gone" ? "DEAD" : "PENDING")!.length > 20]).toEqual([kind, true]);
      if (kind === "pause") await rpc(id).update({ state: "ENABLED" });
      partner.answer = () => new Response();
      for (let rings = 0; (await rpc(id).summary())!.backlog > 0 && rings < 50; rings += 1) {
        await ring(id);
        await settled(id);
      }
      const again = partner.ids().length - new Set(partner.ids()).size;
      expect([kind, again]).toEqual([kind, kind === "quiet" ? 1 : 0]);
      expect(new Set(partner.ids()).size).toBe(kind === "gone" ? partner.heard.length : 60);
    }
  });

  it("has its alarm left alone once that is due, however much comes meanwhile: it would never ring", async () => {
    const { id } = await opened();
    partner.answer = () => new Response(null, { status: 500 });
    await rpc(id).enqueue([event()]);
    await settled(id);
    const due = (await alarmOf(id))!;
    for (const late of [0, 10, 20_000]) {
      vi.setSystemTime(due + late);
      if (late > 0) await forget(id);
      await rpc(id).enqueue([event()]);
      await settled(id);
      expect(await alarmOf(id)).toBe(due);
    }
    // One that the platform has given up is set anew.
    vi.setSystemTime(due + limits.watchdogMs.longMax);
    await rpc(id).enqueue([event()]);
    expect(await alarmOf(id)).toBeGreaterThan(Date.now());
  });

  it("is let try at once when a person asks for it, or a ping arrives", async () => {
    const { id } = await opened();
    partner.answer = () => new Response(null, { status: 500 });
    await rpc(id).enqueue(Array.from({ length: 12 }, () => event()));
    await settled(id);
    await passUntil(id, start + 10 * minute);
    const waiting = event();
    await rpc(id).enqueue([waiting]);
    await settled(id);
    expect(partner.ids()).not.toContain(waiting.id);
    partner.answer = () => new Response();
    expect(await rpc(id).ping()).toMatchObject({ number: 1, status: 200, error: null });
    await settled(id);
    expect(partner.ids()).toContain(waiting.id);
  });

  it("shows FAILING after an hour and why, also when it is forgotten in between, and no longer after one success", async () => {
    const { id } = await opened();
    partner.answer = () => Promise.reject(new TypeError("Network connection lost."));
    await rpc(id).enqueue([event()]);
    await settled(id);
    await passUntil(id, start + 50 * minute);
    vi.setSystemTime(start + hour - 1);
    expect(await rpc(id).summary()).toMatchObject({ state: "ENABLED" });
    vi.setSystemTime(start + hour);
    await forget(id);
    expect(await rpc(id).summary()).toMatchObject({
      state: "FAILING",
      disabledReason: "Every attempt has failed since 2031-05-01T08:00:00.000Z.",
    });
    partner.answer = () => new Response();
    await passUntil(id, start + 4 * hour).catch(() => undefined);
    expect(await rpc(id).summary()).toMatchObject({ state: "ENABLED", disabledReason: null, backlog: 0 });
  });

  it("is disabled after five days, keeps what waits as DEAD, and the merchant's other endpoints and the log hear of it once", async () => {
    const merchantId = newMerchantId();
    const [lost, sound] = [await opened({ merchantId }), await opened({ merchantId })];
    const feed = env.MERCHANT_FEED.getByName(merchantId);
    await feed.subscribe({ id: lost.id, types: [] });
    await feed.subscribe({ id: sound.id, types: ["WEBHOOK_ENDPOINT_DISABLED"] });
    partner.answer = () => new Response(null, { status: 500 });
    const first = event();
    await rpc(lost.id).enqueue([first]);
    await settled(lost.id);
    // One delivery is given up after three days, more or less, and not before 60 hours; the next one's failures go on where its ended.
    await passUntil(lost.id, start + 60 * hour);
    const second = event();
    await rpc(lost.id).enqueue([second]);
    await settled(lost.id);

    // When it happens the feed is away, and the object dies: it is told later all the same.
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await passUntil(lost.id, start + limits.webhookDisabledAfterMs);
    await until(async () => (await rpc(lost.id).summary())?.state === "DISABLED");
    silent.mockRestore();
    partner.answer = () => new Response();
    expect(await rpc(lost.id).summary()).toMatchObject({
      disabledReason: "Every attempt has failed for 5 days.",
      backlog: 0,
    });
    expect((await settled(lost.id)).map(({ state }) => state)).toEqual(["DEAD", "DEAD"]);

    await until(async () => (await rpc(sound.id).deliveries(1, null)).length === 1);
    while ((await settled(sound.id))[0]?.state !== "SUCCEEDED") await ring(sound.id);
    const told = partner.heard.at(-1)!;
    const suffix = lost.id.slice("endpoint_".length);
    expect(told.id).toBe(`event_${suffix}0001`);
    vi.setSystemTime(told.at);
    expect(verified(sound.secret, told)).toMatchObject({
      type: "webhook.endpoint_disabled",
      data: {
        endpointId: lost.id,
        sequence: 1,
        merchantId,
        url: "https://partner.example/hook",
        failingSince: "2031-05-01T08:00:00.000Z",
      },
    });
    await until(async () => (await logged(merchantId)).length === 1);
    expect(await logged(merchantId)).toMatchObject([{ id: told.id, body: told.body, orderKey: null, sequence: 1 }]);
    // Its own log shows what it was sent, and not this.
    expect((await rpc(lost.id).deliveries(10, null)).map(({ event: { id } }) => id)).toEqual([second.id, first.id]);
  });

  it("tells that it was disabled until everybody knows, over deaths and a feed that is away", async () => {
    const merchantId = newMerchantId();
    const [gone, sound] = [await opened({ merchantId }), await opened({ merchantId })];
    const feed = env.MERCHANT_FEED.getByName(merchantId);
    const listening = (subscribers: unknown) =>
      runInDurableObject(feed, (_: MerchantFeed, { storage }) => storage.kv.put("subscribers", subscribers));
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    await listening("unreadable");
    partner.answer = () => new Response(null, { status: 410 });
    await rpc(gone.id).enqueue([event()]);
    await until(async () => (await rpc(gone.id).summary())?.state === "DISABLED");
    await until(async () => (await logged(merchantId)).length === 1);
    await forget(gone.id);
    await listening([{ id: sound.id, types: [] }]);
    silent.mockRestore();
    partner.answer = () => new Response();
    await ring(gone.id);
    await until(async () => (await rpc(sound.id).deliveries(2, null)).length === 1);
    await settled(sound.id);
    await until(() =>
      runInDurableObject(
        stubOf(gone.id),
        (_: WebhookEndpoint, { storage }) =>
          (storage.kv.get("endpoint") as { announcement: unknown }).announcement === null,
      ),
    );
    expect(JSON.parse(partner.heard.at(-1)!.body)).toMatchObject({
      data: { reason: "The partner answered 410 Gone." },
    });
    expect(await logged(merchantId)).toHaveLength(1);

    // Enabled and disabled again: the next number, without a gap.
    await rpc(gone.id).update({ state: "ENABLED" });
    await rpc(gone.id).update({ state: "DISABLED" });
    await until(async () => (await logged(merchantId)).length === 2);
    expect((await logged(merchantId)).map(({ sequence }) => sequence)).toEqual([1, 2]);
  });
});

async function logged(merchantId: string): Promise<readonly FeedEvent[]> {
  const page = await pageEvents(env.DB, merchantId, { first: 100 });
  if (!page.ok) throw new Error(page.error.message);
  return page.value.edges.map(({ node }) => node);
}
