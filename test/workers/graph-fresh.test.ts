/** Whoever changed something finds it in the next list, or is told that the list does not have it yet. */
import { expect, it, vi } from "vitest";
import { at, cny, eachAt, keyWith, openShop, placing, post, recording, textAt, type Json } from "./graph-shop.ts";

vi.setConfig({ testTimeout: 120_000 });

type Answer = { readonly data: Json; readonly extensions: Json };
const asked = async (key: string, query: string, variables = {}, headers = {}): Promise<Answer> =>
  (await post(JSON.stringify({ query, variables }), { authorization: `Bearer ${key}`, ...headers })).json<Answer>();

const orders = `{ viewer { merchant { orders(first: 100) { nodes { id state } } customers { totalCount } events(first: 100) { nodes { type } } } } }`;
const tea = { input: { lines: [{ name: "Tea", unitPrice: cny("19.90") }] } };

it("shows a key its own changes in the very next list, time and again", async () => {
  const { key } = await openShop();
  for (let count = 1; count <= 8; count += 1) {
    const { data } = await asked(key, placing, tea);
    const id = textAt(data, "orderPlace.order.id");
    const listed = await asked(key, orders);
    expect(eachAt(listed.data, "viewer.merchant.orders.nodes", "id")).toContain(id);
    expect(listed.extensions["staleness"]).toBeUndefined();
    await asked(key, recording, {
      input: { orderId: id, amount: cny("19.90"), reference: "r", payer: { email: `${count}@example.com` } },
    });
    const paid = await asked(key, orders);
    expect((at(paid.data, "viewer.merchant.orders.nodes") as Json[]).find((one) => one["id"] === id)).toMatchObject({
      state: "PAID",
    });
    expect(at(paid.data, "viewer.merchant.customers.totalCount")).toBe(count);
    expect(
      eachAt(paid.data, "viewer.merchant.events.nodes", "type").filter((type) => type === "ORDER_PAID"),
    ).toHaveLength(count);
  }
});

it("shows another key the same to whom the bookmark was handed, and says what is still behind", async () => {
  const { key } = await openShop();
  const reader = (await keyWith(key, "ORDERS_READ", "CUSTOMERS_READ")).text;
  const { data, extensions } = await asked(key, placing, tea);
  const bookmark = textAt(extensions, "bookmark");
  const listed = await asked(reader, orders, {}, { "huoma-bookmark": bookmark });
  expect(eachAt(listed.data, "viewer.merchant.orders.nodes", "id")).toEqual([at(data, "orderPlace.order.id")]);

  const ahead = bookmark.replace(/\.\w+$/, ".zz");
  const behind = await asked(reader, orders, {}, { "huoma-bookmark": ahead });
  expect(behind.extensions["staleness"]).toEqual({ orders: [at(data, "orderPlace.order.id")] });
  expect(eachAt(behind.data, "viewer.merchant.orders.nodes", "id")).toHaveLength(1);
  for (const nonsense of ["", "x", "~~~", `${"0".repeat(16)}.zzzzzzzzzzzzzzz.1`, "A.B.C".repeat(500)])
    expect((await asked(reader, orders, {}, { "huoma-bookmark": nonsense })).extensions["staleness"]).toBeUndefined();
  const stranger = await openShop();
  expect(
    at((await asked(stranger.key, orders, {}, { "huoma-bookmark": bookmark })).data, "viewer.merchant.orders.nodes"),
  ).toEqual([]);
});
