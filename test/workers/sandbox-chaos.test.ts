/** A wallet that misbehaves, met from outside: whatever it does, its money ends where it belongs, and its books say what it took. */
import { env } from "cloudflare:workers";
import { evictAllDurableObjects, runDurableObjectAlarm } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { receivedOf, refundedOf } from "../../src/core/amounts.ts";
import { limits } from "../../src/core/limits.ts";
import { stateOf } from "../../src/core/state.ts";
import { whimsOf, type Whims } from "../../src/durable/sandbox-chaos.ts";
import type { SandboxBooks, SandboxBooksEntry } from "../../src/durable/sandbox-wallet.ts";
import { sandboxBooksDoor } from "../../src/edge/sandbox-books.ts";
import type { Deps } from "../../src/resolvers/deps.ts";
import {
  beginPayment,
  liveCode,
  openAccount,
  orderOf,
  payUntold,
  placeOrder,
  visit,
  walletObject,
} from "./payment-scene.ts";
import type { OrderKey } from "../../src/core/ids.ts";

async function scene() {
  const account = await openAccount();
  const terms = await placeOrder(account);
  return { key: terms.key, payment: await beginPayment(account, terms) };
}
/** A seed under which this very payment is treated so. */
function seedFor(payment: string, wanted: (whims: Whims) => boolean): string {
  for (let index = 0; index < 100_000; index += 1)
    if (wanted(whimsOf(`seed-${index}`, payment))) return `seed-${index}`;
  throw new Error("no such whims");
}
const isPlain = ({ percent, lateMs, againAfterMs, failure, skewMs, tellings: [first, ...more] }: Whims) =>
  percent === 100 &&
  lateMs === 0 &&
  againAfterMs === null &&
  failure === "NONE" &&
  skewMs === 0 &&
  first?.delayMs === 0 &&
  more.length === 0;
const payUnder = (payment: string, chaos: string, more: Record<string, string> = {}) =>
  visit(`/sandbox/wallet/${payment}`, {
    method: "POST",
    body: new URLSearchParams({ outcome: "pay", payer: "wallet-42", chaos, ...more }),
  });
const stateNow = async (key: OrderKey) => stateOf(await orderOf(key), Date.now());
/** The wallet's alarm and the live code's, at that instant, until what is expected holds. */
const by = (key: OrderKey, at: number, holds: () => Promise<void>) =>
  vi.waitFor(async () => {
    vi.setSystemTime(at);
    await evictAllDurableObjects();
    await runDurableObjectAlarm(walletObject(key));
    await runDurableObjectAlarm(env.LIVE_CODE.getByName(key));
    await holds();
  });
const booksOf = async (key: OrderKey, payment: string): Promise<SandboxBooksEntry> =>
  (await walletObject(key).books("")).entries.find((entry) => entry.payment === payment)!;

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

describe("a wallet that misbehaves", () => {
  it("with a clock far off is believed nothing, and found by asking", async () => {
    const { key, payment } = await scene();
    const chaos = seedFor(
      payment,
      ({ skewMs, percent, failure, tellings }) =>
        Math.abs(skewMs) > limits.notificationSkewMs &&
        percent === 100 &&
        failure === "NONE" &&
        tellings[0]?.delayMs === 0,
    );
    expect((await payUnder(payment, chaos)).status).toBe(303);
    expect((await orderOf(key)).captures).toEqual([]);
    expect(await booksOf(key, payment)).toMatchObject({
      state: "PAID",
      chaos,
      takings: [{ amount: 1990, acknowledgedAt: null }],
    });
    await by(key, Date.now() + limits.pollMs.early, async () => expect(await stateNow(key)).toBe("PAID"));
  });

  it("takes money of a payment that it has called closed, and the cancelled order still finds a place for it", async () => {
    const { key, payment } = await scene();
    const now = Date.now();
    const chaos = seedFor(
      payment,
      ({ lateMs, againAfterMs, percent, failure }) =>
        lateMs > 5_000 && againAfterMs === null && percent === 100 && failure === "NONE",
    );
    await payUnder(payment, chaos);
    await liveCode(key).apply({ kind: "cancel", reason: null });
    await vi.waitFor(async () => expect(await stateNow(key)).toBe("CANCELLED"));
    await by(key, now + 30_000, async () => {
      const order = await orderOf(key);
      expect(order.captures).toMatchObject([{ attempt: payment, amount: 1990 }]);
      expect(stateOf(order, Date.now())).toBe("PAID");
    });
    expect((await booksOf(key, payment)).takings).toMatchObject([{ acknowledgedAt: expect.any(Number) as number }]);
  });

  it("takes the same money twice: one payment counts, the other goes back, and both books agree", async () => {
    const { key, payment } = await scene();
    const now = Date.now();
    const chaos = seedFor(payment, ({ againAfterMs, percent }) => againAfterMs !== null && percent === 100);
    await payUnder(payment, chaos);
    await by(key, now + 60_000, async () => {
      const order = await orderOf(key);
      expect(order.captures.map(({ disposition }) => disposition).toSorted()).toEqual(["ACCEPTED", "DUPLICATE"]);
      expect([receivedOf(order), refundedOf(order)]).toEqual([3980, 1990]);
    });
    const { takings } = await booksOf(key, payment);
    expect(takings.map(({ amount }) => amount)).toEqual([1990, 1990]);
    expect(takings.flatMap(({ refunds }) => refunds)).toEqual([{ refund: `refund_${key}0001`, amount: 1990 }]);
  });

  it("misbehaves in the same way when its object died between deciding and telling", async () => {
    const { key, payment } = await scene();
    const now = Date.now();
    const chaos = seedFor(
      payment,
      ({ tellings, lateMs, againAfterMs, skewMs, percent, failure }) =>
        failure === "NONE" &&
        tellings.length > 1 &&
        lateMs === 0 &&
        againAfterMs === null &&
        skewMs === 0 &&
        percent === 100,
    );
    await payUntold(key, payment, { chaos });
    vi.restoreAllMocks();
    const { unsent } = await walletObject(key).books("");
    const mine = unsent.filter(({ body }) => body.includes(payment));
    const inOrder = (copies: readonly number[]) => copies.toSorted((a, b) => a - b);
    expect(inOrder(mine.map(({ copies }) => copies))).toEqual(
      inOrder(whimsOf(chaos, payment).tellings.map(({ copies }) => copies)),
    );
    await by(key, now + 60_000, async () => {
      expect(await stateNow(key)).toBe("PAID");
      expect((await walletObject(key).books("")).unsent.filter(({ body }) => body.includes(payment))).toEqual([]);
    });
    expect((await orderOf(key)).captures).toHaveLength(1);
  });

  it("pays what the payer chose, and refuses a seed that is too long", async () => {
    const { key, payment } = await scene();
    const long = await payUnder(payment, "x".repeat(limits.sandboxChaosLengthMax + 1));
    expect([long.status, (await long.text()).includes("chaos")]).toEqual([400, true]);
    const chaos = seedFor(payment, isPlain);
    await payUnder(payment, chaos, { amount: "10.00" });
    expect((await orderOf(key)).captures).toMatchObject([{ amount: 1000 }]);
  });
});

describe("the wallet's books", () => {
  it("are open on a developer's machine, a page at a time, and nowhere else", async () => {
    const { key, payment } = await scene();
    const open = await visit(`/sandbox/ledger/${key.slice(0, 1)}`);
    expect([open.status, open.headers.get("cache-control")]).toEqual([200, "no-store"]);
    const { entries } = await open.json<SandboxBooks>();
    expect(entries).toContainEqual(expect.objectContaining({ payment, state: "OPEN", takings: [] }));
    const after = await visit(`/sandbox/ledger/${key.slice(0, 1)}?after=${payment}`);
    expect((await after.json<SandboxBooks>()).entries.map((entry) => entry.payment)).not.toContain(payment);
    for (const none of ["", "!", "I", "00", "undefined", key])
      expect((await visit(`/sandbox/ledger/${none}`)).status).toBe(404);

    const closed = await sandboxBooksDoor(
      new Request("https://pay.example/sandbox/ledger/0"),
      "0",
      { local: false } as Deps,
      () => {
        throw new Error("no wallet may be asked");
      },
    );
    expect(closed.status).toBe(404);
  });
});
