/**
 * What every payment provider's port must do, whatever its words, signatures and amounts look like. A new port brings a bench: the provider's
 * side of the street, which signs as the provider does and settles a payment as its payer would. An exemption names its reason.
 */
import { describe, expect, it } from "vitest";
import type { OrderKey } from "../src/core/ids.ts";
import { paymentId, refundId } from "../src/core/ids.ts";
import { limits } from "../src/core/limits.ts";
import type { Currency, Minor } from "../src/core/money.ts";
import type { PaymentPort, PaymentRequest, ProviderNews } from "../src/payments/provider.ts";
import { randomKey } from "./workers/terms.ts";

export type ProviderMessage = { readonly headers: Headers; readonly body: Uint8Array };
/** A payment as the provider tells of it. */
export type ToldPayment = {
  readonly payment: string;
  readonly order: OrderKey;
  readonly transaction: string;
  readonly amount: Minor;
  readonly currency: Currency;
  readonly paidAt: number;
  readonly person: string;
};
export type ProviderBench<Credentials> = {
  readonly port: PaymentPort<Credentials>;
  readonly credentials: Credentials;
  /** Another merchant's, at the same provider. */
  readonly strangers: Credentials;
  /** What a merchant may mistype. */
  readonly unusable: readonly unknown[];
  /** Texts of the credentials that nobody may see again. */
  readonly secrets: readonly string[];
  readonly currencies: readonly Currency[];
  /** Signs a body as the provider does. */
  sign(body: Uint8Array, credentials: Credentials, now: number): ProviderMessage;
  succeeded(told: ToldPayment): Uint8Array;
  failed(told: ToldPayment): Uint8Array;
  refunded(told: ToldPayment, refund: string): Uint8Array;
  /** The payer follows to where the payment is, for providers that know of none before. */
  open?(payment: string): Promise<void>;
  /** The payer pays what was asked, and no notification ever comes. */
  pay(payment: string): Promise<void>;
  /** The payer is declined. */
  decline(payment: string): Promise<void>;
  readonly exempt?: { readonly signedTime?: string; readonly failure?: string };
};

/** The account that the port is told it speaks for. */
export const benchAccount = "account_BENCH";
const told = (fields: Partial<ToldPayment> = {}): ToldPayment => {
  const order = fields.order ?? randomKey();
  const payment = paymentId(order, 1);
  return {
    order,
    payment,
    transaction: "4200001",
    amount: 1990,
    currency: "CNY" as Currency,
    paidAt: Date.now() - 1000,
    person: "person-1",
    ...fields,
  };
};
const request = (order: OrderKey): PaymentRequest => ({
  payment: paymentId(order, 1),
  order,
  amount: 1990,
  currency: "CNY" as Currency,
  description: "Tea House 茶 · 1001",
  returnUrl: "https://pay.example/c/SLUG",
  notificationUrl: `https://pay.example/payments/x/${benchAccount}/notifications`,
  expiresAt: Date.now() + 3_600_000,
});

export function providerContract<Credentials>(name: string, make: () => ProviderBench<Credentials>): void {
  const bench = make();
  const { port, credentials } = bench;
  const call = (now = Date.now()) => ({ now, account: benchAccount });
  const tell = ({ headers, body }: ProviderMessage, now = Date.now()) =>
    port.verify(credentials, headers, body, call(now));
  const signed = (body: Uint8Array, by = credentials, now = Date.now()) => bench.sign(body, by, now);
  const unsigned = (body: Uint8Array): ProviderMessage => ({ headers: new Headers(), body });
  const understood = async (body: Uint8Array): Promise<ProviderNews> => {
    const news = await tell(signed(body));
    if (!news.ok) throw new Error(`the port answered ${news.error}`);
    return news.value;
  };
  /** A live code remembers a payment's reference, and gives it back with every question. */
  const about = ({ reference = null }: Pick<PaymentRequest, "reference">) => ({ ...call(), reference });
  const begun = async (): Promise<PaymentRequest> => {
    const asked = request(randomKey());
    const made = await port.begin(credentials, asked, call());
    if (!made.ok) throw new Error(made.error.message);
    return { ...asked, reference: made.value.reference };
  };
  const captureFound = async (asked: PaymentRequest) => {
    const report = await port.query(credentials, asked.payment, about(asked));
    if (!report.ok || report.value.state !== "NEWS" || report.value.news.kind !== "captured")
      throw new Error("no capture found");
    return report.value.news.capture;
  };

  describe(`${name}, as every port`, () => {
    it("takes whole credentials only, and shows nothing of them but fingerprints", () => {
      expect(port.read(structuredClone(credentials))).toEqual(credentials);
      for (const wrong of [null, undefined, "", [], {}, ...bench.unusable]) expect(port.read(wrong)).toBeNull();
      const shown = port.fingerprints(credentials).join(" ");
      expect(shown).not.toBe(port.fingerprints(bench.strangers).join(" "));
      for (const secret of bench.secrets) expect(shown).not.toContain(secret);
    });

    it("tells of money to the last minor unit, whatever the places of the currency", async () => {
      for (const currency of bench.currencies) {
        for (const amount of [1, 7, 10, 99, 100, 101, 1990, 123_456_789, limits.amountMinorMax]) {
          const payment = told({ amount, currency, transaction: `T${amount}` });
          const news = await understood(bench.succeeded(payment));
          expect(news).toMatchObject({
            kind: "captured",
            order: payment.order,
            capture: {
              id: `${port.provider}:T${amount}`,
              provider: port.provider,
              attempt: payment.payment,
              amount,
              currency,
            },
          });
        }
      }
    });

    it("says when it was paid and by whom", async () => {
      const payment = told({ paidAt: Date.parse("2026-02-03T04:05:06Z") });
      const news = await understood(bench.succeeded(payment));
      expect(news).toMatchObject({
        capture: { paidAt: payment.paidAt, identities: [{ kind: "WALLET", value: payment.person, verified: true }] },
      });
    });

    it.skipIf(bench.exempt?.failure)("tells of failures in our words", async () => {
      const payment = told();
      expect(await understood(bench.failed(payment))).toMatchObject({
        kind: "ended",
        order: payment.order,
        command: { attempt: payment.payment, outcome: "FAILED" },
      });
    });

    it("tells of refunds in our words", async () => {
      const payment = told();
      const refund = refundId(payment.order, 1);
      expect(await understood(bench.refunded(payment, refund))).toMatchObject({
        kind: "refunded",
        order: payment.order,
        command: {
          refund,
          capture: `${port.provider}:${payment.transaction}`,
          amount: payment.amount,
          outcome: "SUCCEEDED",
        },
      });
    });

    it("believes nothing that the account's secret did not sign, byte for byte", async () => {
      const raw = bench.succeeded(told());
      const message = signed(raw);
      const { headers, body } = message;
      expect(await tell(message)).toMatchObject({ ok: true });
      expect(await tell(unsigned(raw))).toEqual({ ok: false, error: "SIGNATURE" });
      expect(await tell(signed(raw, bench.strangers))).toEqual({ ok: false, error: "SIGNATURE" });
      for (const at of [0, 1, body.length >> 1, body.length - 1]) {
        for (const mask of [0x01, 0x20, 0x80]) {
          const tampered = body.with(at, (body[at] ?? 0) ^ mask);
          expect(await tell({ headers, body: tampered })).toEqual({ ok: false, error: "SIGNATURE" });
        }
      }
      expect(await tell({ headers, body: body.slice(0, -1) })).toEqual({ ok: false, error: "SIGNATURE" });
      expect(await tell({ headers, body: new Uint8Array(0) })).toEqual({ ok: false, error: "SIGNATURE" });
    });

    it.skipIf(bench.exempt?.signedTime)("believes a signature for five minutes, before and after", async () => {
      const body = bench.succeeded(told());
      const now = Date.now();
      for (const [offSeconds, good] of [
        [-299, true],
        [299, true],
        [-302, false],
        [302, false],
        [99_999, false],
      ] as const) {
        const heard = await tell(signed(body, credentials, now + offSeconds * 1000), now);
        expect([offSeconds, heard.ok]).toEqual([offSeconds, good]);
      }
    });

    it("calls what is signed and makes no sense unreadable, and what is not signed merely that", async () => {
      const bodies = ["", "null", "[]", "{}", "<xml/>", '{"type":', "\u0000"].map((text) =>
        new TextEncoder().encode(text),
      );
      for (const body of [...bodies, new Uint8Array([0xff, 0xfe, 0x00])]) {
        expect(await tell(signed(body))).toEqual({ ok: false, error: "UNREADABLE" });
        expect(await tell(unsigned(body))).toEqual({ ok: false, error: "SIGNATURE" });
      }
    });

    it("begins a payment once, knows nothing of it while nothing happens, and finds what no notification told", async () => {
      const asked = await begun();
      expect(await port.begin(credentials, asked, call())).toMatchObject({ ok: true });
      expect(await port.query(credentials, asked.payment, about(asked))).toEqual({
        ok: true,
        value: { state: "PENDING" },
      });
      await bench.pay(asked.payment);
      const found = await captureFound(asked);
      expect(found).toMatchObject({
        provider: port.provider,
        attempt: asked.payment,
        amount: asked.amount,
        currency: asked.currency,
      });
      expect(await captureFound(asked)).toEqual(found);
    });

    it("says the same of a payment by query as by notification", async () => {
      const asked = await begun();
      await bench.pay(asked.payment);
      const found = await captureFound(asked);
      const { transaction, paidAt } = found;
      const person = found.identities[0]?.value ?? "";
      const heard = await understood(bench.succeeded(told({ order: asked.order, transaction, paidAt, person })));
      expect(heard).toEqual({ kind: "captured", order: asked.order, capture: found });
    });

    it("says that a payment nobody knows is pending", async () => {
      expect(await port.query(credentials, paymentId(randomKey(), 1), call())).toEqual({
        ok: true,
        value: { state: "PENDING" },
      });
    });

    it.skipIf(bench.exempt?.failure)("says that a declined payment failed", async () => {
      const asked = await begun();
      await bench.decline(asked.payment);
      expect(await port.query(credentials, asked.payment, about(asked))).toMatchObject({
        value: { state: "NEWS", news: { kind: "ended", command: { attempt: asked.payment, outcome: "FAILED" } } },
      });
    });

    it("closes for good: what is closed cannot be paid, what was paid is told instead", async () => {
      const closed = await begun();
      await bench.open?.(closed.payment);
      const ended = {
        ok: true,
        value: { state: "NEWS", news: { kind: "ended", command: { attempt: closed.payment, outcome: "CLOSED" } } },
      };
      expect(await port.close(credentials, closed.payment, about(closed))).toMatchObject(ended);
      await bench.pay(closed.payment).catch(() => undefined);
      expect(await port.close(credentials, closed.payment, about(closed))).toMatchObject(ended);
      expect(await port.query(credentials, closed.payment, about(closed))).toMatchObject(ended);

      const paid = await begun();
      await bench.pay(paid.payment);
      expect(await port.close(credentials, paid.payment, about(paid))).toMatchObject({
        value: { state: "NEWS", news: { kind: "captured", capture: { attempt: paid.payment } } },
      });
    });

    it("closes what never began, so that an order need not wait for it", async () => {
      const asked = request(randomKey());
      expect(await port.close(credentials, asked.payment, call())).toMatchObject({
        value: { state: "NEWS", news: { kind: "ended", command: { outcome: "CLOSED" } } },
      });
    });

    it("gives money back once per refund, in parts, and never more than came", async () => {
      const asked = await begun();
      await bench.pay(asked.payment);
      const { transaction } = await captureFound(asked);
      const give = (number: number, amount: Minor) =>
        port.refund(
          credentials,
          {
            refund: refundId(asked.order, number),
            payment: asked.payment,
            transaction,
            captured: asked.amount,
            amount,
            currency: asked.currency,
          },
          call(),
        );
      const states = [];
      for (const [number, amount] of [
        [1, 990],
        [1, 990],
        [2, 1000],
        [2, 1000],
        [1, 990],
      ] as const)
        states.push(await give(number, amount));
      for (const state of states)
        expect(state).toMatchObject({
          ok: true,
          value: { state: expect.stringMatching(/^(SUCCEEDED|PENDING)$/) as string },
        });
      const excess = await give(3, 1);
      expect(excess.ok ? excess.value.state : excess.error.reason).toMatch(/^(FAILED|REFUSED)$/);
    });
  });
}
