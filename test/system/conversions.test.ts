/** A busy day at once: two hundred orders paid by fifty people, five members of staff, a coupon of which there are thirty, and the power goes in the middle. */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  graph,
  notify,
  openProduct,
  payByPhone,
  place,
  register,
  type Merchant,
  type Placed,
  type Product,
} from "./product.ts";

const orderCount = 200;
const personCount = 50;
const couponCount = 30;
/** The first may have so many and no more; the rest share by weight. */
const weights = [4, 3, 2, 1, 1];
const firstCap = 40;

let product: Product;
let merchant: Merchant;
beforeAll(async () => {
  product = await openProduct();
  merchant = await register(product);
});
afterAll(() => product?.close());

const ask = <T>(query: string, variables: Record<string, unknown> = {}): Promise<T> =>
  graph<T>(product, merchant.apiKey, query, variables);

async function publish(): Promise<void> {
  const members = weights.map((weight, index) => ({
    name: `staff-${index}`,
    weight,
    ...(index === 0 && { totalCap: firstCap }),
  }));
  const { staffPoolSave } = await ask<{ staffPoolSave: { staffPool: { id: string } } }>(
    `mutation ($input: StaffPoolSaveInput!) { staffPoolSave(input: $input) { ... on StaffPoolSaveSuccess { staffPool { id } } ... on UserError { message } } }`,
    { input: { name: "Advisers", strategy: "SMOOTH_WEIGHTED", members } },
  );
  const definition = {
    assignment: { pool: staffPoolSave.staffPool.id },
    actions: [
      { key: "points", kind: "POINTS_GRANT", perMajorUnit: 1, onRefund: "PRORATE" },
      {
        key: "cup",
        kind: "COUPON_GRANT",
        name: "Cup",
        value: "5.00",
        limit: { total: couponCount, perCustomer: 1 },
        onRefund: "REVERSE",
      },
      { key: "new", kind: "TAG_ADD", tags: ["new"], when: { segment: "NEW" }, onRefund: "KEEP" },
    ],
    targets: [{ kind: "COUPON" }, { kind: "RECEIPT" }],
  };
  const { conversionBlockPublish } = await ask<{ conversionBlockPublish: { __typename: string } }>(
    `mutation ($input: ConversionBlockPublishInput!) { conversionBlockPublish(input: $input) { __typename ... on UserError { message } } }`,
    { input: { name: "Busy day", definition } },
  );
  expect(conversionBlockPublish).toEqual({ __typename: "ConversionBlockPublishSuccess" });
}

/** So many at a time. */
async function each<T, R>(
  items: readonly T[],
  atOnce: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const done: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < items.length; index = next++) done[index] = await work(items[index] as T, index);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return done;
}

type Converted = {
  readonly firstTime: boolean;
  readonly customer: { readonly id: string };
  readonly assignedStaff: { readonly name: string } | null;
  readonly target: { readonly kind: string };
  readonly actions: readonly { readonly key: string; readonly state: string }[];
};
const conversionOf = async ({ id }: Placed): Promise<Converted> => {
  const { order } = await ask<{ order: { conversion: Converted | null } }>(
    `query ($id: ID!) { order(by: { id: $id }) { conversion { firstTime customer { id } assignedStaff { name } target { kind } actions { key state } } } }`,
    { id },
  );
  if (!order.conversion) throw new Error("not converted");
  return order.conversion;
};
const isAtRest = ({ actions }: Converted): boolean => actions.every(({ state }) => state !== "PENDING");
const tally = (values: readonly string[]): Record<string, number> =>
  values.reduce<Record<string, number>>((all, value) => ({ ...all, [value]: (all[value] ?? 0) + 1 }), {});

/** What the merchant sees once nothing waits any more. */
async function outcome(orders: readonly Placed[]) {
  const conversions = await each(orders, 8, (order) =>
    vi.waitFor(
      async () => {
        const conversion = await conversionOf(order);
        expect(isAtRest(conversion)).toBe(true);
        return conversion;
      },
      { timeout: 90_000, interval: 300 },
    ),
  );
  const seen = await vi.waitFor(
    async () => {
      const { viewer } = await ask<{
        viewer: {
          merchant: {
            customers: { totalCount: number; nodes: { ordersPaid: number; points: number; tags: string[] }[] };
            staffPools: { members: { name: string; assignedTotal: number }[] }[];
          };
        };
      }>(
        `{ viewer { merchant { customers(first: 100) { totalCount nodes { ordersPaid points tags } } staffPools { members { name assignedTotal } } } } }`,
      );
      const { customers } = viewer.merchant;
      expect(customers.nodes.reduce((sum, { ordersPaid }) => sum + ordersPaid, 0)).toBe(orderCount);
      return viewer.merchant;
    },
    { timeout: 60_000, interval: 300 },
  );
  return {
    conversions,
    customers: seen.customers.totalCount,
    points: seen.customers.nodes.reduce((sum, { points }) => sum + points, 0),
    newcomers: seen.customers.nodes.filter(({ tags }) => tags.includes("new")).length,
    staff: Object.fromEntries(
      (seen.staffPools[0]?.members ?? []).map(({ name, assignedTotal }) => [name, assignedTotal]),
    ),
  };
}

describe("two hundred orders paid at once", () => {
  it("make two hundred conversions and fifty customers, share out the staff and the coupons exactly, and a power cut changes none of it", async () => {
    await publish();
    const orders = await each(Array.from({ length: orderCount }), 8, () => place(product, merchant));
    const payerOf = (index: number): string => `wallet-${index % personCount}`;
    let answered = 0;
    const killing = Promise.withResolvers<undefined>();
    const pay = async (order: Placed, index: number): Promise<boolean> => {
      try {
        // One in ten confirms on a phone first, so that some of the staff are reserved.
        const isPaid =
          index % 10 === 0
            ? (await payByPhone(product, order, { payer: payerOf(index) })).every((status) => status < 400)
            : (await notify(merchant, order, `W-${index}`, payerOf(index))).status === 200;
        answered += isPaid ? 1 : 0;
        if (answered === orderCount / 2) killing.resolve(undefined);
        return isPaid;
      } catch {
        return false;
      }
    };
    const paying = each(orders, 40, pay);
    await Promise.race([killing.promise, paying]);
    await product.kill();
    const heard = await paying;
    await product.start();
    // A wallet that was not answered tells again; some that were answered do so, too.
    const again = orders
      .map((order, index) => ({ order, index }))
      .filter(({ index }) => !heard[index] || index % 3 === 0);
    await each(again, 20, async ({ order, index }) => {
      const answer = await notify(merchant, order, `W-${index}`, payerOf(index));
      expect(answer.status).toBe(200);
    });
    const first = await outcome(orders);
    expect(first).toMatchObject({ customers: personCount, newcomers: personCount, points: orderCount * 19 });
    const { conversions, staff } = first;
    expect(conversions.filter(({ firstTime }) => firstTime)).toHaveLength(personCount);
    expect(new Set(conversions.map(({ customer }) => customer.id)).size).toBe(personCount);
    const cups = conversions.filter(({ actions }) =>
      actions.some(({ key, state }) => key === "cup" && state === "DONE"),
    );
    expect(cups).toHaveLength(couponCount);
    expect(new Set(cups.map(({ customer }) => customer.id)).size).toBe(couponCount);
    expect(tally(conversions.map(({ target }) => target.kind))).toEqual({
      COUPON: couponCount,
      RECEIPT: orderCount - couponCount,
    });
    // What the orders say and what the pool counted is the same, the cap is exact, and the rest is fair to within one.
    expect(tally(conversions.map(({ assignedStaff }) => assignedStaff?.name ?? "nobody"))).toEqual(staff);
    expect(staff["staff-0"]).toBe(firstCap);
    const others = weights.slice(1);
    const all = others.reduce((sum, weight) => sum + weight, 0);
    const unfair = others.map((weight, index) =>
      Math.abs((staff[`staff-${index + 1}`] ?? 0) - ((orderCount - firstCap) * weight) / all),
    );
    expect(Math.max(...unfair)).toBeLessThanOrEqual(1);
    await product.kill();
    await product.start();
    await each(orders.slice(0, 20), 8, (order, index) => notify(merchant, order, `W-${index}`, payerOf(index)));
    expect(await outcome(orders)).toEqual(first);
  }, 400_000);
});
