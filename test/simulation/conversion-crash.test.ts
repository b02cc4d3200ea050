/**
 * Somebody dies at every moment of a conversion's life: between the money and what the read model, the staff pool and the merchant's server make of it,
 * and again while a refund takes it back. It must come to what it comes to without any death, and nobody outside may be told of more than one.
 */
import { describe, expect, it } from "vitest";
import type { ConversionDefinition } from "../../src/core/definition.ts";
import { orderId } from "../../src/core/ids.ts";
import { publishConversionBlock } from "../../src/resolvers/publish-conversion-block.ts";
import { placeOrder } from "../../src/resolvers/place-order.ts";
import { refundOrder } from "../../src/resolvers/refund-order.ts";
import { saveActionEndpoint } from "../../src/resolvers/save-action-endpoint.ts";
import { saveStaffPool } from "../../src/resolvers/save-staff-pool.ts";
import { setConsent } from "../../src/resolvers/set-consent.ts";
import { startPayment } from "../../src/resolvers/start-payment.ts";
import { findMerchant } from "../../src/db/merchants.ts";
import { withDeaths } from "./deaths.ts";
import { brokenLaws, ordersOf, watchCommits } from "./laws.ts";
import type { Seller, Shop } from "./shop.ts";
import { inWorld } from "./simulate.ts";

const minute = 60_000;
const hour = 60 * minute;
const crm = "https://crm.example/push";

const definition = (pool: string, fallback: string): ConversionDefinition => ({
  assignment: { pool, fallback },
  consents: [{ purpose: "MARKETING_MESSAGE", textVersion: "1", text: { en: "Yes" } }],
  actions: [
    { key: "tag", kind: "TAG_ADD", tags: ["tea"], onRefund: "REVERSE" },
    { key: "points", kind: "POINTS_GRANT", perMajorUnit: 10, onRefund: "PRORATE" },
    { key: "cup", kind: "COUPON_GRANT", name: "Cup", value: "5.00", limit: { total: 5 }, onRefund: "REVERSE" },
    { key: "new", kind: "TAG_ADD", tags: ["new"], when: { segment: "NEW" }, onRefund: "KEEP" },
    { key: "crm", kind: "CRM_PUSH", requires: "MARKETING_MESSAGE", onRefund: "REVERSE" },
  ],
  targets: [{ kind: "COUPON" }],
});

async function prepare(shop: Shop, opened: Seller): Promise<Seller> {
  const { merchant } = opened;
  const poolWith = async (name: string, online: boolean): Promise<string> => {
    const members = [{ name, weight: 1, totalCap: 1, online }];
    const input = { name: "Advisers", strategy: "SMOOTH_WEIGHTED", members } as const;
    const pool = await shop.ask((deps) => saveStaffPool(deps, merchant, input));
    if (!pool.ok) throw new Error("no pool");
    return pool.value.id;
  };
  // The first has nobody at work, so that the fallback is asked as well.
  const wanted = definition(await poolWith("Lan", false), await poolWith("Mei", true));
  await shop.ask((deps) => saveActionEndpoint(deps, merchant.id, { kind: "CRM_PUSH", url: crm }));
  const block = { name: "Tea", definition: wanted, enabled: true, makeDefault: true };
  const published = await shop.ask((deps) => publishConversionBlock(deps, merchant, block));
  if (!published.ok) throw new Error(JSON.stringify(published.error));
  const found = await shop.ask(() => findMerchant(shop.database.binding, merchant.id));
  if (!found) throw new Error("the merchant is there");
  return { ...opened, merchant: found };
}

type Ending = "paid" | "agreed to later" | "half refunded" | "refunded" | "expired";

async function live(shop: Shop, seller: Seller, ending: Ending): Promise<void> {
  const { merchant, products } = seller;
  const { clock } = shop.platform;
  const input = { lines: [{ productId: products[0]?.id ?? "", quantity: 1 }], lifetimeSeconds: 600 };
  const placed = await shop.patiently(() => shop.ask((deps) => placeOrder(deps, merchant, input, "one request")));
  if (!placed?.ok) throw new Error("the order was not placed");
  const { key } = placed.value.order.terms;
  const consents = ending === "agreed to later" ? [] : ["MARKETING_MESSAGE"];
  const entered = { phone: "", email: "", name: "", consents, locale: "en", country: null };
  const slug = shop.keys.slug(key);
  await shop.patiently(() =>
    shop.ask((deps) => startPayment(deps, { slug, provider: "SANDBOX", claimant: "browser", entered })),
  );
  await clock.pause(5_000);
  if (ending === "expired") return;
  const [open] = shop.wallet.open(key);
  if (open) shop.wallet.pay(open, { by: "person" });
  if (ending === "paid") return;
  await clock.pause(5 * minute);
  if (ending === "agreed to later") {
    const order = await shop.patiently(() => shop.ask((deps) => deps.liveCode(key).look()));
    const customerId = order?.conversion?.payer.customerId ?? "";
    const said = {
      purpose: "MARKETING_MESSAGE",
      granted: true,
      textVersion: "1",
      locale: "en",
      channel: "till",
    } as const;
    await shop.patiently(() => shop.ask((deps) => setConsent(deps, merchant.id, { customerId, ...said })));
    return;
  }
  const amount = ending === "refunded" ? null : { amount: "9.95", currency: "CNY" };
  const refund = { orderId: orderId(key), amount, reason: null, reverseConversion: true, restock: true };
  await shop.patiently(() => shop.ask((deps) => refundOrder(deps, merchant, refund, "one refund")));
}

/** Plays a life, with a death at one of its moments or none, and tells what came of it. */
const play = (ending: Ending, dieAt: number | null) =>
  inWorld(1, async (shop) => {
    const { platform } = shop;
    const { clock } = platform;
    const watched = watchCommits(platform);
    const opening = shop.open({}, [5], 1).then((opened) => prepare(shop, opened));
    await clock.runUntil(clock.now + minute);
    const seller = await opening;
    platform.moments = 0;
    platform.dieAt = dieAt;
    const lived = live(shop, seller, ending);
    for (let rest = 0; rest < 30; rest += 1) await clock.runUntil(clock.now + hour);
    await lived;
    const [order, ...others] = ordersOf(platform);
    if (!order || others.length > 0) throw new Error("there must be one order");
    const { broken } = brokenLaws(shop, seller);
    const { conversion } = order;
    const rows = (sql: string) => shop.database.disk.rows(sql).map((row) => ({ ...row }));
    const { moments } = platform;
    platform.dieAt = null;
    const reading = shop.ask((deps) => deps.pool(poolIn(order)).summary(seller.merchant.id));
    await clock.runUntil(clock.now + minute);
    const [mei] = (await reading)?.members ?? [];
    return {
      moments,
      deaths: platform.deaths,
      broken: [...watched, ...platform.bugs, ...broken, ...shop.partner.contradictions],
      end: {
        conversion: conversion && {
          state: conversion.state,
          target: conversion.target,
          firstTime: conversion.firstTime,
          actions: conversion.actions.map(({ key, state, waits, points, staff }) => [
            key,
            state,
            waits,
            points?.kept,
            staff?.name,
          ]),
        },
        // What the member had, and that nothing of them is kept for nobody: their only place can be had again, or is taken.
        assigned: mei?.assignedTotal,
        staff: order.staff?.state,
        grants: rows("SELECT key, number, reversed_at IS NOT NULL AS reversed FROM grants"),
        consents: rows("SELECT DISTINCT purpose, granted FROM consents"),
        customers: rows("SELECT tags, staff IS NOT NULL AS staff FROM customers"),
        points: rows("SELECT points FROM orders"),
        called: [...(shop.partner.heard.get(crm)?.keys() ?? [])].toSorted(),
      },
    };
  });

const poolIn = ({
  terms,
}: {
  readonly terms: { readonly block: { readonly definition: ConversionDefinition } };
}): string => terms.block.definition.assignment?.fallback ?? "";

/** The paid life is died in at every moment, always. The others at one in eleven, unless all are asked for: EVERY_MOMENT=1. */
const strideOf = (ending: Ending): number => (ending === "paid" || process.env["EVERY_MOMENT"] ? 1 : 11);

describe("a death at any moment of a conversion", () => {
  it.each<readonly [Ending, Readonly<Record<string, unknown>>]>([
    ["paid", { assigned: 1, customers: [{ tags: '["new","tea"]', staff: 1 }], points: [{ points: 190 }] }],
    ["agreed to later", { assigned: 1, called: [expect.stringContaining(":crm")], consents: [{ granted: 1 }] }],
    ["half refunded", { assigned: 1, points: [{ points: 95 }] }],
    ["refunded", { assigned: 1, customers: [{ tags: '["new"]', staff: 1 }], points: [{ points: 0 }] }],
    ["expired", { assigned: 0, staff: "FREE", conversion: null, grants: [] }],
  ])(
    "changes nothing about one that is %s",
    async (ending, end) => {
      const { undisturbed, changed } = await withDeaths((dieAt) => play(ending, dieAt), strideOf(ending));
      expect(undisturbed).toMatchObject({ broken: [], deaths: 0, end });
      expect(undisturbed.moments).toBeGreaterThan(30);
      expect(changed).toEqual([]);
    },
    180_000,
  );
});
