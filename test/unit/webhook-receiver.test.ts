/** The example that partners start from: it must do what it says. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { receiver, type Received } from "../../examples/webhook-receiver/receiver.mjs";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const handled: string[] = [];
let handle: (event: Received) => Promise<void> = async () => undefined;
let server = createServer();

beforeEach(async () => {
  handled.length = 0;
  handle = async () => undefined;
  const hear = receiver({
    secret,
    handle: async (event) => {
      await handle(event);
      handled.push(event.id);
    },
  });
  server = createServer((request, response) => void hear(request, response));
  await new Promise<void>((open) => server.listen(0, "127.0.0.1", open));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Signed as if it said `body`. */
async function post(id: string, sent: string | ReadableStream, body: string, by = secret): Promise<number> {
  const now = new Date();
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": new Webhook(by).sign(id, now, body),
  };
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const request = { method: "POST", headers, body: sent, duplex: "half" } as RequestInit;
  return (await fetch(url, request)).status;
}

function send(id: string, data: object, by = secret): Promise<number> {
  const body = JSON.stringify({ type: "order.paid", timestamp: new Date().toISOString(), data });
  return post(id, body, body, by);
}

describe("the example receiver", () => {
  it("takes what is signed with its secret, and nothing else", async () => {
    expect(await send("event_1", {})).toBe(204);
    expect(await send("event_2", {}, `whsec_${Buffer.alloc(32, 2).toString("base64")}`)).toBe(401);
    expect(handled).toEqual(["event_1"]);
  });

  it("takes an event that came in pieces of unknown length, and reads no more than a megabyte", async () => {
    const inPieces = (pieces: () => Uint8Array | null) =>
      new ReadableStream({
        pull(controller) {
          const piece = pieces();
          if (piece) controller.enqueue(piece);
          else controller.close();
        },
      });
    const body = JSON.stringify({ type: "order.paid", timestamp: new Date().toISOString(), data: { orderId: "订单" } });
    const bytes = new TextEncoder().encode(body);
    let at = 0;
    const event = inPieces(() => (at < bytes.length ? bytes.subarray(at, (at += 10)) : null));
    expect(await post("event_1", event, body)).toBe(204);
    expect(handled).toEqual(["event_1"]);
    expect(
      await post(
        "event_2",
        inPieces(() => new Uint8Array(65_536)),
        body,
      ),
    ).toBe(413);
    expect(await post("event_3", "x".repeat(1_000_001), body)).toBe(413);
    expect(handled).toEqual(["event_1"]);
  });

  it("does nothing twice, also when both copies come at once, and acknowledges both", async () => {
    expect(await Promise.all([send("event_1", {}), send("event_1", {})])).toEqual([204, 204]);
    expect(await send("event_1", {})).toBe(204);
    expect(handled).toEqual(["event_1"]);
  });

  it("hands an order's events on one after the other, other orders beside them, and asks again for what failed", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    handle = ({ id }) => {
      if (id !== "event_a1") return Promise.resolve();
      begun.resolve();
      return promise;
    };
    const first = send("event_a1", { orderId: "a", sequence: 1 });
    await begun.promise;
    const second = send("event_a2", { orderId: "a", sequence: 2 });
    expect(await send("event_b1", { orderId: "b", sequence: 1 })).toBe(204);
    expect(handled).toEqual(["event_b1"]);
    resolve();
    expect([await first, await second]).toEqual([204, 204]);
    expect(handled).toEqual(["event_b1", "event_a1", "event_a2"]);

    handle = () => Promise.reject(new Error("the disk is full"));
    expect(await send("event_a3", { orderId: "a", sequence: 3 })).toBe(500);
    handle = () => Promise.resolve();
    expect(await send("event_a3", { orderId: "a", sequence: 3 })).toBe(204);
    expect(handled.at(-1)).toBe("event_a3");
  });
});
