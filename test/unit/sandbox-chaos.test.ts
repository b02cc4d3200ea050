/** How the pretend wallet misbehaves: always the same way, in every way, and never so that its money could not be found. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { orderKeyFrom, paymentId } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { Currency } from "../../src/core/money.ts";
import { whimsOf, type Whims } from "../../src/durable/sandbox-chaos.ts";
import { close, decide, statusOf, type Decided, type SandboxPayment } from "../../src/durable/sandbox-payment.ts";

const key = orderKeyFrom(new Uint8Array(10).fill(7));
const now = Date.parse("2026-01-31T12:00:00Z");
const payment: SandboxPayment = {
  id: paymentId(key, 1),
  state: "OPEN",
  account: "account_1",
  request: {
    payment: paymentId(key, 1),
    order: key,
    amount: 1990,
    currency: "CNY" as Currency,
    description: "Tea",
    returnUrl: "https://pay.example/c/X",
    notificationUrl: "https://pay.example/n",
    expiresAt: now + 60_000,
  },
  takings: [],
  chaos: null,
};
const plain = {
  outcome: "pay",
  payer: { id: "wallet-42" },
  amount: null,
  notifications: 1,
  delayMs: 0,
  paidAt: null,
} as const;
const payWith = (chaos: string, more = {}): Decided => decide(payment, { ...plain, chaos, ...more }, now)!;
const seeds = Array.from({ length: 3_000 }, (_, index) => `seed-${index}`);
const seedFor = (wanted: (whims: Whims) => boolean): string => seeds.find((seed) => wanted(whimsOf(seed, payment.id)))!;
const isHeard = ({ skewMs, copies }: Decided["toTell"][number]) =>
  copies > 0 && Math.abs(skewMs) <= limits.notificationSkewMs;

describe("the whims of a seed", () => {
  it("are the same for the same payment, and others for another", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (seed, id) => {
        expect(whimsOf(seed, id)).toEqual(whimsOf(seed, id));
      }),
    );
    const different = new Set(seeds.map((seed) => JSON.stringify(whimsOf(seed, payment.id))));
    expect(different.size).toBeGreaterThan(seeds.length / 4);
    expect(seeds.some((id) => JSON.stringify(whimsOf("42", id)) !== JSON.stringify(whimsOf("42", payment.id)))).toBe(
      true,
    );
  });

  it("are drawn from the name behind a seed instead of the payment, where there is one", () => {
    for (const seed of seeds.slice(0, 50)) {
      expect(whimsOf(`${seed}#order-7`, "payment_A")).toEqual(whimsOf(`${seed}#order-7`, "payment_B"));
      expect(whimsOf(`${seed}#order-7`, "payment_A")).toEqual(whimsOf(`${seed}#order-7`, payment.id));
    }
    const names = new Set(seeds.map((name) => JSON.stringify(whimsOf(`42#${name}`, payment.id))));
    expect(names.size).toBeGreaterThan(seeds.length / 4);
  });

  it("know every way to misbehave, and mostly behave in each", () => {
    const all = seeds.map((seed) => whimsOf(seed, payment.id));
    const ways: Record<string, (whims: Whims) => boolean> = {
      "pays too little": ({ percent }) => percent < 100,
      "pays too much": ({ percent }) => percent > 100,
      "pays late": ({ lateMs }) => lateMs > 0,
      "pays twice": ({ againAfterMs }) => againAfterMs !== null,
      "failed before": ({ failure }) => failure === "BEFORE",
      "fails after paying": ({ failure }) => failure === "AFTER",
      "loses the notification": ({ tellings }) => tellings.length === 0,
      "sends copies": ({ tellings }) => (tellings[0]?.copies ?? 0) > 1,
      delays: ({ tellings }) => (tellings[0]?.delayMs ?? 0) > 0,
      "tells again later": ({ tellings }) => tellings.length > 1,
      "has a clock that is a little off": ({ skewMs }) => skewMs !== 0 && Math.abs(skewMs) < limits.notificationSkewMs,
      "has a clock that is far ahead": ({ skewMs }) => skewMs > limits.notificationSkewMs,
      "has a clock that is far behind": ({ skewMs }) => skewMs < -limits.notificationSkewMs,
    };
    for (const [way, is] of Object.entries(ways)) {
      const share = all.filter(is).length / all.length;
      expect([way, share > 0.02, share < 0.8]).toEqual([way, true, true]);
    }
  });
});

describe("money of a wallet that misbehaves", () => {
  it("can always be found: by asking, or because it is told until it is heard", () => {
    for (const seed of seeds) {
      const { payment: paid, toTell } = payWith(seed);
      for (const [index, { notice, takenAt }] of paid.takings.entries()) {
        // Who has heard of one transaction of a payment asks about it no more.
        const asked = paid.takings.length === 1 && takenAt === now;
        const told = toTell.some((one) => one.notice === notice && isHeard(one));
        expect([seed, index, asked || told]).toEqual([seed, index, true]);
      }
    }
  });

  it("is told of only once it has moved, and is another transaction each time", () => {
    for (const seed of seeds) {
      const { payment: paid, toTell } = payWith(seed);
      for (const { notice, takenAt } of paid.takings)
        for (const one of toTell.filter((each) => each.notice === notice))
          expect(now + one.delayMs).toBeGreaterThanOrEqual(takenAt);
      expect(new Set(paid.takings.map(({ notice }) => notice.transaction)).size).toBe(paid.takings.length);
    }
  });

  it("that moves late is unknown when asked before, and moves even when the payment was closed meanwhile", () => {
    const { payment: paid } = payWith(seedFor(({ lateMs, againAfterMs }) => lateMs > 0 && againAfterMs === null));
    const [taking] = paid.takings;
    expect(statusOf(paid, now)).toEqual({ state: "OPEN" });
    const closed = close(paid, now);
    expect(statusOf(closed, now)).toEqual({ state: "CLOSED" });
    expect(statusOf(closed, taking!.takenAt)).toEqual({ state: "TOLD", notification: taking!.notice });
    expect(close(paid, taking!.takenAt)).toBe(paid);
    expect(decide(closed, plain, now)).toBeNull();
  });

  it("is what the payer chose, where the payer chose", () => {
    for (const seed of seeds.slice(0, 200)) {
      const { payment: paid } = payWith(seed, { amount: 700, paidAt: now - 5_000 });
      for (const { notice } of paid.takings)
        expect(notice).toMatchObject({ amount: 700, paidAt: new Date(now - 5_000).toISOString(), payer: plain.payer });
    }
  });

  it("is never nothing, however little was asked", () => {
    const poor = { ...payment, request: { ...payment.request!, amount: 1 } };
    for (const chaos of seeds) {
      for (const { notice } of decide(poor, { ...plain, chaos }, now)!.payment.takings) {
        expect(notice.amount).toBeGreaterThan(0);
        expect(Number.isSafeInteger(notice.amount)).toBe(true);
      }
    }
  });
});
