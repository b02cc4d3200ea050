/** What partners are promised when the product is killed again and again: the real thing, with the example receiver as the partner. `EVENTS=1000` makes it long. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { receiver, type Received } from "../../examples/webhook-receiver/receiver.mjs";
import { graph, openProduct, place, register, type Merchant, type Product } from "./product.ts";

const orders = Math.ceil(Number(process.env["EVENTS"] ?? 60) / 2);
const kills = Math.max(2, Math.round(orders / 100));

type Partner = { readonly events: Received[]; readonly bodies: Map<string, Set<string>>; status: number };

let product: Product;
let merchant: Merchant;
const servers: ReturnType<typeof createServer>[] = [];
beforeAll(async () => {
  product = await openProduct();
  merchant = await register(product);
});
afterAll(async () => {
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
  await product?.close();
});

/** A partner that verifies, and keeps what it hears. While `status` is not 200 it refuses everything before looking. */
async function partner(): Promise<Partner> {
  const heard: Partner = { events: [], bodies: new Map(), status: 200 };
  const ears: { hear?: ReturnType<typeof receiver> } = {};
  const server = createServer((request, response) => {
    if (heard.status !== 200 || !ears.hear) return void response.writeHead(heard.status).end();
    void ears.hear(request, response);
  });
  servers.push(server);
  await new Promise<void>((open) => server.listen(0, "127.0.0.1", open));
  const { webhookEndpointCreate } = await graph<{ webhookEndpointCreate: { secret: string } }>(
    product,
    merchant.apiKey,
    `mutation ($url: URL!) { webhookEndpointCreate(input: { url: $url, types: [ORDER_PLACED, ORDER_CANCELLED] }) {
      ... on WebhookEndpointCreateSuccess { secret } ... on UserError { message } } }`,
    { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` },
  );
  ears.hear = receiver({
    secret: webhookEndpointCreate.secret,
    // Remembers nothing, so that copies are seen.
    seen: { has: () => false, add: () => undefined } as unknown as Set<string>,
    handle: (event) => {
      heard.events.push(event);
      heard.bodies.set(event.id, (heard.bodies.get(event.id) ?? new Set()).add(JSON.stringify(event)));
    },
  });
  return heard;
}

const cancel = (id: string) =>
  graph(product, merchant.apiKey, `mutation ($id: ID!) { orderCancel(input: { orderId: $id }) { __typename } }`, {
    id,
  });
const timeline = async (id: string) => {
  const query = `query ($id: ID!) { order(by: { id: $id }) { timeline { id type } } }`;
  const { order } = await graph<{ order: { timeline: { id: string; type: string }[] } }>(
    product,
    merchant.apiKey,
    query,
    { id },
  );
  return order.timeline.map((event) => event.id);
};

describe("a partner, while the product is killed and a neighbour is in trouble,", () => {
  it("gets every event that happened at least once, under one id with one body, in order per order", async () => {
    const [sound, troubled] = [await partner(), await partner()];
    troubled.status = 500;
    const placed: string[] = [];
    for (let kill = 0; kill < kills; kill += 1) {
      const share = Math.ceil(orders / kills);
      // What is under way when the process dies may have happened or not; what was answered has.
      const working = Array.from({ length: share }, async () => {
        const { id } = await place(product, merchant);
        placed.push(id);
        await cancel(id);
      });
      await Promise.race([
        Promise.allSettled(working),
        vi.waitUntil(() => placed.length >= (kill + 0.5) * share, { timeout: 60_000 }),
      ]);
      await product.kill();
      await Promise.allSettled(working);
      await product.start();
    }
    expect(placed.length).toBeGreaterThan(kills);
    const expected = (await Promise.all(placed.map(timeline))).flat();
    troubled.status = 200;
    for (const { events, bodies } of [sound, troubled]) {
      await vi.waitFor(() => expect(expected.filter((id) => !bodies.has(id))).toEqual([]), {
        timeout: 120_000,
        interval: 250,
      });
      expect([...bodies.values()].filter((copies) => copies.size > 1)).toEqual([]);
      for (const own of Map.groupBy(events, ({ data }) => data.orderId).values()) {
        const first = [...new Set(own.map(({ data }) => data.sequence))];
        expect(first).toEqual(first.toSorted((a, b) => (a ?? 0) - (b ?? 0)));
      }
    }
  }, 300_000);
});
