import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { limits } from "../../../src/core/limits.ts";
import { deliver } from "../../../src/webhooks/deliver.ts";
import { TimeLimit } from "../../../src/webhooks/time-limit.ts";
import { refusedUrls } from "./urls.ts";
import { bodyFor } from "../../../src/webhooks/payload.ts";

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const heard: { path: string; headers: Record<string, string>; body: string }[] = [];
let behaviour: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end();
let bytesTaken = 0;

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (chunk: Buffer) => (body += chunk.toString()));
  request.on("end", () => {
    heard.push({ path: request.url ?? "", headers: request.headers as Record<string, string>, body });
    behaviour(request, response);
  });
});
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const attempt = {
  policy: { allowPrivate: true, ownHost: null },
  secrets: [secret],
  id: "event_01H455VB4PEX5VSK0001",
  body: '{"type":"order.paid"}',
};
const post = (answers: typeof behaviour, timeoutMs = 2000, over: object = {}) => {
  behaviour = answers;
  heard.length = 0;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  const now = () => Date.now();
  return deliver({ url, ...attempt, ...over }, { fetch, now, limit: new TimeLimit(timeoutMs, now) });
};

describe("an attempt to deliver", () => {
  it("posts the body as it is, signed so that the reference library accepts it", async () => {
    const outcome = await post((_, response) => response.writeHead(202).end("thanks"));
    expect(outcome).toMatchObject({ status: 202, error: null, responseBody: "thanks", retryAfter: null });
    expect(heard).toHaveLength(1);
    const [request] = heard;
    expect(request).toMatchObject({
      path: "/hook",
      body: attempt.body,
      headers: { "content-type": "application/json", "webhook-id": attempt.id },
    });
    expect(new Webhook(secret).verify(request!.body, request!.headers)).toEqual({ type: "order.paid" });
    expect(Math.abs(Number(request!.headers["webhook-timestamp"]) * 1000 - Date.now())).toBeLessThan(5000);
  });

  it("asks nobody when the URL leads nowhere public, whatever was thought of it before", async () => {
    const policy = { allowPrivate: false, ownHost: "pay.huoma.example" };
    const asked = vi.fn<typeof fetch>();
    const ports = { fetch: asked, now: () => 0, limit: new TimeLimit(15_000, () => 0) };
    const spellings = Object.values(refusedUrls).flat();
    expect(spellings.length).toBeGreaterThan(60);
    for (const url of spellings) {
      const { status, error } = await deliver({ ...attempt, url, policy }, ports);
      expect([url, status, error?.startsWith("the URL ")]).toEqual([url, null, true]);
    }
    expect(asked).not.toHaveBeenCalled();
  });

  it("does not follow a redirect", async () => {
    for (const status of [301, 302, 303, 307, 308]) {
      const outcome = await post((_, response) => response.writeHead(status, { location: "/elsewhere" }).end());
      expect(outcome).toMatchObject({ status, error: "redirects are not followed" });
      expect(heard.map(({ path }) => path)).toEqual(["/hook"]);
    }
  });

  it("ends when no answer comes in time", async () => {
    const outcome = await post(() => undefined, 30);
    expect(outcome).toMatchObject({ status: null, error: "no answer within 30 ms" });
  });

  it("leaves no timer behind, because an object with a timer is kept in memory and billed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const ports = { now: () => 0, limit: new TimeLimit(15_000, () => 0) };
    const url = "https://partner.example/hook";
    await deliver({ url, ...attempt }, { ...ports, fetch: async () => new Response("ok") });
    await deliver({ url, ...attempt }, { ...ports, fetch: () => Promise.reject(new TypeError("broken")) });
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("takes the status for the answer when the body never ends", async () => {
    const outcome = await post((_, response) => response.writeHead(200).write("began"), 100);
    expect(outcome).toMatchObject({ status: 200, error: null, responseBody: "began" });
  });

  it("reads an endless answer only up to a cap, and keeps one KiB of it", async () => {
    bytesTaken = 0;
    const outcome = await post((_, response) => {
      const pour = (): void => {
        if (response.destroyed) return;
        bytesTaken += 65_536;
        response.write("x".repeat(65_536), () => setImmediate(pour));
      };
      pour();
    });
    expect(outcome.status).toBe(200);
    expect(outcome.responseBody).toBe("x".repeat(1024));
    // Socket buffers hold some megabytes; what matters is that it ends.
    expect(bytesTaken).toBeLessThan(50_000_000);
    expect(limits.webhookResponseBytesMax).toBe(16_384);
  });

  it("answers with words when nobody listens", async () => {
    const nobody = await post(() => undefined, 500, { url: "http://127.0.0.1:9/hook" });
    expect(nobody.status).toBeNull();
    expect(nobody.error).toBeTruthy();
  });

  it("asks the guard every time, and sends nothing to a URL that is not allowed any more", async () => {
    const outcome = await post((_, response) => response.end(), 500, {
      policy: { allowPrivate: false, ownHost: null },
    });
    expect(outcome).toMatchObject({ status: null, error: "the URL must begin with https://" });
    expect(heard).toEqual([]);
  });

  it("passes Retry-After on", async () => {
    const outcome = await post((_, response) => response.writeHead(429, { "retry-after": "7" }).end("slow down"));
    expect(outcome).toMatchObject({ status: 429, retryAfter: "7", responseBody: "slow down" });
  });
});

describe("a body", () => {
  const full = JSON.stringify({
    type: "order.paid",
    timestamp: "2026-11-23T08:00:00.000Z",
    data: {
      orderId: "order_01H455VB4PEX5VSK",
      sequence: 3,
      merchantId: "merchant_1",
      total: { amount: "1.00" },
      customerId: "customer_1",
      metadata: { name: "Li" },
    },
  });

  it("is the event as it was rendered, when it is FULL", () => expect(bodyFor("FULL", full)).toBe(full));

  it("carries only ids and the sequence, when it is THIN", () => {
    expect(JSON.parse(bodyFor("THIN", full))).toEqual({
      type: "order.paid",
      timestamp: "2026-11-23T08:00:00.000Z",
      data: { orderId: "order_01H455VB4PEX5VSK", sequence: 3, merchantId: "merchant_1", customerId: "customer_1" },
    });
  });
});
