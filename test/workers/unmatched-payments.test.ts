/** Money that no order has: told through the notification door, seen and placed through the graph, given once however often anybody asks. */
import { env } from "cloudflare:workers";
import { evictAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { orderId as idOf, orderKeyOf, paymentId, type OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import {
  ask,
  at,
  cny,
  keyWith,
  openShop,
  placed,
  recorded,
  tell as askGraph,
  textAt,
  type Json,
  type Shop,
} from "./graph-shop.ts";
import {
  accountObject,
  liveCode,
  notice,
  openAccount,
  orderOf,
  placeOrder,
  tell,
  walletObject,
} from "./payment-scene.ts";
import type { OrderTerms } from "../../src/core/order.ts";
import { returnedOf, type KeptPayment } from "../../src/durable/kept-payment.ts";
import { paymentBook } from "../../src/durable/payment-book.ts";
import { randomKey, someCapture } from "./terms.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const payment = `id transaction amount { amount } returned { amount } state why order { id state }`;
const listed = async ({ key }: Shop, args = ""): Promise<readonly Json[]> =>
  at(
    await ask(key, `{ viewer { merchant { unmatchedPayments${args} { nodes { ${payment} } } } } }`),
    "viewer.merchant.unmatchedPayments.nodes",
  ) as never;
const errors = `... on UserError { code message } ... on ValidationError { issues { path message } }`;
const assign = async ({ key }: Shop, unmatchedPaymentId: string, orderId: string): Promise<Json> =>
  at(
    await ask(
      key,
      `mutation ($input: UnmatchedPaymentAssignInput!) { unmatchedPaymentAssign(input: $input) { __typename
        ... on UnmatchedPaymentAssignSuccess { unmatchedPayment { ${payment} } order { id state paidLate conversion { customer { id displayName } } } } ... on OrderStateError { order { state } } ${errors} } }`,
      { input: { unmatchedPaymentId, orderId } },
    ),
    "unmatchedPaymentAssign",
  ) as never;
const refund = async ({ key }: Shop, unmatchedPaymentId: string, name?: string): Promise<Json> =>
  at(
    await ask(
      key,
      `mutation ($input: UnmatchedPaymentRefundInput!) { unmatchedPaymentRefund(input: $input) { __typename
        ... on UnmatchedPaymentRefundSuccess { unmatchedPayment { ${payment} } } ${errors} } }`,
      { input: { unmatchedPaymentId } },
      name === undefined ? {} : { "idempotency-key": name },
    ),
    "unmatchedPaymentRefund",
  ) as never;

const nowhere = () => ({ key: randomKey(), total: 1990, currency: "CNY" as Currency });
async function lost(shop: Shop, fields: Record<string, unknown> = {}): Promise<string> {
  const transaction = crypto.randomUUID();
  expect((await tell(shop.account, notice(nowhere(), { transaction, ...fields }))).status).toBe(200);
  const [newest] = await listed(shop);
  return textAt(newest, "id");
}
const orderIn = async (shop: Shop, input: Record<string, unknown> = {}): Promise<string> =>
  textAt(await placed(shop.key, input), "order.id");
const keyIn = (id: string): OrderKey => orderKeyOf(id) ?? randomKey();
const alarmOf = (account: string) =>
  runInDurableObject(accountObject(account), (_: unknown, { storage }) => storage.getAlarm());
/** Rings the account when it wants to be, as the platform would. */
async function ring(account: string): Promise<void> {
  vi.useFakeTimers({ toFake: ["Date"], now: Math.max((await alarmOf(account)) ?? 0, Date.now()) });
  await runDurableObjectAlarm(accountObject(account));
}
/** Whatever asks for such an object meanwhile is cut off in the middle. */
async function cutOff<T>(
  binding: "LIVE_CODE" | "SANDBOX_WALLET",
  act: (tries: () => number) => Promise<T>,
): Promise<T> {
  const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
  const away = vi.spyOn(env[binding], "getByName").mockImplementation(() => {
    throw new Error(`${binding} is away`);
  });
  try {
    return await act(() => away.mock.calls.length);
  } finally {
    away.mockRestore();
    silent.mockRestore();
    await evictAllDurableObjects();
  }
}
/** In place of the wallet, to objects that have forgotten it. */
async function withWallet<T>(wallet: object, act: () => Promise<T>): Promise<T> {
  const { SANDBOX_WALLET } = env;
  Object.assign(env, { SANDBOX_WALLET: { getByName: () => wallet } });
  try {
    await evictAllDurableObjects();
    return await act();
  } finally {
    Object.assign(env, { SANDBOX_WALLET });
  }
}
/** The order asks about its attempt, and is told this. */
const asks = (key: OrderKey, notification: object): Promise<boolean> =>
  withWallet({ query: () => Promise.resolve({ state: "TOLD", notification }) }, () =>
    runDurableObjectAlarm(env.LIVE_CODE.getByName(key)),
  );
/** An order that can take no more money. */
async function full(shop: Shop): Promise<OrderTerms> {
  const { terms } = await orderOf(keyIn(await orderIn(shop)));
  for (let number = 0; number < limits.capturesPerOrderMax; number += 1)
    await liveCode(terms.key).apply(
      someCapture(terms, { account: shop.accountId, transaction: `F${number}`, amount: 1 }),
    );
  return terms;
}
/** A refund that was made at the wallet, which names nothing but the payment. */
const back = (transaction: string, name: string, amount: number, more: Record<string, unknown> = {}) =>
  notice(nowhere(), {
    transaction,
    payment: null,
    order: null,
    type: "refund.succeeded",
    refund: name,
    amount,
    ...more,
  });
/** An account's book, without anybody who wakes it. */
const bookIn = (storage: DurableObjectStorage) =>
  paymentBook(storage, { ringBy: () => undefined, transaction: (work) => storage.transactionSync(work) });
/** What the wallet gave back, of any payment whose order's key begins like this. */
const refundsAt = (key: OrderKey, transaction: string) =>
  runInDurableObject(walletObject(key), (_: unknown, { storage }) =>
    storage.sql
      .exec<{ amount: number }>("SELECT amount FROM refunds WHERE transaction_number = ?", transaction)
      .toArray()
      .map(({ amount }) => amount),
  );

describe("money without an order", () => {
  it("is seen by its merchant, newest first and page by page, and by nobody else", async () => {
    const [shop, other] = [await openShop(), await openShop()];
    for (let number = 0; number < 5; number += 1) await lost(shop, { transaction: `T${number}`, amount: 100 + number });
    await evictAllDurableObjects();
    const all = await listed(shop);
    expect(all.map(({ transaction }) => transaction)).toEqual(["T4", "T3", "T2", "T1", "T0"]);
    expect(all[0]).toMatchObject({ amount: { amount: "1.04" }, state: "WAITING", why: "UNKNOWN_ORDER", order: null });
    const walked: unknown[] = [];
    for (let after: unknown = null, more = true; more;) {
      const { viewer } = await ask(
        shop.key,
        `query ($after: String) { viewer { merchant { unmatchedPayments(first: 2, after: $after) { nodes { transaction } pageInfo { hasNextPage endCursor } } } } }`,
        { after },
      );
      const page = at(viewer, "merchant.unmatchedPayments") as Json;
      walked.push(...(page["nodes"] as Json[]).map(({ transaction }) => transaction));
      after = at(page, "pageInfo.endCursor");
      more = at(page, "pageInfo.hasNextPage") === true;
    }
    expect(walked).toEqual(["T4", "T3", "T2", "T1", "T0"]);

    const id = textAt(all[0], "id");
    const found = `query ($id: ID!) { node(id: $id) { id ... on UnmatchedPayment { transaction } } }`;
    expect(at(await ask(shop.key, found, { id }), "node.transaction")).toBe("T4");
    expect(at(await ask(other.key, found, { id }), "node")).toBeNull();
    expect(await listed(other)).toEqual([]);
    const theirs = await orderIn(other);
    const invented = `${id.slice(0, -1)}${id.endsWith("0") ? "1" : "0"}`;
    for (const [asker, name, order] of [
      [other, id, theirs],
      [shop, invented, await orderIn(shop)],
      [shop, "unmatched_nonsense", await orderIn(shop)],
      [shop, id, theirs],
      [shop, id, "order_0000000000000000"],
      [shop, id, "payment_1"],
    ] as const)
      expect(await assign(asker, name, order)).toMatchObject({ __typename: "NotFoundError", code: "NOT_FOUND" });
    for (const [asker, name] of [
      [other, id],
      [shop, invented],
      [shop, ""],
    ] as const)
      expect(await refund(asker, name)).toMatchObject({ __typename: "NotFoundError" });
    expect((await listed(shop)).map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => "WAITING"));
    expect((await orderOf(keyIn(theirs))).captures).toEqual([]);
  });

  it("given to an order pays and converts its payer as a notification would, once, whoever asks and how often", async () => {
    const shop = await openShop();
    const id = await lost(shop, { payer: { id: "wallet-7", name: "Han Meimei" } });
    const [order, other] = [await orderIn(shop), await orderIn(shop)];
    const answers = await Promise.all([
      ...Array.from({ length: 8 }, () => assign(shop, id, order)),
      assign(shop, id, other),
      refund(shop, id),
    ]);
    expect(answers.slice(0, 8).map((answer) => answer["__typename"])).toEqual(
      Array.from({ length: 8 }, () => "UnmatchedPaymentAssignSuccess"),
    );
    expect(answers[7]).toMatchObject({
      order: { state: "PAID", conversion: { customer: { displayName: "Han Meimei" } } },
    });
    for (const refused of answers.slice(8))
      expect(refused).toMatchObject({
        __typename: "ValidationError",
        issues: [{ path: ["input", "unmatchedPaymentId"], message: "names money that belongs to an order" }],
      });
    await evictAllDurableObjects();
    expect(await assign(shop, id, order)).toMatchObject({
      unmatchedPayment: { id, state: "ASSIGNED", order: { id: order, state: "PAID" } },
    });
    const { captures, conversion } = await orderOf(keyIn(order));
    expect(captures).toHaveLength(1);
    expect((await orderOf(keyIn(other))).captures).toEqual([]);
    // The same wallet is the same customer, as if it had been told at once.
    const direct = await orderIn(shop);
    await tell(
      shop.account,
      notice({ ...nowhere(), key: keyIn(direct) }, { transaction: "direct", payer: { id: "wallet-7" } }),
    );
    expect((await orderOf(keyIn(direct))).conversion?.payer.customerId).toBe(conversion?.payer.customerId);
    expect(await listed(shop)).toEqual([]);
    expect(await listed(shop, "(settled: true)")).toMatchObject([{ id, state: "ASSIGNED" }]);
    // Told again, for nobody or for another: it is where it is.
    const transaction = captures[0]?.transaction;
    await tell(shop.account, notice(nowhere(), { transaction }));
    await tell(shop.account, notice({ ...nowhere(), key: keyIn(other) }, { transaction }));
    expect((await orderOf(keyIn(other))).captures).toEqual([]);
    expect(await listed(shop)).toEqual([]);
  });

  it("is judged by the order's own policies: too little waits for the rest, too late and sold out goes back", async () => {
    const shop = await openShop();
    const part = await lost(shop, { amount: 1000 });
    const order = await orderIn(shop);
    expect(await assign(shop, part, order)).toMatchObject({ order: { state: "OPEN" } });
    expect(await assign(shop, await lost(shop, { amount: 990 }), order)).toMatchObject({ order: { state: "PAID" } });
    const paid = await assign(shop, await lost(shop), order);
    expect(paid).toMatchObject({ order: { state: "PAID" }, unmatchedPayment: { state: "ASSIGNED" } });
    await vi.waitFor(async () =>
      expect(await orderOf(keyIn(order))).toMatchObject({
        captures: [{ disposition: "ACCEPTED" }, { disposition: "ACCEPTED" }, { disposition: "DUPLICATE" }],
        refunds: [{ amount: 1990, automatic: true, state: "SUCCEEDED" }],
      }),
    );
  });

  it("that its order does not take waits again", async () => {
    const shop = await openShop();
    const { key } = await full(shop);
    const id = await lost(shop);
    expect(await assign(shop, id, idOf(key))).toMatchObject({
      __typename: "OrderStateError",
      order: { state: "OPEN" },
    });
    expect(await listed(shop)).toMatchObject([{ id, state: "WAITING", order: null }]);
    expect(await assign(shop, id, await orderIn(shop))).toMatchObject({ order: { state: "PAID" } });
  });

  it("goes back once, and is asked back until the provider has answered, though it stays silent a hundred times and everything dies", async () => {
    const shop = await openShop();
    const { key } = nowhere();
    const id = await lost(shop, { transaction: "BACK", payment: paymentId(key, 1), order: idOf(key) });
    await cutOff("SANDBOX_WALLET", async (tries) => {
      expect(await refund(shop, id)).toMatchObject({ unmatchedPayment: { state: "REFUNDING" } });
      for (let failure = 0; failure < 100; failure += 1) {
        if (failure % 25 === 0) await evictAllDurableObjects();
        await ring(shop.accountId);
        expect(await alarmOf(shop.accountId)).not.toBeNull();
      }
      expect(tries()).toBeGreaterThan(100);
      expect(await assign(shop, id, await orderIn(shop))).toMatchObject({
        issues: [{ message: "names money that goes back to its payer" }],
      });
      expect(await refund(shop, id)).toMatchObject({ unmatchedPayment: { state: "REFUNDING" } });
    });
    await ring(shop.accountId);
    expect(await listed(shop)).toEqual([]);
    const done = await Promise.all([refund(shop, id), refund(shop, id)]);
    for (const answer of done) expect(answer).toMatchObject({ unmatchedPayment: { state: "REFUNDED", order: null } });
    expect(await refundsAt(key, "BACK")).toEqual([1990]);
    expect(await alarmOf(shop.accountId)).toBeGreaterThan(Date.now() + limits.paymentsSweepMs / 2);
  });

  it("that the provider refuses to give back waits again, and may be asked back anew or given to an order", async () => {
    const shop = await openShop();
    const account = await openAccount();
    const begun = await placeOrder(account);
    const id = await lost(shop, { transaction: "NO", payment: paymentId(begun.key, 9) });
    const asked: string[] = [];
    const refusing = { refund: ({ refund: name }: { refund: string }) => (asked.push(name), Promise.resolve(false)) };
    await withWallet(refusing, async () => {
      for (const _ of [1, 2])
        expect(await refund(shop, id)).toMatchObject({ unmatchedPayment: { state: "REFUND_FAILED" } });
    });
    expect(new Set(asked).size).toBe(2);
    expect(await listed(shop)).toMatchObject([{ id, state: "REFUND_FAILED" }]);
    const order = await orderIn(shop);
    expect(await assign(shop, id, order)).toMatchObject({ order: { state: "PAID" } });
    // What the provider tells of that now is no news to the order; what it did after all is.
    const [first = "", second = ""] = asked;
    const word = (name: string, type: string) => tell(shop.account, back("NO", name, 1990, { type }));
    await evictAllDurableObjects();
    for (const name of [first, second, second]) await word(name, "refund.failed");
    expect(await orderOf(keyIn(order))).toMatchObject({ captures: [{ amount: 1990 }], refunds: [] });
  });

  it("that the provider gives back after all, when an order has it, goes back from that order, which hears of it to the end", async () => {
    const shop = await openShop();
    const account = await openAccount();
    const begun = await placeOrder(account);
    const id = await lost(shop, { transaction: "YET", payment: paymentId(begun.key, 9) });
    const asked: string[] = [];
    const refusing = { refund: ({ refund: name }: { refund: string }) => (asked.push(name), Promise.resolve(false)) };
    await withWallet(refusing, () => refund(shop, id));
    const order = await orderIn(shop);
    expect(await assign(shop, id, order)).toMatchObject({ order: { state: "PAID" } });
    const word = (type: string) => tell(shop.account, back("YET", asked[0] ?? "", 1990, { type }));
    for (const _ of [1, 2]) await word("refund.succeeded");
    expect((await orderOf(keyIn(order))).refunds).toMatchObject([{ id: asked[0], state: "SUCCEEDED", amount: 1990 }]);
    await evictAllDurableObjects();
    for (const _ of [1, 2]) await word("refund.failed");
    expect((await orderOf(keyIn(order))).refunds).toMatchObject([{ state: "SUCCEEDED", failed: true }]);
  });

  it("is asked back anew for no request that is merely made again, however late, but for every new one and for every key of its own", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    const shop = await openShop();
    const { key } = nowhere();
    const id = await lost(shop, { transaction: "AGAIN", payment: paymentId(key, 1), order: idOf(key) });
    const asked: string[] = [];
    const refusing = { refund: ({ refund: name }: { refund: string }) => (asked.push(name), Promise.resolve(false)) };
    const later = async () => {
      vi.setSystemTime(Date.now() + limits.outcomeKeptMs + 1);
      await evictAllDurableObjects();
    };
    await withWallet(refusing, async () => {
      for (const _ of [1, 2, 3]) {
        expect(await refund(shop, id, "mine")).toMatchObject({ unmatchedPayment: { state: "REFUND_FAILED" } });
        await later();
      }
      expect(asked).toHaveLength(1);
      const { text } = await keyWith(shop.key, "PAYMENTS_WRITE");
      await refund({ ...shop, key: text }, id, "mine");
      expect(asked).toHaveLength(2);
    });
    // Who asks while it goes back asks for what goes back already.
    await cutOff("SANDBOX_WALLET", async () => {
      await refund(shop, id, "second");
      await refund(shop, id, "joins");
    });
    await ring(shop.accountId);
    expect(await refund(shop, id, "late")).toMatchObject({ unmatchedPayment: { state: "REFUNDED" } });
    // What its bank sends back of it goes out again when somebody asks for that, and for no echo of what was asked before.
    const [ours] = await runInDurableObject(accountObject(shop.accountId), (_: unknown, { storage }) =>
      Array.from(storage.kv.list<KeptPayment>({ prefix: "settled:" }), ([, { returns = [] }]) => returns.at(-1)),
    );
    await tell(shop.account, back("AGAIN", ours?.refund ?? "", 1990, { type: "refund.failed" }));
    await later();
    for (const name of ["mine", "second", "joins", "late"])
      expect(await refund(shop, id, name)).toMatchObject({ unmatchedPayment: { state: "REFUND_FAILED" } });
    await cutOff("SANDBOX_WALLET", async () =>
      expect(await refund(shop, id, "new")).toMatchObject({ unmatchedPayment: { state: "REFUNDING" } }),
    );
    expect(await refundsAt(key, "AGAIN")).toEqual([1990]);
  });

  it("that a person was shown is theirs to place, though an order is named after all; and that an order has goes back from that order, whatever is named", async () => {
    const shop = await openShop();
    const id = await lost(shop, { transaction: "LATE" });
    const [named, chosen] = [await orderIn(shop), await orderIn(shop)];
    const told = { transaction: "LATE", payment: null };
    await tell(shop.account, notice({ ...nowhere(), key: keyIn(named) }, told));
    expect((await orderOf(keyIn(named))).captures).toEqual([]);
    expect(await assign(shop, id, chosen)).toMatchObject({ order: { state: "PAID" } });
    await tell(shop.account, back("LATE", "R-1", 1990, { order: named }));
    expect((await orderOf(keyIn(chosen))).refunds).toMatchObject([{ id: "R-1", state: "SUCCEEDED" }]);
    expect((await orderOf(keyIn(named))).refunds).toEqual([]);
    // Where the message names nobody, as a refund made at the provider does.
    const direct = await orderIn(shop);
    await tell(shop.account, notice({ ...nowhere(), key: keyIn(direct) }, { transaction: "DIRECT", payment: null }));
    await tell(shop.account, back("DIRECT", "R-2", 1990));
    expect((await orderOf(keyIn(direct))).refunds).toMatchObject([{ id: "R-2", state: "SUCCEEDED" }]);
  });

  it("that was given to an order which does not exist, before anybody could say so, can still be placed", async () => {
    const shop = await openShop();
    const order = await orderIn(shop);
    const key = keyIn(order);
    await liveCode(key).apply({ kind: "begin", claimant: "browser", account: shop.accountId });
    const told = notice(nowhere(), { transaction: "STUCK", payment: paymentId(key, 1) });
    await cutOff("LIVE_CODE", async () => expect((await tell(shop.account, told)).status).toBe(503));
    await asks(key, told);
    const [shown] = await listed(shop);
    const id = textAt(shown, "id");
    const owner = String(told.order);
    expect(await assign(shop, id, owner)).toMatchObject({ __typename: "NotFoundError" });
    expect(await assign(shop, id, order)).toMatchObject({ order: { state: "PAID" } });
  });

  it("that the provider gave back of its own is settled", async () => {
    const shop = await openShop();
    const id = await lost(shop, { transaction: "OWN" });
    for (const _ of [1, 2]) await tell(shop.account, back("OWN", "R-1", 1000));
    expect(await listed(shop)).toMatchObject([{ state: "WAITING", returned: { amount: "10.00" } }]);
    await tell(shop.account, back("OWN", "R-2", 990));
    expect(await listed(shop, "(settled: true)")).toMatchObject([
      { id, state: "REFUNDED", returned: { amount: "19.90" } },
    ]);
  });

  it("of which a part has gone back pays no order, and only the rest goes back; what a bank sends back waits for a person again", async () => {
    const shop = await openShop();
    const { key } = nowhere();
    const id = await lost(shop, { transaction: "PART", payment: paymentId(key, 1), order: idOf(key) });
    const order = await orderIn(shop);
    const word = (name: string, amount: number, type = "refund.succeeded") =>
      tell(shop.account, back("PART", name, amount, { type }));
    await word("R-1", 500);
    await evictAllDurableObjects();
    expect(await assign(shop, id, order)).toMatchObject({
      __typename: "ValidationError",
      issues: [{ message: "names money that has gone back in part: give back the rest" }],
    });
    expect((await orderOf(keyIn(order))).captures).toEqual([]);
    expect(await listed(shop)).toMatchObject([
      { state: "WAITING", amount: { amount: "19.90" }, returned: { amount: "5.00" }, order: null },
    ]);
    expect(await refund(shop, id)).toMatchObject({
      unmatchedPayment: { state: "REFUNDED", returned: { amount: "19.90" } },
    });
    expect(await refundsAt(key, "PART")).toEqual([1490]);

    // A failure that comes after the success is the last word; what was told before it changes nothing any more.
    await word("R-1", 500, "refund.failed");
    for (const _ of [1, 2]) await word("R-1", 500);
    expect(await listed(shop)).toMatchObject([
      { id, state: "REFUND_FAILED", returned: { amount: "14.90" }, order: null },
    ]);
    expect(await listed(shop, "(settled: true)")).toEqual([]);
    expect(await assign(shop, id, order)).toMatchObject({ __typename: "ValidationError" });
  });

  it("that came back whole may still be given to an order, though who paid it is forgotten", async () => {
    const shop = await openShop();
    const id = await lost(shop, { transaction: "WHOLE", payer: { id: "wallet-9", name: "Wei" } });
    const word = (type: string) => tell(shop.account, back("WHOLE", "R-1", 1990, { type }));
    await word("refund.succeeded");
    expect(await listed(shop, "(settled: true)")).toMatchObject([{ id, state: "REFUNDED" }]);
    await word("refund.failed");
    const order = await orderIn(shop);
    expect(await assign(shop, id, order)).toMatchObject({
      order: { state: "PAID", conversion: { customer: { displayName: null } } },
    });
    expect(await assign(shop, id, order)).toMatchObject({ unmatchedPayment: { state: "ASSIGNED" } });
    // What its bank has sent back is not gone again because the wallet repeats itself.
    await evictAllDurableObjects();
    for (const outcome of ["refund.succeeded", "refund.failed"]) await word(outcome);
    expect(await orderOf(keyIn(order))).toMatchObject({ captures: [{ amount: 1990 }], refunds: [] });
  });
});

describe("the payers of money that waits", () => {
  it("are looked through in portions, each money once, from wherever somebody stopped", async () => {
    const shop = await openShop();
    const count = limits.unmatchedResealedMax + 5;
    const order = await orderOf(keyIn(await orderIn(shop)));
    const { capture } = someCapture(order.terms, { account: shop.accountId });
    await runInDurableObject(env.PAYMENT_ACCOUNT.getByName(shop.accountId), (_, { storage }) => {
      const book = bookIn(storage);
      for (let number = 0; number < count; number += 1)
        book.keep({ ...capture, id: `C-${number}` }, "sealed", null, "UNKNOWN_ORDER", number);
      const seen: string[] = [];
      const look = (after: string) =>
        book.reseal(after, (kept) => {
          seen.push(kept.capture);
          return kept.capture === "C-3" ? "anew" : null;
        });
      const after = look("");
      expect(seen).toHaveLength(limits.unmatchedResealedMax);
      expect(look(after ?? "")).toBeNull();
      expect(seen).toEqual(Array.from({ length: count }, (__, number) => `C-${number}`));
      const anew = book.list(false, null, count).filter(({ payer }) => payer !== "sealed");
      expect(anew).toMatchObject([{ capture: "C-3", payer: "anew" }]);
    });
  });
});

describe("a decision that was interrupted", () => {
  it("between being written and reaching the order is carried out by the alarm, once", async () => {
    const shop = await openShop();
    const id = await lost(shop);
    const order = await orderIn(shop);
    await cutOff("LIVE_CODE", async () => {
      const asked = await askGraph(
        shop.key,
        `mutation ($id: ID!, $order: ID!) { unmatchedPaymentAssign(input: { unmatchedPaymentId: $id, orderId: $order }) { __typename } }`,
        { id, order },
      );
      expect(asked.errors.map(({ extensions }) => extensions.code)).toEqual(["INTERNAL_SERVER_ERROR"]);
      for (let failure = 0; failure < 10; failure += 1) {
        await ring(shop.accountId);
        expect(await alarmOf(shop.accountId)).not.toBeNull();
      }
    });
    expect(await listed(shop)).toMatchObject([{ id, state: "ASSIGNING", order: { id: order, state: "OPEN" } }]);
    // Meanwhile it is nobody else's.
    expect(await assign(shop, id, await orderIn(shop))).toMatchObject({ __typename: "ValidationError" });
    await ring(shop.accountId);
    expect((await orderOf(keyIn(order))).captures).toHaveLength(1);
    expect(await listed(shop, "(settled: true)")).toMatchObject([{ id, state: "ASSIGNED", order: { state: "PAID" } }]);
    expect(await alarmOf(shop.accountId)).toBeGreaterThan(Date.now() + limits.paymentsSweepMs / 2);
  });
});

describe("one transaction told for two orders", () => {
  it("pays the first, and is shown for the second to a person, who cannot pay it twice either", async () => {
    const shop = await openShop();
    const orders = [await orderIn(shop), await orderIn(shop)] as const;
    const [first, second] = orders.map((id) => ({ ...nowhere(), key: keyIn(id) }));
    const all = { transaction: "TWICE", payment: null };
    await tell(shop.account, notice(first!, all));
    await evictAllDurableObjects();
    for (const _ of [1, 2]) expect((await tell(shop.account, notice(second!, all))).status).toBe(200);
    await tell(shop.account, notice(first!, all));
    expect((await orderOf(first!.key)).captures).toHaveLength(1);
    expect((await orderOf(second!.key)).captures).toEqual([]);
    const [shown] = await listed(shop);
    expect(shown).toMatchObject({ state: "WAITING", why: "ANOTHER_ORDER", order: { id: orders[0], state: "PAID" } });
    const id = textAt(shown, "id");
    expect(await assign(shop, id, orders[1])).toMatchObject({ __typename: "ValidationError" });
    expect(await refund(shop, id)).toMatchObject({ __typename: "ValidationError" });
    expect(await assign(shop, id, orders[0])).toMatchObject({
      unmatchedPayment: { state: "ASSIGNED" },
      order: { state: "PAID" },
    });
    expect(await listed(shop)).toEqual([]);
  });

  it("pays one of them when both are told at once, or when the account died before the first could hear of it", async () => {
    const shop = await openShop();
    const [first, second, third] = [await orderIn(shop), await orderIn(shop), await orderIn(shop)].map((id) => ({
      ...nowhere(),
      key: keyIn(id),
    }));
    const told = { transaction: "RACE", payment: null };
    await Promise.all(
      [first!, second!, third!, first!, second!].map((order) => tell(shop.account, notice(order, told))),
    );
    const counts = await Promise.all(
      [first!, second!, third!].map(async ({ key }) => (await orderOf(key)).captures.length),
    );
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 0, 1]);

    const [early, late] = [await orderIn(shop), await orderIn(shop)].map((id) => ({ ...nowhere(), key: keyIn(id) }));
    const crashed = { transaction: "CRASH", payment: null };
    await cutOff("LIVE_CODE", async () => expect((await tell(shop.account, notice(early!, crashed))).status).toBe(503));
    expect((await tell(shop.account, notice(late!, crashed))).status).toBe(200);
    expect((await orderOf(late!.key)).captures).toEqual([]);
    // The wallet was not thanked for the first telling, so it tells again.
    expect((await tell(shop.account, notice(early!, crashed))).status).toBe(200);
    expect((await orderOf(early!.key)).captures).toHaveLength(1);
  });

  it("needs no database", async () => {
    const shop = await openShop();
    const [first, second] = [await orderIn(shop), await orderIn(shop)].map((id) => ({ ...nowhere(), key: keyIn(id) }));
    const down = vi.spyOn(env.DB, "prepare").mockImplementation(() => {
      throw new Error("D1 is down");
    });
    const silent = vi.spyOn(console, "error").mockImplementation(() => undefined);
    for (const order of [first!, second!])
      expect((await tell(shop.account, notice(order, { transaction: "DOWN", payment: null }))).status).toBe(200);
    down.mockRestore();
    silent.mockRestore();
    expect([(await orderOf(first!.key)).paid, (await orderOf(second!.key)).paid].map((paid) => paid !== null)).toEqual([
      true,
      false,
    ]);
  });

  it("ends the attempt of an order whose money another has, so that nobody asks for it any more", async () => {
    const shop = await openShop();
    const order = await orderIn(shop);
    const key = keyIn(order);
    await liveCode(key).apply({ kind: "begin", claimant: "browser", account: shop.accountId });
    const other = await orderIn(shop);
    const told = notice({ ...nowhere(), key: keyIn(other) }, { transaction: "MINE", payment: paymentId(key, 1) });
    await tell(shop.account, told);
    expect((await orderOf(keyIn(other))).paid).not.toBeNull();
    // Asked about its own attempt, the provider tells of the money that the other order has.
    await walletObject(key).close(paymentId(key, 1));
    await asks(key, told);
    expect(await orderOf(key)).toMatchObject({ captures: [], attempts: [{ state: "SUCCEEDED" }], paid: null });
    expect(await listed(shop)).toMatchObject([{ why: "ANOTHER_ORDER", order: { id: other } }]);
  });
});

it("cash is nobody's transaction: each order has its own, whatever it is called", async () => {
  const shop = await openShop();
  for (const _ of [1, 2])
    expect(
      await recorded(shop.key, { orderId: await orderIn(shop), reference: "cash", amount: cny("19.90") }),
    ).toMatchObject({
      order: { state: "PAID" },
    });
});

describe("money of an order that refuses it only after a crash", () => {
  /** An order that can take no more, and money that is its own already though it has not heard of it. */
  const claimed = async (shop: Shop, transaction: string) => {
    const { key } = await full(shop);
    const told = notice({ ...nowhere(), key }, { transaction, payment: null });
    await cutOff("LIVE_CODE", async () => expect((await tell(shop.account, told)).status).toBe(503));
    return { key, told };
  };

  it("keeps in mind what went back of it meanwhile, so that nobody is given more than there is", async () => {
    const shop = await openShop();
    const { told } = await claimed(shop, "LOSES");
    expect((await tell(shop.account, back("LOSES", "R-1", 400))).status).toBe(200);
    expect((await tell(shop.account, told)).status).toBe(200);
    const [kept] = await listed(shop);
    expect(kept).toMatchObject({ state: "WAITING", why: "REFUSED", returned: { amount: "4.00" }, order: null });
    expect(await assign(shop, textAt(kept, "id"), await orderIn(shop))).toMatchObject({
      issues: [{ message: "names money that has gone back in part: give back the rest" }],
    });
  });

  it("keeps in mind what the order had been told of it before the money itself, however it comes to refuse the money", async () => {
    for (const way of ["told early", "told for another"] as const) {
      const shop = await openShop();
      const word = back("TOLD", "R-1", 400);
      if (way === "told early") await tell(shop.account, word);
      const { key, told } = await claimed(shop, "TOLD");
      if (way === "told early") await ring(shop.accountId);
      else {
        await tell(shop.account, notice(nowhere(), { transaction: "TOLD", payment: null }));
        await tell(shop.account, word);
      }
      expect((await orderOf(key)).refunds).toMatchObject([{ id: "R-1", state: "SUCCEEDED" }]);
      await evictAllDurableObjects();
      expect((await tell(shop.account, told)).status).toBe(200);
      expect((await orderOf(key)).captures).toHaveLength(limits.capturesPerOrderMax);
      const [kept] = await listed(shop);
      expect(kept).toMatchObject({ state: "WAITING", why: "REFUSED", returned: { amount: "4.00" }, order: null });
      // The very same word, told again, is the same refund.
      await tell(shop.account, word);
      const asked: number[] = [];
      const giving = { refund: ({ amount }: { amount: number }) => (asked.push(amount), Promise.resolve(true)) };
      await withWallet(giving, () => refund(shop, textAt(kept, "id")));
      expect(asked).toEqual([1590]);
    }
  });

  it("keeps in mind what was told while the order was being told, and while the money was handed on to another", async () => {
    const shop = await openShop();
    const [first, second] = [randomKey(), randomKey()];
    const { terms } = await orderOf(keyIn(await orderIn(shop)));
    const { capture } = someCapture(terms, { account: shop.accountId });
    const word = (name: string) =>
      ({ kind: "refundHeard", refund: name, capture: capture.id, amount: 100, outcome: "SUCCEEDED" }) as const;
    const namesIn = (all: readonly { readonly words: readonly { readonly refund: string }[] }[]) =>
      all.flatMap(({ words }) => words.map(({ refund: name }) => name));
    await runInDurableObject(accountObject(shop.accountId), (_: unknown, { storage }) => {
      const book = bookIn(storage);
      const now = Date.now();
      book.returned(word("R-1"));
      book.claim(capture, [first]);
      book.returned(word("R-2"));
      expect(book.pass(capture.id, first, second)).toBe(true);
      const owed = book.owed(now);
      expect(namesIn(owed)).toEqual(["R-1", "R-2"]);
      book.returned(word("R-3"));
      for (const one of owed) book.told(one);
      book.keep(capture, "sealed", second, "REFUSED", now);
      expect(
        book
          .list(false, null, 1)[0]
          ?.returns?.map(({ refund: name }) => name)
          .toSorted(),
      ).toEqual(["R-1", "R-2", "R-3"]);
      expect(book.owed(now + limits.pollMs.latest)).toEqual([]);

      // What was told early is forgotten after a while, but not of money that a person was shown.
      const shownLong = { ...capture, id: "SANDBOX:LONG" };
      book.returned({ ...word("R-1"), capture: shownLong.id });
      book.claim(shownLong, [first]);
      book.keep(shownLong, "sealed", second, "REFUSED", now);
      book.sweep(now + limits.paymentsSweepMs + limits.pollMs.late);
      book.keep(shownLong, "sealed", first, "REFUSED", now);
      const [kept] = book.list(false, null, 2).filter((one) => one.capture === shownLong.id);
      expect([kept?.order, kept && returnedOf(kept)]).toEqual([null, 100]);
    });
  });

  it("counts each refund once that was ever told, whatever was told, handed on and refused before and after", async () => {
    const shop = await openShop();
    const { terms } = await orderOf(keyIn(await orderIn(shop)));
    const { capture } = someCapture(terms, { account: shop.accountId });
    const [first, second, other] = [randomKey(), randomKey(), randomKey()];
    const amounts = { "R-1": 100, "R-2": 200, "R-3": 300 } as const;
    type Step = keyof typeof amounts | "claim" | "pass" | "ask" | "tell" | "other";
    const step = fc.constantFrom<Step>("R-1", "R-2", "R-3", "claim", "pass", "ask", "tell", "other");
    await runInDurableObject(accountObject(shop.accountId), (_: unknown, { storage }) => {
      const book = bookIn(storage);
      let runs = 0;
      fc.assert(
        fc.property(fc.array(step, { maxLength: 12 }), fc.array(step, { maxLength: 4 }), (before, after) => {
          const money = { ...capture, id: `SANDBOX:P-${(runs += 1)}` };
          const told = new Set<keyof typeof amounts>();
          let asked: ReturnType<typeof book.owed> = [];
          const take = (one: Step): void => {
            const now = Date.now() + runs * limits.pollMs.latest;
            switch (one) {
              case "claim":
                return void book.claim(money, [first]);
              case "pass":
                return void book.pass(money.id, first, second);
              case "ask":
                asked = book.owed(now).filter(({ transaction }) => transaction === money.id);
                return;
              case "tell":
                for (const owed of asked) book.told(owed);
                return;
              case "other":
                if (book.ownerOf(money.id)) book.keep(money, "sealed", other, "REFUSED", now);
                return;
              default:
                told.add(one);
                book.returned({ refund: one, capture: money.id, amount: amounts[one], outcome: "SUCCEEDED" });
            }
          };
          before.forEach(take);
          book.keep(money, "sealed", book.ownerOf(money.id) ?? null, "REFUSED", Date.now());
          after.forEach(take);
          const [kept] = book.list(false, null, 1_000).filter((one) => one.capture === money.id);
          expect(kept).toMatchObject({ state: "WAITING", order: null });
          expect(kept && returnedOf(kept)).toBe([...told].reduce((sum, one) => sum + amounts[one], 0));
        }),
        { numRuns: 200 },
      );
    });
  });

  it("can be placed once it has refused, by whichever way it is asked, though it was told for another meanwhile", async () => {
    for (const way of ["told", "assigned"] as const) {
      const shop = await openShop();
      const { key, told } = await claimed(shop, "STUCK");
      await tell(shop.account, notice(nowhere(), { transaction: "STUCK", payment: null }));
      const [kept] = await listed(shop);
      const id = textAt(kept, "id");
      expect(kept).toMatchObject({ why: "ANOTHER_ORDER", order: { id: idOf(key) } });
      if (way === "told") await tell(shop.account, told);
      else await assign(shop, id, idOf(key));
      expect(await listed(shop)).toMatchObject([{ id, state: "WAITING", why: "REFUSED", order: null }]);
      expect(await assign(shop, id, await orderIn(shop))).toMatchObject({ order: { state: "PAID" } });
    }
  });
});

describe("a refund that is heard of before its payment", () => {
  it("waits for it, and takes effect with the order that gets the money, however late and often it is told", async () => {
    const shop = await openShop();
    const order = await orderIn(shop);
    const key = keyIn(order);
    const words = [
      back("EARLY", "R-1", 500),
      back("EARLY", "R-2", 300, { type: "refund.failed" }),
      back("EARLY", "R-1", 500),
    ];
    for (const word of words) expect((await tell(shop.account, word)).status).toBe(200);
    // Of a payment that is never heard of here nothing comes.
    await tell(shop.account, back("FOREIGN", "R-9", 700));
    await evictAllDurableObjects();
    await tell(shop.account, notice({ ...nowhere(), key }, { transaction: "EARLY", payment: null }));
    expect(await orderOf(key)).toMatchObject({ captures: [{ amount: 1990 }], refunds: [] });
    expect(await alarmOf(shop.accountId)).toBeLessThanOrEqual(Date.now() + limits.pollMs.early);
    await cutOff("LIVE_CODE", () => ring(shop.accountId));
    await ring(shop.accountId);
    const told = [
      { id: "R-1", amount: 500, state: "SUCCEEDED" },
      { id: "R-2", amount: 300, state: "FAILED" },
    ];
    expect((await orderOf(key)).refunds).toMatchObject(told);
    expect(await alarmOf(shop.accountId)).toBeGreaterThan(Date.now() + limits.paymentsSweepMs / 2);
    for (const word of words) await tell(shop.account, word);
    await ring(shop.accountId);
    expect((await orderOf(key)).refunds).toMatchObject(told);
    expect((await orderOf(key)).refunds).toHaveLength(2);
  });

  it("waits for a payment that is found by asking, too", async () => {
    const shop = await openShop();
    const order = await orderIn(shop);
    const key = keyIn(order);
    await liveCode(key).apply({ kind: "begin", claimant: "browser", account: shop.accountId });
    await tell(shop.account, back("ASKED", "R-1", 1990));
    await asks(key, notice({ ...nowhere(), key }, { transaction: "ASKED", payment: paymentId(key, 1) }));
    await ring(shop.accountId);
    expect(await orderOf(key)).toMatchObject({
      captures: [{ amount: 1990 }],
      refunds: [{ id: "R-1", state: "SUCCEEDED" }],
      conversion: { state: "REVERSED" },
    });
  });

  it("stays with the money where no order has it", async () => {
    const shop = await openShop();
    await tell(shop.account, back("NOBODY", "R-1", 500));
    await tell(shop.account, back("WHOLE", "R-2", 1990));
    const id = await lost(shop, { transaction: "NOBODY" });
    expect(await listed(shop)).toMatchObject([{ id, state: "WAITING", returned: { amount: "5.00" } }]);
    await tell(shop.account, notice(nowhere(), { transaction: "WHOLE" }));
    expect(await listed(shop, "(settled: true)")).toMatchObject([{ transaction: "WHOLE", state: "REFUNDED" }]);
    expect(await listed(shop)).toHaveLength(1);
  });
});

describe("what an account knows of its money", () => {
  const day = 24 * 3_600_000;
  const keysOf = (account: string) =>
    runInDurableObject(accountObject(account), (_: unknown, { storage }) =>
      Array.from(storage.kv.list(), ([name]) => name.replace(/(?<=unmatched:|settled:).*/, "…")).filter(
        (name) => name !== "account",
      ),
    );
  const sweep = async (account: string) => {
    const due = await alarmOf(account);
    vi.setSystemTime(Math.max(due ?? 0, Date.now()));
    await evictAllDurableObjects();
    await runDurableObjectAlarm(accountObject(account));
  };

  it("is forgotten long after anybody could still tell of it, step by step, but for what waits for a person; and told again after that it is no news", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    try {
      const shop = await openShop();
      const orders = [await orderIn(shop), await orderIn(shop)];
      const paid = notice({ ...nowhere(), key: keyIn(orders[0] ?? "") }, { transaction: "PAID", payment: null });
      await tell(shop.account, paid);
      const given = notice(nowhere(), { transaction: "GIVEN" });
      await tell(shop.account, given);
      const [newest] = await listed(shop);
      await assign(shop, textAt(newest, "id"), orders[1] ?? "");
      await tell(shop.account, notice(nowhere(), { transaction: "LEFT" }));
      await tell(shop.account, back("FOREIGN", "R-1", 700));
      const all = [
        "heard:SANDBOX:GIVEN",
        "heard:SANDBOX:LEFT",
        "order:SANDBOX:PAID",
        "settled:…",
        "sweep",
        "unmatched:…",
      ];
      expect(await keysOf(shop.accountId)).toEqual(["early:SANDBOX:FOREIGN", ...all]);
      const begun = Date.now();
      // The alarm of the decision, which was carried out before it rang.
      await runDurableObjectAlarm(accountObject(shop.accountId));
      await sweep(shop.accountId);
      expect(Date.now() - begun).toBe(limits.paymentsSweepMs);
      expect(await keysOf(shop.accountId)).toEqual(all);
      // Late news still finds its order of disputes that were opened after a year and a half.
      vi.setSystemTime(begun + 640 * day);
      await tell(shop.account, back("PAID", "D-1", 1990));
      expect((await orderOf(keyIn(orders[0] ?? ""))).refunds).toMatchObject([{ id: "D-1", state: "SUCCEEDED" }]);

      vi.setSystemTime(begun + limits.paymentsKnownMs);
      for (let walk = 0; walk < 2; walk += 1) await sweep(shop.accountId);
      expect(await keysOf(shop.accountId)).toEqual(["heard:SANDBOX:LEFT", "sweep", "unmatched:…"]);
      expect(await listed(shop, "(settled: true)")).toEqual([]);
      expect(await listed(shop)).toMatchObject([{ transaction: "LEFT", state: "WAITING" }]);
      // Whoever repeats what was told then pays nobody a second time.
      for (const old of [paid, given]) expect((await tell(shop.account, old)).status).toBe(200);
      expect(await listed(shop)).toHaveLength(1);
      for (const order of orders) expect((await orderOf(keyIn(order))).captures).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is walked through a bounded number of rows at a time, wherever it is interrupted", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() });
    try {
      const shop = await openShop();
      await tell(
        shop.account,
        notice({ ...nowhere(), key: keyIn(await orderIn(shop)) }, { transaction: "FIRST", payment: null }),
      );
      const count = 2 * limits.paymentsSweepRowsMax + 10;
      const begun = Date.now();
      await runInDurableObject(accountObject(shop.accountId), (_: unknown, { storage }) => {
        for (let number = 0; number < count; number += 1)
          storage.kv.put(`order:SANDBOX:${String(number).padStart(5, "0")}`, { order: randomKey(), at: begun });
      });
      vi.setSystemTime(begun + limits.paymentsKnownMs);
      const [left, waits]: [number[], number[]] = [[], []];
      for (let step = 0; step < 4; step += 1) {
        await evictAllDurableObjects();
        await runDurableObjectAlarm(accountObject(shop.accountId));
        left.push((await keysOf(shop.accountId)).length);
        vi.setSystemTime(Date.now() + limits.pollMs.late);
        waits.push(((await alarmOf(shop.accountId)) ?? Infinity) - Date.now() + limits.pollMs.late);
      }
      expect(left[0]).toBeGreaterThan(limits.paymentsSweepRowsMax);
      expect(left.slice(-2)).toEqual([0, 0]);
      // Soon while there is more, and then never again.
      expect(waits).toEqual([limits.pollMs.late, limits.pollMs.late, Infinity, Infinity]);
    } finally {
      vi.useRealTimers();
    }
  });
});
