/** Stock is sold once: whoever places at the same time, whatever crashes, in whatever order the news of an order arrives. */
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import type { Currency } from "../../src/core/money.ts";
import type { Order, OrderTerms, StockState } from "../../src/core/order.ts";
import { findProducts, insertProduct, type Product, updateProduct } from "../../src/db/products.ts";
import { project } from "../../src/db/projection.ts";
import { dropHold, dropStrayHold, findDoubtfulHolds, takeStock } from "../../src/db/stock.ts";
import { newMerchantId, placed } from "./db-orders.ts";
import { randomKey, someTerms } from "./terms.ts";

const { DB } = env;

async function productWith(merchantId: string, stock: number | null): Promise<Product> {
  const id = `product_${randomKey()}`;
  const price = { minor: 1990, currency: "CNY" as Currency };
  const rest = { description: null, imageUrl: null, archived: false, createdAt: Date.now() };
  const product = { id, merchantId, sku: id, name: "Gaiwan", price, stock, ...rest };
  expect(await insertProduct(DB, product)).toMatchObject({ ok: true });
  return product;
}
const stockOf = async ({ merchantId, id }: Product) => (await findProducts(DB, merchantId, [id]))[0]?.stock;

/** An order of `quantity` pieces, as a verb asks for their stock. */
function ordering({ merchantId, id }: Product, quantity = 1, fields: Partial<OrderTerms> = {}) {
  const lines = [{ productId: id, name: "Gaiwan", quantity, unitPrice: 1990 }];
  const terms = someTerms(merchantId, { lines, countsStock: true, ...fields });
  const take = (version = 0, placedAt = terms.placedAt) =>
    takeStock(DB, { merchantId, orderKey: terms.key, placedAt, version, lines: terms.lines });
  const tell = (version: number, stock: StockState) => {
    const { order, events } = placed(terms);
    const told: Order = { ...order, version, stock };
    return project(DB, [{ order: told, events }]);
  };
  return { terms, take, tell };
}

describe("stock", () => {
  it("of ten pieces is sold ten times when a thousand ask for it at once", async () => {
    const product = await productWith(newMerchantId(), 10);
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => ordering(product).take()));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(10);
    expect(answers.find(({ ok }) => !ok)).toEqual({ ok: false, error: { productId: product.id, available: 0 } });
    expect(await stockOf(product)).toBe(0);
  }, 60_000);

  it("is taken for all lines or for none, and what is short is named", async () => {
    const merchantId = newMerchantId();
    const [plenty, scarce, uncounted] = [
      await productWith(merchantId, 5),
      await productWith(merchantId, 1),
      await productWith(merchantId, null),
    ];
    const line = ({ id }: Product, quantity: number) => ({ productId: id, name: "", quantity, unitPrice: 1 });
    const lines = [line(uncounted, 9), line(plenty, 2), line(scarce, 1), line(plenty, 2), line(scarce, 1)];
    const greedy = ordering(plenty, 1, { lines });
    expect(await greedy.take()).toEqual({ ok: false, error: { productId: scarce.id, available: 1 } });
    expect(await stockOf(plenty)).toBe(5);
    const modest = ordering(plenty, 1, { lines: lines.slice(0, 4) });
    expect(await modest.take()).toEqual({ ok: true, value: "taken" });
    expect([await stockOf(plenty), await stockOf(scarce), await stockOf(uncounted)]).toEqual([1, 0, null]);
    const free = ordering(uncounted, 1, { lines: [line(uncounted, 3), { ...line(plenty, 7), productId: null }] });
    expect(await free.take()).toEqual({ ok: true, value: "taken" });
    await dropStrayHold(DB, { ...modest.terms, countsStock: false });
    expect([await stockOf(plenty), await stockOf(scarce), await stockOf(uncounted)]).toEqual([5, 1, null]);
  });

  it("is taken once by an order that asks twice, at once or later", async () => {
    const product = await productWith(newMerchantId(), 3);
    const order = ordering(product, 2);
    const answers = await Promise.all([order.take(), order.take(), order.take()]);
    expect(answers.filter((answer) => answer.ok && answer.value === "taken")).toHaveLength(1);
    expect(answers.filter((answer) => answer.ok && answer.value === "already")).toHaveLength(2);
    expect(await stockOf(product)).toBe(1);
  });

  it("comes back once when the order ends, and never when it was sold", async () => {
    const product = await productWith(newMerchantId(), 10);
    const [expired, sold] = [ordering(product, 3), ordering(product, 2)];
    await expired.take();
    await sold.take();
    await expired.tell(1, "HELD");
    expect(await stockOf(product)).toBe(5);
    await expired.tell(2, "RELEASED");
    await expired.tell(2, "RELEASED");
    await expired.tell(3, "RELEASED");
    expect(await stockOf(product)).toBe(8);
    await sold.tell(2, "SOLD");
    await sold.tell(2, "SOLD");
    await dropStrayHold(DB, { ...sold.terms, countsStock: false });
    expect(await stockOf(product)).toBe(8);
  });

  it("that was sold comes back once, however often, late or alone the news of it comes, and only where it is counted", async () => {
    const merchantId = newMerchantId();
    const [product, uncounted] = [await productWith(merchantId, 10), await productWith(merchantId, 5)];
    const [told, silent, mixed] = [ordering(product, 3), ordering(product, 2), ordering(uncounted, 1)];
    for (const order of [told, silent, mixed]) await order.take();
    await told.tell(2, "SOLD");
    expect(await stockOf(product)).toBe(5);
    await told.tell(4, "RETURNED");
    expect(await stockOf(product)).toBe(8);
    // Again, later, and older news that comes after it.
    for (const [version, stock] of [
      [4, "RETURNED"],
      [5, "RETURNED"],
      [3, "SOLD"],
    ] as const)
      await told.tell(version, stock);
    expect(await stockOf(product)).toBe(8);
    // The read model never heard that it was sold: the hold itself goes back, and nothing beside it.
    await silent.tell(4, "RETURNED");
    await silent.tell(4, "RETURNED");
    expect(await stockOf(product)).toBe(10);
    // Another request's hold under a sold order's key goes back too, and is not mistaken for what was sold.
    const again = ordering(product, 4);
    await again.take();
    await again.tell(2, "SOLD");
    await again.take(1, again.terms.placedAt + 1);
    expect(await stockOf(product)).toBe(2);
    await again.tell(5, "RETURNED");
    expect(await stockOf(product)).toBe(10);

    await mixed.tell(2, "SOLD");
    await updateProduct(DB, merchantId, uncounted.id, { stock: null });
    await mixed.tell(3, "RETURNED");
    expect(await stockOf(uncounted)).toBeNull();
  });

  it("that was asked for again is kept, though news of its release comes after", async () => {
    const product = await productWith(newMerchantId(), 1);
    const late = ordering(product);
    await late.take();
    // Expired with version 2, paid late with version 3: the release is still on its way when the stock is asked for again.
    expect(await late.take(3)).toEqual({ ok: true, value: "already" });
    await late.tell(2, "RELEASED");
    expect(await stockOf(product)).toBe(0);
    await late.tell(4, "SOLD");
    expect(await stockOf(product)).toBe(0);

    const other = await productWith(newMerchantId(), 1);
    const slower = ordering(other);
    await slower.take();
    await slower.tell(2, "RELEASED");
    expect(await slower.take(3)).toEqual({ ok: true, value: "taken" });
    await slower.tell(2, "RELEASED");
    await slower.tell(4, "SOLD");
    expect(await stockOf(other)).toBe(0);
  });

  it("that was taken for an order which never came to be is found and given back once", async () => {
    const product = await productWith(newMerchantId(), 5);
    const placedAt = Date.now() - 60_000;
    const [lost, alive, fresh] = [
      ordering(product, 1, { placedAt }),
      ordering(product, 1, { placedAt }),
      ordering(product),
    ];
    for (const order of [lost, alive, fresh]) await order.take();
    await alive.tell(1, "HELD");
    const found = async () => {
      const all = await findDoubtfulHolds(DB, Date.now() - 30_000, 100);
      return all.filter(({ merchantId }) => merchantId === product.merchantId);
    };
    const [orphan, ...others] = await found();
    if (!orphan) throw new Error("nothing was found");
    expect([orphan, others]).toMatchObject([{ orderKey: lost.terms.key, placedAt, version: 0, told: false }, []]);
    const answers = await Promise.all(
      [orphan, orphan, { ...orphan, orderKey: randomKey() }].map((one) => dropHold(DB, one)),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await stockOf(product)).toBe(3);

    // News of the end settles what is held. What is taken after it, by a call that was under way, nobody will tell of.
    await alive.tell(3, "RELEASED");
    await alive.take(2);
    expect(await found()).toMatchObject([{ orderKey: alive.terms.key, version: 2, told: true }]);
    await alive.tell(4, "RETAKING");
    expect(await found()).toEqual([]);
  });

  it("is not given back when it was asked for since it was seen", async () => {
    const product = await productWith(newMerchantId(), 5);
    const placedAt = Date.now() - 60_000;
    const order = ordering(product, 1, { placedAt });
    const seen = async () => {
      const all = await findDoubtfulHolds(DB, Date.now() + 1, 1_000);
      const hold = all.find(({ orderKey }) => orderKey === order.terms.key);
      if (!hold) throw new Error("there is no such hold");
      return hold;
    };
    await order.take();
    const atFirst = await seen();
    await order.take(0, placedAt + 1);
    const retried = await seen();
    await order.take(0, placedAt);
    expect(await seen()).toEqual(retried);
    await order.take(3);
    const retaken = await seen();
    for (const old of [atFirst, retried]) expect(await dropHold(DB, old)).toBe(false);
    expect(await dropHold(DB, retaken)).toBe(true);
    await order.take(3);
    expect(await dropHold(DB, retaken)).toBe(false);
    expect(await stockOf(product)).toBe(4);
  });

  it("that a sold order does not need is put back by its later news", async () => {
    const merchantId = newMerchantId();
    const product = await productWith(merchantId, 5);
    const sold = ordering(product);
    await sold.take();
    await sold.tell(2, "SOLD");
    // By an equal request that was under way, and by another with the same key.
    await sold.take();
    await sold.tell(3, "SOLD");
    expect(await stockOf(product)).toBe(4);
    const { key, placedAt } = sold.terms;
    const lines = [{ productId: product.id, quantity: 2 }];
    await takeStock(DB, { merchantId, orderKey: key, placedAt: placedAt + 1, version: 0, lines });
    await sold.tell(4, "SOLD");
    expect(await stockOf(product)).toBe(4);
  });

  it("is kept from requests with the same key that want something else", async () => {
    const merchantId = newMerchantId();
    const product = await productWith(merchantId, 5);
    const first = ordering(product, 2);
    const { key, placedAt, lines } = first.terms;
    const asking = (quantity: number, version = 0) =>
      takeStock(DB, { merchantId, orderKey: key, placedAt, version, lines: [{ productId: product.id, quantity }] });
    await first.take();
    for (const quantity of [1, 3, 9]) expect(await asking(quantity)).toEqual({ ok: false, error: "OTHER_REQUEST" });
    expect(await asking(1, 7)).toEqual({ ok: false, error: "OTHER_REQUEST" });
    expect(await asking(2)).toEqual({ ok: true, value: "already" });
    await dropStrayHold(DB, first.terms);
    expect(await stockOf(product)).toBe(3);
    await dropStrayHold(DB, { ...first.terms, lines: [...lines, ...lines] });
    expect(await stockOf(product)).toBe(5);
  });

  it("stays uncounted when the merchant stops counting while pieces are held", async () => {
    const product = await productWith(newMerchantId(), 5);
    const order = ordering(product, 2);
    await order.take();
    await updateProduct(DB, product.merchantId, product.id, { stock: null });
    await order.tell(2, "RELEASED");
    expect(await stockOf(product)).toBe(null);
  });

  it("loses no piece that was taken under a sold order's key, by whomever, when the order tells of itself again", async () => {
    const product = await productWith(newMerchantId(), 5);
    const order = ordering(product);
    await order.take();
    await order.tell(2, "SOLD");
    expect(await stockOf(product)).toBe(4);
    await order.take();
    await order.tell(3, "SOLD");
    expect(await stockOf(product)).toBe(4);
    const { merchant, key, placedAt } = order.terms;
    const lines = [{ productId: product.id, quantity: 2 }];
    await takeStock(DB, { merchantId: merchant.id, orderKey: key, placedAt, version: 0, lines });
    await order.tell(4, "SOLD");
    expect(await stockOf(product)).toBe(4);
  });
});
