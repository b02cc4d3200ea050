/** The log, pushed, over sockets and a database that answer when they are let: whoever joins or leaves while a page is being told loses nothing. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import type { News } from "../../src/durable/live-graph.ts";
import { LiveLog } from "../../src/durable/live-log.ts";
import { LiveSockets } from "../../src/durable/live-sockets.ts";

beforeEach(() => vi.stubGlobal("WebSocketRequestResponsePair", class {}));

/** What the platform keeps of a feed: its storage and its sockets' attachments. */
function scene() {
  const kept = new Map<string, unknown>();
  const kv = {
    get: (key: string) => structuredClone(kept.get(key)),
    put: (key: string, value: unknown) => void kept.set(key, structuredClone(value)),
    delete: (key: string) => kept.delete(key),
    list: ({ prefix }: { prefix: string }) => [...kept].filter(([key]) => key.startsWith(prefix)),
  };
  const accepted: WebSocket[] = [];
  const storage = { kv, transactionSync: (change: () => void) => change() };
  const ctx = {
    storage,
    getWebSockets: () => accepted,
    acceptWebSocket: (socket: WebSocket) => void accepted.push(socket),
    setWebSocketAutoResponse: () => {},
  } as unknown as DurableObjectState;

  let length = 0;
  /** How often a page of the log was asked for. */
  let reads = 0;
  let [reading, readingMost] = [0, 0];
  /** Whoever asks for a page waits here, once somebody says so. */
  let gate: Promise<void> | null = null;
  const arrived: (() => void)[] = [];
  const statement = (sql: string) => ({
    bind: (_merchantId: string, position = 0, index = 0) => ({
      first: async () => (length > 0 ? { position: length, index: 0 } : null),
      all: async () => {
        if (!/json_each/.test(sql)) throw new Error(`not a page: ${sql}`);
        reads += 1;
        reading += 1;
        readingMost = Math.max(readingMost, reading);
        for (const arrive of arrived.splice(0)) arrive();
        const held = gate;
        gate = null;
        await held;
        reading -= 1;
        const places = Array.from({ length }, (_, at) => at + 1).filter(
          (at) => at > position || (at === position && index < 0),
        );
        const results = places.slice(0, limits.pageSizeMax).map((at) => ({
          position: at,
          index: 0,
          event: JSON.stringify({ id: `e${at}`, type: "ORDER_PLACED" }),
        }));
        return { results };
      },
    }),
  });
  const database = { prepare: statement } as unknown as D1Database;
  const render = async (asked: object, _listener: unknown, news: News) => {
    const { query } = asked as { query: string };
    if (news.kind !== "EVENTS" || query === "gone") return null;
    return `"${query}:${news.event.id}${query === "large" ? "x".repeat(limits.liveUnreadBytes) : ""}"`;
  };
  const sockets = new LiveSockets(ctx);
  const log = new LiveLog(storage as unknown as DurableObjectStorage, sockets, render, () => database);

  /** Somebody who asks for events, by a question of its own. */
  const join = async (query: string) => {
    const told: string[] = [];
    const others: string[] = [];
    let attachment: unknown = null;
    const socket = {
      send: (text: string) => {
        const { type, payload } = JSON.parse(text) as { type: string; payload: string };
        if (type === "next") told.push(payload.replace(/x+$/, ""));
        else others.push(type);
      },
      close: () => {},
      serializeAttachment: (value: unknown) => void (attachment = structuredClone(value)),
      deserializeAttachment: () => structuredClone(attachment),
    } as unknown as WebSocket;
    const listener = {
      merchantId: "merchant_1",
      keyId: "key_1",
      scopes: [],
      documents: null,
      acceptLanguage: null,
      origin: "https://pay.example",
    };
    sockets.open(socket, listener, 0);
    const question = sockets.keep({ asked: { query }, topic: { kind: "EVENTS", types: [], after: null } });
    const subscription = { id: "1", nth: accepted.length, question, from: null, follows: false, version: -1 };
    sockets.change(socket, (one) => ({ ...one, subscriptions: [subscription] }));
    await log.follow(socket, "1", sockets.session(socket)!, () => sockets.subscription(socket, "1") !== null);
    return { socket, told, others, leave: () => sockets.close(socket, 1000, "") };
  };
  const holdNextPage = () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    const isAsked = new Promise<void>((arrive) => arrived.push(arrive));
    return { isAsked, release: resolve };
  };
  return {
    log,
    sockets,
    join,
    holdNextPage,
    reads: () => reads,
    readingMost: () => readingMost,
    /** The same after the object was evicted: sockets and storage stay. */
    woken: () => new LiveSockets(ctx),
    grow: () => `e${(length += 1)}`,
  };
}
/** Until everything that was begun has ended. */
const settled = () => new Promise((resolve) => setTimeout(resolve));

describe("whoever joins while a page of the log is being told", () => {
  it("is told what came after it joined, whatever it asks", async () => {
    for (const query of ["a", "b"]) {
      const { log, join, grow, holdNextPage } = scene();
      const first = await join("a");
      const page = holdNextPage();
      const looking = log.look();
      await page.isAsked;
      const second = await join(query);
      grow();
      page.release();
      await looking;
      grow();
      await log.look();
      await settled();
      expect(first.told).toEqual(["a:e1", "a:e2"]);
      expect(second.told).toEqual([`${query}:e1`, `${query}:e2`]);
    }
  });

  it("is told all of it too when the others have left meanwhile", async () => {
    for (const query of ["a", "b"]) {
      const { log, join, grow, holdNextPage } = scene();
      const first = await join("a");
      grow();
      const page = holdNextPage();
      const looking = log.look();
      await page.isAsked;
      first.leave();
      const second = await join(query);
      grow();
      grow();
      page.release();
      await looking;
      grow();
      await log.look();
      await settled();
      expect(second.told).toEqual([`${query}:e2`, `${query}:e3`, `${query}:e4`]);
    }
  });

  it("is told what came from then on, though the others have yet to hear what was before", async () => {
    const { log, join, grow } = scene();
    const first = await join("a");
    grow();
    grow();
    const [same, other] = [await join("a"), await join("b")];
    grow();
    await log.look();
    await settled();
    expect(first.told).toEqual(["a:e1", "a:e2", "a:e3"]);
    expect([same.told, other.told]).toEqual([["a:e3"], ["b:e3"]]);
  });
});

describe("whoever is behind the others", () => {
  it("costs no look at the log while it does not read, and goes on when it has read", async () => {
    const { log, sockets, join, grow, reads } = scene();
    const [quick, slow] = [await join("a"), await join("large")];
    for (let index = 0; index < 3; index += 1) grow();
    await log.look();
    await settled();
    expect([slow.told, slow.others]).toEqual([["large:e1", "large:e2"], ["ping"]]);
    const before = reads();
    for (let index = 0; index < 5; index += 1) await log.look();
    await settled();
    expect(reads() - before).toBe(5);
    expect(sockets.hasRead(slow.socket)).toBe(true);
    log.resume(slow.socket);
    await settled();
    expect(slow.told).toEqual(["large:e1", "large:e2", "large:e3"]);
    expect(quick.told).toEqual(["a:e1", "a:e2", "a:e3"]);
  });

  it("catches up a few at once, so that all who come back together do not fill the memory with their pages", async () => {
    const { log, sockets, join, grow, readingMost } = scene();
    const many = 5 * limits.liveCatchUpsAtOnce;
    const joined = [];
    for (let index = 0; index < many; index += 1) joined.push(await join(`${index}`));
    for (const { socket } of joined) sockets.changeSubscription(socket, "1", { follows: false, from: [0, -1] });
    grow();
    grow();
    log.resume();
    await settled();
    for (const [index, { told }] of joined.entries()) expect(told).toEqual([`${index}:e1`, `${index}:e2`]);
    // And one page of those who follow already.
    expect(readingMost()).toBeLessThanOrEqual(limits.liveCatchUpsAtOnce + 1);
  });

  it("is told once that its question has gone, however much there would be to tell", async () => {
    const { log, join, grow } = scene();
    const gone = await join("gone");
    for (let index = 0; index < 3; index += 1) grow();
    await log.look();
    await settled();
    expect(gone.others).toEqual(["error"]);
  });

  it("is pinged after a portion, however often the feed slept meanwhile", async () => {
    const { join, woken } = scene();
    const { socket, others } = await join("a");
    const third = JSON.stringify({ type: "next", payload: "x".repeat(limits.liveUnreadBytes / 3) });
    for (const pings of [0, 0, 1, 1, 1, 1]) {
      woken().send(socket, third);
      expect(others).toHaveLength(pings);
    }
    expect(woken().isFull(socket)).toBe(true);
  });
});
