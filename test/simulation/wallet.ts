/**
 * A payment provider and the people in it: keeps its own books, answers what it is asked, and tells what happened by signed notifications,
 * which it loses, repeats, delays and shuffles. Its books are the truth that the product's are compared with.
 */
import { orderId, orderKeyOf, type OrderKey } from "../../src/core/ids.ts";
import { limits } from "../../src/core/limits.ts";
import type { PaymentRequest, RefundRequest } from "../../src/payments/provider.ts";
import type { SandboxNotification } from "../../src/payments/sandbox-notification.ts";
import { sandboxSignatureHeader, signAsSandbox } from "../../src/payments/sandbox-signature.ts";
import type { SandboxPaymentStatus, SandboxWalletApi } from "../../src/payments/sandbox.ts";
import type { SettledPayment, SettlePaymentError } from "../../src/resolvers/settle-payment.ts";
import type { Result } from "../../src/core/result.ts";
import type { Chance } from "./chance.ts";
import type { Clock } from "./clock.ts";
import { PlatformFault, type Platform } from "./platform.ts";

type Payment = {
  state: "OPEN" | "FAILED" | "PAID" | "CLOSED";
  readonly request: PaymentRequest | null;
  readonly account: string;
  told: SandboxNotification | null;
};
type Succeeded = Extract<SandboxNotification, { type: "payment.succeeded" }>;
/** Money that it took, and what of it went back, by the refund's id. */
export type Taken = { readonly told: Succeeded; readonly account: string; readonly returned: Map<string, number> };
/** What somebody pays, where it is not what was asked. */
export type Paying = { readonly amount?: number; readonly paidAt?: number; readonly by: string };
export type Door = (
  account: string,
  headers: Headers,
  body: Uint8Array,
) => Promise<Result<SettledPayment, SettlePaymentError>>;
/** A notification that was taken, and what the product made of it. */
export type Acknowledged = {
  readonly told: SandboxNotification;
  readonly account: string;
  readonly made: SettledPayment;
};

export class Wallet {
  readonly taken: Taken[] = [];
  readonly acknowledged: Acknowledged[] = [];
  isAway = false;
  /** That a notification is lost for good, and that somebody's refund is refused. */
  forgetful = 0;
  stubborn = 0;
  private readonly payments = new Map<string, Payment>();
  private readonly refused = new Set<string>();
  private readonly clock: Clock;
  private readonly chance: Chance;
  private readonly secretOf: (account: string) => string;
  private readonly door: Door;
  private numbers = 0;

  constructor(platform: Platform, chance: Chance, secretOf: (account: string) => string, door: Door) {
    this.clock = platform.clock;
    this.chance = chance;
    this.secretOf = secretOf;
    this.door = door;
    const asked = <T>(work: () => T): Promise<T> =>
      platform.remote(() => {
        if (this.isAway) throw new PlatformFault("the wallet is away");
        return work();
      });
    const api: SandboxWalletApi = {
      begin: (request, account) => asked(() => this.begin(request, account)),
      query: (payment) => asked(() => statusOf(this.payments.get(payment))),
      close: (payment) => asked(() => this.close(payment)),
      refund: (request) => asked(() => this.refund(request)),
    };
    platform.env["SANDBOX_WALLET"] = { getByName: () => api };
  }

  /** The payments that are asked for and can be paid. */
  open(order: OrderKey): readonly string[] {
    return [...this.payments].flatMap(([id, { state, request }]) =>
      request?.order === order && (state === "OPEN" || state === "FAILED") ? [id] : [],
    );
  }

  /** Somebody pays what they were asked for. Nothing happens when it was closed meanwhile. */
  pay(id: string, { amount, paidAt, by }: Paying): void {
    const payment = this.payments.get(id);
    if (!payment?.request || payment.state === "CLOSED" || payment.state === "PAID") return;
    const { order, amount: asked, currency } = payment.request;
    payment.state = "PAID";
    payment.told = this.take(order, payment.account, { payment: id, amount: amount ?? asked, currency, paidAt, by });
    this.tell(payment.told, payment.account);
  }

  /** Money for an order that was never asked for here, as a printed code or a bank would bring it. It is told until it is taken. */
  payUnasked(order: OrderKey, account: string, currency: string, paying: Paying & { readonly amount: number }): void {
    const { amount, paidAt, by } = paying;
    this.tell(this.take(order, account, { payment: null, amount, currency, paidAt, by }), account, true);
  }

  fail(id: string): void {
    const payment = this.payments.get(id);
    if (!payment?.request || payment.state !== "OPEN") return;
    payment.state = "FAILED";
    payment.told = {
      id: this.number("evt"),
      type: "payment.failed",
      payment: id,
      order: orderId(payment.request.order),
    };
    this.tell(payment.told, payment.account);
  }

  /** The provider gives money back by itself. */
  giveBack(order: OrderKey): void {
    const taken = this.taken.find(({ told, returned }) => told.order === orderId(order) && returned.size === 0);
    if (taken) this.tellRefund(taken, this.number("theirs"), taken.told.amount, true);
  }

  private take(
    order: OrderKey,
    account: string,
    paid: { payment: string | null; amount: number; currency: string; paidAt: number | undefined; by: string },
  ): Succeeded {
    const told = {
      id: this.number("evt"),
      type: "payment.succeeded",
      payment: paid.payment,
      order: orderId(order),
      transaction: this.number("T"),
      amount: paid.amount,
      currency: paid.currency,
      paidAt: new Date(paid.paidAt ?? this.clock.now).toISOString(),
      payer: { id: paid.by, name: paid.by },
    } as Succeeded;
    this.taken.push({ told, account, returned: new Map() });
    return told;
  }

  private begin(request: PaymentRequest, account: string): boolean {
    const known = this.payments.get(request.payment);
    if (known) return known.state !== "CLOSED";
    this.payments.set(request.payment, { state: "OPEN", request, account, told: null });
    return true;
  }

  private close(id: string): SandboxPaymentStatus {
    const known = this.payments.get(id);
    if (!known) this.payments.set(id, { state: "CLOSED", request: null, account: "", told: null });
    else if (known.state !== "PAID") Object.assign(known, { state: "CLOSED", told: null });
    return statusOf(this.payments.get(id));
  }

  private refund({ refund, transaction, amount }: RefundRequest): boolean {
    const taken = this.taken.find(({ told }) => told.transaction === transaction);
    if (!taken || this.refused.has(refund)) return false;
    if (taken.returned.has(refund)) return true;
    const left = taken.told.amount - [...taken.returned.values()].reduce((all, one) => all + one, 0);
    if (amount > left || this.chance.happens(this.stubborn)) {
      this.refused.add(refund);
      return false;
    }
    this.tellRefund(taken, refund, amount, false);
    return true;
  }

  private tellRefund({ told, account, returned }: Taken, refund: string, amount: number, untilTaken: boolean): void {
    returned.set(refund, amount);
    const { payment, order, transaction, currency } = told;
    this.tell(
      { id: this.number("evt"), type: "refund.succeeded", payment, order, transaction, amount, currency, refund },
      account,
      untilTaken,
    );
  }

  private tell(told: SandboxNotification, account: string, untilTaken = false): void {
    if (!untilTaken && this.chance.happens(this.forgetful)) return;
    const copies = this.chance.pick([1, 1, 1, 2, 3]);
    for (let copy = 0; copy < copies; copy += 1) {
      const wait = this.chance.happens(0.15)
        ? this.chance.between(60_000, 4 * 3_600_000)
        : this.chance.between(10, 20_000);
      this.clock.after(wait, () => void this.post(told, account, 0, untilTaken));
    }
  }

  private async post(told: SandboxNotification, account: string, attempt: number, untilTaken: boolean): Promise<void> {
    const body = Buffer.from(JSON.stringify(told));
    const headers = new Headers({
      [sandboxSignatureHeader]: signAsSandbox(this.secretOf(account), body, this.clock.now),
    });
    try {
      const made = await this.door(account, headers, body);
      if (made.ok) return void this.acknowledged.push({ told, account, made: made.value });
    } catch {
      // Told again, like any answer but a good one.
    }
    const wait = limits.sandboxRetryMs[attempt] ?? (untilTaken ? 3_600_000 : null);
    if (wait !== null) this.clock.after(wait, () => void this.post(told, account, attempt + 1, untilTaken));
  }

  private number(prefix: string): string {
    this.numbers += 1;
    return `${prefix}_${this.numbers}`;
  }
}

function statusOf(payment: Payment | undefined): SandboxPaymentStatus {
  if (payment?.told) return { state: "TOLD", notification: payment.told };
  return { state: payment?.state === "CLOSED" ? "CLOSED" : "OPEN" };
}

/** Where a wallet's words lead. */
export const keyOf = (told: SandboxNotification): OrderKey | null => (told.order ? orderKeyOf(told.order) : null);
