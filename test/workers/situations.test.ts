/**
 * Every situation that money can bring about, through the public doors only: the phone's page and its form, the wallet's page, the wallet's signed
 * notifications, the graph. Every object is evicted between any two steps, and no alarm rings by itself: the clock stands far from now.
 */
import { env } from "cloudflare:workers";
import { evictAllDurableObjects, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { orderKeyOf, type OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import { ask, at, cny, openShop, placed, recorded, sell, textAt, type Json, type Shop } from "./graph-shop.ts";
import { notice, openAccount, origin, tell, visit } from "./payment-scene.ts";

const oneSecond = 1000;
const minute = 60 * oneSecond;
const lifetime = limits.liveCodeLifetimeMs.default;
const grace = limits.lateGraceMs;

beforeEach(() => vi.useFakeTimers({ toFake: ["Date"], now: Date.parse("2031-05-01T08:00:00Z") }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});
const wait = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

type Placed = {
  readonly shop: Shop;
  readonly id: string;
  readonly slug: string;
  readonly key: OrderKey;
  readonly endsAt: number;
};
async function place(shop: Shop, input: Record<string, unknown> = {}): Promise<Placed> {
  const { order, liveCode } = await placed(shop.key, input);
  await evictAllDurableObjects();
  const id = textAt(order, "id");
  const key = orderKeyOf(id);
  if (!key) throw new Error("an order has a key");
  return { shop, id, slug: textAt(liveCode, "slug"), key, endsAt: Date.now() + lifetime };
}
async function decided(shop: Shop, policy: Record<string, unknown>): Promise<Shop> {
  await ask(
    shop.key,
    `mutation ($policy: OrderPolicyInput) { merchantUpdate(input: { policy: $policy }) { __typename } }`,
    {
      policy,
    },
  );
  return shop;
}

/** All that the graph tells of an order, shortened to what a reader compares. */
async function read({ shop, id }: Pick<Placed, "shop" | "id">): Promise<Json & { readonly explain: string }> {
  await evictAllDurableObjects();
  const { order } = await ask(
    shop.key,
    `query ($id: ID!) { order(by: { id: $id }) {
      state allowedActions settlement paidLate received { amount } refunded { amount }
      payments { state duplicate amount { amount } } refunds { state automatic amount { amount } }
      conversion { state } liveCode { state explain } timeline { type sequence } } }`,
    { id },
  );
  const { liveCode, conversion, received, refunded, payments, refunds, timeline, ...rest } = order as Record<
    string,
    Json[] & Json
  >;
  const amountOf = (one: unknown): string => textAt(one, "amount.amount");
  const explain = at(liveCode, "explain") as string[];
  // The code says what the order is and begins with why; events have no gaps.
  expect([at(liveCode, "state"), explain[0]?.split(":")[0]]).toEqual([rest["state"], rest["state"]]);
  expect(timeline!.map(({ sequence }) => sequence)).toEqual(timeline!.map((_, index) => index + 1));
  return {
    ...rest,
    received: at(received, "amount"),
    refunded: at(refunded, "amount"),
    payments: payments!.map(
      (one) => `${String(one["state"])} ${amountOf(one)}${one["duplicate"] === true ? " DUPLICATE" : ""}`,
    ),
    refunds: refunds!.map(
      (one) => `${String(one["state"])} ${amountOf(one)}${one["automatic"] === true ? " automatic" : ""}`,
    ),
    conversion: conversion && at(conversion, "state"),
    events: timeline!.map(({ type }) => type),
    explain: explain.join("\n"),
  };
}
/** What the graph comes to tell of an order, once what was begun after an answer is done. */
const becomes = (order: Pick<Placed, "shop" | "id">, told: Json): Promise<void> =>
  vi.waitFor(async () => expect(await read(order)).toMatchObject(told), { timeout: 10_000, interval: 100 });
const alarm = async ({ key }: Placed): Promise<void> => {
  await evictAllDurableObjects();
  await runDurableObjectAlarm(env.LIVE_CODE.getByName(key));
};

/** A browser on a phone. `pay` answers where it is led. */
function phone({ slug }: Placed) {
  let [cookie, nonce] = ["", ""];
  const headers = () => ({
    cookie,
    "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148",
  });
  const open = async (path = `/c/${slug}`): Promise<string> => {
    await evictAllDurableObjects();
    const answer = await visit(path, { headers: headers() });
    expect(answer.status).toBe(200);
    cookie = answer.headers.getSetCookie()[0]?.split(";")[0] ?? cookie;
    const text = await answer.text();
    nonce = /name="nonce"[^>]*value="([^"]+)"/.exec(text)?.[1] ?? nonce;
    return text;
  };
  const pay = async (): Promise<string> => {
    await open();
    await evictAllDurableObjects();
    const answer = await visit(`/c/${slug}/pay`, {
      method: "POST",
      headers: { ...headers(), origin, "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ nonce, provider: "SANDBOX" }),
    });
    expect(answer.status).toBe(303);
    return answer.headers.get("location") ?? "";
  };
  return { open, pay };
}
/** The person's choice on the wallet's page. */
async function choose(wallet: string, fields: Record<string, string> = {}): Promise<void> {
  await evictAllDurableObjects();
  const answer = await visit(wallet, {
    method: "POST",
    headers: { origin, "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ outcome: "pay", payer: "wallet-42", ...fields }),
  });
  expect(answer.status).toBe(303);
}

let transactions = 0;
/** The wallet's word that money came, on no payment of ours unless said so. */
const money = ({ key }: Placed, fields: Record<string, unknown> = {}): Record<string, unknown> =>
  notice(
    { key, total: 1990, currency: "CNY" as never },
    { payment: null, transaction: `T${(transactions += 1)}`, ...fields },
  );
async function hear({ shop }: Placed, ...notices: readonly Record<string, unknown>[]): Promise<void> {
  for (const one of notices) {
    await evictAllDurableObjects();
    expect((await tell(shop.account, one)).status).toBe(200);
  }
}
const instant = (ms: number): string => new Date(ms).toISOString();

const mutate = async (
  shop: Shop,
  name: string,
  input: Record<string, unknown>,
  success = "order { state }",
): Promise<Json> => {
  await evictAllDurableObjects();
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  return at(
    await ask(
      shop.key,
      `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename
        ... on ${type}Success { ${success} } ... on OrderStateError { code order { state allowedActions } }
        ... on UserError { message } } }`,
      { input },
    ),
    name,
  ) as Json;
};

describe("two phones on one code", () => {
  it("the first holds it, the second is told and sees it, and takes over when the first lets it lapse", async () => {
    const order = await place(await openShop());
    const [first, next] = [phone(order), phone(order)];
    await next.open();
    const wallet = await first.pay();
    expect(wallet).toMatch(/^\/sandbox\/wallet\/payment_/);
    expect(await read(order)).toMatchObject({
      state: "PAYING",
      allowedActions: ["CONFIRM", "PAY", "EXTEND", "CANCEL", "RECORD_PAYMENT"],
    });

    const led = await next.pay();
    expect(led).toBe(`/c/${order.slug}?reason=busy`);
    const told = await next.open(led);
    expect(told).toMatch(/somebody else|someone else/i);
    // Held until a moment, which the page counts down to; there is nothing to press meanwhile.
    expect(told).toContain(`data-until="${Date.now() + limits.claimMs}"`);
    expect(told).not.toContain('name="nonce"');
    // To who holds it the page offers to go on.
    expect(await first.open()).toContain('name="nonce"');
    // Going on renews the hold and leads to the very same payment.
    wait(limits.claimMs - oneSecond);
    expect(await first.pay()).toBe(wallet);
    wait(limits.claimMs - oneSecond);
    expect(await next.pay()).toBe(`/c/${order.slug}?reason=busy`);

    wait(2 * oneSecond);
    const own = await next.pay();
    expect(own).not.toBe(wallet);
    // The older page is closed at the wallet, so the first phone cannot pay there any more.
    await becomes(order, { payments: ["CLOSED 19.90", "PENDING 19.90"] });
    await choose(wallet);
    expect(await read(order)).toMatchObject({ state: "PAYING", received: "0.00" });
    await choose(own, { payer: "wallet-7" });
    expect(await read(order)).toMatchObject({
      state: "PAID",
      settlement: "EXACT",
      conversion: "COMMITTED",
      payments: ["CLOSED 19.90", "SUCCEEDED 19.90"],
    });
    expect(await first.open()).not.toContain('name="nonce"');
  });
});

describe("the same news, in whatever order and number", () => {
  it("of a failure, a payment and a refund ends the same, also a year later", async () => {
    const shop = await openShop();
    const ends: Json[] = [];
    const orders = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ];
    for (const turns of orders) {
      const order = await place(shop);
      const payment = (await phone(order).pay()).slice("/sandbox/wallet/".length);
      const came = money(order, { payment });
      const news = [
        { id: "evt_1", type: "payment.failed", payment, order: order.id },
        came,
        { ...came, id: "evt_3", type: "refund.succeeded", refund: `R-${order.id}`, amount: 500 },
      ];
      await hear(order, ...turns.map((turn) => news[turn]!), ...turns.map((turn) => news[turn]!));
      const { explain: _, events, ...end } = await read(order);
      ends.push(end);
      expect((events as string[]).filter((type) => type === "CONVERSION_COMMITTED")).toHaveLength(1);
      if (ends.length < orders.length) continue;
      wait(400 * 24 * 60 * minute);
      await hear(order, ...news);
      expect(await read(order)).toMatchObject({ ...end, events });
    }
    expect(ends[0]).toMatchObject({
      state: "PAID",
      received: "19.90",
      refunded: "5.00",
      payments: ["SUCCEEDED 19.90"],
      refunds: ["SUCCEEDED 5.00"],
      conversion: "PARTLY_REVERSED",
    });
    for (const end of ends) expect(end).toEqual(ends[0]);
  }, 120_000);

  it("is one payment whether it is told of, asked about, or both; nobody need have confirmed", async () => {
    const shop = await openShop();
    const [unconfirmed, asked] = [await place(shop), await place(shop)];
    await hear(unconfirmed, money(unconfirmed));
    await becomes(unconfirmed, {
      state: "PAID",
      events: ["ORDER_PLACED", "ORDER_PAID", "CONVERSION_COMMITTED", "CUSTOMER_CREATED"],
    });

    const wallet = await phone(asked).pay();
    await choose(wallet, { notifications: "0" });
    expect(await read(asked)).toMatchObject({ state: "PAYING" });
    wait(10 * oneSecond);
    await alarm(asked);
    await becomes(asked, { state: "PAID", payments: ["SUCCEEDED 19.90"] });
    // The wallet's own word on it, late: the very transaction that was found by asking.
    await choose(wallet, { notifications: "3" });
    expect(await read(asked)).toMatchObject({ state: "PAID", payments: ["SUCCEEDED 19.90"], refunds: [] });
  });

  it("with another amount lets the first stand, and calls a person while the order is not paid", async () => {
    const shop = await openShop();
    const [paid, unpaid] = [await place(shop), await place(shop)];
    await hear(paid, money(paid, { transaction: "A" }), money(paid, { transaction: "A", amount: 1 }));
    expect(await read(paid)).toMatchObject({ state: "PAID", received: "19.90", payments: ["SUCCEEDED 19.90"] });
    await hear(
      unpaid,
      money(unpaid, { transaction: "B", amount: 1000 }),
      money(unpaid, { transaction: "B", amount: 1990 }),
    );
    expect(await read(unpaid)).toMatchObject({
      state: "REVIEW",
      received: "10.00",
      allowedActions: ["RECORD_PAYMENT", "RESOLVE_REVIEW"],
    });
    expect(
      await mutate(shop, "orderReviewResolve", { orderId: unpaid.id, decision: "REFUND", note: "told twice" }),
    ).toMatchObject({
      order: { state: "OPEN" },
    });
    await becomes(unpaid, { refunded: "10.00", refunds: ["SUCCEEDED 10.00 automatic"] });
    expect(
      await mutate(shop, "orderReviewResolve", { orderId: unpaid.id, decision: "HONOR", note: "again" }),
    ).toMatchObject({
      __typename: "OrderStateError",
      order: { state: "OPEN" },
    });
  });
});

describe("a second payment of a paid order", () => {
  it("goes back by itself, under every policy, and converts nobody", async () => {
    const shop = await decided(await openShop(), { overPayment: "KEEP", latePayment: "HONOR" });
    const order = await place(shop);
    await hear(order, money(order), money(order, { payer: { id: "wallet-7" } }));
    await becomes(order, {
      state: "PAID",
      settlement: "OVER",
      received: "39.80",
      refunded: "19.90",
      payments: ["SUCCEEDED 19.90", "SUCCEEDED 19.90 DUPLICATE"],
      refunds: ["SUCCEEDED 19.90 automatic"],
      conversion: "COMMITTED",
      allowedActions: ["REFUND"],
    });
    const { events, explain } = await read(order);
    expect((events as string[]).filter((type) => type === "CONVERSION_COMMITTED")).toHaveLength(1);
    expect(events).toContain("PAYMENT_DUPLICATE");
    expect(explain).toContain("converts nobody again");
  });
});

describe("money and the end of an order", () => {
  it("that was paid in time counts whenever it is heard; by the wallet's clock, not by ours", async () => {
    const shop = await decided(await openShop(), { latePayment: "REFUND" });
    const [intime, early] = [await place(shop), await place(shop)];
    wait(lifetime + 26 * 60 * minute);
    expect(await read(intime)).toMatchObject({ state: "EXPIRED", allowedActions: ["EXTEND"] });
    await hear(intime, money(intime, { paidAt: instant(intime.endsAt + grace) }));
    expect(await read(intime)).toMatchObject({ state: "PAID", paidLate: false, conversion: "COMMITTED" });
    await hear(early, money(early, { paidAt: instant(early.endsAt + grace + 1) }));
    await becomes(early, { state: "EXPIRED", received: "19.90", refunded: "19.90", conversion: null });
  });

  it("that was paid late is honoured, tried against the stock, returned or shown to a person, as its merchant decided", async () => {
    const shop = await openShop();
    const late = async (latePayment: string, stock: number | null = null): Promise<Placed> => {
      await decided(shop, { latePayment });
      const productId = await sell(shop.key, { sku: crypto.randomUUID(), stock });
      const order = await place(shop, { lines: [{ productId, quantity: 1 }] });
      wait(lifetime + grace + minute);
      await alarm(order);
      await becomes(order, { state: "EXPIRED" });
      return order;
    };
    const left = async ({ shop: { key }, id }: Placed): Promise<unknown> =>
      at(
        await ask(key, `query ($id: ID!) { order(by: { id: $id }) { lines { product { stock } } } }`, { id }),
        "order.lines.0.product.stock",
      );

    const honoured = await late("HONOR");
    await hear(honoured, money(honoured));
    expect(await read(honoured)).toMatchObject({ state: "PAID", paidLate: true, conversion: "COMMITTED" });

    const inStock = await late("HONOR_IF_STOCK", 1);
    await vi.waitFor(async () => expect(await left(inStock)).toBe(1), { timeout: 10_000 });
    await hear(inStock, money(inStock));
    await becomes(inStock, { state: "PAID", paidLate: true });
    await vi.waitFor(async () => expect(await left(inStock)).toBe(0), { timeout: 10_000 });

    const soldOut = await late("HONOR_IF_STOCK", 1);
    await vi.waitFor(async () => expect(await left(soldOut)).toBe(1), { timeout: 10_000 });
    const { lines } = (
      await ask(shop.key, `query ($id: ID!) { order(by: { id: $id }) { lines { product { id } } } }`, {
        id: soldOut.id,
      })
    )["order"] as Json;
    await place(shop, { lines: [{ productId: at(lines, "0.product.id"), quantity: 1 }] });
    await hear(soldOut, money(soldOut));
    await becomes(soldOut, {
      state: "EXPIRED",
      received: "19.90",
      refunded: "19.90",
      refunds: ["SUCCEEDED 19.90 automatic"],
      conversion: null,
    });

    const returned = await late("REFUND");
    await hear(returned, money(returned));
    await becomes(returned, { state: "EXPIRED", refunded: "19.90", conversion: null });

    for (const [decision, end] of [
      ["HONOR", { state: "PAID", paidLate: true, refunded: "0.00", conversion: "COMMITTED" }],
      ["REFUND", { state: "EXPIRED", paidLate: false, refunded: "19.90", conversion: null }],
    ] as const) {
      const shown = await late("REVIEW");
      await hear(shown, money(shown));
      expect(await read(shown)).toMatchObject({
        state: "REVIEW",
        conversion: null,
        allowedActions: ["RECORD_PAYMENT", "RESOLVE_REVIEW"],
      });
      await mutate(shop, "orderReviewResolve", { orderId: shown.id, decision, note: "by hand" });
      await becomes(shown, end);
    }
  }, 120_000);

  it("that is too little keeps the order open for the rest, and meets the merchant's policy when the rest does not come", async () => {
    const shop = await openShop();
    const order = await place(shop);
    await choose(await phone(order).pay(), { amount: "10.00" });
    expect(await read(order)).toMatchObject({ settlement: "UNDER", received: "10.00", conversion: null });
    const rest = phone(order);
    wait(limits.claimMs);
    expect(await rest.open()).toContain("9.90");
    await choose(await rest.pay());
    expect(await read(order)).toMatchObject({
      state: "PAID",
      settlement: "EXACT",
      payments: ["SUCCEEDED 10.00", "SUCCEEDED 9.90"],
    });

    for (const [underPayment, end] of [
      ["REFUND", { state: "EXPIRED", refunded: "10.00", allowedActions: ["EXTEND", "RECORD_PAYMENT"] }],
      ["REVIEW", { state: "REVIEW", refunded: "0.00" }],
      ["KEEP_OPEN", { state: "OPEN", refunded: "0.00" }],
    ] as const) {
      await decided(shop, { underPayment });
      const part = await place(shop);
      await hear(part, money(part, { amount: 1000 }));
      wait(lifetime + grace - oneSecond);
      await alarm(part);
      expect(await read(part)).toMatchObject({
        state: "OPEN",
        settlement: "UNDER",
        explain: expect.stringContaining(`(policy ${underPayment})`) as unknown,
      });
      wait(2 * oneSecond);
      await alarm(part);
      await becomes(part, { ...end, conversion: null });
      // The rest, paid before the end and heard after it, completes what is still here.
      if (underPayment === "REFUND") continue;
      await hear(part, money(part, { amount: 990, paidAt: instant(part.endsAt) }));
      expect(await read(part)).toMatchObject({ state: "PAID", settlement: "EXACT" });
    }
  }, 120_000);

  it("that is too much pays, and the surplus goes back, stays, or waits for a person", async () => {
    const shop = await openShop();
    for (const [overPayment, end] of [
      ["REFUND", { refunds: ["SUCCEEDED 5.10 automatic"], refunded: "5.10", allowedActions: ["REFUND"] }],
      ["KEEP", { refunds: [], refunded: "0.00", allowedActions: ["REFUND"] }],
      ["REVIEW", { refunds: [], refunded: "0.00", allowedActions: ["REFUND", "RESOLVE_REVIEW"] }],
    ] as const) {
      await decided(shop, { overPayment });
      const order = await place(shop);
      await choose(await phone(order).pay(), { amount: "25.00" });
      await becomes(order, { state: "PAID", settlement: "OVER", received: "25.00", conversion: "COMMITTED", ...end });
      if (overPayment !== "REVIEW") continue;
      await mutate(shop, "orderReviewResolve", { orderId: order.id, decision: "REFUND", note: "too much" });
      await becomes(order, {
        refunds: ["SUCCEEDED 5.10 automatic"],
        conversion: "COMMITTED",
        allowedActions: ["REFUND"],
      });
      expect(
        await mutate(shop, "orderReviewResolve", { orderId: order.id, decision: "HONOR", note: "x" }),
      ).toMatchObject({
        __typename: "OrderStateError",
      });
    }
  });

  it("of another currency or account is never dropped and never pays by itself: a person decides", async () => {
    const shop = await openShop();
    const [dollars, elsewhere] = [await place(shop), await place(shop)];
    await hear(dollars, money(dollars, { currency: "USD" }));
    expect(await read(dollars)).toMatchObject({ state: "REVIEW", received: "0.00", payments: ["SUCCEEDED 19.90"] });
    const another = await openAccount(shop.merchantId);
    expect((await tell(another, money(elsewhere))).status).toBe(200);
    expect(await read(elsewhere)).toMatchObject({ state: "REVIEW", received: "19.90", conversion: null });
    await mutate(shop, "orderReviewResolve", { orderId: dollars.id, decision: "REFUND", note: "wrong money" });
    await becomes(dollars, { state: "OPEN", refunds: ["SUCCEEDED 19.90 automatic"] });
    await mutate(shop, "orderReviewResolve", { orderId: elsewhere.id, decision: "HONOR", note: "our other account" });
    expect(await read(elsewhere)).toMatchObject({ state: "PAID", conversion: "COMMITTED" });
    // What is due is still due, and proper money pays it.
    await hear(dollars, money(dollars));
    expect(await read(dollars)).toMatchObject({ state: "PAID" });
  });
});

describe("an end with a payment under way", () => {
  const expiry = async (order: Placed): Promise<unknown> => {
    wait(lifetime);
    return (await read(order))["state"];
  };
  const cancel = async ({ shop, id }: Placed): Promise<unknown> =>
    at(await mutate(shop, "orderCancel", { orderId: id, reason: "closing time" }), "order.state");
  it.each([
    { ending: "expiry", begin: expiry, ended: "EXPIRED", wins: false },
    { ending: "expiry", begin: expiry, ended: "EXPIRED", wins: true },
    { ending: "cancel", begin: cancel, ended: "CANCELLED", wins: false },
    { ending: "cancel", begin: cancel, ended: "CANCELLED", wins: true },
  ])(
    "asks the provider, closes there, and only then is an end; money that was faster wins: $ending, $wins",
    async ({ begin, ended, wins }) => {
      const shop = await openShop();
      const order = await place(shop);
      const wallet = await phone(order).pay();
      if (wins) await choose(wallet, { notifications: "0" });
      // Nobody answers yet: the order goes on as what it is.
      const { PAYMENT_ACCOUNT } = env;
      const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
      const away = { close: () => Promise.reject(new Error("away")) };
      Object.assign(env, { PAYMENT_ACCOUNT: { getByName: () => away } });
      expect(await begin(order)).toBe("PAYING");
      await alarm(order);
      const closing = await read(order);
      expect([closing["state"], closing.explain]).toEqual([
        "PAYING",
        expect.stringContaining("once the provider has closed the payment under way"),
      ]);
      // Nobody begins to pay what is about to end.
      expect(closing["allowedActions"]).not.toContain("PAY");
      expect(await phone(order).open()).not.toContain('value="SANDBOX"');
      Object.assign(env, { PAYMENT_ACCOUNT });
      silent.mockRestore();
      wait(10 * oneSecond);
      await alarm(order);
      await becomes(order, { state: wins ? "PAID" : ended, conversion: wins ? "COMMITTED" : null });
      // The wallet takes no more money for it, and the canceller is told what became of it.
      await choose(wallet);
      expect(await read(order)).toMatchObject({
        received: wins ? "19.90" : "0.00",
        payments: [wins ? "SUCCEEDED 19.90" : "CLOSED 19.90"],
      });
      expect(await mutate(shop, "orderCancel", { orderId: order.id })).toMatchObject(
        wins
          ? { __typename: "OrderStateError", order: { state: "PAID", allowedActions: ["REFUND"] } }
          : { order: { state: ended } },
      );
    },
  );

  it("may be put off, before it and after it; after it the stock is asked for again, and where it is gone the order ends again", async () => {
    const shop = await openShop();
    const productId = await sell(shop.key, { sku: crypto.randomUUID(), stock: 1 });
    const order = await place(shop, { lines: [{ productId, quantity: 1 }] });
    const later = instant(Date.now() + 2 * lifetime);
    const put = (expiresAt: string) =>
      mutate(shop, "orderExtend", { orderId: order.id, expiresAt }, "order { state expiresAt }");
    expect(await put(later)).toMatchObject({ order: { state: "OPEN", expiresAt: later } });
    for (const wrong of [instant(Date.now()), later.replace("2031", "2032"), instant(Date.parse(later) - 1)])
      expect(await put(wrong)).toMatchObject({
        __typename: "ValidationError",
        message: expect.stringMatching(/^input\.expiresAt must lie after/) as unknown,
      });
    wait(2 * lifetime);
    await alarm(order);
    await becomes(order, { state: "EXPIRED" });
    const stock = async () =>
      at(
        await ask(shop.key, `query ($id: ID!) { node(id: $id) { ... on Product { stock } } }`, { id: productId }),
        "node.stock",
      );
    await vi.waitFor(async () => expect(await stock()).toBe(1), { timeout: 10_000 });

    expect(await put(instant(Date.now() + lifetime))).toMatchObject({ order: { state: "OPEN" } });
    await vi.waitFor(async () => expect(await stock()).toBe(0), { timeout: 10_000 });
    wait(lifetime);
    await alarm(order);
    await vi.waitFor(async () => expect(await stock()).toBe(1), { timeout: 10_000 });
    const other = await place(shop, { lines: [{ productId, quantity: 1 }] });
    await put(instant(Date.now() + lifetime));
    await becomes(order, { state: "EXPIRED" });
    expect(await stock()).toBe(0);
    await hear(other, money(other));
    expect(await read(other)).toMatchObject({ state: "PAID" });
    expect(await mutate(shop, "orderExtend", { orderId: other.id, expiresAt: later })).toMatchObject({
      __typename: "OrderStateError",
      order: { state: "PAID" },
    });
  }, 120_000);
});

describe("a refund", () => {
  const back = (order: Placed, input: Record<string, unknown>) =>
    mutate(
      order.shop,
      "orderRefund",
      { orderId: order.id, ...input },
      "refund { state amount { amount } } order { state }",
    );

  it("goes back in parts, many at once, never beyond what came, and takes the conversion with the last of it", async () => {
    const order = await place(await openShop());
    await choose(await phone(order).pay());
    const answers = await Promise.all(Array.from({ length: 6 }, () => back(order, { amount: cny("5.00") })));
    const given = answers.filter((answer) => answer["__typename"] === "OrderRefundSuccess");
    expect(given).toHaveLength(3);
    expect(new Set(answers.map((answer) => answer["__typename"]))).toEqual(
      new Set(["OrderRefundSuccess", "AmountMismatchError"]),
    );
    await becomes(order, {
      refunded: "15.00",
      refunds: ["SUCCEEDED 5.00", "SUCCEEDED 5.00", "SUCCEEDED 5.00"],
      conversion: "PARTLY_REVERSED",
    });
    expect(await back(order, {})).toMatchObject({ refund: { amount: { amount: "4.90" } } });
    await becomes(order, {
      state: "PAID",
      received: "19.90",
      refunded: "19.90",
      conversion: "REVERSED",
      allowedActions: [],
    });
    expect(await back(order, {})).toMatchObject({ __typename: "OrderStateError", order: { state: "PAID" } });
  });

  it("of cash is back at once, of a provider when it says so, and is asked for until it has said", async () => {
    const shop = await openShop();
    const [cash, wallet] = [await place(shop), await place(shop)];
    await recorded(shop.key, { orderId: cash.id });
    expect(await back(cash, { amount: cny("1.00") })).toMatchObject({ refund: { state: "SUCCEEDED" } });
    await choose(await phone(wallet).pay());
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const away = vi.spyOn(env.SANDBOX_WALLET, "getByName").mockImplementation(() => {
      throw new Error("the wallet is away");
    });
    expect(await back(wallet, {})).toMatchObject({ refund: { state: "PENDING" } });
    for (let time = 0; time < 3; time += 1) {
      wait(10 * oneSecond);
      await alarm(wallet);
    }
    expect(away).toHaveBeenCalled();
    expect(await read(wallet)).toMatchObject({
      refunds: ["PENDING 19.90"],
      refunded: "0.00",
      conversion: "COMMITTED",
      allowedActions: [],
    });
    away.mockRestore();
    silent.mockRestore();
    wait(10 * oneSecond);
    await alarm(wallet);
    await becomes(wallet, { refunds: ["SUCCEEDED 19.90"], refunded: "19.90", conversion: "REVERSED" });
  });

  it("of an order that nobody paid, or that waits for a person, is refused with what may be done instead", async () => {
    const shop = await openShop();
    const [open, shown] = [await place(shop), await place(shop)];
    expect(await back(open, {})).toMatchObject({ __typename: "OrderStateError", order: { state: "OPEN" } });
    await hear(shown, money(shown, { currency: "USD" }));
    expect(await back(shown, {})).toMatchObject({
      __typename: "OrderStateError",
      order: { state: "REVIEW", allowedActions: ["RECORD_PAYMENT", "RESOLVE_REVIEW"] },
    });
  });
});
