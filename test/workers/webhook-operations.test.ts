/** What a merchant does with its partners' endpoints, through the graph: change, pause, rotate, ping, send again, recover. */
import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import type { FeedEvent } from "../../src/core/events.ts";
import { pageWebhookEndpoints } from "../../src/db/webhook-endpoints.ts";
import { ask, at, eachAt, fieldsIn, keyWith, openShop, tell, textAt, type Json, type Shop } from "./graph-shop.ts";
import {
  accepted,
  forget,
  listen,
  partner,
  ring,
  rpc,
  settled,
  start,
  stopListening,
  until,
  verified,
} from "./partner.ts";
import { randomKey, someEvent, someTerms } from "./terms.ts";

beforeEach(listen);
afterEach(stopListening);

const second = 1000;
const url = "https://partner.example/hook";
const endpointFields = `id url description types state disabledReason payload selection ratePerSecond backlog secrets { hint createdAt expiresAt }`;

/** One mutation of the contract's form. */
async function mutate(key: string, name: string, selection: string, input: Json): Promise<Json> {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  const document = `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Success { ${selection} } ... on UserError { code message }
    ${name === "webhookPing" ? "" : "... on ValidationError { issues { path message } }"} } }`;
  return at(await ask(key, document, { input }), name) as Json;
}
const create = async ({ key }: Shop, input: Json = {}) => {
  const made = await mutate(key, "webhookEndpointCreate", "webhookEndpoint { id } secret", {
    url,
    types: [],
    ...input,
  });
  return { id: textAt(made, "webhookEndpoint.id"), secret: textAt(made, "secret") };
};
const update = ({ key }: Shop, id: string, input: Json) =>
  mutate(key, "webhookEndpointUpdate", `webhookEndpoint { ${endpointFields} }`, { webhookEndpointId: id, ...input });
const rotate = ({ key }: Shop, id: string, input: Json = {}) =>
  mutate(key, "webhookSecretRotate", `webhookEndpoint { ${endpointFields} } secret`, {
    webhookEndpointId: id,
    ...input,
  });
const retry = ({ key }: Shop, id: string) =>
  mutate(key, "webhookDeliveryRetry", "webhookDelivery { id state nextAttemptAt }", { webhookDeliveryId: id });
const recover = ({ key }: Shop, id: string, input: Json) =>
  mutate(key, "webhookRecover", "queued", { webhookEndpointId: id, ...input });
const iso = (moment: number) => new Date(moment).toISOString();

const event = ({ merchantId }: Shop, order = randomKey(), sequence = 1): FeedEvent =>
  someEvent(someTerms(merchantId, { key: order }), sequence, "ORDER_PAID");
async function publish({ merchantId }: Shop, ...events: FeedEvent[]): Promise<void> {
  const feed = env.MERCHANT_FEED.getByName(merchantId);
  await feed.publish(events);
  // What an endpoint that sends nothing now is told a moment later.
  await runDurableObjectAlarm(feed);
}
async function untilEmpty(id: string): Promise<void> {
  for (let rings = 0; (await rpc(id).summary())!.backlog > 0; rings += 1) {
    expect(rings).toBeLessThan(500);
    await ring(id);
    await settled(id);
  }
}

describe("changing an endpoint", () => {
  it("changes what is said, clears with null, leaves the rest, and lists and the feed know it", async () => {
    const shop = await openShop();
    const { id } = await create(shop, { description: "Till", ratePerSecond: 5, types: ["ORDER_PLACED"] });
    const moved = await update(shop, id, {
      url: "https://elsewhere.example/hook",
      types: ["ORDER_PAID"],
      payload: "THIN",
    });
    expect(at(moved, "webhookEndpoint")).toMatchObject({
      url: "https://elsewhere.example/hook",
      types: ["ORDER_PAID"],
      payload: "THIN",
      description: "Till",
      ratePerSecond: 5,
      state: "ENABLED",
    });
    await forget(id);
    const cleared = await update(shop, id, { description: null, ratePerSecond: null, url: null, types: null });
    expect(at(cleared, "webhookEndpoint")).toMatchObject({
      url: "https://elsewhere.example/hook",
      types: ["ORDER_PAID"],
      description: null,
      ratePerSecond: null,
    });
    const listed = await pageWebhookEndpoints(env.DB, shop.merchantId, {});
    expect(listed.ok && listed.value.edges.map(({ node }) => node.url)).toEqual(["https://elsewhere.example/hook"]);
    await publish(shop, event(shop));
    await settled(id);
    expect(partner.heard).toHaveLength(1);
    expect(partner.heard[0]).toMatchObject({ url: "https://elsewhere.example/hook" });
    expect(partner.heard[0]!.body).not.toContain("total");
  });

  it("refuses what makes no sense, all of it at once, and then changes nothing; another merchant's is not found", async () => {
    const [shop, other] = [await openShop(), await openShop()];
    const { id } = await create(shop);
    const wrong = await update(shop, id, { ratePerSecond: 0, description: "x".repeat(2001), selection: "{ nothing }" });
    expect(wrong).toMatchObject({ code: "VALIDATION" });
    expect(fieldsIn(wrong).toSorted()).toEqual(["description", "ratePerSecond", "selection"]);
    expect(await update(shop, id, { state: "FAILING" })).toMatchObject({
      code: "VALIDATION",
      issues: [{ path: ["input", "state"] }],
    });
    expect(await update(shop, id, { url: "ftp://partner.example/", description: "new" })).toMatchObject({
      code: "URL_NOT_ALLOWED",
    });
    expect(await rpc(id).summary()).toMatchObject({ url, description: null, state: "ENABLED" });
    for (const answer of [
      await update(other, id, { state: "PAUSED" }),
      await rotate(other, id),
      await mutate(other.key, "webhookPing", "attempt { status }", { webhookEndpointId: id }),
      await recover(other, id, { since: iso(start) }),
      await update(shop, "endpoint_0000", {}),
    ])
      expect(answer).toMatchObject({ code: "NOT_FOUND" });
    const weak = await keyWith(shop.key, "ORDERS_READ");
    const ping = `mutation { webhookPing(input: { webhookEndpointId: "${id}" }) { __typename } }`;
    expect((await tell(weak.text, ping)).errors[0]?.extensions.code).toBe("FORBIDDEN");
    expect(partner.heard).toEqual([]);
  });

  it("to PAUSED keeps what comes, also over a death, and to ENABLED sends it in order", async () => {
    const shop = await openShop();
    const { id } = await create(shop);
    const order = randomKey();
    expect(at(await update(shop, id, { state: "PAUSED" }), "webhookEndpoint.state")).toBe("PAUSED");
    await publish(shop, event(shop, order, 1), event(shop, order, 2));
    await forget(id);
    await publish(shop, event(shop, order, 3));
    expect(await rpc(id).summary()).toMatchObject({ state: "PAUSED", backlog: 3 });
    expect(partner.heard).toEqual([]);
    await update(shop, id, { state: "ENABLED" });
    await settled(id);
    expect(partner.ids()).toEqual([1, 2, 3].map((sequence) => event(shop, order, sequence).id));
  });

  it("to DISABLED gives up what waits and keeps what comes; enabled again and recovered, everything arrives, in order per order", async () => {
    const shop = await openShop();
    const { id } = await create(shop, { description: "the one" });
    const other = await create(shop, { types: ["WEBHOOK_ENDPOINT_DISABLED"] });
    const orders = [randomKey(), randomKey()];
    await update(shop, id, { state: "PAUSED" });
    await publish(shop, ...orders.map((order) => event(shop, order, 1)));
    await update(shop, id, { state: "DISABLED" });
    await publish(shop, ...orders.map((order) => event(shop, order, 2)));
    expect(await rpc(id).summary()).toMatchObject({ state: "DISABLED", backlog: 0 });
    await until(() => partner.heard.length === 1);
    expect(verified(other.secret, partner.heard[0]!)).toMatchObject({
      type: "webhook.endpoint_disabled",
      data: { endpointId: id, reason: "The merchant disabled it." },
    });
    const [dead] = await rpc(id).deliveries(1, null);
    expect(await retry(shop, dead!.id)).toMatchObject({
      code: "VALIDATION",
      issues: [{ path: ["input", "webhookDeliveryId"] }],
    });
    expect(await recover(shop, id, { since: iso(start) })).toMatchObject({ code: "VALIDATION" });

    await update(shop, id, { state: "ENABLED" });
    expect(await recover(shop, id, { since: iso(start + 1), until: iso(start + second) })).toMatchObject({
      queued: 0,
    });
    expect(await recover(shop, id, { since: iso(start - second), until: iso(start + second) })).toMatchObject({
      queued: 4,
    });
    await untilEmpty(id);
    for (const order of orders)
      expect(partner.ids().filter((one) => one.includes(order))).toEqual([
        event(shop, order, 1).id,
        event(shop, order, 2).id,
      ]);
    expect((await settled(id)).map(({ state }) => state)).toEqual(["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "SUCCEEDED"]);
  });
});

describe("rotating a secret", () => {
  it("signs with both until the overlap ends, for two independent libraries, and then with the new one alone", async () => {
    const shop = await openShop();
    const { id, secret: old } = await create(shop);
    const rotated = await rotate(shop, id, { overlapSeconds: 3600 });
    const fresh = textAt(rotated, "secret");
    expect(fresh).not.toBe(old);
    expect(eachAt(rotated, "webhookEndpoint.secrets", "expiresAt")).toEqual([null, iso(start + 3600 * second)]);
    await forget(id);
    await publish(shop, event(shop));
    await settled(id);
    for (const secret of [old, fresh])
      expect(verified(secret, partner.heard[0]!)).toMatchObject({ type: "order.paid" });

    vi.setSystemTime(start + 3600 * second);
    await publish(shop, event(shop));
    await settled(id);
    expect(verified(fresh, partner.heard[1]!)).toMatchObject({ type: "order.paid" });
    expect(accepted(old, partner.heard[1]!)).toEqual([false, false]);
    expect((await rpc(id).summary())!.secrets).toHaveLength(1);
    const tampered = { ...partner.heard[1]!, body: partner.heard[1]!.body.replace("19.90", "99.90") };
    expect(accepted(fresh, tampered)).toEqual([false, false]);
  });

  it("takes a leaked secret out at once, keeps at most ten, and refuses an overlap without end", async () => {
    const shop = await openShop();
    const { id, secret: leaked } = await create(shop);
    const fresh = textAt(await rotate(shop, id, { overlapSeconds: 0 }), "secret");
    await publish(shop, event(shop));
    await settled(id);
    expect(accepted(leaked, partner.heard[0]!)).toEqual([false, false]);
    verified(fresh, partner.heard[0]!);
    for (let times = 0; times < limits.webhookSecretsMax + 2; times += 1) await rotate(shop, id);
    expect((await rpc(id).summary())!.secrets).toHaveLength(limits.webhookSecretsMax);
    for (const overlapSeconds of [-1, 2_592_001])
      expect(await rotate(shop, id, { overlapSeconds })).toMatchObject({ code: "VALIDATION" });
    await publish(shop, event(shop));
    await settled(id);
    expect(partner.heard[1]!.headers["webhook-signature"]!.split(" ")).toHaveLength(limits.webhookSecretsMax);
  });
});

describe("a ping", () => {
  it("tells at once what the partner answered, signed like an event, in any state, and leaves no trace in the log", async () => {
    const shop = await openShop();
    const { id, secret } = await create(shop);
    const ping = async () =>
      at(
        await mutate(shop.key, "webhookPing", "attempt { number status error responseBody }", {
          webhookEndpointId: id,
        }),
        "attempt",
      );
    expect(await ping()).toEqual({ number: 1, status: 200, error: null, responseBody: "ok" });
    expect(verified(secret, partner.heard[0]!)).toMatchObject({ type: "webhook.ping", data: { endpointId: id } });
    await update(shop, id, { state: "PAUSED" });
    partner.answer = () => Promise.reject(new TypeError("Network connection lost."));
    expect(await ping()).toEqual({ number: 1, status: null, error: "Network connection lost.", responseBody: null });
    expect(new Set(partner.ids()).size).toBe(2);
    expect(await rpc(id).deliveries(10, null)).toEqual([]);
  });
});

describe("sending one delivery again", () => {
  it("sends the same id and bytes, whether it was delivered, given up or waits, and goes on counting its attempts", async () => {
    const shop = await openShop();
    const { id } = await create(shop);
    const paid = event(shop);
    await publish(shop, paid);
    const [delivered] = await settled(id);
    expect(await retry(shop, delivered!.id)).toMatchObject({ webhookDelivery: { id: delivered!.id } });
    expect((await settled(id))[0]).toMatchObject({ state: "SUCCEEDED", attempts: [{ number: 1 }, { number: 2 }] });

    partner.answer = () => new Response(null, { status: 500 });
    await retry(shop, delivered!.id);
    expect((await settled(id))[0]).toMatchObject({ state: "RETRYING" });
    partner.answer = () => new Response();
    expect(await retry(shop, delivered!.id)).toMatchObject({ webhookDelivery: { id: delivered!.id } });
    const [again] = await settled(id);
    expect(again).toMatchObject({ state: "SUCCEEDED" });
    expect(again!.attempts.map(({ number, status }) => [number, status])).toEqual([
      [1, 200],
      [2, 200],
      [3, 500],
      [4, 200],
    ]);
    expect(partner.ids()).toEqual(Array.from({ length: 4 }, () => paid.id));
    expect(new Set(partner.heard.map(({ body }) => body)).size).toBe(1);
    for (const unknown of [delivered!.id.replace(/.$/, "Z"), "delivery_0_1_X", "nonsense"])
      expect(await retry(shop, unknown)).toMatchObject({ code: "NOT_FOUND" });
  });

  it("never shows more attempts than the limit, the latest ones", async () => {
    const shop = await openShop();
    const { id } = await create(shop);
    await publish(shop, event(shop));
    const [delivery] = await settled(id);
    const max = limits.webhookAttemptsPerDeliveryMax;
    for (let times = 1; times < max + 5; times += 1) {
      await rpc(id).retry(delivery!.id);
      await settled(id);
    }
    const numbers = (await settled(id))[0]!.attempts.map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: max }, (_, index) => index + 6));
  });
});

describe("recovering a window", () => {
  it("sends all again, a portion at a time and at its pace, in order per order, while what is new goes first", async () => {
    const shop = await openShop();
    const { id } = await create(shop);
    const orders = Array.from({ length: 150 }, () => randomKey());
    const events = [1, 2].flatMap((sequence) => orders.map((order) => event(shop, order, sequence)));
    await rpc(id).enqueue(events);
    await until(() => partner.heard.length === 300);
    await settled(id);

    vi.setSystemTime(start + 60 * second);
    partner.heard.length = 0;
    expect(await recover(shop, id, { since: iso(start) })).toMatchObject({ queued: 0 });
    expect(await recover(shop, id, { since: iso(start), onlyFailed: false })).toMatchObject({ queued: 300 });
    const fresh = event(shop);
    await publish(shop, fresh);
    await settled(id);
    expect(partner.ids()).toContain(fresh.id);
    expect(partner.heard.length).toBeLessThanOrEqual(limits.webhookReplaysPerSecondMax + 1);
    expect((await rpc(id).summary())!.backlog).toBeLessThanOrEqual(limits.webhookReplayPortion);
    await untilEmpty(id);
    expect(
      partner
        .ids()
        .filter((one) => one !== fresh.id)
        .toSorted(),
    ).toEqual(events.map((one) => one.id).toSorted());
    for (const order of orders.slice(0, 20))
      expect(partner.ids().filter((one) => one.includes(order))).toEqual([
        event(shop, order, 1).id,
        event(shop, order, 2).id,
      ]);
    const perSecond = new Map<number, number>();
    for (const { at: moment } of partner.heard) perSecond.set(moment, (perSecond.get(moment) ?? 0) + 1);
    // Each ring meets an object that has forgotten, which gains it a tenth of a second's worth.
    const paceMax = limits.webhookReplaysPerSecondMax;
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(paceMax + 1 + Math.ceil(paceMax / 10));
  });

  it("refuses a window that ends before it begins, and more windows at once than it keeps", async () => {
    const shop = await openShop();
    const { id } = await create(shop);
    await publish(shop, event(shop));
    await settled(id);
    expect(await recover(shop, id, { since: iso(start + 1), until: iso(start) })).toMatchObject({ code: "VALIDATION" });
    await rpc(id).enqueue(Array.from({ length: limits.webhookReplayPortion }, () => event(shop)));
    await until(() => partner.heard.length > limits.webhookReplayPortion);
    await settled(id);
    // Nothing is sent while it is paused, so every window after the first, which fills the portion, waits for its turn.
    await update(shop, id, { state: "PAUSED" });
    partner.answer = () => new Response(null, { status: 500 });
    const answers: unknown[] = [];
    for (let times = 0; times < limits.webhookRecoveriesMax + 2; times += 1)
      answers.push((await recover(shop, id, { since: iso(start), onlyFailed: false }))["__typename"]);
    const kept = answers.filter((answer) => answer === "WebhookRecoverSuccess").length;
    expect(kept).toBeLessThanOrEqual(limits.webhookRecoveriesMax);
    expect(answers.at(-1)).toBe("ValidationError");
  });
});
