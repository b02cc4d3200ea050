/** What an endpoint keeps: never more than its share, and readable by the release after the one that wrote it. */
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import type { FeedEvent } from "../../src/core/events.ts";
import { deliveryId } from "../../src/webhooks/delivery-id.ts";
import type { WebhookEndpoint } from "../../src/index.ts";
import { forget, listen, opened, partner, ring, rpc, settled, stopListening, stubOf } from "./partner.ts";
import { randomKey, someEvent, someTerms } from "./terms.ts";

beforeEach(listen);
afterEach(stopListening);

const event = (order = randomKey(), sequence = 1): FeedEvent =>
  someEvent(someTerms("merchant_00A", { key: order }), sequence, "ORDER_PAID");

describe("an endpoint's log", () => {
  it("loses its oldest finished deliveries when it takes too much, and nothing that waits", async () => {
    const { id } = await opened();
    const count = 3 * limits.webhookReplayPortion;
    await rpc(id).enqueue(Array.from({ length: count }, () => event()));
    await settled(id);
    partner.answer = () => new Response(null, { status: 500 });
    const waiting = event();
    await rpc(id).enqueue([waiting]);
    await settled(id);
    const rows = () =>
      runInDurableObject(
        stubOf(id),
        (_: WebhookEndpoint, { storage }) =>
          storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM deliveries").one().n,
      );
    await ring(id);
    await settled(id);
    expect(await rows()).toBe(count + 1);

    const full = await runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) => {
      const sql = Object.getPrototypeOf(storage.sql) as SqlStorage;
      let looks = 0;
      return vi
        .spyOn(sql, "databaseSize", "get")
        .mockImplementation(() => ((looks += 1) <= 2 ? limits.webhookLogBytesMax + 1 : limits.webhookLogBytesMax));
    });
    await ring(id);
    await settled(id);
    full.mockRestore();
    expect(await rows()).toBe(count + 1 - 2 * limits.webhookReplayPortion);
    // And it says so, until thirty days are over anyway.
    const { deliveriesSince } = (await rpc(id).summary())!;
    expect(deliveriesSince).toBe(waiting.at + 1);
    vi.setSystemTime(waiting.at + 2 * limits.webhookAttemptsKeptMs);
    expect(await rpc(id).summary()).toMatchObject({ deliveriesSince: waiting.at + limits.webhookAttemptsKeptMs });
    vi.setSystemTime(waiting.at);
    const open = deliveryId({ endpointId: id, at: waiting.at, eventId: waiting.id });
    expect(await rpc(id).delivery(open)).toMatchObject({ event: { id: waiting.id }, state: "RETRYING" });
  });
});

describe("an endpoint of the first release", () => {
  it("goes on with its settings, its secret and what it had queued", async () => {
    const { id } = await opened({ ratePerSecond: 3 });
    const [queued, late] = [event(), event()];
    await runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) => {
      const { opening, secrets } = storage.kv.get("endpoint") as Record<string, unknown>;
      storage.kv.put("endpoint", { opening, secrets, disabledReason: null, heldUntil: null });
      storage.sql.exec("DROP TABLE deliveries");
      storage.sql.exec(`CREATE TABLE deliveries (
        settled INTEGER NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, order_key TEXT NOT NULL, sequence INTEGER NOT NULL,
        due_at INTEGER NOT NULL, leased_until INTEGER, tried INTEGER NOT NULL, state TEXT NOT NULL, type TEXT NOT NULL,
        attempts TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (settled, at, id)) STRICT, WITHOUT ROWID`);
      storage.sql.exec(
        "INSERT INTO deliveries VALUES (0, ?, ?, ?, 1, ?, NULL, 0, 'PENDING', 'ORDER_PAID', '[]', ?)",
        queued.at,
        queued.id,
        queued.orderKey,
        queued.at,
        queued.body,
      );
    });
    await forget(id);
    expect(await rpc(id).summary()).toMatchObject({ state: "ENABLED", ratePerSecond: 3, backlog: 1 });
    await rpc(id).enqueue([late]);
    await settled(id);
    expect(partner.ids().toSorted()).toEqual([queued.id, late.id].toSorted());
    await forget(id);
    expect(await rpc(id).update({ state: "PAUSED" })).toMatchObject({ state: "PAUSED", ratePerSecond: 3, backlog: 0 });
  });
});
