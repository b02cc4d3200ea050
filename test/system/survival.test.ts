/** What a merchant is promised when things break: the product in its own process, its database locked, its process killed. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import {
  lists,
  lockDatabase,
  notify,
  objectFiles,
  openProduct,
  orderState,
  payByPhone,
  place,
  register,
  type Merchant,
  type Product,
} from "./product.ts";

let product: Product;
let merchant: Merchant;
beforeAll(async () => {
  product = await openProduct();
  merchant = await register(product);
});
afterAll(() => product?.close());

const inLists = (id: string, state: string) =>
  vi.waitFor(
    async () => {
      const { orders } = await lists(product, merchant);
      expect(orders.nodes).toContainEqual({ id, state });
    },
    { timeout: 10_000, interval: 200 },
  );

describe("the product", () => {
  it("lets people scan, pay and become customers while its database is away, and its lists catch up by themselves", async () => {
    const order = await place(product, merchant);
    const unlock = lockDatabase(product);
    try {
      expect(await payByPhone(product, order)).toEqual([200, 303, 303]);
      const page = await fetch(`${product.url}/c/${order.slug}`);
      expect(page.status).toBe(200);
      expect(await page.text()).toContain("19.90");
      expect((await notify(merchant, order, "W-again")).status).toBe(200);
      expect(await orderState(product, merchant, order)).toBe("PAID");
      // The lock is a real one: the lists know nothing yet.
      const known = await lists(product, merchant).catch(() => null);
      expect(known?.orders.nodes ?? []).not.toContainEqual({ id: order.id, state: "PAID" });
    } finally {
      unlock();
    }
    await inLists(order.id, "PAID");
  });

  it("loses nothing when it is killed between a payment and its projection", async () => {
    const order = await place(product, merchant);
    await inLists(order.id, "OPEN");
    const unlock = lockDatabase(product);
    try {
      expect((await notify(merchant, order, "W-1")).status).toBe(200);
      await product.kill();
    } finally {
      unlock();
    }
    await product.start();
    await inLists(order.id, "PAID");
    expect((await notify(merchant, order, "W-1")).status).toBe(200);
    expect(await orderState(product, merchant, order)).toBe("PAID");
  });

  it("finds a payment by asking when every notification of it is lost, also after being killed", async () => {
    const order = await place(product, merchant);
    expect(await payByPhone(product, order, { notifications: "0" })).toEqual([200, 303, 303]);
    await product.kill();
    await product.start();
    await vi.waitFor(async () => expect(await orderState(product, merchant, order)).toBe("PAID"), {
      timeout: 2 * limits.pollMs.early,
      interval: 250,
    });
  });

  it("makes no object for a code that nobody issued, nor for an account that nobody opened", async () => {
    const before = objectFiles(product).length;
    const guesses = Array.from({ length: 200 }, (_, index) =>
      fetch(`${product.url}/c/${index.toString(36).toUpperCase().padStart(24, "0")}`),
    );
    const answers = await Promise.all(guesses);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([404]));
    const unknown = await fetch(`${product.url}/payments/sandbox/account_01ARZ3NDEKTSV4RRFFQ69G5FAV/notifications`, {
      method: "POST",
      body: "{}",
    });
    expect(unknown.status).toBe(404);
    expect(objectFiles(product)).toHaveLength(before);
  });
});
