/** The projector: rows of many live codes in few transactions, and what becomes of its callers when the database fails. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import { pageEvents } from "../../src/db/event-log.ts";
import { GroupCommit } from "../../src/db/group-commit.ts";
import { countOrders, findOrderByNumber } from "../../src/db/orders.ts";
import type { Projection } from "../../src/db/projection.ts";
import type { Projector } from "../../src/durable/projector.ts";
import type { ProjectorProtocol } from "../../src/durable/protocol.ts";
import { after, newMerchantId, paid, placed, question, type Story } from "./db-orders.ts";
import { somePayer, someTerms } from "./terms.ts";

const { DB } = env;
const projector = (name = "DB") => env.PROJECTOR.getByName(name) as unknown as ProjectorProtocol;

/** As a live code does: tells until it has heard an answer. */
async function tellUntilTaken(row: Projection): Promise<void> {
  for (;;) {
    const told = await projector()
      .project([row])
      .catch(() => null);
    if (told) return;
    await scheduler.wait(20);
  }
}

async function eventsOf(merchantId: string) {
  const met = [];
  let cursor: string | null = null;
  for (;;) {
    const page = await pageEvents(DB, merchantId, { first: limits.pageSizeMax, after: cursor });
    if (!page.ok) throw new Error(page.error.message);
    met.push(...page.value.edges.map(({ node }) => node));
    if (!page.value.pageInfo.hasNextPage) return met;
    cursor = page.value.pageInfo.endCursor;
  }
}
const positionsOf = async (merchantId: string) =>
  (await DB.prepare("SELECT position FROM event_log WHERE merchant_id = ?").bind(merchantId).all()).results.map(
    ({ position }) => position,
  );

describe("a projector", () => {
  it("logs the events of many callers without gaps, each order's in their sequence", async () => {
    const merchants = [newMerchantId(), newMerchantId(), newMerchantId()];
    const life = (merchantId: string, index: number): readonly Story[] => {
      const beginning = placed(someTerms(merchantId, { number: String(index) }));
      const confirmed = after(beginning, { kind: "confirm", claimant: "browser" });
      const asking = paid(confirmed, somePayer(`C${index}`));
      return [beginning, confirmed, asking, after(asking, { kind: "customer", firstTime: true })];
    };
    const lives = merchants.flatMap((merchantId) => Array.from({ length: 60 }, (_, index) => life(merchantId, index)));
    await Promise.all(
      lives.map(async (stories) => {
        for (const story of stories) {
          const unknown = story.order.conversion?.firstTime === null;
          await projector().project([unknown ? question(story) : story]);
        }
      }),
    );
    for (const merchantId of merchants) {
      const positions = await positionsOf(merchantId);
      expect(positions).toEqual(positions.map((_, index) => index + 1));
      // Far fewer transactions than the 180 that carried events.
      expect(positions.length).toBeLessThan(120);
      const events = await eventsOf(merchantId);
      expect(events).toHaveLength(60 * 5);
      for (const stories of lives.filter(([first]) => first!.order.terms.merchant.id === merchantId)) {
        const { order, events: all } = stories.at(-1)!;
        expect(events.filter(({ orderKey }) => orderKey === order.terms.key)).toEqual(all);
      }
    }
  });

  it("answers each caller for its own rows, in their order", async () => {
    const merchantId = newMerchantId();
    const stories = ["A", "B"].map((name) => paid(placed(someTerms(merchantId)), somePayer(name)));
    const waiting = placed(someTerms(merchantId));
    const answers = await projector().project([question(stories[1]!), waiting, question(stories[0]!)]);
    expect(answers).toEqual([
      { orderKey: stories[1]!.order.terms.key, firstTime: true },
      { orderKey: waiting.order.terms.key, firstTime: null },
      { orderKey: stories[0]!.order.terms.key, firstTime: true },
    ]);
    expect(await projector().project([])).toEqual([]);
  });

  it("that was lost with callers waiting leaves nothing half done", async () => {
    const merchantId = newMerchantId();
    const stories = Array.from({ length: 40 }, () => placed(someTerms(merchantId)));
    const told = Promise.all(stories.map(tellUntilTaken));
    await runInDurableObject(env.PROJECTOR.getByName("DB"), (_: Projector, state) => state.abort("lost")).catch(
      () => {},
    );
    await told;
    await evictDurableObject(env.PROJECTOR.getByName("DB"));
    await projector().project(stories);
    expect(await countOrders(DB, merchantId, {}, Date.now())).toBe(40);
    expect(await eventsOf(merchantId)).toHaveLength(40);
  });

  it("refuses a name that no database is bound under", async () => {
    const row = placed(someTerms(newMerchantId()));
    const [answer] = await Promise.allSettled([projector("PROJECTOR").project([row])]);
    expect(String(answer.status === "rejected" && answer.reason)).toContain("named by the binding");
  });
});

describe("when D1 fails", () => {
  afterEach(async () => {
    await DB.prepare("ALTER TABLE orders_away RENAME TO orders")
      .run()
      .catch(() => {});
  });

  it("callers are rejected, and succeed later with nothing lost or doubled", async () => {
    const merchantId = newMerchantId();
    const stories = Array.from({ length: 30 }, () => placed(someTerms(merchantId)));
    await DB.prepare("ALTER TABLE orders RENAME TO orders_away").run();
    const answers = await Promise.allSettled(stories.map((story) => projector().project([story])));
    expect(answers.filter(({ status }) => status === "fulfilled")).toEqual([]);
    await DB.prepare("ALTER TABLE orders_away RENAME TO orders").run();
    await Promise.all(stories.map(tellUntilTaken));
    expect(await countOrders(DB, merchantId, {}, Date.now())).toBe(30);
    expect(await eventsOf(merchantId)).toHaveLength(30);
  });

  it("for the sake of one row, only that row's caller hears of it", async () => {
    const merchantId = newMerchantId();
    const { order, events } = placed(someTerms(merchantId));
    const poison = { order: { ...order, terms: { ...order.terms, number: null as unknown as string } }, events };
    const stories = Array.from({ length: 25 }, (_, index) => placed(someTerms(merchantId, { number: `N${index}` })));
    const rows = [...stories.slice(0, 11), poison, ...stories.slice(11)];
    const answers = await Promise.allSettled(rows.map((row) => projector().project([row])));
    expect(answers.flatMap(({ status }, index) => (status === "rejected" ? [rows[index]] : []))).toEqual([poison]);
    expect((await findOrderByNumber(DB, merchantId, "N24"))?.terms.key).toBe(stories[24]!.order.terms.key);
    expect(await eventsOf(merchantId)).toHaveLength(25);
  });
});

describe("a group commit", () => {
  /** A database that takes what `fault` does not object to. */
  function store(fault: (rows: readonly number[]) => boolean = () => false, max = 8) {
    const groups: (readonly number[])[] = [];
    const write = vi.fn(async (rows: readonly number[]) => {
      groups.push(rows);
      await scheduler.wait(1);
      if (fault(rows)) throw new Error("refused");
      return rows.map((row) => row * 10);
    });
    return { groups, commit: new GroupCommit(write, max, 100) };
  }
  const to = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
  const settle = (commit: GroupCommit<number, number>, rows: readonly number[]) =>
    Promise.all(rows.map((row) => commit.add(row).catch(() => "refused" as const)));

  it("writes the first row at once and what comes meanwhile together, never more than its limit", async () => {
    const { groups, commit } = store();
    expect(await settle(commit, to(12))).toEqual(to(12).map((row) => row * 10));
    expect(groups.map((group) => group.length)).toEqual([1, 8, 3]);
    expect(await commit.add(5)).toBe(50);
  });

  it("finds the one row that spoils a group, and tells nobody else", async () => {
    for (const bad of to(12)) {
      const { groups, commit } = store((rows) => rows.includes(bad));
      expect(await settle(commit, to(12))).toEqual(to(12).map((row) => (row === bad ? "refused" : row * 10)));
      expect(groups.length).toBeLessThanOrEqual(3 + 2 * 3);
    }
  });

  it("asks little of a database that is away, and gives it more again when it is back", async () => {
    let away = true;
    const { groups, commit } = store(() => away);
    const answers = await settle(commit, to(9));
    expect(answers).toEqual(to(9).map(() => "refused"));
    expect(groups.map((group) => group.length)).toEqual([1, 8, 4, 4]);
    expect(await settle(commit, to(9))).toEqual(answers);
    expect(groups.slice(4).map((group) => group.length)).toEqual([1, 4, 2, 2, 2, 1, 1, 1, 1]);
    away = false;
    groups.length = 0;
    expect(await settle(commit, to(20))).toEqual(to(20).map((row) => row * 10));
    expect(groups.map((group) => group.length)).toEqual([1, 2, 4, 8, 5]);
  });

  it("comes to the end of it even when several rows spoil every group they are in", async () => {
    const spoilt = new Set([1, 3, 6, 8]);
    const { commit } = store((rows) => rows.some((row) => spoilt.has(row)));
    let waiting = to(8);
    for (let round = 0; round < 10; round += 1) {
      const answers = await settle(commit, waiting);
      waiting = waiting.filter((_, index) => answers[index] === "refused");
    }
    expect(waiting).toEqual([1, 3, 6, 8]);
  });

  it("lets in no more rows than it may hold while the database hangs, and takes them again once it moves", async () => {
    const { promise: moving, resolve: move } = Promise.withResolvers<void>();
    const commit = new GroupCommit(
      async (rows: readonly number[]) => {
        await moving;
        return rows.map((row) => row * 10);
      },
      8,
      3,
    );
    const answers = settle(commit, to(6));
    await expect(commit.add(7)).rejects.toThrow("too many rows");
    move();
    // One is on its way, three wait, two found no room.
    expect(await answers).toEqual([10, 20, 30, 40, "refused", "refused"]);
    expect(await commit.add(7)).toBe(70);
  });
});
