/** Stripe's port against the official library: it signs the events here, and sends the requests that ours must equal. */
import { createServer } from "node:http";
import fc from "fast-check";
import Stripe from "stripe";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { paymentId, refundId } from "../../../src/core/ids.ts";
import { limits } from "../../../src/core/limits.ts";
import { isCurrency, type Currency } from "../../../src/core/money.ts";
import type { PaymentRequest } from "../../../src/payments/provider.ts";
import { fromStripe, toStripe } from "../../../src/payments/stripe-amount.ts";
import { stripePort } from "../../../src/payments/stripe.ts";
import { providerContract } from "../../provider-contract.ts";
import { sessionOf, stripeBench, stripeCredentials as credentials } from "../../providers/stripe-bench.ts";
import { randomKey } from "../../workers/terms.ts";

const official = new Stripe(credentials.secretKey);
const signByLibrary = (secret: string, body: string | Uint8Array, at: number): string =>
  official.webhooks.generateTestHeaderString({
    payload: typeof body === "string" ? body : Buffer.from(body).toString("latin1"),
    secret,
    timestamp: Math.floor(at / 1000),
  });
/** The library signs texts; a body that is not plain ASCII would be signed as another. */
const isPlain = (body: string | Uint8Array): boolean => Buffer.from(body).every((byte) => byte < 128);

const bench = stripeBench();
const { server } = bench;
beforeAll(() => vi.stubGlobal("fetch", (url: string, init: RequestInit) => server.handle(new Request(url, init))));
afterAll(() => vi.unstubAllGlobals());
afterEach(() => vi.useRealTimers());

providerContract("Stripe", () => ({
  ...bench,
  sign: (body, { webhookSecrets: [secret = ""] }, now) => ({
    headers: isPlain(body)
      ? new Headers({ "stripe-signature": signByLibrary(secret, body, now) })
      : bench.sign(body, { ...credentials, webhookSecrets: [secret] }, now).headers,
    body,
  }),
}));

const call = (now = Date.now(), reference: string | null = null) => ({ now, account: "account_1", reference });
const request = (fields: Partial<PaymentRequest> = {}): PaymentRequest => {
  const order = randomKey();
  return {
    payment: paymentId(order, 1),
    order,
    amount: 1990,
    currency: "USD" as Currency,
    description: "Tea House 茶 & Söhne (30% off!) · 1001",
    returnUrl: "https://pay.example/c/SLUG?x=1&y=2",
    notificationUrl: "https://pay.example/payments/stripe/account_1/notifications",
    startedAt: Date.now(),
    expiresAt: Date.now() + 7_200_000,
    ...fields,
  };
};
const told = (fields: Partial<Parameters<typeof sessionOf>[0]> = {}) => {
  const order = randomKey();
  const payment = paymentId(order, 1);
  const common = { amount: 1990, currency: "USD" as Currency, paidAt: Date.now(), person: "cus_1" };
  return { order, payment, transaction: "pi_1", ...common, ...fields };
};
const eventBody = (type: string, object: unknown) =>
  JSON.stringify({ id: "evt_1", object: "event", created: Math.floor(Date.now() / 1000), type, data: { object } });
const hear = (body: string, header?: string, now = Date.now()) =>
  stripePort.verify(
    credentials,
    new Headers({ "stripe-signature": header ?? signByLibrary(credentials.webhookSecrets[0] ?? "", body, now) }),
    new TextEncoder().encode(body),
    call(now),
  );
const refusedAs = { ok: false, error: "SIGNATURE" };

describe("a webhook of Stripe", () => {
  const body = eventBody("checkout.session.completed", sessionOf(told()));
  const [secret = "", next = ""] = credentials.webhookSecrets;
  const seconds = Math.floor(Date.now() / 1000);
  const signature = signByLibrary(secret, body, Date.now());
  const v1 = signature.split("v1=")[1] ?? "";

  it("is believed under each secret in use, and with several signatures of which one fits", async () => {
    expect(await hear(body)).toMatchObject({ ok: true });
    expect(await hear(body, signByLibrary(next, body, Date.now()))).toMatchObject({ ok: true });
    expect(await hear(body, `t=${seconds},v1=${"0".repeat(64)},v1=${v1}`)).toMatchObject({ ok: true });
  });

  it.each<[string, string, string]>([
    ["a signature under another key", body, signByLibrary("whsec_other00000000", body, Date.now())],
    ["the secret without its prefix", body, signByLibrary(secret.slice(6), body, Date.now())],
    ["another body", body.replace("1990", "1991"), signature],
    ["the same JSON, written differently", `${body} `, signature],
    ["only a scheme that is not in use", body, `t=${seconds},v0=${v1}`],
    ["a moment that was not signed", body, `t=${seconds + 1},v1=${v1}`],
    ["no moment", body, `v1=${v1}`],
    ["two moments", body, `t=${seconds},t=${seconds + 1},v1=${v1}`],
    ["a shortened signature", body, `t=${seconds},v1=${v1.slice(0, 32)}`],
    ["more signatures than anybody needs", body, `t=${seconds}${`,v1=${v1}`.repeat(9)}`],
    ["nothing", body, ""],
    ["301 seconds of age", body, signByLibrary(secret, body, (seconds - 301) * 1000)],
    [
      "a date 301 seconds ahead, which the library itself accepts",
      body,
      signByLibrary(secret, body, (seconds + 301) * 1000),
    ],
    ["a date a day ahead", body, signByLibrary(secret, body, Date.now() + 99_999_000)],
  ])("is refused with %s", async (_, text, header) => {
    expect(await hear(text, header, seconds * 1000)).toEqual(refusedAs);
  });

  it("tells of one payment by its session alone, whatever other events come with it", async () => {
    const payment = told();
    const intent = {
      id: "pi_1",
      status: "succeeded",
      amount_received: 1990,
      currency: "usd",
      metadata: { payment: payment.payment },
    };
    for (const type of ["payment_intent.succeeded", "charge.succeeded", "charge.refunded", "customer.created"])
      expect(await hear(eventBody(type, intent))).toMatchObject({ ok: true, value: { kind: "ignored" } });
    const once = await hear(eventBody("checkout.session.completed", sessionOf(payment)));
    const later = await hear(eventBody("checkout.session.async_payment_succeeded", sessionOf(payment)));
    expect(later).toEqual(once);
    expect(once).toMatchObject({ value: { kind: "captured", capture: { id: "STRIPE:pi_1", amount: 1990 } } });
  });

  it("says who paid as far as Stripe vouches for it", async () => {
    const session = {
      ...sessionOf(told()),
      customer: null,
      customer_details: { name: "Ada", email: "Ada@Example.com", phone: "+44 20 7946 0000" },
    };
    expect(await hear(eventBody("checkout.session.completed", session))).toMatchObject({
      value: {
        capture: {
          payerName: "Ada",
          identities: [
            { kind: "PHONE", value: "+442079460000", verified: false },
            { kind: "EMAIL", value: "ada@example.com", verified: false },
          ],
        },
      },
    });
  });

  it("of a delayed means of payment tells nothing until the money came, or did not", async () => {
    const session = sessionOf(told());
    const waiting = { ...session, payment_status: "unpaid" };
    expect(await hear(eventBody("checkout.session.completed", waiting))).toMatchObject({ value: { kind: "ignored" } });
    expect(await hear(eventBody("checkout.session.async_payment_succeeded", session))).toMatchObject({
      value: { kind: "captured" },
    });
    // Such a session is complete, and takes no other means of payment.
    expect(await hear(eventBody("checkout.session.async_payment_failed", waiting))).toMatchObject({
      value: { kind: "ended", command: { outcome: "CLOSED", reason: "the payment did not arrive" } },
    });
    expect(await hear(eventBody("checkout.session.expired", { ...waiting, status: "expired" }))).toMatchObject({
      value: { kind: "ended", command: { outcome: "CLOSED" } },
    });
  });

  it("of money that was not begun here is of no consequence, and of an order nobody knows is money all the same", async () => {
    const session = sessionOf(told());
    const foreign = { ...session, client_reference_id: "invoice-7", metadata: {} };
    expect(await hear(eventBody("checkout.session.completed", foreign))).toEqual({
      ok: true,
      value: { kind: "ignored", why: "not begun here" },
    });
    expect(await hear(eventBody("checkout.session.completed", session))).toMatchObject({ value: { kind: "captured" } });
  });

  it("that another account here began is that account's, though Stripe tells it to every endpoint", async () => {
    const payment = told();
    const session = (account: string) => {
      const whole = sessionOf(payment);
      return { ...whole, metadata: { ...whole.metadata, account } };
    };
    const intent = (account: string) => ({ id: "pi_1", metadata: { payment: payment.payment, account } });
    const others = { ok: true, value: { kind: "ignored", why: "begun by another account" } };
    const unpaid = { ...session("account_2"), payment_status: "unpaid" };
    expect(await hear(eventBody("checkout.session.completed", session("account_2")))).toEqual(others);
    expect(await hear(eventBody("checkout.session.expired", { ...unpaid, status: "expired" }))).toEqual(others);
    expect(await hear(eventBody("payment_intent.payment_failed", intent("account_2")))).toEqual(others);
    expect(await hear(eventBody("checkout.session.completed", session("account_1")))).toMatchObject({
      value: { kind: "captured" },
    });
    expect(await hear(eventBody("payment_intent.payment_failed", intent("account_1")))).toMatchObject({
      value: { kind: "ended" },
    });
  });

  it("of a refund made at Stripe, and of a dispute that was lost, tells that money went back", async () => {
    const back = {
      id: "re_9",
      object: "refund",
      amount: 500,
      currency: "usd",
      payment_intent: "pi_1",
      metadata: {},
      status: "succeeded",
    };
    const command = { refund: "re_9", capture: "STRIPE:pi_1", amount: 500, outcome: "SUCCEEDED" };
    expect(await hear(eventBody("refund.created", back))).toMatchObject({
      value: { kind: "refunded", order: null, command },
    });
    for (const [status, outcome] of [
      ["failed", "FAILED"],
      ["canceled", "FAILED"],
    ])
      expect(await hear(eventBody("refund.failed", { ...back, status }))).toMatchObject({
        value: { command: { outcome } },
      });
    expect(await hear(eventBody("refund.created", { ...back, status: "pending" }))).toMatchObject({
      value: { kind: "ignored" },
    });
    const dispute = { ...back, id: "dp_1", status: "lost" };
    expect(await hear(eventBody("charge.dispute.closed", dispute))).toMatchObject({
      value: { command: { ...command, refund: "dp_1" } },
    });
    for (const status of ["won", "needs_response"])
      expect(await hear(eventBody("charge.dispute.closed", { ...dispute, status }))).toMatchObject({
        value: { kind: "ignored" },
      });
  });

  it("is unreadable when a session that is ours lacks what it must have", async () => {
    const session = sessionOf(told());
    for (const lack of [
      { amount_total: "1990" },
      { amount_total: 19.9 },
      { amount_total: 2 ** 60 },
      { currency: "xyz" },
      { payment_intent: null },
      { payment_status: "maybe" },
    ])
      expect(await hear(eventBody("checkout.session.completed", { ...session, ...lack }))).toEqual({
        ok: false,
        error: "UNREADABLE",
      });
  });
});

describe("money at Stripe", () => {
  it("is what Stripe calls it: a yen is one, a króna a hundred, a dinar a thousand in whole tens", () => {
    const table: [string, number, number | null][] = [
      ["USD", 1990, 1990],
      ["JPY", 500, 500],
      ["KRW", 500, 500],
      ["ISK", 5, 500],
      ["UGX", 5, 500],
      ["MGA", 500, 5],
      ["MGA", 550, null],
      ["KWD", 5120, 5120],
      ["KWD", 5124, null],
    ];
    for (const [currency, ours, theirs] of table) {
      expect([currency, ours, toStripe(ours, currency as Currency)]).toEqual([currency, ours, theirs]);
      expect(theirs === null ? ours : fromStripe(theirs, currency as Currency)).toBe(ours);
    }
    expect(fromStripe(150, "ISK" as Currency)).toBeNull();
  });

  it("comes back as it went, whatever the currency, or does not go", () => {
    const currencies = Intl.supportedValuesOf("currency").filter(isCurrency);
    expect(currencies.length).toBeGreaterThan(100);
    const amounts = fc.integer({ min: 0, max: limits.amountMinorMax / 100 });
    fc.assert(
      fc.property(fc.constantFrom(...currencies), amounts, (currency, amount) => {
        const theirs = toStripe(amount, currency);
        return theirs === null ? amount % 100 !== 0 : fromStripe(theirs, currency) === amount;
      }),
      { numRuns: 5_000 },
    );
  });

  it("that Stripe could not take exactly is refused before anything is asked", async () => {
    const spy = vi.spyOn(server, "handle");
    const made = await stripePort.begin(credentials, request({ amount: 5124, currency: "KWD" as Currency }), call());
    expect(made).toMatchObject({ ok: false, error: { reason: "REFUSED" } });
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  });
});

describe("a session", () => {
  it("is made once per attempt, led to again while it is open, and gone when it has ended", async () => {
    const asked = request();
    const made = await stripePort.begin(credentials, asked, call());
    expect(made).toMatchObject({
      ok: true,
      value: { redirectUrl: expect.stringContaining("https://checkout.stripe.com/") as string },
    });
    expect(await stripePort.begin(credentials, asked, call())).toEqual(made);
    const reference = made.ok ? made.value.reference : null;
    expect(
      await stripePort.begin(credentials, { ...asked, reference, expiresAt: asked.expiresAt + 60_000 }, call()),
    ).toEqual(made);
    expect(await stripePort.close(credentials, asked.payment, call(Date.now(), reference))).toMatchObject({
      value: { news: { command: { outcome: "CLOSED" } } },
    });
    expect(await stripePort.begin(credentials, { ...asked, reference }, call())).toMatchObject({
      error: { reason: "GONE" },
    });
  });

  it("whose key was used for other terms leads nowhere, so that another attempt takes its place", async () => {
    const asked = request();
    await stripePort.begin(credentials, asked, call());
    expect(await stripePort.begin(credentials, { ...asked, amount: 990 }, call())).toMatchObject({
      error: { reason: "GONE" },
    });
  });

  it("that was declined may still be paid, and ends for good when its delayed payment brings nothing", async () => {
    const [declined, delayed] = [request(), request()];
    for (const asked of [declined, delayed]) {
      const made = await stripePort.begin(credentials, asked, call());
      const reference = made.ok ? made.value.reference : null;
      if (asked === declined) server.decline(asked.payment);
      else server.fail(asked.payment);
      const report = await stripePort.query(credentials, asked.payment, call(Date.now(), reference));
      const outcome = asked === declined ? "FAILED" : "CLOSED";
      expect(report).toMatchObject({ value: { news: { kind: "ended", command: { outcome } } } });
    }
    server.pay(declined.payment);
    expect(server.session(declined.payment)).toMatchObject({ payment_status: "paid" });
  });

  it("that was paid leads back to the order", async () => {
    const asked = request();
    const made = await stripePort.begin(credentials, asked, call());
    server.pay(asked.payment);
    const reference = made.ok ? made.value.reference : null;
    expect(await stripePort.begin(credentials, { ...asked, reference }, call())).toMatchObject({
      value: { redirectUrl: asked.returnUrl },
    });
  });
});

describe("Stripe's answers", () => {
  const answerWith = (answer: () => Response | Promise<Response>) => {
    const spy = vi.spyOn(server, "handle").mockImplementation(async () => answer());
    return () => spy.mockRestore();
  };

  it.each<[string, () => Response | Promise<Response>]>([
    ["a fault of its own", () => Response.json({ error: {} }, { status: 500 })],
    ["that it is asked too often", () => Response.json({ error: {} }, { status: 429 })],
    ["that the key is being worked on", () => Response.json({ error: {} }, { status: 409 })],
    ["a page", () => new Response("<html>")],
    ["a redirect", () => Response.redirect("https://evil.example/")],
    ["without end", () => new Response("x".repeat(300_000))],
    ["nothing", () => Promise.reject(new TypeError("connection lost"))],
    ["a session without an address", () => Response.json({ id: "cs_1" })],
  ])("%s leaves it open what was done", async (_, answer) => {
    const restore = answerWith(answer);
    expect(await stripePort.begin(credentials, request(), call())).toMatchObject({ error: { reason: "UNAVAILABLE" } });
    restore();
  });

  it("of a fault that it merely repeats, as it does for a day, is not asked again under the same key", async () => {
    const repeated = { status: 500, headers: { "idempotent-replayed": "true" } };
    const restore = answerWith(() => Response.json({ error: { type: "api_error" } }, repeated));
    expect(await stripePort.begin(credentials, request(), call())).toMatchObject({ error: { reason: "GONE" } });
    restore();
  });

  it("of a fault that it repeats for a refund is got past, once it lists no such refund; and never for ever", async () => {
    const refund = refundId(randomKey(), 1);
    const common = { payment: null, transaction: "pi_1", captured: 1990, amount: 500, currency: "USD" as Currency };
    const keys: (string | null)[] = [];
    let broken: readonly (string | null)[] = [refund];
    const spy = vi.spyOn(server, "handle").mockImplementation(async ({ method, headers }) => {
      if (method === "GET") return Response.json({ data: [] });
      const key = headers.get("idempotency-key");
      const replayed = keys.includes(key);
      keys.push(key);
      return broken.length === 0 || broken.includes(key)
        ? Response.json({ error: {} }, { status: 500, ...(replayed && { headers: { "idempotent-replayed": "true" } }) })
        : Response.json({ id: "re_1", status: "succeeded" });
    });
    const ask = () => stripePort.refund(credentials, { refund, ...common }, call());
    expect(await ask()).toMatchObject({ error: { reason: "UNAVAILABLE" } });
    expect(await ask()).toEqual({ ok: true, value: { state: "SUCCEEDED" } });
    expect(keys).toEqual([refund, refund, `${refund}-2`]);
    broken = [];
    keys.length = 0;
    for (let time = 0; time < 5; time += 1) expect(await ask()).toMatchObject({ error: { reason: "UNAVAILABLE" } });
    expect(new Set(keys)).toEqual(new Set([refund, `${refund}-2`, `${refund}-3`]));
    spy.mockRestore();
  });

  it("no is believed, and a refund that was listed is not made twice, a day later either", async () => {
    const restore = answerWith(() => Response.json({ error: { message: "Amount too small" } }, { status: 400 }));
    expect(await stripePort.begin(credentials, request(), call())).toEqual({
      ok: false,
      error: { reason: "REFUSED", message: "Amount too small", code: "", replayed: false },
    });
    restore();
    const asked: string[] = [];
    const refund = refundId(randomKey(), 1);
    const spy = vi.spyOn(server, "handle").mockImplementation(async ({ method, url }) => {
      asked.push(`${method} ${new URL(url).pathname}`);
      return Response.json({ data: [{ id: "re_1", metadata: { refund }, status: "pending" }] });
    });
    const back = {
      refund,
      payment: null,
      transaction: "pi_1",
      captured: 1990,
      amount: 500,
      currency: "USD" as Currency,
    };
    expect(await stripePort.refund(credentials, back, call())).toEqual({ ok: true, value: { state: "PENDING" } });
    expect(asked).toEqual(["GET /v1/refunds"]);
    spy.mockRestore();
  });
});

describe("a request to Stripe", () => {
  type Seen = { method: string; url: string; body: string; headers: Record<string, unknown> };
  const seen: Seen[] = [];
  const capture = createServer((incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on("data", (part: Buffer) => parts.push(part));
    incoming.on("end", () => {
      const { method = "", url = "", headers } = incoming;
      seen.push({ method, url, body: Buffer.concat(parts).toString(), headers });
      outgoing.setHeader("content-type", "application/json");
      outgoing.end(
        JSON.stringify({ id: "cs_1", url: "https://checkout.stripe.com/c/pay/cs_1", data: [], status: "succeeded" }),
      );
    });
  });
  let port = 0;
  beforeAll(async () => {
    await new Promise<void>((resolve) => void capture.listen(0, "127.0.0.1", resolve));
    port = (capture.address() as { port: number }).port;
  });
  afterAll(() => void capture.close());
  const both = async (ours: (base: string) => Promise<unknown>, theirs: (sdk: Stripe) => Promise<unknown>) => {
    seen.length = 0;
    vi.unstubAllGlobals();
    await ours(`http://127.0.0.1:${port}`);
    const mine = seen.splice(0);
    await theirs(
      new Stripe(credentials.secretKey, {
        host: "127.0.0.1",
        port,
        protocol: "http",
        apiVersion: "2026-10-28.endive",
        telemetry: false,
      }),
    );
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => server.handle(new Request(url, init)));
    const compared = ["authorization", "stripe-version", "idempotency-key", "content-type"];
    const essence = ({ method, url, body, headers }: Seen) => ({
      method,
      url,
      body,
      headers: compared.map((name) => headers[name]),
    });
    return { mine: mine.map(essence), theirs: seen.splice(0).map(essence) };
  };

  it("for a session equals the official library's, byte for byte", async () => {
    const asked = request();
    const ids = { payment: asked.payment, order: `order_${asked.order}`, account: "account_1" };
    const { mine, theirs } = await both(
      (apiBase) => stripePort.begin({ ...credentials, apiBase }, asked, call()),
      (sdk) =>
        sdk.checkout.sessions.create(
          {
            mode: "payment",
            client_reference_id: asked.payment,
            success_url: asked.returnUrl,
            cancel_url: asked.returnUrl,
            expires_at: Math.floor(asked.expiresAt / 1000),
            line_items: [
              {
                quantity: 1,
                price_data: { currency: "usd", unit_amount: 1990, product_data: { name: asked.description } },
              },
            ],
            adaptive_pricing: { enabled: false },
            metadata: ids,
            payment_intent_data: { metadata: ids },
          } satisfies Stripe.Checkout.SessionCreateParams,
          { idempotencyKey: asked.payment },
        ),
    );
    expect(mine).toHaveLength(1);
    expect(mine).toEqual(theirs);
  });

  it("for a question, an end and a refund equals the official library's", async () => {
    const refund = refundId(randomKey(), 1);
    const reference = "cs_test_1";
    const back = {
      refund,
      payment: null,
      transaction: "pi_1",
      captured: 1990,
      amount: 500,
      currency: "USD" as Currency,
    };
    const { mine, theirs } = await both(
      async (apiBase) => {
        const at = { ...credentials, apiBase };
        await stripePort.query(at, paymentId(randomKey(), 1), call(Date.now(), reference));
        await stripePort.close(at, paymentId(randomKey(), 1), call(Date.now(), reference));
        await stripePort.refund(at, back, call());
      },
      async (sdk) => {
        await sdk.checkout.sessions.retrieve(reference, { expand: ["payment_intent.latest_charge"] });
        await sdk.checkout.sessions.expire(reference);
        await sdk.refunds.list({ payment_intent: "pi_1", limit: 100 });
        await sdk.refunds.create(
          { payment_intent: "pi_1", amount: 500, metadata: { refund, account: "account_1" } },
          { idempotencyKey: refund },
        );
      },
    );
    const comparable = (all: typeof mine) =>
      all.map(({ url, headers: [authorization, stripeVersion, key, type], method, body }) => ({
        method,
        // The library counts the expanded fields.
        url: decodeURIComponent(url).replace("expand[0]", "expand[]"),
        body,
        // It also invents keys where none is needed, and sends a type with nothing.
        headers: [authorization, stripeVersion, url.endsWith("/expire") ? null : key, body === "" ? null : type],
      }));
    expect(comparable(mine)).toEqual(comparable(theirs));
    expect(mine).toHaveLength(4);
  });
});
