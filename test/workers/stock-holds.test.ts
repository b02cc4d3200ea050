/** The pieces between an order's request and its end: whichever Worker dies, whoever else uses the same idempotency key, whenever the sweep comes. */
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Order } from "../../src/core/order.ts";
import type { Merchant } from "../../src/db/merchants.ts";
import { findProducts, updateProduct } from "../../src/db/products.ts";
import { takeStock } from "../../src/db/stock.ts";
import { depsOf } from "../../src/deps.ts";
import type { LiveCodeProtocol, Placed } from "../../src/durable/protocol.ts";
import { perform } from "../../src/durable/effects.ts";
import { configOf } from "../../src/env.ts";
import { createProduct } from "../../src/resolvers/create-product.ts";
import type { Deps } from "../../src/resolvers/deps.ts";
import { placeOrder, type PlaceOrderError } from "../../src/resolvers/place-order.ts";
import { registerMerchant } from "../../src/resolvers/register-merchant.ts";
import { sweepStockHolds } from "../../src/resolvers/sweep-stock-holds.ts";
import { counted } from "./db-orders.ts";
import { liveCode } from "./payment-scene.ts";
import { someCapture } from "./terms.ts";

const { DB } = env;
const config = configOf(env);
if (typeof config === "string") throw new Error(config);
const afterAnswer: Promise<unknown>[] = [];
const deps: Deps = depsOf(env, config, "https://pay.example", {
  waitUntil: (work) => void afterAnswer.push(work),
});

/** A merchant who sells tea, and how many of it are left and held. */
async function shop(stock: number | null) {
  const slug = `stock-${crypto.randomUUID().slice(0, 8)}`;
  const place = { locale: "en", timeZone: "UTC" };
  const opened = await registerMerchant(deps, { name: "Tea House", slug, currency: "CNY", ...place });
  if (!opened.ok) throw new Error(opened.error.reason);
  const { merchant } = opened.value;
  const tea = await createProduct(deps, merchant, { sku: "tea", name: "Tea", price: price("10.00"), stock });
  if (!tea.ok) throw new Error(tea.error.reason);
  const { id } = tea.value.product;
  const left = async () => (await findProducts(DB, merchant.id, [id]))[0]?.stock;
  const holds = async () => {
    const { results } = await DB.prepare("SELECT * FROM stock_holds WHERE merchant_id = ?").bind(merchant.id).all();
    return results;
  };
  const order = (quantity: number, key: string | null, by: Deps = deps) =>
    placeOrder(by, merchant, { lines: [{ productId: id, quantity }] }, key);
  return { merchant, id, left, holds, order };
}
const price = (amount: string) => ({ amount, currency: "CNY" });
const free = { lines: [{ name: "Advice", unitPrice: price("1.00"), quantity: 1 }] };

function orderIn(answer: Awaited<ReturnType<typeof placeOrder>>): Order {
  if (!answer.ok) throw new Error(answer.error.reason);
  return answer.value.order;
}
const refusalIn = (answer: Awaited<ReturnType<typeof placeOrder>>): PlaceOrderError["reason"] | null =>
  answer.ok ? null : answer.error.reason;

/** A Worker whose orders reach their objects in its own way. */
const withObjects = (own: (code: LiveCodeProtocol, key: OrderKey) => Partial<LiveCodeProtocol>): Deps => ({
  ...deps,
  liveCode: (key) => {
    const code = deps.liveCode(key);
    const real = {
      look: (merchantId?: string) => code.look(merchantId),
      place: (...asked: Parameters<LiveCodeProtocol["place"]>) => code.place(...asked),
    };
    return { ...real, ...own(code, key) } as LiveCodeProtocol;
  },
});
/** Takes the stock and is never heard of again. */
const dying = withObjects(() => ({ place: () => Promise.reject(new Error("the Worker died")) }));
const died = (asked: Promise<unknown>) => expect(asked).rejects.toThrow("the Worker died");

/** Takes the stock, and reaches the object when it is let go. */
function slow() {
  const { promise: gate, resolve: go } = Promise.withResolvers<void>();
  const by = withObjects((code) => ({
    place: async (...asked): Promise<Placed> => {
      await gate;
      return code.place(...asked);
    },
  }));
  return { by, go };
}

const later: Deps = { ...deps, now: () => Date.now() + 3 * limits.orphanHoldAfterMs };
const sweep = (by: Pick<Deps, "now" | "liveCode"> = later) => sweepStockHolds(by, DB);

// The sweep takes whatever it finds: what one test leaves must not count in the next.
afterEach(async () => {
  await Promise.all(afterAnswer.splice(0));
  await sweep();
});

const projected = ({ terms }: Order, state: string) =>
  vi.waitFor(
    async () => {
      const row = await DB.prepare("SELECT state FROM orders WHERE id = ?").bind(terms.key).first();
      expect(row).toEqual({ state });
    },
    { timeout: 5_000, interval: 20 },
  );
async function cancel(order: Order): Promise<void> {
  await liveCode(order.terms.key).apply({ kind: "cancel", reason: null });
  await projected(order, "CANCELLED");
}
async function pay(order: Order): Promise<void> {
  const account = order.terms.accounts[0]?.id ?? "";
  await liveCode(order.terms.key).apply(someCapture(order.terms, { account }));
  await projected(order, "PAID");
}
/** As an order's call that D1 carries out long after its caller has died. */
const takeFor = ({ terms }: Order, version: number, placedAt = terms.placedAt) =>
  takeStock(DB, { merchantId: terms.merchant.id, orderKey: terms.key, placedAt, version, lines: terms.lines });

async function freeOrder(merchant: Merchant, key: string): Promise<Order> {
  return orderIn(await placeOrder(deps, merchant, free, key));
}

describe("one idempotency key for two inputs", () => {
  it("sells what the first holds, and refuses the second though it is faster", async () => {
    const { left, holds, order } = await shop(5);
    const { by, go } = slow();
    const first = order(1, "key", by);
    await vi.waitFor(async () => expect(await holds()).toHaveLength(1));
    expect(refusalIn(await order(5, "key"))).toBe("IDEMPOTENCY");
    go();
    expect(orderIn(await first).terms.lines[0]?.quantity).toBe(1);
    expect(await left()).toBe(4);
    expect(refusalIn(await order(4, null))).toBe(null);
    expect(refusalIn(await order(1, null))).toBe("OUT_OF_STOCK");
    expect(await holds()).toHaveLength(2);
  });

  it("puts back what the loser holds, when the winner holds nothing", async () => {
    const { merchant, left, holds, order } = await shop(5);
    const { by, go } = slow();
    const loser = order(5, "key", by);
    await vi.waitFor(async () => expect(await holds()).toHaveLength(1));
    await freeOrder(merchant, "key");
    go();
    expect(refusalIn(await loser)).toBe("IDEMPOTENCY");
    await Promise.all(afterAnswer);
    expect([await left(), await holds()]).toEqual([5, []]);
  });

  it("puts it back by the sweep, when the loser dies", async () => {
    const { merchant, left, holds, order } = await shop(5);
    const overtaken = withObjects(() => ({
      place: async () => {
        await freeOrder(merchant, "key");
        throw new Error("the Worker died");
      },
    }));
    await died(order(5, "key", overtaken));
    expect(await left()).toBe(0);
    await sweep();
    expect([await left(), await holds()]).toEqual([5, []]);
  });

  it("keeps the key for the first, though it died, until its pieces are swept", async () => {
    const { left, order } = await shop(5);
    await died(order(5, "key", dying));
    expect(refusalIn(await order(1, "key"))).toBe("IDEMPOTENCY");
    expect(await left()).toBe(0);
    await sweep();
    expect(await left()).toBe(5);
    await pay(orderIn(await order(1, "key")));
    expect(await left()).toBe(4);
  });

  it("leaves the winner its pieces, when both want the same ones", async () => {
    const { merchant, id, left, holds, order } = await shop(5);
    const { by, go } = slow();
    const loser = order(2, "key", by);
    await vi.waitFor(async () => expect(await holds()).toHaveLength(1));
    const input = { lines: [{ productId: id, quantity: 2 }], externalReference: "another" };
    const winner = orderIn(await placeOrder(deps, merchant, input, "key"));
    go();
    expect(refusalIn(await loser)).toBe("IDEMPOTENCY");
    await Promise.all(afterAnswer);
    await sweep();
    expect([await left(), (await holds()).length]).toEqual([3, 1]);
    await cancel(winner);
    expect([await left(), await holds()]).toEqual([5, []]);
  });

  it("never answers an order asked for again with what another input has taken", async () => {
    const { id, merchant, left, holds, order } = await shop(5);
    const placed = orderIn(await order(2, "key"));
    await cancel(placed);
    // A request with the same key that has looked before there was an order, and takes when it has already ended.
    const stray = { merchantId: merchant.id, orderKey: placed.terms.key, placedAt: Date.now(), version: 0 };
    await takeStock(DB, { ...stray, lines: [{ productId: id, quantity: 5 }] });
    expect(await left()).toBe(0);
    const retaking = { ...placed, stock: "RETAKING", version: 9 } as const;
    expect(await perform(env, retaking, { kind: "RETAKE_STOCK" })).toBe(null);
    expect(await perform(env, retaking, { kind: "RETAKE_STOCK" })).toEqual({ kind: "stock", taken: true });
    expect([await left(), (await holds()).length]).toEqual([3, 1]);
  });
});

describe("one idempotency key for the same input twice", () => {
  it("is one order and one hold, and the sweep asks about it once", async () => {
    const { left, holds, order } = await shop(5);
    const { by, go } = slow();
    const winner = order(2, "key", by);
    await vi.waitFor(async () => expect(await holds()).toHaveLength(1));
    // The second has taken note of the hold, and dated it, when the first becomes the order.
    await scheduler.wait(2);
    await died(order(2, "key", dying));
    go();
    const placed = orderIn(await winner);
    expect((await holds())[0]?.["placed_at"]).toBeGreaterThan(placed.terms.placedAt);
    await projected(placed, "OPEN");
    const asked: OrderKey[] = [];
    const asking = withObjects((code, key) => ({
      look: (merchantId) => {
        asked.push(key);
        return code.look(merchantId);
      },
    }));
    await sweep({ ...asking, now: later.now });
    await sweep({ ...asking, now: later.now });
    expect(asked.filter((key) => key === placed.terms.key)).toHaveLength(1);
    expect([await left(), (await holds()).length]).toEqual([3, 1]);
  });

  it("answers the order, when its pieces were sold between looking and taking", async () => {
    const { left, holds, order } = await shop(1);
    let sold: Order | null = null;
    const overtaken = withObjects((code) => ({
      look: async (merchantId) => {
        const seen = await code.look(merchantId);
        if (!sold) {
          sold = orderIn(await order(1, "key"));
          await pay(sold);
        }
        return seen;
      },
    }));
    expect(await order(1, "key", overtaken)).toMatchObject({ ok: true, value: { replayed: true } });
    expect([await left(), await holds()]).toEqual([0, []]);
  });
});

describe("the sweep", () => {
  it("leaves a hold that its request takes up again meanwhile", async () => {
    const { left, holds, order } = await shop(1);
    await died(order(1, "key", dying));
    const asking = withObjects((code) => ({
      look: async (merchantId) => {
        const seen = await code.look(merchantId);
        await scheduler.wait(2);
        expect(refusalIn(await order(1, "key"))).toBe(null);
        return seen;
      },
    }));
    expect(await sweep({ ...asking, now: later.now })).toBe(0);
    expect([await left(), (await holds()).length]).toEqual([0, 1]);
    expect(refusalIn(await order(1, null))).toBe("OUT_OF_STOCK");
  });

  it("gives back what was taken for an order that had ended", async () => {
    const { left, holds, order } = await shop(5);
    const [ended, sold] = [orderIn(await order(1, null)), orderIn(await order(1, null))];
    await cancel(ended);
    await pay(sold);
    await takeFor(ended, 1);
    await takeFor(sold, 1);
    expect(await left()).toBe(2);
    expect(await sweep()).toBe(2);
    expect([await left(), await holds()]).toEqual([4, []]);
    // By an equal request, which has a date of its own: the first sweep gives it the order's.
    await takeFor(sold, 0, sold.terms.placedAt + 1);
    expect([await sweep(), await sweep()]).toEqual([0, 1]);
    expect(await left()).toBe(4);
  });

  it("leaves what a sold order holds, as long as the read model has not heard of the order", async () => {
    const { left, holds, order } = await shop(5);
    const { PROJECTOR } = env;
    const deaf = { project: () => Promise.reject(new Error("the read model is away")) };
    Object.assign(env, { PROJECTOR: { getByName: () => deaf } });
    try {
      const sold = orderIn(await order(2, null));
      const { key, accounts } = sold.terms;
      await liveCode(key).apply(someCapture(sold.terms, { account: accounts[0]?.id ?? "" }));
      expect((await liveCode(key).look())?.stock).toBe("SOLD");
      expect(await sweep()).toBe(0);
      expect([await left(), (await holds()).length]).toEqual([3, 1]);
    } finally {
      Object.assign(env, { PROJECTOR });
    }
  });

  it("leaves what an order holds that waits for more, or asks for it again", async () => {
    const { left, holds, order } = await shop(5);
    await projected(orderIn(await order(1, null)), "OPEN");
    const ended = orderIn(await order(1, null));
    await cancel(ended);
    await takeFor(ended, 1);
    const reopened = withObjects((code, key) => ({
      look: async (merchantId) => {
        const seen = await code.look(merchantId);
        return seen && key === ended.terms.key ? { ...seen, stock: "RETAKING" } : seen;
      },
    }));
    expect(await sweep({ ...reopened, now: later.now })).toBe(0);
    expect([await left(), (await holds()).length]).toEqual([3, 2]);
  });

  it("goes on when one object does not answer", async () => {
    const { left, order } = await shop(5);
    const complaint = vi.spyOn(console, "error").mockImplementation(() => {});
    const keys: OrderKey[] = [];
    const noting = withObjects((_, key) => ({
      place: () => {
        keys.push(key);
        throw new Error("the Worker died");
      },
    }));
    for (const key of ["a", "b", "c"]) await died(order(1, key, noting));
    const failing = withObjects((code, key) => ({
      look: (merchantId) => (key === keys[1] ? Promise.reject(new Error("reset")) : code.look(merchantId)),
    }));
    expect(await sweep({ ...failing, now: later.now })).toBe(2);
    expect(await left()).toBe(4);
    expect(complaint).toHaveBeenCalledOnce();
    complaint.mockRestore();
  });
});

describe("placing", () => {
  it("writes two rows for one counted line", async () => {
    const { order } = await shop(5);
    const { db, rows } = counted(DB);
    orderIn(await order(1, "key", { ...deps, database: () => db }));
    expect(rows()).toBe(2);
  });

  it("a thousand times at once for ten pieces sells exactly ten, and each piece once more when its order ends unpaid", async () => {
    const { left, holds, order } = await shop(10);
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, async (_, number) => order(1, number % 50 === 0 ? `key-${number}` : null)),
    );
    const placed = answers.flatMap((answer) => (answer.ok ? [answer.value.order] : []));
    expect(placed).toHaveLength(10);
    expect(new Set(placed.map(({ terms }) => terms.key)).size).toBe(10);
    expect(new Set(answers.map(refusalIn))).toEqual(new Set([null, "OUT_OF_STOCK"]));
    expect([await left(), (await holds()).length]).toEqual([0, 10]);

    const [cancelled, ...kept] = placed as [Order, ...Order[]];
    await Promise.all([cancel(cancelled), cancel(cancelled), ...kept.slice(0, 8).map(pay)]);
    expect([await left(), (await holds()).length]).toEqual([1, 1]);
    // One piece is back: of a hundred who want it, one gets it.
    const again = await Promise.all(Array.from({ length: 100 }, () => order(1, null)));
    expect(again.filter(({ ok }) => ok)).toHaveLength(1);
    await sweep();
    expect([await left(), (await holds()).length]).toEqual([0, 2]);
  }, 120_000);

  it("names the product that came to be counted, and is short, after the order was agreed", async () => {
    const { merchant, id } = await shop(null);
    const other = await createProduct(deps, merchant, { sku: "cup", name: "Cup", price: price("5.00"), stock: 9 });
    if (!other.ok) throw new Error(other.error.reason);
    const lines = [
      { productId: other.value.product.id, quantity: 1 },
      { productId: id, quantity: 2 },
    ];
    const meanwhile = {
      prepare: (sql: string) => DB.prepare(sql),
      batch: async <T>(statements: D1PreparedStatement[]) => {
        await updateProduct(DB, merchant.id, id, { stock: 1 });
        return DB.batch<T>(statements);
      },
    } as D1Database;
    const answer = await placeOrder({ ...deps, database: () => meanwhile }, merchant, { lines }, null);
    expect(answer).toMatchObject({ ok: false, error: { reason: "OUT_OF_STOCK", product: { id }, available: 1 } });
  });
});
