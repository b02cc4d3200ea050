/**
 * The pretend wallet: the sandbox provider's side of the street, in an object of its own. It keeps its books, takes the payer's decision, answers
 * the product's questions, and tells what happened as a real provider would: by a signed POST to the address it was given, again and again
 * until it is taken. It never sees a secret and never touches an order.
 */
import { DurableObject } from "cloudflare:workers";
import { orderId, orderKeyOf, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Currency, Minor } from "../core/money.ts";
import type { PaymentRequest, RefundRequest } from "../payments/provider.ts";
import type { SandboxNotification } from "../payments/sandbox-notification.ts";
import { sandboxSignatureHeader } from "../payments/sandbox-signature.ts";
import type { SandboxPaymentStatus, SandboxWalletApi } from "../payments/sandbox.ts";
import { KnownAlarm } from "./known-alarm.ts";
import type { PaymentAccountProtocol } from "./protocol.ts";
import { sandboxLedger, type OutgoingNotification, type SandboxRefund } from "./sandbox-ledger.ts";
import {
  close,
  decide,
  noticeId,
  statusOf,
  type SandboxDecision,
  type SandboxPayment,
  type SandboxPaymentState,
  type ToTell,
} from "./sandbox-payment.ts";
import { whimsOf } from "./sandbox-chaos.ts";

/** What the wallet's page shows. */
export type SandboxPaymentView = {
  readonly state: SandboxPaymentState;
  readonly amount: Minor;
  readonly currency: Currency;
  readonly description: string;
  readonly returnUrl: string;
};
/** What the wallet's books say of a payment. */
export type SandboxBooksEntry = {
  readonly payment: string;
  readonly account: string;
  readonly state: SandboxPaymentState;
  readonly chaos: string | null;
  readonly takings: readonly {
    readonly transaction: string;
    readonly amount: Minor;
    readonly currency: Currency;
    readonly paidAt: string;
    readonly takenAt: number;
    readonly acknowledgedAt: number | null;
    readonly refunds: readonly SandboxRefund[];
  }[];
};
/** `unsent`: notifications still to be sent, by this clock. `next`: where to read on; null at the end. */
export type SandboxBooks = {
  readonly entries: readonly SandboxBooksEntry[];
  readonly unsent: readonly Pick<OutgoingNotification, "dueAt" | "attempts" | "copies" | "skewMs" | "body">[];
  readonly next: string | null;
};
export interface SandboxWalletProtocol extends SandboxWalletApi {
  /** Null for a payment that never began. */
  look(payment: string): Promise<SandboxPaymentView | null>;
  /** Resolves when what is to be sent at once has been sent. Deciding again what is decided does nothing. */
  decide(payment: string, decision: SandboxDecision): Promise<void>;
  /** A page of all that is kept, from after a payment on. */
  books(after: string): Promise<SandboxBooks>;
}

/** The wallet that keeps an order's payments: the first character of its key spreads them over 32 objects. */
export const sandboxWallet = (env: Env, order: OrderKey): SandboxWalletProtocol =>
  sandboxWalletNamed(env, order.slice(0, 1));
export const sandboxWalletNamed = (env: Env, name: string): SandboxWalletProtocol => env.SANDBOX_WALLET.getByName(name);

/** How a wallet that behaves tells of something. */
const calmly = { tellings: [{ copies: 1, delayMs: 0 }], skewMs: 0 } as const;

/** How long one sending may take before the alarm thinks that it was cut short. */
const sendingMs = limits.providerTimeoutMs + 5_000;

export class SandboxWallet extends DurableObject<Env> implements SandboxWalletProtocol {
  private readonly ledger = sandboxLedger(this.ctx.storage.sql);
  private readonly alarmClock = new KnownAlarm(this.ctx, () => this.ledger.nextDueAt());

  async begin(request: PaymentRequest, account: string): Promise<boolean> {
    return this.ctx.storage.transactionSync(() => {
      const known = this.ledger.payment(request.payment);
      if (known) return known.state !== "CLOSED";
      this.ledger.savePayment({ id: request.payment, state: "OPEN", account, request, takings: [], chaos: null });
      return true;
    });
  }

  async look(payment: string): Promise<SandboxPaymentView | null> {
    const known = this.ledger.payment(payment);
    if (!known?.request) return null;
    const { amount, currency, description, returnUrl } = known.request;
    return { state: known.state, amount, currency, description, returnUrl };
  }

  async query(payment: string): Promise<SandboxPaymentStatus> {
    return statusOf(this.ledger.payment(payment), Date.now());
  }

  async decide(id: string, decision: SandboxDecision): Promise<void> {
    const now = Date.now();
    const queued = this.alarmClock.transaction(() => {
      const payment = this.ledger.payment(id);
      const decided = payment && decide(payment, decision, now);
      if (!decided) return [];
      this.ledger.savePayment(decided.payment);
      return this.queue(decided.payment, decided.toTell, now);
    });
    await Promise.all(queued.map((notification) => this.send(notification)));
  }

  async close(id: string): Promise<SandboxPaymentStatus> {
    const now = Date.now();
    return this.ctx.storage.transactionSync(() => {
      const known = this.ledger.payment(id);
      // A payment that is not known yet may still be on its way here: it must find itself closed.
      const blank: SandboxPayment = { id, account: "", state: "OPEN", request: null, takings: [], chaos: null };
      const closed = close(known ?? blank, now);
      if (closed !== known) this.ledger.savePayment(closed);
      return statusOf(closed, now);
    });
  }

  async books(after: string): Promise<SandboxBooks> {
    const payments = this.ledger.paymentsAfter(after, limits.sandboxBooksPageMax);
    const entries = payments.map(({ id, account, state, chaos, takings }) => ({
      payment: id,
      account,
      state,
      chaos,
      takings: takings.map(({ notice: { transaction, amount, currency, paidAt }, takenAt, acknowledgedAt }) => ({
        transaction,
        amount,
        currency,
        paidAt,
        takenAt,
        acknowledgedAt,
        refunds: this.ledger.refundsOf(transaction),
      })),
    }));
    const unsent = this.ledger
      .dueNotifications(Number.MAX_SAFE_INTEGER, limits.sandboxBooksPageMax)
      .map(({ dueAt, attempts, copies, skewMs, body }) => ({ dueAt, attempts, copies, skewMs, body }));
    return {
      entries,
      unsent,
      next: payments.length < limits.sandboxBooksPageMax ? null : (payments.at(-1)?.id ?? null),
    };
  }

  /** A transaction that is not in the books is taken at its word: tests sign notifications as the wallet, and what the wallet said has happened. */
  async refund(
    { refund, payment: id, transaction, amount, currency }: RefundRequest,
    account: string,
  ): Promise<boolean> {
    const now = Date.now();
    const { taken, queued } = this.alarmClock.transaction(() => {
      if (this.ledger.isRefunded(transaction, refund)) return { taken: true, queued: [] };
      const payment = id === null ? null : this.ledger.payment(id);
      const paid = payment?.takings.find(({ notice }) => notice.transaction === transaction)?.notice.amount;
      if (paid !== undefined && this.ledger.refundedOf(transaction) + amount > paid)
        return { taken: false, queued: [] };
      this.ledger.saveRefund(transaction, refund, amount);
      const order = orderKeyOf(refund);
      const notice: SandboxNotification = {
        id: noticeId(now),
        type: "refund.succeeded",
        payment: id,
        order: order && orderId(order),
        transaction,
        amount,
        currency,
        refund,
      };
      const { tellings, skewMs } = payment?.chaos ? whimsOf(payment.chaos, refund) : calmly;
      const toTell = tellings.map((telling) => ({ ...telling, notice, skewMs }));
      return { taken: true, queued: payment ? this.queue({ ...payment, account }, toTell, now) : [] };
    });
    // The answer already says it; the notification follows as it does elsewhere.
    for (const notification of queued) this.ctx.waitUntil(this.send(notification));
    return taken;
  }

  /** Sends what waited, and what a crash interrupted. Re-arms before it reads anything, so that no fault ends it; nothing due is nothing to do. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    this.alarmClock.rang(now + sendingMs);
    try {
      const due = this.alarmClock.transaction(() => {
        const found = this.ledger.dueNotifications(now, limits.sandboxSendsMax);
        for (const notification of found) this.ledger.saveNotification({ ...notification, dueAt: now + sendingMs });
        this.arm();
        return found;
      });
      await Promise.all(due.map((notification) => this.send(notification)));
    } catch (fault) {
      console.error("alarm of a pretend wallet", fault);
    }
  }

  /**
   * Inside the transaction that decided: what is promised is on disk, with an alarm, before anything is sent. Answers what is to be sent at
   * once, in its order; the alarm sends the rest, and this too should it get lost.
   */
  private queue(payment: SandboxPayment, toTell: readonly ToTell[], now: number): readonly OutgoingNotification[] {
    const { account, request } = payment;
    if (!request) return [];
    const { notificationUrl, returnUrl } = request;
    const queued = toTell.filter(({ copies }) => copies > 0);
    const notifications = queued.map(({ notice, copies, delayMs, skewMs }): OutgoingNotification => ({
      id: noticeId(now),
      account,
      url: notificationUrl,
      // The payer returns to the product, so whatever shares that origin is the product too.
      own: new URL(notificationUrl).origin === new URL(returnUrl).origin,
      body: JSON.stringify(notice),
      copies,
      skewMs,
      attempts: 0,
      dueAt: now + (delayMs > 0 ? delayMs : sendingMs),
    }));
    for (const notification of notifications) this.ledger.saveNotification(notification);
    if (notifications.length > 0) this.arm();
    return notifications.filter((_, index) => queued[index]?.delayMs === 0);
  }

  /** All copies at once. What was not taken is told again later; never throws. */
  private async send(notification: OutgoingNotification): Promise<void> {
    const taken = await this.post(notification).catch((fault: unknown) => {
      console.error("a sandbox notification could not be sent", notification.id, fault);
      return 0;
    });
    this.alarmClock.transaction(() => {
      if (taken > 0) this.acknowledge(notification, Date.now());
      const wait = limits.sandboxRetryMs[notification.attempts];
      if (taken === notification.copies || wait === undefined) return this.ledger.forgetNotification(notification.id);
      this.ledger.saveNotification({
        ...notification,
        copies: notification.copies - taken,
        attempts: notification.attempts + 1,
        dueAt: Date.now() + wait,
      });
      this.arm();
    });
  }

  /** The books say which money the product has acknowledged. */
  private acknowledge({ body }: OutgoingNotification, now: number): void {
    const notice = JSON.parse(body) as SandboxNotification;
    const payment = notice.type === "payment.succeeded" && notice.payment ? this.ledger.payment(notice.payment) : null;
    if (!payment || notice.type !== "payment.succeeded") return;
    const takings = payment.takings.map((taking) =>
      taking.notice.transaction === notice.transaction
        ? { ...taking, acknowledgedAt: taking.acknowledgedAt ?? now }
        : taking,
    );
    this.ledger.savePayment({ ...payment, takings });
  }

  /** How many copies were taken. */
  private async post({ account, url, own, body, copies, skewMs }: OutgoingNotification): Promise<number> {
    const payments = this.env.PAYMENT_ACCOUNT.getByName(account) as unknown as PaymentAccountProtocol;
    const signature = await payments.signAsSandbox(body, skewMs);
    if (signature === null) throw new Error("a sandbox payment of an account that is not a sandbox");
    const door: Pick<Fetcher, "fetch"> = own ? this.ctx.exports.default : globalThis;
    const late = new AbortController();
    // Cleared as soon as all have answered: a timer left behind would keep the object in memory.
    const timer = setTimeout(() => late.abort(), limits.providerTimeoutMs);
    const sendings = Array.from({ length: copies }, async () => {
      const response = await door.fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json", [sandboxSignatureHeader]: signature },
        body,
        redirect: "manual",
        signal: late.signal,
      });
      await response.body?.cancel();
      return response.ok;
    });
    const answers = await Promise.allSettled(sendings);
    clearTimeout(timer);
    return answers.filter((answer) => answer.status === "fulfilled" && answer.value).length;
  }

  private arm(): void {
    this.alarmClock.set(this.ledger.nextDueAt(), true);
  }
}
