/** What docs/promises.md says: that each test named there exists, and the promises that no other test holds. */
import { globSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { receivedOf, refundedOf, settlementOf } from "../../src/core/amounts.ts";
import { orderId } from "../../src/core/ids.ts";
import { stateOf } from "../../src/core/state.ts";
import { pageProducts } from "../../src/db/products.ts";
import { findOrder } from "../../src/resolvers/find-order.ts";
import { placeOrder } from "../../src/resolvers/place-order.ts";
import { startPayment } from "../../src/resolvers/start-payment.ts";
import type { Seller, Shop } from "../simulation/shop.ts";
import { inWorld } from "../simulation/simulate.ts";
import {
  captured,
  expiresAt,
  hour,
  Life,
  minute,
  returned,
  refundNumber,
  stockIs,
  terms,
  tick,
  total,
} from "./core/sample.ts";

/** A shop in fair weather, and people who do something there. */
const inShop = <T>(work: (shop: Shop, seller: Seller) => Promise<T>): Promise<T> =>
  inWorld(1, async (shop) => {
    const { clock } = shop.platform;
    const opening = shop.open({}, [5], 0);
    await clock.runUntil(clock.now + minute);
    const done = work(shop, await opening);
    await clock.runUntil(clock.now + 8 * hour);
    return done;
  });

describe("docs/promises.md", () => {
  const rows = readFileSync("docs/promises.md", "utf8")
    .split("\n## What does not apply")[0]
    ?.split("\n")
    .filter((line) => line.startsWith("| ") && !line.includes("held by"));
  const named = [...(rows ?? []).join("\n").matchAll(/`(test\/[^`]+)` “([^”]+)”/g)].map(
    ([, file = "", title = ""]) => ({ file, title }),
  );

  it("names tests that exist", () => {
    expect(named.length).toBeGreaterThan(40);
    const missing = named.filter(
      ({ file, title }) => !globSync(file)[0] || !readFileSync(file, "utf8").includes(`"${title}"`),
    );
    expect(missing).toEqual([]);
  });

  it("has no promise that no test holds", () => {
    expect(rows?.filter((row) => !/`test\/[^`]+` “/.test(row))).toEqual([]);
  });
});

describe("it is promised that", () => {
  it("two orders of one moment share neither number nor id", async () => {
    const orders = await inShop((shop, { merchant }) =>
      Promise.all(
        Array.from({ length: 200 }, () =>
          shop.ask((deps) => {
            const lines = [{ name: "Tea", quantity: 1, unitPrice: { amount: "19.90", currency: "CNY" } }];
            return placeOrder(deps, merchant, { lines }, null);
          }),
        ),
      ),
    );
    const placed = orders.flatMap((order) => (order.ok ? [order.value.order.terms] : []));
    expect(placed).toHaveLength(200);
    expect(new Set(placed.map(({ number }) => number)).size).toBe(200);
    expect(new Set(placed.map(({ key }) => key)).size).toBe(200);
  }, 30_000);

  it.each([`' OR 1=1 --`, `%' OR '1'='1`, `"; DROP TABLE products; --`, `\\`, `_`])(
    "a caller's text is looked for and never run (%s)",
    async (text) => {
      await inShop(async (shop, { merchant }) => {
        const found = await shop.ask(async (deps) => ({
          order: await findOrder(deps, merchant.id, { externalReference: text }),
          byNumber: await findOrder(deps, merchant.id, { number: text }),
          products: await pageProducts(deps.database(merchant.id), merchant.id, { search: text }, {}),
          all: await pageProducts(deps.database(merchant.id), merchant.id, {}, {}),
        }));
        expect(found).toMatchObject({ order: null, byNumber: null, products: { ok: true, value: { edges: [] } } });
        expect(found.all.ok && found.all.value.edges).toHaveLength(1);
      });
    },
  );

  it("money that is late and too much is both, and only the surplus goes back", () => {
    const life = new Life(terms({ latePayment: "HONOR", overPayment: "REFUND" }));
    life.tell(tick, expiresAt + hour);
    life.tell(captured("A", { amount: total + 700, paidAt: expiresAt + hour }));
    life.tell(stockIs(true));
    life.tell(returned(refundNumber(1), "A", 700));
    const { order, now } = life;
    expect(stateOf(order, now)).toBe("PAID");
    expect(order.paid?.late).toBe(true);
    expect([settlementOf(order), receivedOf(order), refundedOf(order)]).toEqual(["OVER", total + 700, 700]);
    expect(order.conversion?.state).toBe("COMMITTED");
  });

  it("the picture of a code that has ended leads to no payment", async () => {
    await inShop(async (shop, seller) => {
      const order = await shop.place(seller);
      if (!order) throw new Error("the order was not placed");
      const { key } = order.terms;
      const pay = (claimant: string) =>
        shop.ask((deps) => startPayment(deps, { slug: shop.keys.slug(key), provider: "SANDBOX", claimant }));
      expect(await pay("before")).toMatchObject({ ok: true });
      await shop.platform.clock.pause(order.expiresAt - shop.platform.clock.now + minute);
      expect(await pay("after")).toMatchObject({
        ok: false,
        error: { refusal: { reason: "STATE", state: "EXPIRED" } },
      });
      expect(shop.wallet.open(key)).toEqual([]);
      const known = await shop.ask((deps) => findOrder(deps, seller.merchant.id, { id: orderId(key) }));
      expect(known?.attempts).toHaveLength(1);
    });
  });

  it("no redirect of ours is one that browsers keep for good", () => {
    const permanent = globSync("src/**/*.{ts,tsx}").filter((path) =>
      /\bstatus: 30[18]\b|redirect\([^)]*\b30[18]\b/.test(readFileSync(path, "utf8")),
    );
    expect(permanent).toEqual([]);
  });
});
