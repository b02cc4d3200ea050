/** The doors for phones inside workerd, before the real live code. */
import { env } from "cloudflare:workers";
import {
  createExecutionContext,
  listDurableObjectIds,
  runInDurableObject,
  waitOnExecutionContext,
} from "cloudflare:test";
import { Hono } from "hono";
import { describe, expect, it, vi } from "vitest";
import type { Order, OrderTerms } from "../../src/core/order.ts";
import { merchantIdFrom } from "../../src/db/database.ts";
import { depsOf } from "../../src/deps.ts";
import type { LiveCodeProtocol } from "../../src/durable/protocol.ts";
import { answerScan, mountEdge } from "../../src/edge/routes.ts";
import { configOf } from "../../src/env.ts";
import { someCapture, someTerms } from "./terms.ts";

const origin = "https://pay.example";
const phone =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

const checked = configOf(env);
if (typeof checked === "string") throw new Error(checked);
const config = checked;

const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
  const ctx = createExecutionContext();
  const deps = depsOf(env, config, origin, ctx);
  const request = new Request(origin + path, {
    redirect: "manual",
    ...init,
    headers: { "user-agent": phone, ...(init.headers as Record<string, string>) },
  });
  const app = new Hono();
  mountEdge(app, () => deps);
  const answer = await (answerScan(request, () => deps) ?? app.fetch(request));
  await waitOnExecutionContext(ctx);
  return answer;
};

async function place(fields: Partial<OrderTerms> = {}) {
  const terms = someTerms(merchantIdFrom(Date.now(), crypto.getRandomValues(new Uint8Array(10)), "00"), fields);
  const object = env.LIVE_CODE.getByName(terms.key);
  const code = object as unknown as LiveCodeProtocol;
  await code.place(terms, "once");
  return { terms, object, code, slug: config.keys.slug(terms.key), look: () => code.look() as Promise<Order> };
}

/** Reads blocks of a stream of server-sent events as they come. */
function listen(answer: Response) {
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const next = async (): Promise<string> => {
    while (!text.includes("\n\n")) {
      const { value, done } = await reader.read();
      if (done) return "";
      text += value;
    }
    const end = text.indexOf("\n\n");
    const block = text.slice(0, end);
    text = text.slice(end + 2);
    return block;
  };
  const pulse = async () =>
    JSON.parse((await next()).replace(/^data: /, "")) as { state: string; version: number; scans: number };
  return { next, pulse, leave: () => reader.cancel() };
}

describe("GET /c/:slug", () => {
  it("shows the page, counts the person and changes nothing else", async () => {
    const { slug, look } = await place();
    const before = await look();
    const answer = await ask(`/c/${slug}`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain("Tea House");
    await ask(`/c/${slug}`, { method: "HEAD" });
    await vi.waitFor(async () => expect((await look()).scans.count).toBe(1));
    const { scans: _, version: __, ...after } = await look();
    const { scans: ___, version: ____, ...same } = before;
    expect(after).toEqual(same);
  });

  it("leads to the merchant's own checkout until paid", async () => {
    const { slug, code, terms } = await place({ checkoutUrl: "https://shop.example/checkout" });
    const answer = await ask(`/c/${slug}`);
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "https://shop.example/checkout"]);
    await code.apply(someCapture(terms));
    expect((await ask(`/c/${slug}`)).status).toBe(200);
  });

  it("wakes no object for a slug that was guessed", async () => {
    const { slug } = await place();
    const before = (await listDurableObjectIds(env.LIVE_CODE)).length;
    for (let guess = 0; guess < 500; guess += 1) {
      const forged =
        slug.slice(0, 16) +
        Array.from(
          crypto.getRandomValues(new Uint8Array(8)),
          (byte) => "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[byte & 31],
        ).join("");
      expect((await ask(`/c/${forged}`)).status).toBe(404);
    }
    expect((await listDurableObjectIds(env.LIVE_CODE)).length).toBe(before);
  });
});

describe("GET /c/:slug/events", () => {
  it("tells the state now and at each change, and lets the object sleep when the page goes", async () => {
    const { slug, code, terms, object } = await place();
    const answer = await ask(`/c/${slug}/events`);
    expect(answer.headers.get("content-type")).toContain("text/event-stream");
    const { next, pulse, leave } = listen(answer);
    expect(await next()).toBe("retry: 2000");
    const first = await pulse();
    expect(first).toMatchObject({ state: "OPEN", scans: 0 });
    await code.apply({ kind: "begin", claimant: "somebody", account: "account_TEST" });
    expect((await pulse()).state).toBe("PAYING");
    await code.apply(someCapture(terms));
    const paid = await pulse();
    expect(paid.state).toBe("PAID");
    expect(paid.version).toBeGreaterThan(first.version);
    await leave();
    await vi.waitFor(async () =>
      expect(await runInDurableObject(object, (_, state) => state.getWebSockets().length)).toBe(0),
    );
  });

  it("is not found for what was never placed", async () => {
    const slug = config.keys.slug(someTerms("merchant_00X").key);
    expect((await ask(`/c/${slug}/events`)).status).toBe(404);
  });
});

describe("GET /c/:slug/qr.svg and qr.png", () => {
  it.each(["svg", "png"])("draws %s once and may be kept for good", async (type) => {
    const { slug } = await place();
    const path = `/c/${slug}/qr.${type}?size=256`;
    const first = await ask(path);
    expect(first.status).toBe(200);
    expect(first.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(first.headers.get("content-type")).toBe(type === "svg" ? "image/svg+xml" : "image/png");
    const bytes = await first.bytes();
    expect(bytes.length).toBeLessThan(4_096);
    expect(await (await ask(path)).bytes()).toEqual(bytes);
    // Spelled differently, it comes out of the edge's cache.
    expect(await (await ask(`${path}&margin=4&ecc=m`)).bytes()).toEqual(bytes);
    const head = await ask(path, { method: "HEAD" });
    expect([head.status, (await head.bytes()).length]).toEqual([200, 0]);
  });

  it.each([
    "size=63",
    "size=2049",
    "size=1e3",
    "size=-1",
    "size=",
    "margin=17",
    "margin=-1",
    "ecc=X",
    "ecc=",
    "size=99999999999999999999",
  ])("refuses %s", async (query) => {
    const { slug } = await place();
    const answer = await ask(`/c/${slug}/qr.svg?${query}`);
    expect([answer.status, answer.headers.get("cache-control")]).toEqual([400, "no-store"]);
  });

  it("needs no object at all", async () => {
    const slug = config.keys.slug(someTerms("merchant_00X").key);
    const before = (await listDurableObjectIds(env.LIVE_CODE)).length;
    expect((await ask(`/c/${slug}/qr.svg`)).status).toBe(200);
    expect((await listDurableObjectIds(env.LIVE_CODE)).length).toBe(before);
  });
});
