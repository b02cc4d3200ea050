/** Lists as they are paged through, and what each of their queries reads. */
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PinnedBlock } from "../../src/core/definition.ts";
import { defaultBlock } from "../../src/conversions/default-block.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import type { Order, OrderTerms } from "../../src/core/order.ts";
import { findApiKey, insertApiKey, revokeApiKey } from "../../src/db/api-keys.ts";
import * as queried from "../../src/db/columns.ts";
import type { Column } from "../../src/db/columns.ts";
import { findActionEndpoint } from "../../src/db/action-endpoints.ts";
import type { OrderKey } from "../../src/core/ids.ts";
import { consentsOf } from "../../src/db/consents.ts";
import { findConversionBlock, listConversionBlocks } from "../../src/db/conversion-blocks.ts";
import { findCoupon } from "../../src/db/coupons.ts";
import {
  countCustomers,
  findCustomers,
  notesOf,
  ordersWaitingForConsent,
  pageCustomers,
  totalsOfCustomers,
} from "../../src/db/customers.ts";
import { bucketOf, database, databaseBuckets, databaseNameOf } from "../../src/db/database.ts";
import { endErasure, markTold, ordersToForget } from "../../src/db/erasures.ts";
import { cursorOfEvent, endOfLog, eventsAfter, pageEvents, placeOf } from "../../src/db/event-log.ts";
import { findMerchant, insertMerchant, leaseOrderNumbers, updateMerchant } from "../../src/db/merchants.ts";
import {
  behindOf,
  countOrders,
  findOrderByExternalReference,
  findOrderByNumber,
  pageOrders,
  type OrderFilter,
} from "../../src/db/orders.ts";
import type { Page, PageRequest, PageResult } from "../../src/db/page.ts";
import { listPaymentAccounts, savePaymentAccount } from "../../src/db/payment-accounts.ts";
import { countProducts, findProducts, insertProduct, pageProducts, updateProduct } from "../../src/db/products.ts";
import { project } from "../../src/db/projection.ts";
import { dropHold, dropStrayHold, takeStock } from "../../src/db/stock.ts";
import { hasStaffPool } from "../../src/db/staff-pools.ts";
import { countWebhookEndpoints, pageWebhookEndpoints, saveWebhookEndpoint } from "../../src/db/webhook-endpoints.ts";
import { defaultPolicy } from "../../src/core/policy.ts";
import { newMerchantId, paid, placed, question, tell } from "./db-orders.ts";
import { randomKey, somePayer, someTerms } from "./terms.ts";

const { DB } = env;
const CNY = "CNY" as Currency;

function pageIn<T>(result: PageResult<T>): Page<T> {
  if (!result.ok) throw new Error(`${result.error.argument} ${result.error.message}`);
  return result.value;
}
const placeAt = (merchantId: string, placedAt: number, fields: Partial<OrderTerms> = {}) =>
  placed(someTerms(merchantId, { placedAt, expiresAt: placedAt + 7_200_000, ...fields }));
const reversing: PinnedBlock = {
  ...defaultBlock,
  definition: {
    ...defaultBlock.definition,
    actions: [{ key: "tag", kind: "TAG_ADD", tags: ["gone"], onRefund: "REVERSE" }],
  },
};
const reversed = ({ conversion, ...order }: Order): Order => ({
  ...order,
  conversion: conversion && {
    ...conversion,
    firstTime: true,
    actions: conversion.actions.map((action) => ({ ...action, state: "REVERSED" })),
  },
});
const productOf = (
  merchantId: string,
  id: string,
  fields: { sku?: string; name?: string; archived?: boolean } = {},
) => ({
  id,
  merchantId,
  sku: id,
  name: "Tea",
  description: null,
  price: { minor: 100, currency: CNY },
  imageUrl: null,
  stock: null,
  archived: false,
  createdAt: 1,
  ...fields,
});

describe("paging", () => {
  it("forwards and backwards meets every order that was there once, while others come and go between", async () => {
    const steps = fc.record({
      // Few instants, so that many orders share one.
      before: fc.array(fc.nat(6), { minLength: 1, maxLength: 25 }),
      between: fc.array(fc.nat(8), { maxLength: 12 }),
      size: fc.integer({ min: 1, max: 7 }),
      backward: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(steps, async ({ before, between, size, backward }) => {
        const merchantId = newMerchantId();
        const stories = before.map((instant) => placeAt(merchantId, 1_000 + instant));
        await project(DB, stories);
        const key = ({ order: { terms } }: (typeof stories)[number]) => [terms.placedAt, terms.key] as const;
        const model = stories
          .map(key)
          .toSorted(([at, id], [otherAt, otherId]) => otherAt - at || (id < otherId ? 1 : -1))
          .map(([, id]) => id);

        const met: string[] = [];
        const arrivals = [...between];
        let request: PageRequest = backward ? { last: size } : { first: size };
        for (;;) {
          const { edges, pageInfo } = pageIn(await pageOrders(DB, merchantId, {}, request, 0));
          const keys = edges.map(({ node }) => node.terms.key);
          if (backward) met.unshift(...keys);
          else met.push(...keys);
          expect(pageInfo.startCursor).toBe(edges[0]?.cursor);
          expect(pageInfo.endCursor).toBe(edges.at(-1)?.cursor);
          if (!(backward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage)) break;
          request = backward
            ? { last: size, before: pageInfo.startCursor }
            : { first: size, after: pageInfo.endCursor };
          const arrival = arrivals.pop();
          if (arrival !== undefined) await project(DB, [placeAt(merchantId, 999 + arrival)]);
        }
        expect(new Set(met).size).toBe(met.length);
        expect(met.filter((id) => (model as string[]).includes(id))).toEqual(model);
      }),
      { numRuns: 20 },
    );
  });

  it("says whether there is more on either side, as Relay has it", async () => {
    const merchantId = newMerchantId();
    for (const id of ["a", "b", "c", "d"]) await insertProduct(DB, productOf(merchantId, id));
    const page = async (request: PageRequest) => {
      const { edges, pageInfo } = pageIn(await pageProducts(DB, merchantId, {}, request));
      return [edges.map(({ node }) => node.id).join(""), pageInfo.hasPreviousPage, pageInfo.hasNextPage];
    };
    const all = pageIn(await pageProducts(DB, merchantId, {}, {}));
    const [a, b, , d] = all.edges.map(({ cursor }) => cursor);
    expect(await page({})).toEqual(["abcd", false, false]);
    expect(await page({ first: 0 })).toEqual(["", false, true]);
    expect(await page({ first: 2 })).toEqual(["ab", false, true]);
    expect(await page({ first: 2, after: b })).toEqual(["cd", true, false]);
    expect(await page({ last: 2 })).toEqual(["cd", true, false]);
    expect(await page({ last: 2, before: d })).toEqual(["bc", true, true]);
    expect(await page({ first: 9, after: a, before: d })).toEqual(["bc", true, false]);
    expect(await page({ first: null, after: null, last: 1, before: a })).toEqual(["", false, true]);
    const none = pageIn(await pageProducts(DB, newMerchantId(), {}, {}));
    expect(none.pageInfo).toEqual({ hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null });
  });

  it("refuses what no page of the list gave, and sizes beyond the limits", async () => {
    const merchantId = newMerchantId();
    await insertProduct(DB, productOf(merchantId, "a"));
    const [edge] = pageIn(await pageProducts(DB, merchantId, {}, {})).edges;
    const fault = async (request: PageRequest) => {
      const page = await pageOrders(DB, merchantId, {}, request, 0);
      return page.ok ? null : page.error.argument;
    };
    for (const cursor of [
      edge!.cursor,
      "",
      "%%%",
      "bm90IGpzb24",
      btoa('["orders","x",1]'),
      btoa('["orders",1]'),
      "null",
    ]) {
      expect(await fault({ after: cursor })).toBe("after");
      expect(await fault({ last: 1, before: cursor })).toBe("before");
    }
    expect(await fault({ first: -1 })).toBe("first");
    expect(await fault({ first: 1.5 })).toBe("first");
    expect(await fault({ first: limits.pageSizeMax + 1 })).toBe("first");
    expect(await fault({ last: limits.pageSizeMax + 1 })).toBe("last");
    expect(await fault({ first: 1, last: 1 })).toBe("last");
    expect(await pageEvents(DB, merchantId, { after: edge!.cursor })).toMatchObject({
      ok: false,
      error: { argument: "after" },
    });
  });
});

describe("a page of orders that is read again", () => {
  it("brings only the documents that have changed, and shows what somebody sees who reads it for the first time", async () => {
    const merchantId = newMerchantId();
    const other = newMerchantId();
    const line = { productId: null, quantity: 1, unitPrice: 1990 };
    const long = Array.from({ length: 50 }, () => ({ ...line, name: "x".repeat(limits.nameLengthMax) }));
    const stories = [1_000, 2_000, 3_000].map((at) => placeAt(merchantId, at, {}));
    await project(DB, [...stories, placeAt(merchantId, 4_000, { lines: long }), placeAt(other, 1_000, {})]);
    let brought: string[] = [];
    const watched = {
      prepare: (sql: string) => ({
        bind: (...values: unknown[]) => ({
          all: async () => {
            const answer = await DB.prepare(sql)
              .bind(...values)
              .all<{ id: string; doc: string | null }>();
            brought = answer.results.flatMap(({ id, doc }) => (doc === null ? [] : [id]));
            return answer;
          },
        }),
      }),
    } as unknown as D1Database;
    const read = async (owner = merchantId, now = 5_000) =>
      pageIn(await pageOrders(watched, owner, {}, { first: owner === merchantId ? 10 : 100 }, now));
    /** Under a name of its own, so that nothing of it is known. */
    let names = 0;
    const afresh = async () => {
      names += 1;
      return pageIn(await pageOrders(DB, merchantId, {}, { first: 10 + names }, 5_000));
    };
    const keys = stories.map(({ order }) => order.terms.key);
    const fresh = await afresh();
    expect((await read()).edges).toEqual(fresh.edges);
    expect(brought).toHaveLength(4);
    expect((await read()).edges).toEqual(fresh.edges);
    expect(brought).toEqual([fresh.edges[0]!.node.terms.key]);

    // Paid: told as a question first, and then with the answer.
    const story = paid(stories[1]!, somePayer("AGAIN"), 4_500);
    await project(DB, [question(story)]);
    expect((await read()).edges).toEqual((await afresh()).edges);
    await tell(DB, story);
    expect((await read()).edges).toEqual((await afresh()).edges);
    expect(brought).toHaveLength(2);
    expect(brought).toContain(keys[1]);
    await project(DB, [placeAt(merchantId, 4_800, {})]);
    const again = await read();
    expect([again.edges.length, brought.length]).toEqual([5, 2]);
    expect(again.edges).toEqual((await afresh()).edges);
    expect((await read(other)).edges.map(({ node }) => node.terms.merchant.id)).toEqual([other]);

    // Pages that there are not push nothing out; of others only so many are kept in mind.
    for (let page = 0; page < limits.orderPagesKeptMax; page += 1)
      expect((await pageOrders(DB, merchantId, {}, { after: `nothing ${page}` }, 5_000)).ok).toBe(false);
    await read();
    expect(brought).toHaveLength(1);
    for (let page = 0; page < limits.orderPagesKeptMax; page += 1) await afresh();
    await read();
    expect(brought).toHaveLength(5);
    // Nor for long, nor more of one page than a little.
    await read();
    expect(brought).toHaveLength(1);
    await read(merchantId, 5_000 + limits.orderPagesKeptMs);
    expect(brought).toHaveLength(5);
    const heavy = newMerchantId();
    const lines = long.slice(0, 1);
    const metadata = { ballast: "x".repeat(limits.orderKeptLengthMax / 2) };
    const many = Math.ceil((2 * limits.orderPageKeptLengthMax) / limits.orderKeptLengthMax) + 10;
    await project(
      DB,
      Array.from({ length: many }, (_, at) => placeAt(heavy, 1_000 + at, { lines, metadata })),
    );
    await read(heavy);
    await read(heavy);
    expect([brought.length > 0, brought.length < many]).toEqual([true, true]);
  });
});

describe("the lists", () => {
  it("of orders filter by everything the graph offers", async () => {
    const merchantId = newMerchantId();
    const line = { productId: null, quantity: 1, unitPrice: 1990 };
    const attribution = { channel: "wechat", campaign: null, staff: null, partner: null, placementId: null };
    const stories = [
      placeAt(merchantId, 1_000, { number: "1001", externalReference: "ERP-%_1" }),
      placeAt(merchantId, 2_000, { number: "1002", attribution }),
      placeAt(merchantId, 3_000, {
        number: "2001",
        lines: [{ ...line, name: "Pu'er 普洱 Cake" }],
        externalReference: "ERP-%_1",
      }),
    ];
    await project(DB, stories);
    const bought = await tell(DB, paid(placeAt(merchantId, 4_000, { number: "3001" }), somePayer("FILTER")));
    const found = async (filter: OrderFilter) => {
      const page = pageIn(await pageOrders(DB, merchantId, filter, {}, 5_000));
      expect(await countOrders(DB, merchantId, filter, 5_000)).toBe(page.edges.length);
      return page.edges.map(({ node }) => node.terms.number);
    };
    expect(await found({})).toEqual(["3001", "2001", "1002", "1001"]);
    expect(await found({ states: [], search: "", channel: null })).toHaveLength(4);
    expect(await found({ createdAt: { from: 2_000, to: 3_000 } })).toEqual(["1002"]);
    expect(await found({ externalReference: "ERP-%_1" })).toEqual(["2001", "1001"]);
    expect(await found({ channel: "wechat" })).toEqual(["1002"]);
    expect(await found({ customerId: "customer_FILTER" })).toEqual(["3001"]);
    expect(await found({ states: ["PAID", "REVIEW"] })).toEqual(["3001"]);
    expect(await found({ search: "100" })).toEqual(["1002", "1001"]);
    expect(await found({ search: "01" })).toEqual([]);
    expect(await found({ search: "erp-%" })).toEqual(["2001", "1001"]);
    expect(await found({ search: "普洱 cAKE" })).toEqual(["2001"]);
    expect(await found({ search: "x".repeat(200) })).toEqual([]);
    expect(await findOrderByNumber(DB, merchantId, "3001")).toEqual(bought.order);
    expect((await findOrderByExternalReference(DB, merchantId, "ERP-%_1"))?.terms.number).toBe("2001");
    expect(await findOrderByNumber(DB, newMerchantId(), "3001")).toBeNull();
    expect(await findOrderByExternalReference(DB, merchantId, "")).toBeNull();
  });

  it("of products and customers are searched without regard to case, and one merchant's are nobody else's", async () => {
    const merchantId = newMerchantId();
    await insertProduct(DB, productOf(merchantId, "p1", { name: "Longjing 龙井", sku: "LJ-50" }));
    await insertProduct(DB, productOf(merchantId, "p2", { archived: true }));
    const found = async (filter: Parameters<typeof pageProducts>[2]) => {
      const { edges } = pageIn(await pageProducts(DB, merchantId, filter, {}));
      expect(await countProducts(DB, merchantId, filter)).toBe(edges.length);
      return edges.map(({ node }) => node.id);
    };
    expect(await found({})).toEqual(["p1", "p2"]);
    expect(await found({ search: "longJING" })).toEqual(["p1"]);
    expect(await found({ search: "lj-" })).toEqual(["p1"]);
    expect(await found({ archived: true })).toEqual(["p2"]);
    expect(await found({ archived: false, search: "" })).toEqual(["p1"]);
    expect(await findProducts(DB, newMerchantId(), ["p1"])).toEqual([]);
    expect(await updateProduct(DB, newMerchantId(), "p1", { name: "Stolen" })).toBeNull();
    expect(await updateProduct(DB, merchantId, "p1", {})).toMatchObject({ name: "Longjing 龙井" });
    expect(await updateProduct(DB, merchantId, "p1", { price: { minor: 5, currency: CNY }, stock: 3 })).toMatchObject({
      price: { minor: 5, currency: "CNY" },
      stock: 3,
      sku: "LJ-50",
    });
    expect(await insertProduct(DB, productOf(merchantId, "p3", { sku: "LJ-50" }))).toEqual({
      ok: false,
      error: "SKU_TAKEN",
    });

    await tell(DB, paid(placeAt(merchantId, 1_000), somePayer("Wallet-One"), 1_001));
    await tell(DB, paid(placeAt(merchantId, 2_000), { ...somePayer("TWO"), name: "Zoë" }, 2_001));
    const people = async (filter: Parameters<typeof pageCustomers>[2]) => {
      const { edges } = pageIn(await pageCustomers(DB, merchantId, filter, {}));
      expect(await countCustomers(DB, merchantId, filter)).toBe(edges.length);
      return edges.map(({ node }) => node.id);
    };
    expect(await people({})).toEqual(["customer_TWO", "customer_Wallet-One"]);
    expect(await people({ search: "zo" })).toEqual(["customer_TWO"]);
    expect(await people({ search: "wallet-" })).toEqual(["customer_Wallet-One"]);
    expect(await people({ search: "verified" })).toEqual([]);
    expect(await people({ tag: "paid" })).toHaveLength(2);
    expect(await people({ tag: "pai" })).toEqual([]);
    expect(await people({ createdAt: { from: 1_001, to: 2_001 } })).toEqual(["customer_Wallet-One"]);
    expect(await findCustomers(DB, newMerchantId(), ["customer_TWO"])).toEqual([]);
  });

  it("of events go on where one left off, by cursor or by event, whole or by type", async () => {
    const merchantId = newMerchantId();
    const stories = [1, 2, 3].map((at) => placeAt(merchantId, at));
    for (const story of stories) await project(DB, [story]);
    const end = await tell(DB, paid(stories[1]!, somePayer("EVENTS"), 5));
    const types = async (request: Parameters<typeof pageEvents>[2]) => {
      const { edges, pageInfo } = pageIn(await pageEvents(DB, merchantId, request));
      return [edges.map(({ node }) => node.type), pageInfo.hasNextPage, pageInfo.endCursor] as const;
    };
    const [first, more, cursor] = await types({ first: 4 });
    expect([first, more]).toEqual([["ORDER_PLACED", "ORDER_PLACED", "ORDER_PLACED", "ORDER_PAID"], true]);
    const rest = ["CONVERSION_COMMITTED", "CUSTOMER_CREATED"];
    expect((await types({ after: cursor })).slice(0, 2)).toEqual([rest, false]);
    expect((await types({ types: ["ORDER_PAID", "CUSTOMER_CREATED"] }))[0]).toEqual(["ORDER_PAID", "CUSTOMER_CREATED"]);
    expect((await types({ types: [] }))[0]).toHaveLength(6);
    const { key: orderKey, placedAt } = end.order.terms;
    expect(await cursorOfEvent(DB, merchantId, { orderKey, placedAt, sequence: 2 })).toBe(cursor);
    expect(await cursorOfEvent(DB, merchantId, { orderKey, placedAt, sequence: 99 })).toBeNull();
    expect(await cursorOfEvent(DB, newMerchantId(), { orderKey, placedAt, sequence: 2 })).toBeNull();
    expect((await eventsAfter(DB, merchantId, placeOf(cursor ?? "")!, 1)).map(({ event }) => event.sequence)).toEqual([
      3,
    ]);
    const [position, index] = await endOfLog(DB, merchantId);
    expect(await eventsAfter(DB, merchantId, [position, index], 100)).toEqual([]);
    expect(await eventsAfter(DB, merchantId, [position, index - 1], 100)).toMatchObject([{ place: [position, index] }]);
    expect(await endOfLog(DB, newMerchantId())).toEqual([0, -1]);
    const last = pageIn(await pageEvents(DB, merchantId, {})).edges.map(({ node }) => node);
    expect(last.filter((event) => event.orderKey === orderKey)).toEqual(end.events);
  });
});

describe("a merchant", () => {
  const newcomer = (slug: string) => {
    const id = newMerchantId();
    const merchant = {
      id,
      name: "Tea",
      slug,
      currency: CNY,
      locale: "en",
      timeZone: "UTC",
      policy: defaultPolicy,
      createdAt: 5,
    };
    const apiKey = {
      id: `apikey_00${randomKey()}`,
      merchantId: id,
      name: "first",
      scopes: ["ORDERS_READ"],
      createdAt: 5,
      expiresAt: null,
    };
    const account = {
      id: `account_${randomKey()}`,
      merchantId: id,
      provider: "SANDBOX",
      name: "Sandbox",
      enabled: true,
      createdAt: 5,
      unableIn: null,
    } as const;
    return { merchant, first: { apiKey: { ...apiKey, secretHash: "hash" }, account } };
  };

  it("comes with a key and an account, or not at all", async () => {
    const { merchant, first } = newcomer(randomKey());
    const accounts = [{ id: first.account.id, provider: "SANDBOX" }];
    expect(await insertMerchant(DB, merchant, first)).toEqual({
      ok: true,
      value: { ...merchant, accounts, block: null },
    });
    expect(await findMerchant(DB, merchant.id)).toEqual({ ...merchant, accounts, block: null });
    const second = newcomer(merchant.slug);
    expect(await insertMerchant(DB, second.merchant, second.first)).toEqual({ ok: false, error: "SLUG_TAKEN" });
    expect(await findApiKey(DB, second.first.apiKey.id)).toBeNull();

    await savePaymentAccount(DB, { ...first.account, enabled: false });
    const other = {
      ...first.account,
      id: `account_${randomKey()}`,
      provider: "WECHAT_PAY",
      createdAt: 6,
      unableIn: ["IN_WECHAT"],
    } as const;
    await savePaymentAccount(DB, other);
    expect(await listPaymentAccounts(DB, merchant.id)).toEqual([{ ...first.account, enabled: false }, other]);
    const policy = { ...defaultPolicy, latePayment: "REVIEW" } as const;
    const changed = {
      ...merchant,
      name: "Coffee",
      policy,
      accounts: [{ id: other.id, provider: "WECHAT_PAY", unableIn: ["IN_WECHAT"] }],
      block: null,
    };
    expect(await updateMerchant(DB, merchant.id, { name: "Coffee", policy })).toEqual(changed);
    expect(await updateMerchant(DB, merchant.id, {})).toEqual(changed);
    expect(await updateMerchant(DB, newMerchantId(), { name: "Nobody" })).toBeNull();
  });

  it("leases order numbers that nobody else gets", async () => {
    const { merchant, first } = newcomer(randomKey());
    await insertMerchant(DB, merchant, first);
    const leases = await Promise.all(Array.from({ length: 5 }, () => leaseOrderNumbers(DB, merchant.id, 64)));
    expect(leases.toSorted((a, b) => a - b)).toEqual([1001, 1065, 1129, 1193, 1257]);
    await expect(leaseOrderNumbers(DB, newMerchantId(), 1)).rejects.toThrow("no such merchant");
  });

  it("revokes its own keys, once, and nobody else's", async () => {
    const { secretHash: _, ...key } = newcomer("").first.apiKey;
    expect(await insertApiKey(DB, { ...key, secretHash: "hash" })).toEqual({ ...key, revokedAt: null });
    expect(await revokeApiKey(DB, newMerchantId(), key.id, 9)).toBeNull();
    expect(await revokeApiKey(DB, key.merchantId, key.id, 10)).toEqual({ ...key, revokedAt: 10 });
    expect(await revokeApiKey(DB, key.merchantId, key.id, 11)).toEqual({ ...key, revokedAt: 10 });
    expect(await findApiKey(DB, key.id)).toEqual({ apiKey: { ...key, revokedAt: 10 }, secretHash: "hash" });
  });

  it("lists its webhook endpoints", async () => {
    const merchantId = newMerchantId();
    const endpoint = { id: "endpoint_1", merchantId, url: "https://partner.example/a", createdAt: 1 };
    await saveWebhookEndpoint(DB, endpoint);
    await saveWebhookEndpoint(DB, { ...endpoint, url: "https://partner.example/b" });
    expect(pageIn(await pageWebhookEndpoints(DB, merchantId, {})).edges.map(({ node }) => node.url)).toEqual([
      "https://partner.example/b",
    ]);
    expect(await countWebhookEndpoints(DB, merchantId)).toBe(1);
  });

  it("is found in the database that its id names", () => {
    expect(databaseBuckets(env)).toEqual(["00"]);
    expect(bucketOf("apikey_7ZABC")).toBe("7Z");
    expect(bucketOf("merchant_il")).toBeNull();
    expect(databaseNameOf("merchant_7Z00")).toBe("DB_7Z");
    expect(database(env, newMerchantId())).toBe(env.DB);
    expect(() => database(env, "merchant_7Z00")).toThrow("no database");
  });
});

describe("every table and query", () => {
  it("keeps rows under their key alone, with typed columns", async () => {
    const { results } = await DB.prepare("PRAGMA table_list").all<{
      name: string;
      type: string;
      wr: number;
      strict: number;
    }>();
    const ours = results.filter(({ name, type }) => type === "table" && !/^(sqlite_|_cf_|d1_)/.test(name));
    expect(ours.length).toBeGreaterThan(8);
    expect(ours.filter(({ wr, strict }) => !wr || !strict)).toEqual([]);
  });

  it("has the columns that queries name, as what they take them for", async () => {
    const typesOf: Record<string, string[]> = { plain: ["TEXT", "INTEGER"], json: ["TEXT"], boolean: ["INTEGER"] };
    for (const { table, columns } of Object.values(queried)) {
      const { results } = await DB.prepare(`PRAGMA table_info(${table})`).all<{ name: string; type: string }>();
      for (const column of Object.values<Column>(columns)) {
        const [kind, name] = typeof column === "string" ? ["plain", column] : Object.entries<string>(column)[0]!;
        expect(typesOf[kind], `${table}.${name}`).toContain(results.find((kept) => kept.name === name)?.type);
      }
    }
  });

  it("finds its rows by an index and in their order", async () => {
    const merchantId = newMerchantId();
    /** What SQLite would do for each statement of a query. Values in JSON are a scan of memory; all else must be a search, already in order. */
    const planOf = async (query: (db: D1Database) => Promise<unknown>) => {
      const statements: { sql: string; params: unknown[] }[] = [];
      const prepare = (sql: string): D1PreparedStatement => {
        const statement = DB.prepare(sql);
        const bind = (...params: unknown[]) => {
          statements.push({ sql, params });
          return statement.bind(...params);
        };
        return { bind } as unknown as D1PreparedStatement;
      };
      const batch = async () => [];
      await query({ prepare, batch } as unknown as D1Database);
      const plans = await Promise.all(
        statements.map(({ sql, params }) =>
          DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
            .bind(...params)
            .all<{ parent: number; detail: string }>(),
        ),
      );
      const steps = plans.flatMap(({ results }) => results).filter(({ detail }) => !detail.includes("VIRTUAL TABLE"));
      const told = steps.filter(
        ({ parent, detail }) => /^(SEARCH|SCAN)/.test(detail) || (parent === 0 && detail.includes("TEMP B-TREE")),
      );
      expect(told.length).toBeGreaterThan(0);
      return told.map(({ detail }) => detail);
    };
    const search = async (index: string, query: (db: D1Database) => Promise<unknown>) => {
      for (const detail of await planOf(query)) expect(detail).toMatch(new RegExp(`^SEARCH \\w+ USING .*${index}`));
    };
    const cursor = { after: btoa('["orders",1,"x"]') };
    await search("PRIMARY KEY", (db) => pageOrders(db, merchantId, {}, {}, 0));
    await search("PRIMARY KEY \\(merchant_id=\\? AND", (db) => pageOrders(db, merchantId, {}, cursor, 0));
    await search("PRIMARY KEY", (db) =>
      pageOrders(db, merchantId, { states: ["OPEN"], search: "x", channel: "y" }, {}, 0),
    );
    await search("PRIMARY KEY \\(merchant_id=\\? AND", (db) =>
      pageOrders(db, merchantId, { createdAt: { from: 1, to: 2 } }, { last: 3 }, 0),
    );
    await search("orders_review", (db) => pageOrders(db, merchantId, { states: ["REVIEW"] }, {}, 0));
    await search("orders_customer", (db) => pageOrders(db, merchantId, { customerId: "customer_A" }, {}, 0));
    await search("orders_customer", (db) => pageOrders(db, merchantId, { customerId: "customer_A" }, cursor, 0));
    await search("orders_external_reference", (db) => pageOrders(db, merchantId, { externalReference: "A" }, {}, 0));
    await search("orders_external_reference", (db) => findOrderByExternalReference(db, merchantId, "A"));
    expect(await planOf((db) => totalsOfCustomers(db, merchantId, ["customer_A"]))).toEqual([
      "SEARCH orders USING INDEX orders_customer (merchant_id=? AND customer_id=?)",
      "SEARCH spent USING PRIMARY KEY (merchant_id=? AND customer_id=?)",
    ]);
    await search("orders_customer", (db) =>
      ordersWaitingForConsent(db, merchantId, "customer_A", { createdAt: 1, key: "A" as OrderKey }, 10),
    );
    const andCustomer = "(orders_customer|PRIMARY KEY \\(merchant_id=\\? AND id=\\?\\))";
    await search(andCustomer, (db) => notesOf(db, merchantId, "customer_A", 10));
    const person = { merchantId, customerId: "customer_A", erasedAt: 1, sequence: 1 };
    const erasing = { ...person, toldPlacedAt: 1, toldOrder: "A", missed: [], dueAt: 1 };
    await search("COVERING INDEX orders_customer", (db) => ordersToForget(db, erasing, 10));
    await search("PRIMARY KEY", (db) => markTold(db, erasing, { toldPlacedAt: 2, toldOrder: "B", missed: [] }));
    expect((await planOf((db) => endErasure(db, erasing))).filter((detail) => detail.startsWith("SEARCH"))).toEqual([
      "SEARCH consents USING PRIMARY KEY (merchant_id=? AND customer_id=?)",
      "SEARCH customers USING PRIMARY KEY (merchant_id=? AND id=?)",
      "SEARCH erasures USING PRIMARY KEY (merchant_id=? AND customer_id=?)",
      "SEARCH orders USING COVERING INDEX orders_customer (merchant_id=? AND customer_id=? AND created_at>?)",
    ]);
    expect(await planOf((db) => consentsOf(db, merchantId, "customer_A"))).toContain(
      "SEARCH consents USING PRIMARY KEY (merchant_id=? AND customer_id=?)",
    );
    await search("grants_code", (db) => findCoupon(db, merchantId, "A"));
    await search("PRIMARY KEY", (db) => findConversionBlock(db, merchantId, "block_A", null));
    await search("PRIMARY KEY", (db) => listConversionBlocks(db, merchantId, 10));
    await search("PRIMARY KEY", (db) => hasStaffPool(db, merchantId, "pool_A"));
    await search("PRIMARY KEY", (db) => findActionEndpoint(db, merchantId, "CRM_PUSH"));
    await search("customers_newest", (db) => pageCustomers(db, merchantId, {}, {}));
    await search("PRIMARY KEY \\(merchant_id=\\? AND id=\\?\\)", (db) => findCustomers(db, merchantId, ["a", "b"]));
    await search("PRIMARY KEY", (db) => pageProducts(db, merchantId, {}, {}));
    await search("PRIMARY KEY \\(merchant_id=\\? AND id=\\?\\)", (db) => findProducts(db, merchantId, ["a", "b"]));
    await search("PRIMARY KEY", (db) => pageWebhookEndpoints(db, merchantId, {}));
    await search("PRIMARY KEY \\(id=\\?\\)", (db) => findApiKey(db, "apikey_00"));
    await search("PRIMARY KEY \\(merchant_id=\\?\\)", (db) => endOfLog(db, merchantId));
    await search("orders_number", (db) => findOrderByNumber(db, merchantId, "A"));
    expect(await planOf((db) => behindOf(db, merchantId, []))).toContain(
      "SEARCH orders USING PRIMARY KEY (merchant_id=? AND created_at=? AND id=?)",
    );
    expect(await planOf((db) => pageEvents(db, merchantId, {}))).toEqual([
      "SEARCH log USING PRIMARY KEY (merchant_id=? AND position>?)",
      "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
    ]);

    const { order, events } = paid(placed(someTerms(merchantId, { block: reversing })), somePayer("PLANNED"));
    const { terms } = order;
    const lines = [{ productId: "product_A", quantity: 1 }];
    const hold = { merchantId, orderKey: terms.key, placedAt: terms.placedAt, version: 0, lines };
    const plans = [
      await planOf((db) => project(db, [{ order: reversed({ ...order, stock: "SOLD" }), events }])),
      await planOf((db) => takeStock(db, hold)),
      await planOf((db) => dropHold(db, { ...hold, token: "A", wanted: "[]" })),
      await planOf((db) => dropStrayHold(db, terms)),
      await planOf((db) =>
        cursorOfEvent(db, merchantId, { orderKey: terms.key, placedAt: terms.placedAt, sequence: 1 }),
      ),
    ].flat();
    const byWholeKey =
      /^SEARCH \w+ USING PRIMARY KEY \(merchant_id=\? AND (created_at=\? AND )?(id|order_key|position)=\?\)/;
    expect(plans.filter((detail) => detail.startsWith("SEARCH") && !byWholeKey.test(detail))).toEqual([
      "SEARCH event_log USING PRIMARY KEY (merchant_id=?)",
      "SEARCH event_log USING PRIMARY KEY (merchant_id=?)",
      "SEARCH orders USING INDEX orders_customer (merchant_id=? AND customer_id=?)",
      "SEARCH orders USING INDEX orders_customer (merchant_id=? AND customer_id=?)",
      "SEARCH orders USING INDEX orders_customer (merchant_id=? AND customer_id=?)",
      "SEARCH grants USING COVERING INDEX grants_order (merchant_id=? AND order_key=? AND key=?)",
      "SEARCH consents USING PRIMARY KEY (merchant_id=? AND customer_id=?)",
      "SEARCH grants USING INDEX grants_order (merchant_id=? AND order_key=? AND key>?)",
      "SEARCH orders USING INDEX orders_customer (merchant_id=? AND customer_id=?)",
      "SEARCH points_spent USING PRIMARY KEY (merchant_id=? AND customer_id=?)",
    ]);
    const results = ["told", "lost", "given", "taken", "counted"];
    const scans = plans.filter((detail) => detail.startsWith("SCAN") && !detail.includes("(subquery"));
    expect(scans.filter((detail) => !results.includes(detail.slice("SCAN ".length)))).toEqual([]);
  });
});
