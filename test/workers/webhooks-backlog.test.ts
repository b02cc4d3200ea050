/** An endpoint whose partner has been away for very long: what it keeps in memory is bounded, and nobody upstream notices. */
import { env } from "cloudflare:workers";
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FeedEvent } from "../../src/core/events.ts";
import { limits } from "../../src/core/limits.ts";
import type { WebhookEndpoint } from "../../src/index.ts";
import { newMerchantId } from "./payment-scene.ts";
import { randomKey } from "./terms.ts";

const start = Date.parse("2031-05-01T08:00:00Z");

// Far from now, so that no alarm rings by itself.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  vi.spyOn(globalThis, "fetch").mockImplementation(() => new Promise(() => undefined));
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const event = (): FeedEvent => {
  const orderKey = randomKey();
  return { id: `event_${orderKey}0001`, type: "ORDER_PAID", orderKey, sequence: 1, at: start, body: '{"data":{}}' };
};

/** An endpoint with so many deliveries that were tried once and wait an hour, as an outage leaves them. */
async function opened(waiting: number) {
  const id = `endpoint_${randomKey()}`;
  const stub = env.WEBHOOK_ENDPOINT.getByName(id);
  const rest = { types: [], description: null, payload: "FULL", selection: null, ratePerSecond: null } as const;
  await stub.open({ id, merchantId: newMerchantId(), url: "https://partner.example/hook", ...rest });
  await runInDurableObject(
    stub,
    (_: WebhookEndpoint, { storage }) =>
      void storage.sql.exec(
        `WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?1)
         INSERT INTO deliveries (settled, at, id, order_key, sequence, due_at, leased_until, tried, state, type, attempts, body)
         SELECT 0, ?2, 'event_' || n, 'order' || n, 1, ?2 + 3600000, NULL, 1, 'RETRYING', 'ORDER_PAID', '[]', '{}' FROM count`,
        waiting,
        start - 60_000,
      ),
  );
  await evictDurableObject(stub);
  return stub;
}

describe("a full backlog", () => {
  it("keeps what still comes as DEAD, with its body, takes it from whoever publishes, and says so", async () => {
    const stub = await opened(limits.webhookBacklogMax - 1);
    const [last, late] = [event(), event()];
    await stub.enqueue([last, late]);
    await stub.enqueue([late]);
    const states = new Map((await stub.deliveries(3, null)).map((one) => [one.event.id, one]));
    expect(states.get(last.id)).toMatchObject({ state: "PENDING" });
    expect(states.get(late.id)).toMatchObject({ event: late, state: "DEAD", attempts: [], nextAttemptAt: null });
    expect(await stub.summary()).toMatchObject({
      state: "FAILING",
      backlog: limits.webhookBacklogMax,
      disabledReason: `${limits.webhookBacklogMax} deliveries wait: what comes now is kept as DEAD.`,
    });
  });

  it("takes events again as soon as there is room, and says that too", async () => {
    const stub = await opened(limits.webhookBacklogMax);
    await stub.enqueue([event()]);
    await runInDurableObject(
      stub,
      (_: WebhookEndpoint, { storage }) =>
        void storage.sql.exec(
          "UPDATE deliveries SET settled = 1, state = 'SUCCEEDED' WHERE id IN ('event_1', 'event_2')",
        ),
    );
    await evictDurableObject(stub);
    const next = event();
    await stub.enqueue([next]);
    expect((await stub.deliveries(2, null)).find((one) => one.event.id === next.id)?.state).toBe("PENDING");
    const backlog = limits.webhookBacklogMax - 1;
    expect(await stub.summary()).toMatchObject({ state: "ENABLED", backlog, disabledReason: null });
  });

  it("is counted without being loaded", async () => {
    const stub = await opened(3);
    expect(await stub.summary()).toMatchObject({ state: "ENABLED", backlog: 3 });
    const known = await runInDurableObject(
      stub,
      (endpoint: WebhookEndpoint) => (endpoint as unknown as { known: unknown }).known,
    );
    expect(known).toBeNull();
  });
});
