/**
 * A shop for a day: a merchant with a catalogue, partners who listen, and people who order, pay, fail, change their minds and come back. All
 * they do goes through the product's own verbs; what they wait for, and whom chance lets down, the seed decides.
 */
import { deriveKeys } from "../../src/keys/root.ts";
import type { Currency, Minor } from "../../src/core/money.ts";
import { formatDecimal, money } from "../../src/core/money.ts";
import { dueOf } from "../../src/core/amounts.ts";
import { orderId, orderKeyFrom, type OrderKey } from "../../src/core/ids.ts";
import type { Order } from "../../src/core/order.ts";
import type { OrderPolicy } from "../../src/core/policy.ts";
import { updateMerchant, type Merchant } from "../../src/db/merchants.ts";
import type { Product } from "../../src/db/products.ts";
import { depsOf } from "../../src/deps.ts";
import { LiveCode } from "../../src/durable/live-code.ts";
import type { LiveGraph } from "../../src/durable/live-graph.ts";
import { MerchantFeedObject } from "../../src/durable/merchant-feed.ts";
import { PaymentAccount } from "../../src/durable/payment-account.ts";
import { Projector } from "../../src/durable/projector.ts";
import type { Config } from "../../src/env.ts";
import { cancelOrder } from "../../src/resolvers/cancel-order.ts";
import { createProduct } from "../../src/resolvers/create-product.ts";
import type { Deps } from "../../src/resolvers/deps.ts";
import { extendOrder } from "../../src/resolvers/extend-order.ts";
import { findOrder } from "../../src/resolvers/find-order.ts";
import { placeOrder } from "../../src/resolvers/place-order.ts";
import { recordPayment } from "../../src/resolvers/record-payment.ts";
import { refundOrder } from "../../src/resolvers/refund-order.ts";
import { registerMerchant } from "../../src/resolvers/register-merchant.ts";
import { registerWebhookEndpoint } from "../../src/resolvers/register-webhook-endpoint.ts";
import { resolveReview } from "../../src/resolvers/resolve-review.ts";
import { scanLiveCode } from "../../src/resolvers/scan-live-code.ts";
import { settlePayment } from "../../src/resolvers/settle-payment.ts";
import { startPayment } from "../../src/resolvers/start-payment.ts";
import { sweepStockHolds } from "../../src/resolvers/sweep-stock-holds.ts";
import { StaffPool } from "../../src/durable/staff-pool.ts";
import { WebhookEndpoint } from "../../src/webhook-endpoint.ts";
import type { Chance } from "./chance.ts";
import type { Clock } from "./clock.ts";
import { Database } from "./database.ts";
import { Partner } from "./partner.ts";
import { isOfPlatform, type Platform } from "./platform.ts";
import { Wallet } from "./wallet.ts";

/** Nobody watches in the simulated world. */
const unwatched = (): never => {
  throw new Error("nobody watches");
};
class MerchantFeed extends MerchantFeedObject {
  protected override readonly graph: LiveGraph = { topicOf: unwatched, tell: unwatched };
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

const currency = "CNY" as Currency;
const price = 1_990;
const root = "the root secret of a simulated deployment";
const origin = "https://pay.example";

export type Seller = {
  readonly merchant: Merchant;
  readonly account: string;
  readonly products: readonly (Product & { readonly stock: number | null })[];
  /** Its endpoints, by URL. */
  readonly endpoints: ReadonlyMap<string, string>;
};

export class Shop {
  readonly database: Database;
  readonly wallet: Wallet;
  readonly partner: Partner;
  readonly keys = deriveKeys(root);
  readonly orders: OrderKey[] = [];
  private readonly secrets = new Map<string, string>();
  private readonly config: Config = {
    keys: this.keys,
    adminToken: "admin",
    publicOrigin: origin,
    local: false,
    allowPrivateWebhooks: false,
  };
  readonly platform: Platform;
  private readonly clock: Clock;
  private readonly chance: Chance;

  constructor(platform: Platform) {
    const { clock, chance, env } = platform;
    this.platform = platform;
    this.clock = clock;
    this.chance = chance;
    this.database = new Database(platform, chance);
    this.partner = new Partner(platform, chance);
    Object.assign(env, { ROOT_SECRET: root, PUBLIC_ORIGIN: origin, DB: this.database.binding });
    this.wallet = new Wallet(
      platform,
      chance,
      (account) => this.secrets.get(account) ?? "",
      (accountId, headers, body) =>
        this.ask((deps) => settlePayment(deps, { provider: "sandbox", accountId, headers, body })),
    );
    platform.bind("LIVE_CODE", LiveCode);
    platform.bind("PAYMENT_ACCOUNT", PaymentAccount);
    platform.bind("MERCHANT_FEED", MerchantFeed);
    platform.bind("PROJECTOR", Projector);
    platform.bind("STAFF_POOL", StaffPool);
    platform.bind("WEBHOOK_ENDPOINT", WebhookEndpoint);
  }

  /** One request to the Worker. Rejects when the platform let it down, and only then. */
  ask<T>(work: (deps: Deps) => Promise<T>): Promise<T> {
    const env = this.platform.env as unknown as Env;
    const asked = this.platform.request((waitUntil) => work(depsOf(env, this.config, origin, { waitUntil })));
    return asked.catch((fault: unknown) => {
      this.platform.thrown("a verb", fault);
      throw fault;
    });
  }

  async open(policy: Partial<OrderPolicy>, stocks: readonly (number | null)[], endpoints: number): Promise<Seller> {
    const registered = await this.ask((deps) =>
      registerMerchant(deps, { name: "Tea House", slug: "tea", currency, locale: "en", timeZone: "Asia/Shanghai" }),
    );
    if (!registered.ok) throw new Error("the merchant was not registered");
    const { merchant, sandboxAccount, sandboxSecret } = registered.value;
    this.secrets.set(sandboxAccount.id, sandboxSecret);
    const products: Product[] = [];
    for (const [index, stock] of stocks.entries()) {
      const made = await this.ask((deps) =>
        createProduct(deps, merchant, {
          sku: `tea-${index}`,
          name: `Tea ${index}`,
          price: { amount: formatDecimal(money(price, currency)), currency },
          stock,
        }),
      );
      if (made.ok) products.push(made.value.product);
    }
    const urls = new Map<string, string>();
    for (let index = 0; index < endpoints; index += 1) {
      const url = `https://partner.example/${index}`;
      const made = await this.ask((deps) => registerWebhookEndpoint(deps, merchant.id, { url, types: [] }));
      if (made.ok) urls.set(url, made.value.summary.id);
    }
    const changed = await this.ask(() =>
      updateMerchant(this.database.binding, merchant.id, { policy: { ...merchant.policy, ...policy } }),
    );
    if (!changed) throw new Error("the merchant is not there");
    return { merchant: changed, account: sandboxAccount.id, products, endpoints: urls };
  }

  /** The cron. */
  async sweep(): Promise<void> {
    await this.ask((deps) => sweepStockHolds(deps, this.database.binding)).catch(() => undefined);
  }

  /** An order, and all that people make of it. */
  async visit(seller: Seller): Promise<void> {
    const { chance } = this;
    const order = await this.place(seller);
    if (!order) return;
    // Money that names an order of nobody's.
    if (chance.happens(0.1))
      this.wallet.payUnasked(orderKeyFrom(chance.bytes(10)), seller.account, currency, {
        by: "a stranger",
        amount: price,
      });
    const acts = chance.between(2, 7);
    for (let act = 0; act < acts; act += 1) {
      await this.clock.pause(this.someTime());
      await this.act(seller, order).catch(() => undefined);
    }
  }

  async place(seller: Seller): Promise<Order | null> {
    const { chance } = this;
    const product = chance.pick(seller.products);
    const request = `request-${chance.between(0, 2 ** 30)}`;
    const input = {
      lines: [{ productId: product.id, quantity: chance.pick([1, 1, 2]) }],
      lifetimeSeconds: chance.pick([60, 600, 3_600, 7_200, 21_600]),
    };
    const other = { ...input, lines: [{ productId: chance.pick(seller.products).id, quantity: 3 }] };
    const once = (asked = input) => this.ask((deps) => placeOrder(deps, seller.merchant, asked, request));
    // Who gives up may have taken stock for an order that never comes to be.
    const placed = await this.patiently(
      async () => {
        // A double click, and a client that uses one key for two wishes: what it took for the wish that lost must go back.
        if (chance.happens(0.2)) void once(chance.pick([input, other])).catch(() => undefined);
        return once();
      },
      chance.pick([1, 6, 6]),
    );
    if (!placed?.ok) return null;
    const { order } = placed.value;
    // Whichever of the two it is.
    if (!this.orders.includes(order.terms.key)) this.orders.push(order.terms.key);
    return order;
  }

  private someTime(): number {
    const { chance } = this;
    return chance.pick([
      chance.between(0, 3 * second),
      chance.between(0, 3 * second),
      chance.between(3 * second, 2 * minute),
      chance.between(2 * minute, 40 * minute),
      chance.between(40 * minute, 5 * hour),
    ]);
  }

  /** Whoever hears nothing asks again, a few times. */
  async patiently<T>(work: () => Promise<T>, times = 6): Promise<T | null> {
    for (let again = 0; again < times; again += 1) {
      try {
        return await work();
      } catch (fault) {
        if (!isOfPlatform(fault)) return null;
        await this.clock.pause(this.chance.between(100, 30_000));
      }
    }
    return null;
  }

  private async act(seller: Seller, { terms: { key, total } }: Order): Promise<void> {
    const { chance, wallet, clock } = this;
    const { merchant, account } = seller;
    const id = orderId(key);
    const by = `person-${chance.between(1, 9)}`;
    const part = Math.max(1, Math.floor(total * chance.pick([0.3, 0.5, 0.6])));
    const unusual = () => chance.pick([part, part, total + 700, total * 2]);
    const payOpen = (amount?: Minor, paidAt?: number): void => {
      const open = wallet.open(key);
      if (open.length > 0)
        wallet.pay(chance.pick(open), {
          by,
          ...(amount !== undefined && { amount }),
          ...(paidAt !== undefined && { paidAt }),
        });
    };
    const begin = (claimant = by) =>
      this.patiently(() =>
        this.ask((deps) => startPayment(deps, { slug: this.keys.slug(key), provider: "SANDBOX", claimant })),
      );
    const asOrdered = (amount: Minor) => ({ amount: formatDecimal(money(amount, currency)), currency });
    const look = () => this.patiently(() => this.ask((deps) => findOrder(deps, merchant.id, { id })));
    const pay = async (): Promise<void> => {
      if (!(await begin())?.ok) return;
      await clock.pause(chance.between(2 * second, minute));
      payOpen();
    };
    const acts: readonly (() => Promise<unknown> | void)[] = [
      pay,
      pay,
      pay,
      begin,
      begin,
      payOpen,
      payOpen,
      () => this.ask((deps) => scanLiveCode(deps, { slug: this.keys.slug(key), human: true })),
      () => payOpen(unusual()),
      // A wallet whose clock is wrong, or that says late when it was paid.
      () => payOpen(undefined, clock.now + chance.between(-2 * hour, 10 * minute)),
      () => {
        const [open] = wallet.open(key);
        if (open) wallet.fail(open);
      },
      () =>
        wallet.payUnasked(key, account, chance.pick([currency, currency, "USD"]), {
          by,
          amount: chance.pick([total, part]),
        }),
      // Two at once on one code.
      () => Promise.all([begin("one browser"), begin("another browser")]),
      () => this.ask((deps) => cancelOrder(deps, merchant.id, { orderId: id, reason: "changed their mind" })),
      () =>
        this.ask((deps) =>
          extendOrder(deps, merchant.id, { orderId: id, expiresAt: clock.now + chance.between(minute, 3 * hour) }),
        ),
      () => {
        const amount = chance.pick([null, asOrdered(part), asOrdered(1)]);
        const request = chance.pick([null, "refund 1", "refund 2"]);
        const refund = {
          orderId: id,
          amount,
          reason: null,
          reverseConversion: chance.happens(0.7),
          restock: chance.happens(0.5),
        };
        const ask = () => this.ask((deps) => refundOrder(deps, merchant, refund, request));
        return chance.happens(0.3) ? Promise.all([ask(), ask()]) : ask();
      },
      async () => {
        const known = await look();
        if (!known) return;
        await this.ask((deps) =>
          recordPayment(
            deps,
            merchant.id,
            {
              orderId: id,
              amount: asOrdered(dueOf(known)),
              reference: `cash ${key}`,
              payer: { phone: "+8613800138000" },
            },
            null,
          ),
        );
      },
      () =>
        this.ask((deps) =>
          resolveReview(deps, merchant.id, { orderId: id, decision: chance.pick(["HONOR", "REFUND"]), note: "" }),
        ),
      () => wallet.giveBack(key),
    ];
    await chance.pick(acts)();
  }
}
