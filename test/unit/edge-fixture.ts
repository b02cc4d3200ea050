/** A shop for the edge's tests: orders that the real core decides, behind fakes of the objects. */
import type { Command } from "../../src/core/commands.ts";
import type { TargetRule } from "../../src/core/definition.ts";
import { defaultBlock } from "../../src/conversions/default-block.ts";
import { orderKeyFrom, type OrderKey } from "../../src/core/ids.ts";
import type { Currency } from "../../src/core/money.ts";
import { newOrder, type Order, type OrderTerms } from "../../src/core/order.ts";
import { defaultPolicy } from "../../src/core/policy.ts";
import { ok, type Result } from "../../src/core/result.ts";
import { stateOf } from "../../src/core/state.ts";
import { decide } from "../../src/core/transitions.ts";
import type { AccountReport, Applied, LiveCodeProtocol, Scanned } from "../../src/durable/protocol.ts";
import { deriveKeys } from "../../src/keys/root.ts";
import type { BegunPayment, PayerDevice, PaymentRequest, ProviderFault } from "../../src/payments/provider.ts";
import { paymentPorts } from "../../src/payments/registry.ts";
import type { Deps } from "../../src/resolvers/deps.ts";

export const origin = "https://pay.example";
export const phone =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1";

export type Shop = {
  readonly deps: Deps;
  readonly slug: string;
  readonly key: OrderKey;
  now: number;
  order: Order;
  /** How often an object was called, by whatever method. */
  calls: number;
  scans: number;
  readonly asked: PaymentRequest[];
  provider: (request: PaymentRequest) => Result<BegunPayment, ProviderFault>;
  close: (payment: string, reference?: string | null) => Result<AccountReport, ProviderFault>;
  /** Where a provider asks who the payer is. */
  asksAt: (device: PayerDevice) => string | null;
  readonly apply: (command: Command) => Applied;
  /** The order as if this browser's payment had arrived. */
  readonly pay: (name?: string | null) => void;
};

export type Agreed = Partial<Omit<OrderTerms, "key">> & {
  readonly merchantName?: string;
  readonly target?: TargetRule;
};

const start = Date.UTC(2026, 10, 18, 6, 0, 0);

/** `redirect`, when given, is where every scan leads. */
export function openShop({ merchantName = "Tea House", target, ...agreed }: Agreed = {}, redirect?: string): Shop {
  const keys = deriveKeys("a root secret that only the tests know, 40 chars");
  const key = orderKeyFrom(Uint8Array.from({ length: 16 }, (_, index) => index * 13 + 5));
  const definition = { ...defaultBlock.definition, ...(target && { targets: [target] }) };
  const terms: OrderTerms = {
    key,
    number: "1042",
    merchant: { id: "merchant_00A", name: merchantName, locale: "en", timeZone: "Asia/Shanghai" },
    currency: "CNY" as Currency,
    lines: [
      { productId: "product_1", name: "Jasmine milk tea 茉莉奶茶", quantity: 2, unitPrice: 1990 },
      { productId: "product_2", name: "Porcelain gaiwan 白瓷盖碗", quantity: 1, unitPrice: 12800 },
    ],
    subtotal: 16780,
    discount: 800,
    total: 15980,
    policy: defaultPolicy,
    accounts: [{ id: "account_1", provider: "SANDBOX" }],
    block: { ...defaultBlock, definition },
    attribution: { channel: null, campaign: null, staff: null, partner: null, placementId: null },
    externalReference: null,
    metadata: null,
    checkoutUrl: null,
    countsStock: false,
    placedAt: start,
    expiresAt: start + 15 * 60_000,
    ...agreed,
  };
  const placed = decide(newOrder(terms), { kind: "place" }, start);
  if (!placed.ok) throw new Error("a new order can be placed");

  const apply = (command: Command): Applied => {
    const decision = decide(shop.order, command, shop.now);
    if (!decision.ok) return { found: true, ok: false, refusal: decision.refusal, order: shop.order };
    shop.order = decision.order;
    return { found: true, ok: true, order: decision.order, changed: decision.changed };
  };
  const scan = (human: boolean): Scanned => {
    if (human) shop.scans += 1;
    return redirect ?? { state: stateOf(shop.order, shop.now), order: shop.order };
  };
  const code = (asked: OrderKey): LiveCodeProtocol => {
    shop.calls += 1;
    const known = asked === key;
    return {
      place: () => Promise.reject(new Error("no test places through the edge")),
      look: async () => (known ? shop.order : null),
      scan: async (human) => (known ? scan(human) : null),
      apply: async (command) => (known ? apply(command) : { found: false }),
      timeline: async () => [],
      watch: async () => null,
      fetch: async () => new Response(null, { status: known ? 200 : 404 }),
    };
  };
  let drawn = 0;
  const unused = (): never => {
    throw new Error("no page needs this");
  };
  const deps: Deps = {
    now: () => shop.now,
    random: (bytes) => Uint8Array.from({ length: bytes }, () => (drawn += 97) & 255),
    keys,
    origin,
    local: false,
    adminToken: "",
    database: unused,
    newMerchantBucket: "00",
    liveCode: code,
    ports: paymentPorts(unused),
    account: () =>
      ({
        begin: async (request: PaymentRequest) => {
          shop.asked.push(request);
          return shop.provider(request);
        },
        close: async (payment: string, reference?: string | null) => shop.close(payment, reference),
        asksAt: async (device: PayerDevice) => shop.asksAt(device),
      }) as ReturnType<Deps["account"]>,
    feed: unused,
    endpoint: unused,
    outcomes: unused,
    documents: unused,
    pool: unused,
    waitUntil: () => {},
  };
  const pay = (name: string | null = "小王"): void => {
    const attempt = shop.order.attempts.at(-1);
    apply({
      kind: "capture",
      exact: false,
      capture: {
        id: "SANDBOX:W-1",
        provider: "SANDBOX",
        account: "account_1",
        transaction: "W-20261118-0001",
        attempt: attempt?.id ?? null,
        amount: terms.total,
        currency: terms.currency,
        paidAt: shop.now,
        payer: { customerId: "customer_1", provisional: false, name, identities: [] },
      },
    });
  };
  const shop: Shop = {
    deps,
    slug: keys.slug(key),
    key,
    now: start + 60_000,
    order: placed.order,
    calls: 0,
    scans: 0,
    asked: [],
    provider: ({ payment }) => ok({ redirectUrl: `/sandbox/wallet/${payment}`, reference: null }),
    close: unused,
    asksAt: () => null,
    apply,
    pay,
  };
  return shop;
}

export const get = (path: string, headers: Record<string, string> = {}, method = "GET"): Request =>
  new Request(origin + path, { method, headers: { "user-agent": phone, ...headers } });

/** A browser that has opened the page: its cookie and the nonce it was given. */
export function meet(answer: Response, markup: string): { cookie: string; nonce: string } {
  const cookie = /huoma=\w+/.exec(answer.headers.get("set-cookie") ?? "")?.[0] ?? "";
  return { cookie, nonce: /name="nonce" value="(\w+)"/.exec(markup)?.[1] ?? "" };
}
