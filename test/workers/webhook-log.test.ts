/** An endpoint's log as its merchant reads it: from either end, by state, and counted, without reading what nobody asked for. */
import { runInDurableObject } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import type { DeliveryState } from "../../src/durable/webhook-protocol.ts";
import type { WebhookEndpoint } from "../../src/index.ts";
import type { Deps } from "../../src/resolvers/deps.ts";
import { countDeliveries, pageDeliveries } from "../../src/resolvers/list-webhook-deliveries.ts";
import { forget, listen, opened, partner, ring, rpc, settled, start, stopListening, stubOf, until } from "./partner.ts";

beforeEach(listen);
afterEach(stopListening);

const deps = { endpoint: rpc } as unknown as Deps;
const states: readonly DeliveryState[] = ["PENDING", "RETRYING", "SUCCEEDED", "DEAD"];
const minute = 60_000;

/** Deliveries of which the last happened a minute before now, one a millisecond, the states in turn. */
async function filled(count: number, turn: readonly DeliveryState[] = states): Promise<string> {
  const { id } = await opened({ ratePerSecond: 20 });
  await rpc(id).update({ state: "PAUSED" });
  await runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) => {
    storage.sql.exec(
      `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 - 1)
       INSERT INTO deliveries (settled, at, id, order_key, sequence, due_at, leased_until, tried, state, type, attempts, body)
       SELECT CASE state WHEN 'SUCCEEDED' THEN 1 WHEN 'DEAD' THEN 2 ELSE 0 END, ?2 + i, 'event_' || i, i, 1, ?3, NULL, 0, state, 'ORDER_PAID', '[]', '{}'
       FROM (SELECT i, json_extract(?4, '$[' || (i % json_array_length(?4)) || ']') AS state FROM n)`,
      count,
      start - minute - count,
      start + 1000 * minute,
      JSON.stringify(turn),
    );
  });
  await forget(id);
  return id;
}

/** How many rows the object's statements read meanwhile. */
async function reading(id: string, work: () => Promise<unknown>): Promise<number> {
  const cursors: { rowsRead: number }[] = [];
  const restore = await runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) => {
    const sql = Object.getPrototypeOf(storage.sql) as { exec: (...query: unknown[]) => { rowsRead: number } };
    const { exec } = sql;
    sql.exec = function (...query) {
      const cursor = exec.apply(this, query);
      cursors.push(cursor);
      return cursor;
    };
    return () => void (sql.exec = exec);
  });
  await work();
  restore();
  return cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0);
}

const truly = (id: string) =>
  runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) =>
    Object.fromEntries(
      storage.sql
        .exec<{ state: DeliveryState; n: number }>("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
        .toArray()
        .map(({ state, n }) => [state, n]),
    ),
  );
async function expectCounted(id: string): Promise<void> {
  const real = await truly(id);
  for (const state of states)
    expect([state, await countDeliveries(deps, id, state)]).toEqual([state, real[state] ?? 0]);
  const all = states.reduce((sum, state) => sum + (real[state] ?? 0), 0);
  expect(await countDeliveries(deps, id, null)).toBe(all);
}

describe("an endpoint's log", () => {
  it("is paged from either end, between any two deliveries, of any state", async () => {
    const count = 11;
    const id = await filled(count);
    const all = await rpc(id).deliveries(100, null);
    expect(all.map(({ event }) => event.id)).toEqual(Array.from({ length: count }, (_, i) => `event_${count - 1 - i}`));
    for (const state of [null, ...states])
      for (const size of [1, 2, 5, 50])
        for (const [after, before] of [
          [null, null],
          [2, null],
          [null, 8],
          [2, 8],
          [8, 2],
        ] as const) {
          const inside = all.filter(
            (one, index) =>
              (after === null || index > after) &&
              (before === null || index < before) &&
              (state ?? one.state) === one.state,
          );
          const cursors = {
            after: after === null ? null : all[after]!.id,
            before: before === null ? null : all[before]!.id,
          };
          const forwards = await pageDeliveries(deps, id, state, { first: size, ...cursors });
          const backwards = await pageDeliveries(deps, id, state, { last: size, ...cursors });
          expect(forwards.ok && forwards.value).toMatchObject({
            edges: inside.slice(0, size).map((node) => ({ cursor: node.id, node })),
            pageInfo: { hasNextPage: inside.length > size, hasPreviousPage: after !== null },
          });
          expect(backwards.ok && backwards.value).toMatchObject({
            edges: inside.slice(-size).map((node) => ({ cursor: node.id, node })),
            pageInfo: { hasPreviousPage: inside.length > size, hasNextPage: before !== null },
          });
        }
  });

  it("of very many is read no further than what is shown, from either end and whatever the state", async () => {
    const id = await filled(3_000, ["SUCCEEDED", "SUCCEEDED", "SUCCEEDED", "DEAD"]);
    await rpc(id).summary();
    for (const state of [null, "SUCCEEDED", "DEAD", "PENDING"] as const)
      for (const page of [{ first: 1 }, { last: 1 }])
        expect(await reading(id, () => pageDeliveries(deps, id, state, page))).toBeLessThanOrEqual(12);
  });

  it("is counted once, a portion at a time, and from then on without reading it", async () => {
    const count = 2.5 * limits.webhookTallyPortion;
    const id = await filled(count, ["SUCCEEDED", "DEAD"]);
    let asked = 0;
    const counting = { endpoint: (of: string) => ((asked += 1), rpc(of)) } as unknown as Deps;
    expect(await countDeliveries(counting, id, null)).toBe(count);
    expect(asked).toBeGreaterThan(1);
    await forget(id);
    await rpc(id).summary();
    expect(await reading(id, () => countDeliveries(deps, id, "DEAD"))).toBeLessThanOrEqual(10);
    await expectCounted(id);
  });

  it("stays counted while what was counted is sent again, given up, deleted, and joined by what comes late", async () => {
    const count = limits.webhookTallyPortion / 5;
    const id = await filled(count, ["SUCCEEDED", "DEAD", "PENDING", "SUCCEEDED", "DEAD"]);
    await expectCounted(id);
    const [dead] = await rpc(id).deliveries(1, null, { state: "DEAD", oldestFirst: true });
    await rpc(id).retry(dead!.id);
    await expectCounted(id);
    expect(await rpc(id).recover({ since: 0, until: start, onlyFailed: true })).toMatchObject({ ok: true });
    await expectCounted(id);
    await rpc(id).update({ state: "ENABLED" });
    for (let rings = 0; rings < 5; rings += 1) {
      await settled(id);
      await expectCounted(id);
      await ring(id);
    }
    await settled(id);
    const late = { ...dead!.event, id: "event_late", at: dead!.event.at + 1 };
    await rpc(id).update({ state: "DISABLED" });
    await expectCounted(id);
    await rpc(id).enqueue([late]);
    await expectCounted(id);

    const full = await runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) => {
      let looks = 0;
      return vi
        .spyOn(Object.getPrototypeOf(storage.sql) as SqlStorage, "databaseSize", "get")
        .mockImplementation(() => ((looks += 1) <= 1 ? limits.webhookLogBytesMax + 1 : 0));
    });
    await ring(id);
    full.mockRestore();
    await expectCounted(id);
    // Half of it has had its thirty days.
    vi.setSystemTime(start - minute - count / 2 + limits.webhookAttemptsKeptMs);
    await ring(id);
    await expectCounted(id);
    vi.setSystemTime(start + 2 * limits.webhookAttemptsKeptMs);
    await ring(id);
    await expectCounted(id);
    expect(await countDeliveries(deps, id, null)).toBe(0);
  });

  it("counts what finishes while it is counted, however long its attempt took", async () => {
    const id = await filled(limits.webhookTallyPortion / 5, ["SUCCEEDED"]);
    await rpc(id).update({ state: "ENABLED" });
    const answer = Promise.withResolvers<Response>();
    partner.answer = () => answer.promise;
    const event = { ...(await rpc(id).deliveries(1, null))[0]!.event, id: "event_slow", at: start - 50_000 };
    await rpc(id).enqueue([event]);
    await until(() => partner.heard.length === 1);
    vi.setSystemTime(start + 11_000);
    await expectCounted(id);
    answer.resolve(new Response());
    expect((await settled(id))[0]).toMatchObject({ event: { id: "event_slow" }, state: "SUCCEEDED" });
    await expectCounted(id);
  });

  it("forgets what a selection made and what was answered, whatever became of the delivery", async () => {
    const id = await filled(4);
    const attempts = JSON.stringify([
      { number: 1, at: start, status: 200, error: null, durationMs: 1, responseBody: "Ann" },
    ]);
    const body = JSON.stringify({ type: "order.paid", data: { emailId: "Ann", orderId: "order_1", sequence: 2 } });
    await runInDurableObject(
      stubOf(id),
      (_: WebhookEndpoint, { storage }) =>
        void storage.sql.exec("UPDATE deliveries SET final = 2, body = ?, attempts = ?", body, attempts),
    );
    const made = await rpc(id).deliveries(4, null);
    await rpc(id).forgetBodies(made.map(({ event: { at, id: event } }) => ({ at, id: event })));
    const left = await rpc(id).deliveries(4, null);
    expect(left.map(({ state }) => state).toSorted()).toEqual(states.toSorted());
    expect(JSON.stringify(left)).not.toContain("Ann");
    for (const { event } of left)
      expect(JSON.parse(event.body)).toEqual({ type: "order.paid", data: { orderId: "order_1", sequence: 2 } });
  });

  it("of an endpoint from the release before is read and counted as any other", async () => {
    const id = await filled(40);
    await runInDurableObject(stubOf(id), (_: WebhookEndpoint, { storage }) => {
      storage.kv.put("endpoint", { ...storage.kv.get<object>("endpoint"), storage: 2 });
      storage.sql.exec("UPDATE deliveries SET settled = 1 WHERE state = 'DEAD'");
    });
    await forget(id);
    expect(await rpc(id).deliveries(100, null, { state: "DEAD" })).toHaveLength(10);
    await expectCounted(id);
  });
});
