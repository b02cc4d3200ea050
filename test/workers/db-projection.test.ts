/** The read model as live codes make it: idempotent, never older than told, in few rows. */
import { env } from "cloudflare:workers";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Payer } from "../../src/core/conversion.ts";
import type { OnRefund, PinnedBlock } from "../../src/core/definition.ts";
import { defaultBlock } from "../../src/conversions/default-block.ts";
import { stateOf, type OrderState } from "../../src/core/state.ts";
import { listCoupons } from "../../src/db/coupons.ts";
import { findCustomer, totalsOfCustomers } from "../../src/db/customers.ts";
import { cursorOfEvent, pageEvents } from "../../src/db/event-log.ts";
import { countOrders, findOrderByNumber, pageOrders } from "../../src/db/orders.ts";
import { project, type Projection } from "../../src/db/projection.ts";
import { after, counted, newMerchantId, paid, placed, question, tell, type Story } from "./db-orders.ts";
import { somePayer, someTerms } from "./terms.ts";

const { DB } = env;

const tagging = (tag: string, onRefund: OnRefund): PinnedBlock => ({
  ...defaultBlock,
  definition: { ...defaultBlock.definition, actions: [{ key: "tag", kind: "TAG_ADD", tags: [tag], onRefund }] },
});
const refunded = (story: Story): Story => {
  const asked = after(story, { kind: "refund", amount: null, reason: null, reverseConversion: true, restock: true });
  const { id, capture, amount } = asked.order.refunds[0]!;
  return after(asked, { kind: "refundHeard", refund: id, capture, amount, outcome: "SUCCEEDED" });
};
const log = async (merchantId: string) => {
  const page = await pageEvents(DB, merchantId, { first: 100 });
  if (!page.ok) throw new Error(page.error.message);
  return page.value.edges.map(({ node }) => node);
};
const whole = (merchantId: string) =>
  Promise.all(
    ["orders", "customers", "event_log"].map(
      async (table) =>
        (await DB.prepare(`SELECT * FROM ${table} WHERE merchant_id = ?`).bind(merchantId).all()).results,
    ),
  );

describe("the rows that a projection writes", () => {
  it("are at most 8 for a paid order with a new customer, from placing to the last event", async () => {
    const { db, rows } = counted(DB);
    const story = placed(someTerms(newMerchantId()));
    await tell(db, story);
    const placing = rows();
    const converted = paid(story, somePayer("NEW"));
    const answers = await project(db, [question(converted)]);
    const asking = rows();
    await project(db, [after(converted, { kind: "customer", firstTime: true })]);
    const knowing = rows();

    expect(answers).toEqual([{ orderKey: story.order.terms.key, firstTime: true }]);
    expect(placing + asking + knowing).toBeLessThanOrEqual(8);
    console.log(`D1 rows: placing ${placing}, asking ${asking}, the paid order with its events ${knowing}`);
  });

  it("are fewer for a customer who returns, and none when the same is told again", async () => {
    const { db, rows } = counted(DB);
    const merchantId = newMerchantId();
    await tell(DB, paid(placed(someTerms(merchantId)), somePayer("REGULAR")));
    const story = await tell(db, paid(placed(someTerms(merchantId)), somePayer("REGULAR")));
    // The order, its number, its customer, its events.
    expect(rows()).toBe(4);
    expect(story.order.conversion?.firstTime).toBe(false);
    await project(db, [story]);
    await project(db, [story, story]);
    expect(rows()).toBe(0);
  });

  it("share one row of the log when they come together", async () => {
    const { db, rows } = counted(DB);
    const merchantId = newMerchantId();
    await project(
      db,
      Array.from({ length: 10 }, () => placed(someTerms(merchantId))),
    );
    expect(rows()).toBe(10 + 10 + 1);
    expect(await log(merchantId)).toHaveLength(10);
  });
});

describe("news of an order", () => {
  it("ends alike however often and in whatever order it comes, and never goes back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5), { minLength: 6, maxLength: 20 }), async (choices) => {
        const merchantId = newMerchantId();
        const beginning = placed(someTerms(merchantId, { block: tagging("gone", "REVERSE") }));
        const confirmed = after(beginning, { kind: "confirm", claimant: "browser" });
        const asking = paid(confirmed, somePayer("SHUFFLED"));
        const known = after(asking, { kind: "customer", firstTime: true });
        const end = refunded(known);
        const news: Projection[] = [beginning, confirmed, question(asking), known, end, end];

        let version = 0;
        for (const choice of [...choices, 5]) {
          await project(DB, [news[choice]!]);
          const seen = await findOrderByNumber(DB, merchantId, "1001");
          expect(seen?.version ?? 0).toBeGreaterThanOrEqual(version);
          version = seen?.version ?? 0;
        }
        expect(await findOrderByNumber(DB, merchantId, "1001")).toEqual(end.order);
        expect(await log(merchantId)).toEqual(end.events);
        expect((await findCustomer(DB, merchantId, "customer_SHUFFLED"))?.tags).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it("that is older changes nothing at all, and is answered all the same", async () => {
    const merchantId = newMerchantId();
    const asking = paid(placed(someTerms(merchantId)), { ...somePayer("LATE"), name: null });
    const known = await tell(DB, asking);
    const before = await whole(merchantId);
    const older: Projection = {
      order: {
        ...asking.order,
        conversion: { ...asking.order.conversion!, payer: { ...asking.order.conversion!.payer, name: "Late" } },
      },
      events: [],
    };
    expect(await project(DB, [older])).toEqual([{ orderKey: known.order.terms.key, firstTime: true }]);
    expect(await whole(merchantId)).toEqual(before);
  });

  it("may bring its events later, with the same version again, and they are logged once", async () => {
    const { db, rows } = counted(DB);
    const merchantId = newMerchantId();
    const beginning = placed(someTerms(merchantId));
    const confirmed = after(beginning, { kind: "confirm", claimant: "browser" });
    await project(DB, [{ order: confirmed.order, events: [] }]);
    await project(DB, [beginning]);
    expect(await log(merchantId)).toEqual([]);
    await project(DB, [confirmed, beginning, confirmed]);
    expect(await log(merchantId)).toEqual(confirmed.events);
    await project(db, [beginning, confirmed]);
    expect(rows()).toBe(0);
  });

  it("is refused as a whole or taken as a whole", async () => {
    const merchantId = newMerchantId();
    const good = placed(someTerms(merchantId));
    const { order, events } = placed(someTerms(merchantId));
    const bad = { order: { ...order, terms: { ...order.terms, placedAt: Number.NaN } }, events };
    await expect(project(DB, [good, bad])).rejects.toThrow("NOT NULL");
    expect(await whole(merchantId)).toEqual([[], [], []]);
  });

  it("may be larger than one parameter can carry", async () => {
    const merchantId = newMerchantId();
    const stories = Array.from({ length: 150 }, () =>
      placed(someTerms(merchantId, { metadata: { note: "茶".repeat(1_300) } })),
    );
    await project(DB, stories);
    expect(await countOrders(DB, merchantId, {}, Date.now())).toBe(150);
    const positions = await DB.prepare("SELECT position FROM event_log WHERE merchant_id = ?").bind(merchantId).all();
    expect(positions.results.map(({ position }) => position)).toEqual([1, 2]);
    const last = stories.at(-1)!.order.terms;
    const cursor = await cursorOfEvent(DB, merchantId, { orderKey: last.key, sequence: 1, placedAt: last.placedAt });
    expect(await pageEvents(DB, merchantId, { after: cursor })).toMatchObject({ ok: true, value: { edges: [] } });
  });
});

describe("metadata", () => {
  it("may nest deeper than SQLite reads, and spoils no list", async () => {
    const merchantId = newMerchantId();
    const metadata = JSON.parse("[".repeat(1_500) + "]".repeat(1_500)) as unknown;
    const story = placed(someTerms(merchantId, { metadata, number: "DEEP" }));
    await project(DB, [story, placed(someTerms(merchantId))]);
    expect(await findOrderByNumber(DB, merchantId, "DEEP")).toEqual(story.order);
    expect(await countOrders(DB, merchantId, { search: "longjing" }, Date.now())).toBe(1);
    expect(await log(merchantId)).toHaveLength(2);
  });
});

describe("a customer", () => {
  it("is new with exactly one of two orders that come in one batch, and stays so when they come again", async () => {
    const merchantId = newMerchantId();
    const now = Date.now();
    const second = paid(placed(someTerms(merchantId)), somePayer("TWIN"), now + 5);
    const first = paid(placed(someTerms(merchantId)), somePayer("TWIN"), now);
    const answers = [
      { orderKey: second.order.terms.key, firstTime: false },
      { orderKey: first.order.terms.key, firstTime: true },
    ];
    expect(await project(DB, [question(second), question(first)])).toEqual(answers);
    expect(await project(DB, [question(first), question(second)])).toEqual(answers.toReversed());
    expect(await project(DB, [question(second)])).toEqual([answers[0]]);
    expect(await findCustomer(DB, merchantId, "customer_TWIN")).toMatchObject({
      firstOrderKey: first.order.terms.key,
      createdAt: now,
    });
  });

  it("gains names, identities and tags, loses none of them, and costs no row when nothing is new", async () => {
    const { db, rows } = counted(DB);
    const merchantId = newMerchantId();
    const payer = (fields: Partial<Payer>): Payer => ({ ...somePayer("GROWS"), name: null, ...fields });
    const buy = (fields: Partial<Payer>, tag: string) =>
      project(db, [question(paid(placed(someTerms(merchantId, { block: tagging(tag, "KEEP") })), payer(fields)))]);
    await buy({}, "tea");
    rows();
    await buy({}, "tea");
    expect(rows()).toBe(0);
    const phone = { kind: "PHONE", value: "+8613800138000", verified: false } as const;
    await buy({ name: "Han Meimei", identities: [phone] }, "cake");
    await buy({ name: "Somebody else", identities: [{ ...phone, verified: true }] }, "bread");
    expect(rows()).toBe(2);
    await buy({ identities: [phone] }, "tea");
    expect(rows()).toBe(0);
    expect(await findCustomer(DB, merchantId, "customer_GROWS")).toMatchObject({
      displayName: "Han Meimei",
      identities: [
        { kind: "PHONE", value: "+8613800138000", verified: true },
        { kind: "WALLET", value: "GROWS", verified: true },
      ],
      tags: ["bread", "cake", "tea"],
    });
  });

  it("loses a tag with the last order that gave it", async () => {
    const merchantId = newMerchantId();
    const buy = (tag: string) =>
      tell(DB, paid(placed(someTerms(merchantId, { block: tagging(tag, "REVERSE") })), somePayer("REFUNDED")));
    const [tea, moreTea, cake] = [await buy("tea"), await buy("tea"), await buy("cake")];
    const tags = async () => (await findCustomer(DB, merchantId, "customer_REFUNDED"))?.tags;
    await tell(DB, refunded(tea));
    expect(await tags()).toEqual(["cake", "tea"]);
    await tell(DB, refunded(moreTea));
    expect(await tags()).toEqual(["cake"]);
    await project(DB, [moreTea]);
    expect(await tags()).toEqual(["cake"]);
    expect(await totalsOfCustomers(DB, merchantId, ["customer_REFUNDED", "customer_NOBODY"])).toEqual([
      { customerId: "customer_REFUNDED", ordersPaid: 3, lifetimeValue: cake.order.terms.total, points: 0 },
    ]);
  });
});

describe("a counted coupon", () => {
  it("is nobody's while the consent for it is taken back, and theirs again when that comes back", async () => {
    const merchantId = newMerchantId();
    const coupon = {
      key: "cup",
      kind: "COUPON_GRANT",
      name: "Next cup",
      value: "5.00",
      requires: "PROFILING",
      limit: { total: 10 },
      onRefund: "REVERSE",
    } as const;
    const block: PinnedBlock = {
      ...defaultBlock,
      couponSeed: crypto.randomUUID().toUpperCase(),
      definition: { ...defaultBlock.definition, actions: [coupon] },
    };
    const customer = somePayer("CONSENTS");
    let story = await tell(DB, paid(placed(someTerms(merchantId, { block })), customer));
    const say = (granted: boolean, at: number): Story =>
      after(story, { kind: "agreed", words: [{ purpose: "PROFILING", granted, at }] });
    const states = async () =>
      (await listCoupons(DB, merchantId, customer.customerId, 10)).map(({ reversedAt }) => reversedAt !== null);

    const asked = say(true, 1);
    await project(DB, [question(asked)]);
    expect(await states()).toEqual([false]);
    story = asked;
    const forbidden = say(false, 2);
    await project(DB, [forbidden]);
    await project(DB, [question(asked)]);
    expect(await states()).toEqual([true]);
    story = forbidden;
    const again = say(true, 3);
    await project(DB, [question(again)]);
    expect(await states()).toEqual([false]);
    await project(DB, [forbidden]);
    expect(forbidden.order.conversion?.actions).toMatchObject([{ state: "SKIPPED_NO_CONSENT" }]);
  });
});

describe("an order's state in lists", () => {
  it("is what the core says at any instant, though nobody told of time passing", async () => {
    const merchantId = newMerchantId();
    const open = placed(someTerms(merchantId));
    const claimed = after(placed(someTerms(merchantId)), { kind: "confirm", claimant: "browser" });
    const paying = after(placed(someTerms(merchantId)), { kind: "begin", claimant: "b", account: "account_TEST" });
    const ended = after(placed(someTerms(merchantId)), { kind: "cancel", reason: null });
    const converted = await tell(DB, paid(placed(someTerms(merchantId)), somePayer("STATES")));
    const foreign = paid(placed(someTerms(merchantId, { accounts: [] })), somePayer("STATES"));
    const stories = [open, claimed, paying, ended, converted, foreign];
    await project(
      DB,
      stories.filter((story) => story !== converted),
    );
    const { placedAt, expiresAt } = open.order.terms;
    for (const now of [
      placedAt,
      claimed.order.claim!.until - 1,
      claimed.order.claim!.until,
      expiresAt - 1,
      expiresAt + 999,
    ]) {
      for (const state of [
        "OPEN",
        "CLAIMED",
        "PAYING",
        "PAID",
        "EXPIRED",
        "CANCELLED",
        "REVIEW",
      ] satisfies OrderState[]) {
        const page = await pageOrders(DB, merchantId, { states: [state] }, {}, now);
        const keys = page.ok ? page.value.edges.map(({ node }) => node.terms.key) : [];
        const expected = stories
          .filter(({ order }) => stateOf(order, now) === state)
          .map(({ order }) => order.terms.key);
        expect(keys.toSorted()).toEqual(expected.toSorted());
        expect(await countOrders(DB, merchantId, { states: [state] }, now)).toBe(expected.length);
      }
    }
    expect(stateOf(foreign.order, placedAt)).toBe("REVIEW");
  });
});
