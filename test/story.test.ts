/**
 * The whole story through the public doors only: a merchant, an order, a scan, a payment, a customer, a signed webhook. Every object is
 * evicted from memory between any two steps, so nothing here may live anywhere but in storage.
 */
import { env, exports } from "cloudflare:workers";
import { evictAllDurableObjects } from "cloudflare:test";
import { Webhook } from "standardwebhooks";
import { afterEach, describe, expect, it, vi } from "vitest";

const origin = "https://pay.example";
const partner = "https://partner.example/hooks";

type Json = Record<string, unknown>;
/** The door itself. Nothing is followed: a redirect is part of the story. */
const visit = (path: string, init: RequestInit = {}): Promise<Response> =>
  exports.default.fetch(new Request(new URL(path, origin), { redirect: "manual", ...init }));

async function ask<T = Json>(
  bearer: string,
  query: string,
  variables: Json = {},
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await visit("/graphql", {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${bearer}`, ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const answer = await response.json<{ data?: T; errors?: { message: string }[] }>();
  expect(answer.errors ?? []).toEqual([]);
  return answer.data as T;
}

/** A partner's server: keeps what it was sent, answers 204. Everything else of the internet is absent. */
function partnerServer(): { id: string; headers: Record<string, string>; body: string }[] {
  const received: { id: string; headers: Record<string, string>; body: string }[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    if (request.url !== partner) return new Response(null, { status: 502 });
    const headers = Object.fromEntries(request.headers);
    received.push({ id: headers["webhook-id"] ?? "", headers, body: await request.text() });
    return new Response(null, { status: 204 });
  });
  return received;
}

const register = /* GraphQL */ `
  mutation ($input: MerchantRegisterInput!) {
    merchantRegister(input: $input) {
      ... on MerchantRegisterSuccess {
        apiKey
        sandboxSecret
        merchant {
          id
        }
        sandboxAccount {
          id
          provider
          notificationUrl
        }
      }
      ... on UserError {
        code
        message
      }
    }
  }
`;
const place = /* GraphQL */ `
  mutation ($input: OrderPlaceInput!) {
    orderPlace(input: $input) {
      ... on OrderPlaceSuccess {
        replayed
        order {
          id
          number
          state
          total {
            amount
            currency
          }
        }
        liveCode {
          slug
          url
        }
      }
      ... on UserError {
        code
        message
      }
    }
  }
`;

type Registered = {
  merchantRegister: {
    apiKey: string;
    sandboxSecret: string;
    merchant: { id: string };
    sandboxAccount: { id: string; notificationUrl: string };
  };
};
type PlacedAnswer = {
  orderPlace: {
    replayed: boolean;
    order: { id: string; number: string; state: string };
    liveCode: { slug: string; url: string };
  };
};

const newMerchant = async (name: string): Promise<Registered["merchantRegister"]> =>
  (
    await ask<Registered>(env.ADMIN_TOKEN, register, {
      input: {
        name,
        slug: `${name.toLowerCase().replaceAll(" ", "-")}-${crypto.randomUUID().slice(0, 8)}`,
        currency: "CNY",
      },
    })
  ).merchantRegister;

/** What a phone does: opens the code, sends the form back with its cookie, and is led to a wallet. */
async function scanAndConfirm(slug: string): Promise<{ wallet: string; cookie: string }> {
  const page = await visit(`/c/${slug}`);
  expect(page.status).toBe(200);
  const cookie = page.headers
    .getSetCookie()
    .map((one) => one.split(";")[0])
    .join("; ");
  const nonce = /name="nonce"[^>]*value="([^"]+)"/.exec(await page.text())?.[1] ?? "";
  await evictAllDurableObjects();
  const paying = await visit(`/c/${slug}/pay`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", cookie, origin },
    body: new URLSearchParams({ nonce, provider: "SANDBOX" }),
  });
  expect(paying.status).toBe(303);
  return { wallet: paying.headers.get("location") ?? "", cookie };
}

async function payIn(wallet: string, fields: Record<string, string>): Promise<Response> {
  await evictAllDurableObjects();
  return visit(wallet, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", origin },
    body: new URLSearchParams({ outcome: "pay", payer: "wallet-42", ...fields }),
  });
}

const orderQuery = /* GraphQL */ `
  query ($id: ID!) {
    order(by: { id: $id }) {
      state
      received {
        amount
      }
      payments {
        state
        duplicate
      }
      conversion {
        state
        firstTime
        customer {
          id
          tags
          ordersPaid
          lifetimeValue {
            amount
          }
        }
      }
      timeline {
        type
        sequence
      }
    }
  }
`;

afterEach(() => vi.restoreAllMocks());

describe("the story", () => {
  it("turns a payer into the merchant's customer at the moment the payment succeeds, and tells the partner", async () => {
    const received = partnerServer();
    const merchant = await newMerchant("Tea House");
    const product = await ask<{ productCreate: { product: { id: string } } }>(
      merchant.apiKey,
      `mutation ($input: ProductCreateInput!) { productCreate(input: $input) { ... on ProductCreateSuccess { product { id } } ... on UserError { message } } }`,
      { input: { sku: "LJ-1", name: "Longjing", price: { amount: "19.90", currency: "CNY" }, stock: 5 } },
    );
    const endpoint = await ask<{ webhookEndpointCreate: { secret: string } }>(
      merchant.apiKey,
      `mutation ($input: WebhookEndpointCreateInput!) { webhookEndpointCreate(input: $input) { ... on WebhookEndpointCreateSuccess { secret } ... on UserError { message } } }`,
      { input: { url: partner, types: [] } },
    );
    await evictAllDurableObjects();

    const input = {
      lines: [{ productId: product.productCreate.product.id, quantity: 2 }],
      externalReference: "till-7",
    };
    const { orderPlace: placed } = await ask<PlacedAnswer>(
      merchant.apiKey,
      place,
      { input },
      { "idempotency-key": "cart-1" },
    );
    const { orderPlace: again } = await ask<PlacedAnswer>(
      merchant.apiKey,
      place,
      { input },
      { "idempotency-key": "cart-1" },
    );
    expect([placed.replayed, again.replayed]).toEqual([false, true]);
    expect(again.order.id).toBe(placed.order.id);
    expect(again.liveCode.url).toBe(placed.liveCode.url);

    const { wallet } = await scanAndConfirm(placed.liveCode.slug);
    const back = await payIn(wallet, {});
    expect(back.status).toBe(303);
    expect(new URL(back.headers.get("location") ?? "", origin).pathname).toBe(`/c/${placed.liveCode.slug}`);
    await evictAllDurableObjects();

    await vi.waitFor(
      async () => {
        const { order } = await ask<{ order: Json }>(merchant.apiKey, orderQuery, { id: placed.order.id });
        expect(order).toMatchObject({
          state: "PAID",
          received: { amount: "39.80" },
          payments: [{ state: "SUCCEEDED", duplicate: false }],
          conversion: {
            state: "COMMITTED",
            firstTime: true,
            customer: { tags: ["paid"], ordersPaid: 1, lifetimeValue: { amount: "39.80" } },
          },
        });
      },
      { timeout: 10_000, interval: 100 },
    );
    const paidPage = await (await visit(`/c/${placed.liveCode.slug}`)).text();
    expect(paidPage).toContain("39.80");

    const wanted = ["order.placed", "order.paid", "conversion.committed", "customer.created"];
    await vi.waitFor(
      () =>
        expect(received.map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual(
          expect.arrayContaining(wanted),
        ),
      {
        timeout: 10_000,
        interval: 50,
      },
    );
    const verifier = new Webhook(endpoint.webhookEndpointCreate.secret);
    for (const { headers, body } of received)
      expect(verifier.verify(body, headers)).toMatchObject({ data: { orderId: placed.order.id } });
    expect(new Set(received.map(({ id }) => id)).size).toBe(received.length);
  });

  it("takes 50 copies of one notification at once as one payment, one conversion and one event, and thanks for each", async () => {
    const received = partnerServer();
    const merchant = await newMerchant("Noodle Bar");
    await ask(
      merchant.apiKey,
      `mutation ($input: WebhookEndpointCreateInput!) { webhookEndpointCreate(input: $input) { ... on WebhookEndpointCreateSuccess { secret } } }`,
      { input: { url: partner, types: ["ORDER_PAID"] } },
    );
    const { orderPlace: placed } = await ask<PlacedAnswer>(merchant.apiKey, place, {
      input: { lines: [{ name: "Noodles", unitPrice: { amount: "8.00", currency: "CNY" } }] },
    });
    const body = JSON.stringify({
      id: "evt_1",
      type: "payment.succeeded",
      order: placed.order.id,
      transaction: "W-1",
      amount: 800,
      currency: "CNY",
      paidAt: new Date().toISOString(),
      payer: { id: "wallet-7" },
    });
    const t = Math.floor(Date.now() / 1000);
    const key = await crypto.subtle.importKey(
      "raw",
      new TextEncoder().encode(merchant.sandboxSecret),
      { name: "HMAC", hash: "SHA-256" },
      false,
      ["sign"],
    );
    const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(`${t}.${body}`)));
    const hex = [...mac].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const notify = (signature: string) =>
      visit(new URL(merchant.sandboxAccount.notificationUrl).pathname, {
        method: "POST",
        headers: { "sandbox-signature": signature },
        body,
      });

    expect((await notify(`t=${t},v1=${"0".repeat(64)}`)).status).toBe(401);
    expect(
      (await ask<{ order: { state: string } }>(merchant.apiKey, orderQuery, { id: placed.order.id })).order.state,
    ).toBe("OPEN");

    const answers = await Promise.all(Array.from({ length: 50 }, () => notify(`t=${t},v1=${hex}`)));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(await answers[49]?.json()).toEqual({ ok: true });
    const { order } = await ask<{ order: { timeline: { type: string }[] } }>(merchant.apiKey, orderQuery, {
      id: placed.order.id,
    });
    expect(order).toMatchObject({ state: "PAID", payments: [{ state: "SUCCEEDED" }] });
    expect(order.timeline.filter(({ type }) => type === "CONVERSION_COMMITTED")).toHaveLength(1);
    await vi.waitFor(() => expect(received.length).toBeGreaterThan(0), { timeout: 10_000 });
    expect(new Set(received.map(({ id }) => id)).size).toBe(1);
  });

  it("knows the same wallet as the same customer, in the merchant's lists too", async () => {
    partnerServer();
    const merchant = await newMerchant("Bakery");
    for (const name of ["Bun", "Bread"]) {
      const { orderPlace: placed } = await ask<PlacedAnswer>(merchant.apiKey, place, {
        input: { lines: [{ name, unitPrice: { amount: "5.00", currency: "CNY" } }] },
      });
      const { wallet } = await scanAndConfirm(placed.liveCode.slug);
      expect((await payIn(wallet, { payer: "wallet-9" })).status).toBe(303);
    }
    const list = `{ viewer { merchant { orders(first: 10) { totalCount nodes { state } } customers(first: 10) { totalCount nodes { ordersPaid lifetimeValue { amount } } } } } }`;
    await vi.waitFor(
      async () => {
        const { viewer } = await ask<{ viewer: Json }>(merchant.apiKey, list);
        expect(viewer).toMatchObject({
          merchant: {
            orders: { totalCount: 2, nodes: [{ state: "PAID" }, { state: "PAID" }] },
            customers: { totalCount: 1, nodes: [{ ordersPaid: 2, lifetimeValue: { amount: "10.00" } }] },
          },
        });
      },
      { timeout: 10_000, interval: 100 },
    );
  });

  it("shows forged, malformed and unknown codes the same door", async () => {
    const pages = await Promise.all(
      ["0".repeat(24), "x", `${"A".repeat(16)}ZZZZZZZZ`, "..%2f..", "1".repeat(400)].map((slug) => visit(`/c/${slug}`)),
    );
    expect(pages.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404]);
    const bodies = await Promise.all(pages.map((page) => page.text()));
    expect(new Set(bodies).size).toBe(1);
  });
});
