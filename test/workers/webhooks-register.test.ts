import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { err } from "../../src/core/result.ts";
import { merchantIdFrom } from "../../src/db/database.ts";
import { countWebhookEndpoints, pageWebhookEndpoints, saveWebhookEndpoint } from "../../src/db/webhook-endpoints.ts";
import { depsOf } from "../../src/deps.ts";
import { configOf, type Config } from "../../src/env.ts";
import type { Deps } from "../../src/resolvers/deps.ts";
import type { MerchantFeed } from "../../src/index.ts";
import { findEndpoint } from "../../src/resolvers/find-webhook-endpoint.ts";
import { registerWebhookEndpoint } from "../../src/resolvers/register-webhook-endpoint.ts";
import { updateWebhookEndpoint } from "../../src/resolvers/update-webhook-endpoint.ts";
import { refusedUrls } from "../unit/webhooks/urls.ts";
import { someEvent, someTerms } from "./terms.ts";

const random = () => crypto.getRandomValues(new Uint8Array(10));
const newMerchantId = (): string => merchantIdFrom(Date.now(), random(), "00");
const depsWith = (over: Partial<Deps> = {}): Deps => ({
  ...depsOf(env, configOf(env) as Config, "https://pay.example", { waitUntil: () => undefined }),
  ...over,
});
const input = { url: "https://partner.example/hook", types: [] };

const heard: { url: string; headers: Record<string, string>; body: string }[] = [];
beforeEach(() => {
  heard.length = 0;
  vi.spyOn(globalThis, "fetch").mockImplementation(async (to, init) => {
    heard.push({
      url: to as string,
      headers: Object.fromEntries(new Headers(init?.headers)),
      body: init?.body as string,
    });
    return new Response();
  });
});
afterEach(() => vi.restoreAllMocks());

async function publish(merchantId: string): Promise<void> {
  await depsWith()
    .feed(merchantId)
    .publish([someEvent(someTerms(merchantId), 1, "ORDER_PLACED")]);
}
async function untilHeard(count: number): Promise<void> {
  for (let looks = 0; heard.length < count; looks += 1) {
    if (looks > 1000) throw new Error("nothing was heard");
    await scheduler.wait(2);
  }
}

describe("registering a webhook endpoint", () => {
  it("makes it hear of the merchant's events at once, signed with the secret that was shown", async () => {
    const merchantId = newMerchantId();
    const registered = await registerWebhookEndpoint(depsWith(), merchantId, {
      ...input,
      description: " Till ",
      payload: "THIN",
    });
    if (!registered.ok) throw new Error(JSON.stringify(registered.error));
    const { secret, summary } = registered.value;
    expect(summary).toMatchObject({
      merchantId,
      url: input.url,
      types: [],
      description: "Till",
      payload: "THIN",
      state: "ENABLED",
      backlog: 0,
    });
    expect(JSON.stringify(summary)).not.toContain(secret);
    // From when on its log is whole moves with the clock.
    const deliveriesSince = expect.any(Number) as number;
    expect(await findEndpoint(depsWith(), merchantId, summary.id)).toEqual({ ...summary, deliveriesSince });
    expect(await findEndpoint(depsWith(), newMerchantId(), summary.id)).toBeNull();
    const listed = await pageWebhookEndpoints(env.DB, merchantId, {});
    expect(listed.ok && listed.value.edges.map(({ node }) => [node.id, node.url])).toEqual([[summary.id, input.url]]);

    await publish(merchantId);
    await untilHeard(1);
    const [request] = heard;
    expect(new Webhook(secret).verify(request!.body, request!.headers)).toMatchObject({ type: "order.placed" });
  });

  it("refuses a URL that leads nowhere public, and says why; nothing is left behind", async () => {
    const merchantId = newMerchantId();
    for (const url of ["https://127.0.0.1/", "http://partner.example/", "https://pay.example/graphql", "nonsense"]) {
      const refused = await registerWebhookEndpoint(depsWith({ local: false }), merchantId, { ...input, url });
      expect(refused).toMatchObject({ ok: false, error: { reason: "URL_NOT_ALLOWED", url } });
    }
    expect(
      (
        await registerWebhookEndpoint(depsWith({ local: true }), merchantId, {
          ...input,
          url: "http://127.0.0.1:3000/hook",
        })
      ).ok,
    ).toBe(true);
    expect(await countWebhookEndpoints(env.DB, merchantId)).toBe(1);
  });

  it("refuses every spelling of a private place, when it is registered and when it is changed", async () => {
    const merchantId = newMerchantId();
    const deps = depsWith({ local: false, origin: "https://pay.huoma.example" });
    const registered = await registerWebhookEndpoint(deps, merchantId, input);
    if (!registered.ok) throw new Error(JSON.stringify(registered.error));
    const { id } = registered.value.summary;
    for (const url of Object.values(refusedUrls).flat()) {
      const refusal = { ok: false, error: { reason: "URL_NOT_ALLOWED", url } };
      expect(await registerWebhookEndpoint(deps, merchantId, { ...input, url })).toMatchObject(refusal);
      expect(
        await updateWebhookEndpoint(deps, merchantId, { webhookEndpointId: id, url, scopes: new Set() }),
      ).toMatchObject(refusal);
    }
    expect(await countWebhookEndpoints(env.DB, merchantId)).toBe(1);
    expect(await findEndpoint(deps, merchantId, id)).toMatchObject({ url: input.url });
  });

  it("names every field that is wrong", async () => {
    const wrong = {
      ...input,
      description: "x".repeat(limits.descriptionLengthMax + 1),
      ratePerSecond: 0,
      selection: err("is not a selection"),
    };
    const refused = await registerWebhookEndpoint(depsWith(), newMerchantId(), wrong);
    expect(refused).toMatchObject({
      ok: false,
      error: {
        reason: "VALIDATION",
        issues: [
          { path: ["input", "selection"], message: "is not a selection" },
          { path: ["input", "description"] },
          { path: ["input", "ratePerSecond"] },
        ],
      },
    });
  });

  it("stops at the limit", async () => {
    const merchantId = newMerchantId();
    for (let count = 0; count < limits.webhookEndpointsPerMerchantMax; count += 1)
      await saveWebhookEndpoint(env.DB, { id: `endpoint_${count}`, merchantId, url: input.url, createdAt: count });
    const refused = await registerWebhookEndpoint(depsWith(), merchantId, input);
    expect(refused).toMatchObject({ ok: false, error: { reason: "VALIDATION", issues: [{ path: ["input"] }] } });
    expect(await countWebhookEndpoints(env.DB, merchantId)).toBe(limits.webhookEndpointsPerMerchantMax);
  });

  it("that breaks off anywhere leaves nothing that sends or is asked in vain, nothing that counts unseen, and works when repeated", async () => {
    const merchantId = newMerchantId();
    const broken = async (): Promise<never> => {
      throw new Error("broke off");
    };
    const deps = depsWith();
    const made: string[] = [];
    const remembering = (id: string) => {
      made.push(id);
      return deps.endpoint(id);
    };
    const noOpening = depsWith({ endpoint: (id) => ({ ...deps.endpoint(id), open: broken }) });
    await expect(registerWebhookEndpoint(noOpening, merchantId, input)).rejects.toThrow("broke off");
    const { prepare } = env.DB;
    const readOnly = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      if (/insert/i.test(sql)) throw new Error("broke off");
      return prepare.call(env.DB, sql);
    });
    await expect(registerWebhookEndpoint(depsWith({ endpoint: remembering }), merchantId, input)).rejects.toThrow(
      "broke off",
    );
    readOnly.mockRestore();
    expect(made).toHaveLength(1);
    expect(await countWebhookEndpoints(env.DB, merchantId)).toBe(0);

    const noFeed = depsWith({ endpoint: remembering, feed: (id) => ({ ...deps.feed(id), subscribe: broken }) });
    await expect(registerWebhookEndpoint(noFeed, merchantId, input)).rejects.toThrow("broke off");
    const listed = await pageWebhookEndpoints(env.DB, merchantId, {});
    expect(listed.ok && listed.value.edges.map(({ node }) => node.id)).toEqual(made.slice(-1));
    expect(await findEndpoint(deps, merchantId, made.at(-1)!)).toMatchObject({ url: input.url });
    const subscribers = await runInDurableObject(
      env.MERCHANT_FEED.getByName(merchantId),
      (_: MerchantFeed, { storage }) => [...storage.kv.list()],
    );
    expect(subscribers).toEqual([]);
    await publish(merchantId);
    expect(heard).toEqual([]);

    expect((await registerWebhookEndpoint(deps, merchantId, input)).ok).toBe(true);
    await publish(merchantId);
    await untilHeard(1);
    expect(heard).toHaveLength(1);
  });
});
