/** Subscriptions as stock clients watch them, over sockets that hibernate and as server-sent events: nothing lost, nothing twice, nobody else's. */
import { env, exports } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { createClient as createSseClient } from "graphql-sse";
import { createClient, type Client } from "graphql-ws";
import { afterEach, describe, expect, it, vi } from "vitest";
import { orderKeyOf } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import { forgetMerchant } from "../../src/resolvers/authenticate.ts";
import { schema } from "../../src/schema/index.ts";
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

  it("keeps no more of a question than it needs, and neither one nor all without bounds", async () => {
    const { key, merchantId } = await openShop();
    const kept = () =>
      runInDurableObject(feedOf(merchantId), (_, { storage }) =>
        [...storage.kv.list<string>({ prefix: "asked:" })].map(([, text]) => text),
      );
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
    await ask(key, `mutation ($id: ID!) { apiKeyRevoke(input: { apiKeyId: $id }) { __typename } }`, { id: narrow.id });
    vi.setSystemTime(Date.now() + limits.liveTickMs);
    await runDurableObjectAlarm(feedOf(merchantId));
    await until(() => watched.ended());
    expect(watched.ended()).toMatchObject({ code: 4403 });
    expect(kept.ended()).toBeNull();
    expect(limits.liveTickMs + limits.apiKeyCacheMs).toBeLessThanOrEqual(60_000);
  });
});
