/**
 * Somebody dies at every moment there is: before and after each write of an object, before each call leaves and when its answer arrives, of
 * whoever works just then. What people were not answered they ask again; the end is the one that comes without any death.
 */
import { describe, expect, it } from "vitest";
import { receivedOf, refundedOf, settlementOf } from "../../src/core/amounts.ts";
import { orderId, type OrderKey } from "../../src/core/ids.ts";
import type { OrderPolicy } from "../../src/core/policy.ts";
import { stateOf } from "../../src/core/state.ts";
import { cancelOrder } from "../../src/resolvers/cancel-order.ts";
import { placeOrder } from "../../src/resolvers/place-order.ts";
import { refundOrder } from "../../src/resolvers/refund-order.ts";
import { startPayment } from "../../src/resolvers/start-payment.ts";
import { withDeaths } from "./deaths.ts";
import { brokenLaws, ordersOf, watchCommits } from "./laws.ts";
import type { Seller, Shop } from "./shop.ts";
import { inWorld } from "./simulate.ts";

const minute = 60_000;
const hour = 60 * minute;

class Scene {
  readonly shop: Shop;
  readonly seller: Seller;

  constructor(shop: Shop, seller: Seller) {
    this.shop = shop;
    this.seller = seller;
  }

  pause = (ms: number): Promise<void> => this.shop.platform.clock.pause(ms);

  async place(): Promise<OrderKey> {
    const [product] = this.seller.products;
    const input = { lines: [{ productId: product?.id ?? "", quantity: 1 }], lifetimeSeconds: 120 };
    const placed = await this.shop.patiently(() =>
      this.shop.ask((deps) => placeOrder(deps, this.seller.merchant, input, "one request")),
    );
    if (!placed?.ok) throw new Error("the order was not placed");
    return placed.value.order.terms.key;
  }

  async begin(key: OrderKey, claimant = "browser"): Promise<void> {
    const slug = this.shop.keys.slug(key);
    await this.shop.patiently(() =>
      this.shop.ask((deps) => startPayment(deps, { slug, provider: "SANDBOX", claimant })),
    );
  }

  pay(key: OrderKey, amount?: number): void {
    const [open] = this.shop.wallet.open(key);
    if (open) this.shop.wallet.pay(open, { by: "person", ...(amount !== undefined && { amount }) });
  }

  payUnasked(key: OrderKey, amount: number): void {
    this.shop.wallet.payUnasked(key, this.seller.account, "CNY", { by: "somebody", amount });
  }

  async refund(key: OrderKey): Promise<void> {
    const refund = { orderId: orderId(key), amount: null, reason: null, reverseConversion: true, restock: true };
    await this.shop.patiently(() =>
      this.shop.ask((deps) => refundOrder(deps, this.seller.merchant, refund, "one refund")),
    );
  }

  async cancel(key: OrderKey): Promise<void> {
    const { merchant } = this.seller;
    await this.shop.patiently(() =>
      this.shop.ask((deps) => cancelOrder(deps, merchant.id, { orderId: orderId(key), reason: null })),
    );
  }
}

type Plot = (scene: Scene) => Promise<void>;

const paid: Plot = async (scene) => {
  const key = await scene.place();
  await scene.begin(key);
  await scene.pause(20_000);
  scene.pay(key);
};

const plots: readonly {
  readonly title: string;
  readonly plot: Plot;
  /** What must be true at the end, deaths or none. */
  readonly end: Readonly<Record<string, unknown>>;
  readonly policy?: Partial<OrderPolicy>;
}[] = [
  {
    title: "an order that is paid",
    plot: paid,
    end: { state: "PAID", stock: "SOLD", shelf: 4, conversion: "COMMITTED" },
  },
  {
    title: "an order that is paid while every notification is lost",
    plot: async (scene) => {
      scene.shop.wallet.forgetful = 1;
      await paid(scene);
    },
    end: { state: "PAID", stock: "SOLD", shelf: 4 },
  },
  {
    title: "an order that is paid and refunded",
    plot: async (scene) => {
      const key = await scene.place();
      await scene.begin(key);
      scene.pay(key);
      await scene.pause(5 * minute);
      await scene.refund(key);
    },
    end: { state: "PAID", refunded: 1_990, conversion: "REVERSED", stock: "RETURNED", shelf: 5 },
  },
  {
    title: "a code that is paid by two people",
    plot: async (scene) => {
      const key = await scene.place();
      await scene.begin(key);
      scene.pay(key);
      await scene.pause(5 * minute);
      scene.payUnasked(key, 1_990);
    },
    end: { state: "PAID", received: 3_980, refunded: 1_990, conversion: "COMMITTED" },
  },
  {
    title: "an order that expires while somebody is at its payment",
    plot: async (scene) => scene.begin(await scene.place()),
    end: { state: "EXPIRED", stock: "RELEASED", shelf: 5 },
  },
  {
    title: "an order that is cancelled while somebody is at its payment",
    plot: async (scene) => {
      const key = await scene.place();
      await scene.begin(key);
      await scene.pause(15_000);
      await scene.cancel(key);
    },
    end: { state: "CANCELLED", stock: "RELEASED", shelf: 5 },
  },
  {
    title: "an order that is paid late and takes its stock again",
    plot: async (scene) => {
      const key = await scene.place();
      await scene.pause(hour);
      scene.payUnasked(key, 1_990);
    },
    end: { state: "PAID", stock: "SOLD", shelf: 4, late: true },
  },
  {
    title: "an order that is paid in part, and the part goes back at the end",
    plot: async (scene) => {
      const key = await scene.place();
      await scene.begin(key);
      scene.pay(key, 900);
    },
    end: { state: "EXPIRED", received: 900, refunded: 900, shelf: 5 },
    policy: { underPayment: "REFUND" },
  },
];

/** Plays a plot, with a death at one of its moments or none, and tells what came of it. */
async function play(plot: Plot, policy: Partial<OrderPolicy>, dieAt: number | null) {
  return inWorld(1, async (shop) => {
    const { platform } = shop;
    const { clock } = platform;
    const watched = watchCommits(platform);
    const opening = shop.open(policy, [5], 1);
    await clock.runUntil(clock.now + minute);
    const seller = await opening;
    platform.moments = 0;
    platform.dieAt = dieAt;
    const played = plot(new Scene(shop, seller));
    for (let rest = 0; rest < 5; rest += 1) {
      await clock.runUntil(clock.now + hour);
      void shop.sweep();
    }
    await clock.runUntil(clock.now + hour);
    await played;
    const [order, ...others] = ordersOf(platform);
    if (!order || others.length > 0) throw new Error("there must be one order");
    const { broken } = brokenLaws(shop, seller);
    const [shelf] = shop.database.disk.rows("SELECT stock FROM products");
    return {
      moments: platform.moments,
      deaths: platform.deaths,
      broken: [...watched, ...platform.bugs, ...broken],
      end: {
        state: stateOf(order, clock.now),
        received: receivedOf(order),
        refunded: refundedOf(order),
        settlement: settlementOf(order),
        late: order.paid?.late ?? null,
        conversion: order.conversion?.state ?? null,
        stock: order.stock,
        shelf: shelf?.["stock"],
        captures: order.captures.map(({ disposition }) => disposition),
        heard: [...shop.partner.heard.values()].map((events) => events.size),
      },
    };
  });
}

/** The paid path is died on at every moment, always. The others take turns, one moment in four, unless all are asked for: EVERY_MOMENT=1. */
const strideOf = (plot: Plot): number => (plot === paid || process.env["EVERY_MOMENT"] ? 1 : 4);

describe("a death at any moment", () => {
  it.each(plots)(
    "changes nothing about the end of $title",
    async ({ title, plot, end, policy = {} }) => {
      const stride = strideOf(plot);
      const from = 1 + (title.length % stride);
      const { undisturbed, changed } = await withDeaths((dieAt) => play(plot, policy, dieAt), stride, from);
      expect(undisturbed).toMatchObject({ broken: [], deaths: 0, end });
      expect(undisturbed.moments).toBeGreaterThan(30);
      expect(changed).toEqual([]);
    },
    180_000,
  );
});
