/** Subscriptions as stock clients watch them, over sockets that hibernate and as server-sent events: nothing lost, nothing twice, nobody else's. */
import { env, exports } from "cloudflare:workers";
import { createExecutionContext, evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { createClient as createSseClient } from "graphql-sse";
import { createClient, type Client } from "graphql-ws";
import { afterEach, describe, expect, it, vi } from "vitest";
import { orderKeyOf } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import { depsOf } from "../../src/deps.ts";
import { FeedWatch } from "../../src/durable/feed-watch.ts";
import { LiveCode } from "../../src/durable/live-code.ts";
import { configOf } from "../../src/env.ts";
import { forgetMerchant } from "../../src/resolvers/authenticate.ts";
import { schema } from "../../src/schema/index.ts";
import { socketDoor } from "../../src/schema/socket.ts";
import {
  ask,
  at,
  eachAt,
  keyWith,
  openShop,
  origin,
  placed,
  post,
  recorded,
  sell,
  tell,
  textAt,
  type Json,
} from "./graph-shop.ts";

vi.setConfig({ testTimeout: 120_000 });

const feedOf = (merchantId: string) => env.MERCHANT_FEED.getByName(merchantId);

/** The platform's WebSocket behind the face that browsers give theirs. */
class DoorSocket extends EventTarget {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readyState = DoorSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((message: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;
  onerror: ((error: unknown) => void) | null = null;
  protocol = "";
  private socket: WebSocket | null = null;

  constructor(url: string, protocols: string | string[]) {
    super();
    void this.connect(url, String(protocols));
  }
  private async connect(url: string, protocol: string): Promise<void> {
    const socket = await opened(url, { "sec-websocket-protocol": protocol });
    this.socket = socket;
    this.protocol = protocol;
    this.readyState = DoorSocket.OPEN;
    socket.addEventListener("message", ({ data }) => this.onmessage?.({ data }));
    socket.addEventListener("close", ({ code, reason }) => {
      this.readyState = DoorSocket.CLOSED;
      this.onclose?.({ code, reason });
    });
    this.onopen?.();
  }
  send(data: string): void {
    this.socket?.send(data);
  }
  close(code?: number, reason?: string): void {
    this.socket?.close(code, reason);
  }
}

async function opened(url: string, headers: Record<string, string>): Promise<WebSocket> {
  const response = await exports.default.fetch(new Request(url, { headers: { upgrade: "websocket", ...headers } }));
  if (!response.webSocket) throw new Error(`no socket, but ${response.status} ${await response.text()}`);
  response.webSocket.accept();
  return response.webSocket;
}

const clients: Client[] = [];
const ends: (() => unknown)[] = [];
afterEach(() => {
  vi.useRealTimers();
  for (const end of ends.splice(0)) end();
  for (const client of clients.splice(0)) void client.dispose();
});
const clientWith = (key: string): Client => {
  const client = createClient({
    url: `${origin}/graphql`,
    webSocketImpl: DoorSocket,
    connectionParams: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
  });
  clients.push(client);
  return client;
};

type Watched = { readonly told: Json[]; readonly ended: () => unknown };
/** What a subscription was told so far, and how it ended. */
function watch(
  client: { readonly subscribe: unknown },
  query: string,
  variables: Record<string, unknown> = {},
): Watched {
  const told: Json[] = [];
  let ended: unknown = null;
  const end = (client as Pick<Client, "subscribe">).subscribe<Json>(
    { query, variables },
    {
      next: ({ data, errors }) => void told.push(errors ? { errors } : (data ?? {})),
      error: (error) => void (ended = error),
      complete: () => void (ended ??= "complete"),
    },
  );
  ends.push(end);
  return { told, ended: () => ended };
}
const until = (condition: () => unknown): Promise<unknown> =>
  vi.waitUntil(condition, { timeout: 60_000, interval: 20 });

const watchOrder = `subscription ($id: ID!) { order(id: $id) { state version liveCode { scans } received { amount } } }`;
const watchEvents = `subscription ($types: [EventType!], $after: ID) { events(types: $types, after: $after) { id type sequence order { id state } } }`;
/** Until somebody follows the log. */
const followed = (merchantId: string) =>
  until(
    async () =>
      (await runInDurableObject(feedOf(merchantId), (_, { storage }) => storage.kv.get("tail"))) !== undefined,
  );
const sequences = ({ told }: Watched): unknown[] => told.map((one) => at(one, "events.id"));
const logOf = async (key: string): Promise<unknown[]> =>
  eachAt(
    await ask(key, `{ viewer { merchant { events(first: 100) { nodes { id } } } } }`),
    "viewer.merchant.events.nodes",
    "id",
  );

describe("an order that is watched", () => {
  it("is shown as it is, and after every change, through evictions of everything, by a stock client", async () => {
    const { key, merchantId } = await openShop();
    const { order, liveCode } = await placed(key);
    const id = textAt(order, "id");
    const watched = watch(clientWith(key), watchOrder, { id });
    await until(() => watched.told.length === 1);
    expect(at(watched.told[0], "order")).toMatchObject({ state: "OPEN", liveCode: { scans: 0 } });

    await evictDurableObject(feedOf(merchantId));
    await evictDurableObject(env.LIVE_CODE.getByName(orderKeyOf(id)!));
    await exports.default.fetch(
      new Request(`${origin}/c/${textAt(liveCode, "slug")}`, {
        headers: { "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148" },
      }),
    );
    await until(() => watched.told.some((one) => at(one, "order.liveCode.scans") === 1));
    await evictDurableObject(feedOf(merchantId));
    await recorded(key, { orderId: id });
    await until(() => watched.told.some((one) => at(one, "order.state") === "PAID"));
    const versions = watched.told.map((one) => Number(at(one, "order.version")));
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(watched.ended()).toBeNull();
  });

  it("is found changed by the feed itself when nobody could tell it", async () => {
    const { key, merchantId } = await openShop();
    const { order } = await placed(key);
    const watched = watch(clientWith(key), watchOrder, { id: at(order, "id") });
    await until(() => watched.told.length === 1);
    const code = env.LIVE_CODE.getByName(orderKeyOf(textAt(order, "id"))!);
    await runInDurableObject(code, (_, { storage }) => storage.kv.put("watchedUntil", 0));
    await evictDurableObject(code);
    await recorded(key, { orderId: at(order, "id") });
    vi.setSystemTime(Date.now() + limits.orderWatchMs);
    await runDurableObjectAlarm(feedOf(merchantId));
    await until(() => watched.told.length > 1);
    expect(at(watched.told.at(-1), "order.state")).toBe("PAID");
  });

  it("is left alone while nothing happens to it, however often the feed sleeps and looks after its sockets", async () => {
    const { key, merchantId } = await openShop();
    const { order } = await placed(key);
    const watched = watch(clientWith(key), watchOrder, { id: at(order, "id") });
    await until(() => watched.told.length === 1);
    const asked = vi.spyOn(LiveCode.prototype, "watch");
    const written = vi.spyOn(FeedWatch.prototype as unknown as { write: () => void }, "write");
    const passing = async (ms: number) => {
      vi.setSystemTime(Date.now() + ms);
      await evictDurableObject(feedOf(merchantId));
      await runDurableObjectAlarm(feedOf(merchantId));
    };
    for (let passed = 0; passed < limits.orderLookMs - limits.liveTickMs; passed += limits.liveTickMs)
      await passing(limits.liveTickMs);
    expect([asked.mock.calls.length, written.mock.calls.length]).toEqual([0, 0]);
    for (let passed = 0; passed < limits.orderWatchMs / 2; passed += limits.orderLookMs)
      await passing(limits.orderLookMs);
    expect(asked.mock.calls.length).toBe(limits.orderWatchMs / 2 / limits.orderLookMs);
    expect(written.mock.calls.length).toBe(1);
    expect(watched.told).toHaveLength(1);
    for (const spy of [asked, written]) spy.mockRestore();
    await recorded(key, { orderId: at(order, "id") });
    await until(() => watched.told.some((one) => at(one, "order.state") === "PAID"));
  });

  it("is nobody else's to watch", async () => {
    const [ours, theirs] = [await openShop(), await openShop()];
    const { order } = await placed(theirs.key);
    const client = clientWith(ours.key);
    for (const id of [at(order, "id"), "order_0000000000000000", "nonsense"]) {
      const watched = watch(client, watchOrder, { id });
      await until(() => watched.ended());
      expect(watched.ended()).toMatchObject([
        { message: "There is no such order.", extensions: { code: "NOT_FOUND" } },
      ]);
    }
    const narrow = watch(clientWith((await keyWith(theirs.key, "ORDERS_WRITE")).text), watchOrder, {
      id: at(order, "id"),
    });
    await until(() => narrow.ended());
    expect(narrow.ended()).toMatchObject([{ extensions: { code: "FORBIDDEN", scopes: ["ORDERS_READ"] } }]);
  });
});

describe("a merchant's events", () => {
  it("are told to nobody else, by whatever they ask", async () => {
    const [ours, theirs] = [await openShop(), await openShop()];
    await placed(theirs.key);
    const [after] = await vi.waitUntil(async () => (await logOf(theirs.key)).length > 0 && logOf(theirs.key), {
      timeout: 60_000,
    });
    const client = clientWith(ours.key);
    const resumed = watch(client, watchEvents, { after });
    await until(() => resumed.ended());
    expect(resumed.ended()).toMatchObject([{ extensions: { code: "NOT_FOUND" } }]);
    const watched = watch(client, watchEvents);
    const following = (merchantId: string) =>
      runInDurableObject(feedOf(merchantId), (_, { storage }) => storage.kv.get("tail"));
    await until(async () => (await following(ours.merchantId)) !== undefined);
    await placed(theirs.key);
    const { order } = await placed(ours.key);
    await until(() => watched.told.length > 0);
    expect(watched.told.map((one) => at(one, "events.order.id"))).toEqual([at(order, "id")]);
    const narrow = watch(clientWith((await keyWith(ours.key, "ORDERS_WRITE")).text), watchEvents);
    await until(() => narrow.ended());
    expect(narrow.ended()).toMatchObject([{ extensions: { code: "FORBIDDEN" } }]);
    // Whoever adds something to watch says here who else must not.
    expect(Object.keys(schema().getSubscriptionType()?.getFields() ?? {}).toSorted()).toEqual(["events", "order"]);
  });

  it("come in the order of the log, each once, and resume after any of them without loss", async () => {
    const { key, merchantId } = await openShop();
    const before = await placed(key);
    await recorded(key, { orderId: at(before.order, "id") });
    const live = watch(clientWith(key), watchEvents);
    await until(
      async () =>
        (await runInDurableObject(feedOf(merchantId), (_, { storage }) => storage.kv.get("tail"))) !== undefined,
    );
    const first = await placed(key);
    await recorded(key, { orderId: at(first.order, "id") });
    await until(() => live.told.some((one) => at(one, "events.type") === "CONVERSION_COMMITTED"));
    await evictDurableObject(feedOf(merchantId));
    await placed(key);
    await until(() => live.told.length >= 5);
    const log = await logOf(key);
    const seen = sequences(live);
    expect(new Set(seen).size).toBe(seen.length);
    expect(log.slice(-seen.length)).toEqual(seen);

    const resumed = log.map((after) => watch(clientWith(key), watchEvents, { after }));
    await placed(key);
    await until(async () => resumed.every(({ told }, index) => told.length === log.length - index));
    const whole = await logOf(key);
    for (const [index, one] of resumed.entries()) expect(sequences(one)).toEqual(whole.slice(index + 1));
    await until(() => live.told.length === seen.length + 1);
  });

  it("are filtered by type, also while catching up", async () => {
    const { key } = await openShop();
    const { order } = await placed(key);
    const [after] = await vi.waitFor(async () => {
      const log = await logOf(key);
      if (log.length === 0) throw new Error("not yet");
      return log;
    });
    await placed(key);
    await recorded(key, { orderId: at(order, "id") });
    const watched = watch(clientWith(key), watchEvents, { after, types: ["ORDER_PAID"] });
    await until(() => watched.told.length === 1);
    const other = await placed(key);
    await recorded(key, { orderId: at(other.order, "id") });
    await until(() => watched.told.length === 2);
    expect(watched.told.map((one) => at(one, "events.type"))).toEqual(["ORDER_PAID", "ORDER_PAID"]);
    const nonsense = watch(clientWith(key), watchEvents, { after: "event_00000000000000000001" });
    await until(() => nonsense.ended());
    expect(nonsense.ended()).toMatchObject([{ extensions: { code: "NOT_FOUND" } }]);
  });

  it("go on for the others when one subscription cannot be answered any more", async () => {
    const { key, merchantId } = await openShop();
    const [doomed, sound] = [
      watch(clientWith(key), `subscription { events { id } }`),
      watch(clientWith(key), watchEvents),
    ];
    const kept = () =>
      runInDurableObject(feedOf(merchantId), (_, { storage }) => [...storage.kv.list<string>({ prefix: "asked:" })]);
    await until(async () => (await kept()).length === 2);
    await until(
      async () =>
        (await runInDurableObject(feedOf(merchantId), (_, { storage }) => storage.kv.get("tail"))) !== undefined,
    );
    // As after a deployment that took a field away.
    await runInDurableObject(feedOf(merchantId), (_, { storage }) => {
      for (const [name, text] of storage.kv.list<string>({ prefix: "asked:" }))
        if (!text.includes("sequence")) storage.kv.put(name, text.replace("events { id }", "events { gone }"));
    });
    await evictDurableObject(feedOf(merchantId));
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    await placed(key);
    await until(() => sound.told.length === 1 && doomed.ended());
    expect(doomed.ended()).toMatchObject([{ message: "Subscribe again." }]);
    expect(sound.ended()).toBeNull();
    logged.mockRestore();
  });

  it("and orders wait while the database is away, and come when it is back: nobody has to subscribe again", async () => {
    const { key, merchantId } = await openShop();
    const { order, liveCode } = await placed(key);
    const client = clientWith(key);
    const [events, code] = [watch(client, watchEvents), watch(client, watchOrder, { id: at(order, "id") })];
    await until(
      async () =>
        code.told.length === 1 &&
        (await runInDurableObject(feedOf(merchantId), (_, { storage }) => storage.kv.get("tail"))) !== undefined,
    );
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const { prepare } = env.DB;
    let away = /FROM event_log log/i;
    let refused = 0;
    const database = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      if (!away.test(sql)) return prepare.call(env.DB, sql);
      refused += 1;
      throw new Error("the database is away");
    });
    const look = () => runDurableObjectAlarm(feedOf(merchantId));
    await placed(key);
    await until(() => refused > 0);
    // The log is back, and the merchant is not: what is read cannot be rendered.
    away = /FROM merchants/i;
    forgetMerchant(merchantId);
    refused = 0;
    await look();
    await until(() => refused > 0);
    refused = 0;
    await exports.default.fetch(
      new Request(`${origin}/c/${textAt(liveCode, "slug")}`, {
        headers: { "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148" },
      }),
    );
    await until(() => refused > 0);
    await look();
    expect([events, code].map(({ told, ended }) => [told.length, ended()])).toEqual([
      [0, null],
      [1, null],
    ]);
    database.mockRestore();
    logged.mockRestore();
    await look();
    await until(() => events.told.length === 1 && code.told.some((one) => at(one, "order.liveCode.scans") === 1));
    expect([events.ended(), code.ended()]).toEqual([null, null]);
  });

  it("and orders come to everybody else while one rendering never ends, and to that one when it does", async () => {
    const { key, merchantId } = await openShop();
    const productId = await sell(key, { sku: "slow" });
    const lines = [{ productId }];
    const { order } = await placed(key, { lines });
    const [after] = await vi.waitUntil(async () => (await logOf(key)).length > 0 && logOf(key), { timeout: 60_000 });
    const slowly = `subscription ($after: ID) { events(after: $after) { id order { lines { product { name } } } } }`;
    const slowOrder = `subscription ($id: ID!) { order(id: $id) { version lines { product { name } } } }`;
    const id = at(order, "id");
    const client = clientWith(key);
    const orders = [watch(client, slowOrder, { id }), watch(client, watchOrder, { id })];
    await until(() => orders.every(({ told }) => told.length > 0));
    const following = [watch(client, slowly), watch(client, watchEvents)];
    await followed(merchantId);
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const before = orders[0]!.told.length;
    const { prepare } = env.DB;
    let hangs = 0;
    const database = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      if (!/FROM (?:products|api_keys)/i.test(sql)) return prepare.call(env.DB, sql);
      hangs += 1;
      const never = () => new Promise(() => {});
      const statement = { bind: () => statement, all: never, first: never };
      return statement as never;
    });
    // Those who come back in the same millisecond, with the same name of their subscription, do not wait for one another either.
    const resumed = [slowly, watchEvents].map(async (query) => {
      const socket = await opened(`${origin}/graphql`, {
        "sec-websocket-protocol": "graphql-transport-ws",
        authorization: `Bearer ${key}`,
      });
      ends.push(() => socket.close());
      const told: unknown[] = [];
      socket.addEventListener("message", ({ data }) => {
        const message = JSON.parse(String(data)) as Json;
        if (message["type"] === "next") told.push(at(message, "payload.data.events.id"));
      });
      return { socket, query, told };
    });
    const [slow, sound] = await Promise.all(resumed);
    await runInDurableObject(feedOf(merchantId), (_, state) => {
      for (const socket of state.getWebSockets())
        socket.serializeAttachment({ ...(socket.deserializeAttachment() as object), openedAt: 1 });
    });
    await evictDurableObject(feedOf(merchantId));
    for (const one of [slow, sound]) {
      one!.socket.send(`{"type":"connection_init"}`);
      const payload = { query: one!.query, variables: { after } };
      one!.socket.send(JSON.stringify({ id: "1", type: "subscribe", payload }));
    }
    await recorded(key, { orderId: id });
    await until(
      () => following[1]!.told.length >= 2 && orders[1]!.told.some((one) => at(one, "order.state") === "PAID"),
    );
    await until(() => sound!.told.length >= 2);
    expect([following[0]!.told, orders[0]!.told.length, slow!.told]).toEqual([[], before, []]);
    expect(hangs).toBeGreaterThan(0);
    // Nor does the feed's own round end with what it waits for.
    vi.setSystemTime(Date.now() + limits.liveTickMs);
    await runDurableObjectAlarm(feedOf(merchantId));
    database.mockRestore();
    const log = await logOf(key);
    await until(async () => {
      await runDurableObjectAlarm(feedOf(merchantId));
      return (
        [following[0], slow].every((one) => one!.told.length === log.length - 1) && orders[0]!.told.length > before
      );
    });
    for (const told of [sequences(following[0]!), sequences(following[1]!), slow!.told, sound!.told])
      expect(told).toEqual(log.slice(1));
    expect([...following, ...orders].map(({ ended }) => ended())).toEqual([null, null, null, null]);
    logged.mockRestore();
  });

  it("wait in the log for whoever reads slowly, and nobody else waits for that", async () => {
    const { key, merchantId } = await openShop();
    const metadata = { ballast: "茶".repeat(1_300) };
    const aliases = Array.from({ length: 12 }, (_, index) => `a${index}: metadata`).join(" ");
    const large = `events { id order { ${aliases} } }`;
    const bearer = { authorization: `Bearer ${key}` };
    const reader = async (pongs: boolean) => {
      const socket = await opened(`${origin}/graphql`, { "sec-websocket-protocol": "graphql-transport-ws", ...bearer });
      const told: unknown[] = [];
      const closed = Promise.withResolvers<[number, string]>();
      let pings = 0;
      const pong = () => socket.send(`{"type":"pong"}`);
      socket.addEventListener("message", ({ data }) => {
        const message = JSON.parse(String(data)) as Json;
        if (message["type"] === "next") told.push(at(message, "payload.data.events.id"));
        if (message["type"] !== "ping") return;
        pings += 1;
        if (pongs) pong();
      });
      socket.addEventListener("close", ({ code, reason }) => closed.resolve([code, reason]));
      ends.push(() => socket.close());
      socket.send(`{"type":"connection_init"}`);
      socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: `subscription { ${large} }` } }));
      return { told, pong, pings: () => pings, closed: closed.promise };
    };
    const [slow, quick] = [await reader(false), await reader(true)];
    const stream = await post(JSON.stringify({ query: `subscription { ${large} }` }), {
      ...bearer,
      accept: "text/event-stream",
    });
    const follows = () =>
      runInDurableObject(feedOf(merchantId), (_, state) =>
        state
          .getWebSockets()
          .map(
            (socket) =>
              (socket.deserializeAttachment() as { subscriptions: { follows: boolean }[] }).subscriptions[0]?.follows,
          ),
      );
    await until(async () => (await follows()).filter(Boolean).length === 3);
    for (let index = 0; index < 6; index += 1) await placed(key, { metadata });
    await until(() => quick.told.length === 6);
    // One portion before the ping, one after it, each as large as its last message makes it.
    const portion = Math.ceil(limits.liveUnreadBytes / (12 * 3 * 1_300));
    await until(async () => (await follows()).filter((one) => one === false).length === 2);
    expect([slow.told.length, slow.pings()]).toEqual([2 * portion, 1]);
    await evictDurableObject(feedOf(merchantId));
    slow.pong();
    await until(() => slow.told.length > 2 * portion);
    slow.pong();
    await until(() => slow.told.length === 6);
    const log = await logOf(key);
    expect([slow.told, quick.told]).toEqual([log, log]);

    const streamed: string[] = [];
    const body = stream.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (streamed.length < 6) {
      text += (await body.read()).value ?? "";
      streamed.splice(0, Infinity, ...[...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id!));
    }
    expect(streamed).toEqual(log);
    await body.cancel();

    vi.setSystemTime(Date.now() + limits.liveUnreadMs + 1);
    await runDurableObjectAlarm(feedOf(merchantId));
    expect(await slow.closed).toEqual([1013, expect.stringContaining("resume after the last event")]);
  });

  it("that come without end do not put off looking after those who listen: a key that has ended ends its sockets", async () => {
    const { key, merchantId } = await openShop();
    const narrow = await keyWith(key, "ORDERS_READ");
    const watched = watch(clientWith(narrow.text), watchEvents);
    await followed(merchantId);
    const feed = feedOf(merchantId);
    const alarm = () => runInDurableObject(feed, (_, { storage }) => storage.getAlarm());
    // Far ahead, so that it does not ring by itself.
    vi.setSystemTime(Date.now() + 3_600_000);
    await feed.publish([]);
    const due = (await alarm())!;
    // Late, as it rings on a busy machine: whatever is published meanwhile must leave it alone.
    for (const late of [0, 10, 20_000]) {
      vi.setSystemTime(due + late);
      await feed.publish([]);
      expect(await alarm()).toBe(due);
    }
    vi.useRealTimers();
    await ask(key, `mutation ($id: ID!) { apiKeyRevoke(input: { apiKeyId: $id }) { __typename } }`, { id: narrow.id });
    await until(async () => {
      await Promise.all(Array.from({ length: 20 }, () => feed.publish([])));
      return watched.ended();
    });
    expect(watched.ended()).toMatchObject({ code: 4403 });
  });

  it("reach a thousand subscribers, each once", async () => {
    const { key, merchantId } = await openShop();
    const bearer = { authorization: `Bearer ${key}`, "sec-websocket-protocol": "graphql-transport-ws" };
    const subscribe = JSON.stringify({ id: "1", type: "subscribe", payload: { query: watchEvents } });
    const counts = await Promise.all(
      Array.from({ length: 1_000 }, async () => {
        const socket = await opened(`${origin}/graphql`, bearer);
        const told: string[] = [];
        socket.addEventListener("message", ({ data }) => {
          const message = JSON.parse(String(data)) as { type: string; payload: { data: { events: { id: string } } } };
          if (message.type === "next") told.push(message.payload.data.events.id);
        });
        ends.push(() => socket.close());
        socket.send(`{"type":"connection_init"}`);
        socket.send(subscribe);
        return told;
      }),
    );
    await until(async () => {
      const sockets = await runInDurableObject(
        feedOf(merchantId),
        (_, state) =>
          state
            .getWebSockets()
            .filter(
              (socket) =>
                (socket.deserializeAttachment() as { subscriptions: { follows: boolean }[] }).subscriptions[0]?.follows,
            ).length,
      );
      return sockets === 1_000;
    });
    const orders = await Promise.all([placed(key), placed(key), placed(key)]);
    await recorded(key, { orderId: at(orders[0].order, "id") });
    const expected = 6;
    await until(() => counts.every((told) => told.length >= expected));
    const log = await logOf(key);
    expect(log).toHaveLength(expected);
    for (const told of counts) expect(told).toEqual(log);
  });
});

describe("server-sent events", () => {
  const sse = (key: string) =>
    createSseClient({
      url: `${origin}/graphql`,
      headers: { authorization: `Bearer ${key}` },
      fetchFn: (url: string, init: RequestInit) => exports.default.fetch(new Request(url, init)),
      retryAttempts: 0,
    });

  it("tell a stock client the same as a socket does", async () => {
    const { key, merchantId } = await openShop();
    const { order } = await placed(key);
    const client = sse(key);
    const watched = watch(client, watchOrder, { id: at(order, "id") });
    const events = watch(client, watchEvents);
    await until(() => watched.told.length === 1);
    await until(
      async () =>
        (await runInDurableObject(feedOf(merchantId), (_, { storage }) => storage.kv.get("tail"))) !== undefined,
    );
    await evictDurableObject(feedOf(merchantId));
    await recorded(key, { orderId: at(order, "id") });
    await until(() => watched.told.some((one) => at(one, "order.state") === "PAID"));
    await until(() => events.told.some((one) => at(one, "events.type") === "CONVERSION_COMMITTED"));
    expect(new Set(sequences(events)).size).toBe(events.told.length);
    const refused = watch(client, watchOrder, { id: "order_0000000000000000" });
    await until(() => refused.ended());
    expect(refused.told).toMatchObject([{ errors: [{ message: "There is no such order." }] }]);
    client.dispose();
  });

  it("end without being complete when the connection to the feed breaks, and go on after the last event for a stock client that comes back", async () => {
    const { key, merchantId } = await openShop();
    let last: string | undefined;
    let connections = 0;
    const client = createSseClient({
      url: `${origin}/graphql`,
      headers: () => ({ authorization: `Bearer ${key}`, ...(last !== undefined && { "last-event-id": last }) }),
      fetchFn: (url: string, init: RequestInit) => {
        connections += 1;
        return exports.default.fetch(new Request(url, init));
      },
      retry: async () => {},
    });
    const watched = watch(client, watchEvents);
    await followed(merchantId);
    const breakOff = (code: number) =>
      runInDurableObject(feedOf(merchantId), (_, state) => {
        for (const socket of state.getWebSockets()) socket.close(code, "as it were a deployment");
      });
    for (let round = 1; round <= 3; round += 1) {
      await placed(key);
      await until(() => watched.told.length === 2 * round - 1);
      last = textAt(watched.told.at(-1), "events.id");
      await breakOff(1012);
      await placed(key);
      await until(() => watched.told.length === 2 * round);
    }
    expect(sequences(watched)).toEqual(await logOf(key));
    expect([watched.ended(), connections]).toEqual([null, 4]);

    // As EventSource comes back: by the ids that the stream itself gives.
    const streamed = async (headers: Record<string, string>) =>
      (
        await post(JSON.stringify({ query: watchEvents }), {
          authorization: `Bearer ${key}`,
          accept: "text/event-stream",
          ...headers,
        })
      ).text();
    const [first, ...others] = await logOf(key);
    const resumed = streamed({ "last-event-id": String(first) });
    await until(
      async () => (await runInDurableObject(feedOf(merchantId), (_, state) => state.getWebSockets().length)) === 2,
    );
    await placed(key);
    await until(() => watched.told.length === 7);
    client.dispose();
    await breakOff(1012);
    const text = await resumed;
    expect([...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id).slice(0, 5)).toEqual(others);
    expect(text).not.toContain("complete");
    expect(await streamed({ "last-event-id": "event_00000000000000000001" })).toMatch(/NOT_FOUND[^]*event: complete/);
    const revoked = streamed({});
    await followed(merchantId);
    await breakOff(4403);
    expect(await revoked).toMatch(/UNAUTHENTICATED[^]*event: complete/);
  });

  it("are for those who want them: a question with one answer comes as JSON to whoever reads that", async () => {
    const { key } = await openShop();
    const body = JSON.stringify({ query: `{ viewer { merchant { name } } }` });
    const bearer = { authorization: `Bearer ${key}` };
    const only = await post(body, { ...bearer, accept: "text/event-stream" });
    expect(await only.text()).toBe(
      `event: next\ndata: ${JSON.stringify({ data: { viewer: { merchant: { name: "Tea House" } } }, extensions: { cost: { requested: 3, allowed: limits.graphql.costMax } } })}\n\nevent: complete\ndata: \n\n`,
    );
    const urql =
      "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed";
    expect((await post(body, { ...bearer, accept: urql })).headers.get("content-type")).toContain(
      "application/graphql-response+json",
    );
    expect((await tell(key, `subscription { events { id } }`)).errors[0]?.extensions.code).toBe("NOT_ACCEPTABLE");
    const stranger = await post(JSON.stringify({ query: `subscription { events { id } }` }), {
      accept: "text/event-stream",
    });
    expect([stranger.status, (await stranger.json<Json>())["errors"]]).toMatchObject([
      401,
      [{ extensions: { code: "UNAUTHENTICATED" } }],
    ]);
  });
});

describe("a socket", () => {
  const heard = (socket: WebSocket) => {
    const messages: unknown[] = [];
    const closed = Promise.withResolvers<number>();
    socket.addEventListener("message", ({ data }) => void messages.push(JSON.parse(String(data))));
    socket.addEventListener("close", ({ code }) => closed.resolve(code));
    return { messages, closed: closed.promise };
  };
  const protocol = { "sec-websocket-protocol": "graphql-transport-ws" };

  it("is answered as the protocol says, whatever comes first", async () => {
    const { key } = await openShop();
    const bearer = { ...protocol, authorization: `Bearer ${key}` };
    const init = `{"type":"connection_init"}`;
    const subscribe = (id: string) =>
      JSON.stringify({ id, type: "subscribe", payload: { query: `subscription { events { id } }` } });
    const cases: [string[], number][] = [
      [["{"], 4400],
      [[`{"type":"nonsense"}`], 4400],
      [[subscribe("1")], 4401],
      [[init, init], 4429],
      [[init, subscribe("1"), subscribe("1")], 4409],
      [[init, subscribe("x".repeat(65))], 4400],
    ];
    for (const [messages, code] of cases) {
      const socket = await opened(`${origin}/graphql`, bearer);
      const { closed } = heard(socket);
      for (const message of messages) socket.send(message);
      expect([messages, await closed]).toEqual([messages, code]);
    }
    const socket = await opened(`${origin}/graphql`, bearer);
    const { messages } = heard(socket);
    for (const message of [
      init,
      `{"type":"ping"}`,
      `{"type":"ping","payload":{"a":1}}`,
      JSON.stringify({ id: "q", type: "subscribe", payload: { query: "{ viewer { scopes } }" } }),
    ])
      socket.send(message);
    for (let index = 0; index <= limits.subscriptionsPerSocketMax; index += 1) socket.send(subscribe(String(index)));
    await until(() => messages.length === 5);
    expect(messages).toEqual(
      expect.arrayContaining([
        { type: "connection_ack" },
        { type: "pong" },
        { type: "pong", payload: { a: 1 } },
        expect.objectContaining({ id: "q", type: "error" }),
        expect.objectContaining({ type: "error", payload: [{ message: "A socket has at most 20 subscriptions." }] }),
      ]),
    );
    socket.close();
  });

  it("may call another subscription as it called one that is complete, however long that one takes to begin", async () => {
    const { key, merchantId } = await openShop();
    await placed(key);
    const [after] = await vi.waitUntil(async () => (await logOf(key)).length > 0 && logOf(key), { timeout: 60_000 });
    const socket = await opened(`${origin}/graphql`, { ...protocol, authorization: `Bearer ${key}` });
    const { messages } = heard(socket);
    const { prepare } = env.DB;
    let [isAsked, mayAnswer] = [false, false];
    // Where in the log the first is to begin takes its time.
    const database = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      const statement = prepare.call(env.DB, sql);
      if (!/part\.value ->> 0 >= /.test(sql)) return statement;
      const first = async () => {
        isAsked = true;
        await until(() => mayAnswer);
        return bound.first();
      };
      let bound = statement;
      const slow = { bind: (...values: unknown[]) => ((bound = statement.bind(...values)), slow), first };
      return slow as never;
    });
    const subscribe = (query: string, variables = {}) =>
      socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query, variables } }));
    socket.send(`{"type":"connection_init"}`);
    subscribe(`subscription ($after: ID) { events(after: $after) { id } }`, { after });
    await until(() => isAsked);
    socket.send(`{"type":"complete","id":"1"}`);
    subscribe(`subscription { events { type } }`);
    await followed(merchantId);
    mayAnswer = true;
    database.mockRestore();
    await placed(key);
    const told = () => messages.filter((message) => at(message, "type") === "next");
    await until(() => told().length > 0);
    expect(told()).toEqual([{ id: "1", type: "next", payload: { data: { events: { type: "ORDER_PLACED" } } } }]);
    socket.close();
  });

  it("stays open when what it resumes after cannot be read just now, and goes on by itself when it can", async () => {
    const { key, merchantId } = await openShop();
    await placed(key);
    const [after] = await vi.waitUntil(async () => (await logOf(key)).length > 0 && logOf(key), { timeout: 60_000 });
    await placed(key);
    await vi.waitUntil(async () => (await logOf(key)).length === 2, { timeout: 60_000 });
    const socket = await opened(`${origin}/graphql`, { ...protocol, authorization: `Bearer ${key}` });
    const { messages, closed } = heard(socket);
    const codes: number[] = [];
    void closed.then((code) => codes.push(code));
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const { prepare } = env.DB;
    let refused = 0;
    const database = vi.spyOn(env.DB, "prepare").mockImplementation((sql) => {
      if (!/FROM event_log log, json_each/i.test(sql)) return prepare.call(env.DB, sql);
      refused += 1;
      throw new Error("the log is away");
    });
    socket.send(`{"type":"connection_init"}`);
    const payload = { query: `subscription ($after: ID) { events(after: $after) { id } }`, variables: { after } };
    socket.send(JSON.stringify({ id: "1", type: "subscribe", payload }));
    await until(() => refused > 0);
    socket.send(`{"type":"ping","payload":{"still":"there"}}`);
    await until(() => messages.some((message) => at(message, "type") === "pong") || codes.length > 0);
    expect(codes).toEqual([]);
    database.mockRestore();
    await runDurableObjectAlarm(feedOf(merchantId));
    await until(() => messages.some((message) => at(message, "type") === "next"));
    logged.mockRestore();
    socket.close();
  });

  it("is closed when its client only sends and never reads what it is answered", async () => {
    const { key } = await openShop();
    const large = "x".repeat(limits.liveUnreadBytes - 1_000);
    const invalid = { query: `subscription { ${"nothing ".repeat(20)} }` };
    const sends = [
      () => `{"type":"ping","payload":{"large":"${large}"}}`,
      (index: number) => JSON.stringify({ id: `${index}`, type: "subscribe", payload: invalid }),
    ];
    for (const send of sends) {
      const socket = await opened(`${origin}/graphql`, { ...protocol, authorization: `Bearer ${key}` });
      const { messages, closed } = heard(socket);
      const codes: number[] = [];
      void closed.then((code) => codes.push(code));
      socket.send(`{"type":"connection_init"}`);
      let sent = 0;
      await until(() => {
        for (const end = sent + 10; sent < end; sent += 1)
          if (socket.readyState === WebSocket.OPEN) socket.send(send(sent));
        return codes.length > 0;
      });
      expect(codes).toEqual([1013]);
      expect(JSON.stringify(messages).length).toBeLessThan(5 * limits.liveUnreadBytes);
    }
  });

  it("keeps no more of a question than it needs, and neither one nor all without bounds", async () => {
    const { key, merchantId } = await openShop();
    const kept = () =>
      runInDurableObject(feedOf(merchantId), (_, { storage }) =>
        [...storage.kv.list<string>({ prefix: "asked:" })].map(([, text]) => text),
      );
    // Nor of the languages that its client reads.
    const polyglot = await opened(`${origin}/graphql`, {
      ...protocol,
      authorization: `Bearer ${key}`,
      "accept-language": "zh-CN,".repeat(5_000),
    });
    const { messages } = heard(polyglot);
    polyglot.send(`{"type":"connection_init"}`);
    await until(() => messages.length === 1);
    polyglot.close();
    const client = clientWith(key);
    watch(client, `subscription { events { id } }`, { ballast: "x".repeat(50_000) });
    await until(async () => (await kept()).length === 1);
    expect((await kept())[0]!.length).toBeLessThan(1_000);
    const refused = [{ extensions: { code: "TOO_LARGE" } }];
    const long = watch(client, `subscription { events { id } } #${"x".repeat(limits.liveQuestionLengthMax)}`);
    await until(() => long.ended());
    expect(long.ended()).toMatchObject(refused);
    // Nobody asks these any more, so they make room.
    await runInDurableObject(feedOf(merchantId), (_, { storage }) => {
      for (let index = 0; index < 9; index += 1) storage.kv.put(`asked:${index}`, "x".repeat(1024 ** 2));
    });
    await evictDurableObject(feedOf(merchantId));
    watch(client, `subscription { events { type } }`);
    await until(async () => (await kept()).some((text) => text.includes("events { type }")));
    expect(await kept()).toHaveLength(2);
  });

  it("leaves nothing behind when its client is gone before it began, and tells its client to come back when the feed breaks off", async () => {
    const { key } = await openShop();
    const config = configOf(env);
    if (typeof config === "string") throw new Error(config);
    const deps = depsOf(env, config, origin, createExecutionContext());
    const open = async (fetchFeed: () => Promise<Response>) => {
      const feed = (merchantId: string) => ({ ...deps.feed(merchantId), fetch: fetchFeed });
      const { webSocket } = await socketDoor(
        new Request(`${origin}/graphql`, { headers: { upgrade: "websocket", ...protocol } }),
        { ...deps, feed },
      );
      webSocket!.accept();
      webSocket!.send(JSON.stringify({ type: "connection_init", payload: { authorization: `Bearer ${key}` } }));
      return webSocket!;
    };
    const upgraded = () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      return { response: new Response(null, { status: 101, webSocket: client }), server };
    };
    const slow = Promise.withResolvers<Response>();
    const asked = Promise.withResolvers<void>();
    const leaving = await open(() => {
      asked.resolve();
      return slow.promise;
    });
    await asked.promise;
    leaving.close(1000, "");
    // By the time that somebody else has come all the way, it is known that this one is gone.
    const other = upgraded();
    const arrived = new Promise((resolve) => other.server.addEventListener("message", resolve));
    ends.push(await open(async () => other.response).then((socket) => () => socket.close()));
    await arrived;
    const late = upgraded();
    const released = heard(late.server).closed;
    slow.resolve(late.response);
    expect(await released).toBe(1000);

    for (const code of [1011, 1012, 4403]) {
      const feed = upgraded();
      const client = await open(async () => feed.response);
      const { closed } = heard(client);
      await new Promise((resolve) => feed.server.addEventListener("message", resolve));
      feed.server.close(code, "");
      expect(await closed).toBe(code === 4403 ? code : 1013);
    }
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    const failing = await open(() => Promise.reject(new Error("the feed is away")));
    expect(await heard(failing).closed).toBe(1013);
    logged.mockRestore();
  });

  it("needs a key, and ends within a minute of its revocation", async () => {
    const { key, merchantId } = await openShop();
    const narrow = await keyWith(key, "ORDERS_READ");
    const stranger = await opened(`${origin}/graphql`, protocol);
    const { closed } = heard(stranger);
    stranger.send(`{"type":"connection_init"}`);
    expect(await closed).toBe(4403);
    const refused = async (headers: Record<string, string>) =>
      (await exports.default.fetch(new Request(`${origin}/graphql`, { headers: { upgrade: "websocket", ...headers } })))
        .status;
    expect(await refused({ ...protocol, authorization: "Bearer hk_nonsense" })).toBe(401);
    expect(await refused({ ...protocol, authorization: "Bearer local-admin-token" })).toBe(401);
    expect(await refused({ authorization: `Bearer ${key}`, "sec-websocket-protocol": "graphql-ws" })).toBe(400);

    const watched = watch(clientWith(narrow.text), watchEvents);
    const kept = watch(clientWith(key), watchEvents);
    await until(
      async () => (await runInDurableObject(feedOf(merchantId), (_, state) => state.getWebSockets().length)) === 2,
    );
    // Far ahead, so that no alarm rings by itself.
    vi.setSystemTime(Date.now() + 3_600_000);
    const askedAt = Date.now();
    await runDurableObjectAlarm(feedOf(merchantId));
    await ask(key, `mutation ($id: ID!) { apiKeyRevoke(input: { apiKeyId: $id }) { __typename } }`, { id: narrow.id });
    // Whoever looks in between, as after every publication, puts off the question for the keys no further.
    vi.setSystemTime(askedAt + limits.liveTickMs - 1);
    await runDurableObjectAlarm(feedOf(merchantId));
    const due = await runInDurableObject(feedOf(merchantId), (_, { storage }) => storage.getAlarm());
    expect(due).toBe(askedAt + limits.liveTickMs);
    vi.setSystemTime(due!);
    await runDurableObjectAlarm(feedOf(merchantId));
    await until(() => watched.ended());
    expect(watched.ended()).toMatchObject({ code: 4403 });
    expect(kept.ended()).toBeNull();
    expect(limits.liveTickMs + limits.apiKeyCacheMs).toBeLessThanOrEqual(60_000);
  });
});
