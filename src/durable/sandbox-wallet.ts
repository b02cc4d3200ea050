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
import type { PaymentAccountProtocol } from "./protocol.ts";
import { sandboxLedger, type OutgoingNotification } from "./sandbox-ledger.ts";
import {
  decide,
  noticeId,
  noticeOf,
  statusOf,
  type SandboxDecision,
  type SandboxPayment,
  type SandboxPaymentState,
} from "./sandbox-payment.ts";

/** What the wallet's page shows. */
export type SandboxPaymentView = {
  readonly state: SandboxPaymentState;
  readonly amount: Minor;
  readonly currency: Currency;
  readonly description: string;
  readonly returnUrl: string;
};
export interface SandboxWalletProtocol extends SandboxWalletApi {
  /** Null for a payment that never began. */
  look(payment: string): Promise<SandboxPaymentView | null>;
  /** Resolves when what is to be sent at once has been sent. Deciding again what is decided does nothing. */
  decide(payment: string, decision: SandboxDecision): Promise<void>;
}

/** The wallet that keeps an order's payments: the first character of its key spreads them over 32 objects. */
export const sandboxWallet = (env: Env, order: OrderKey): SandboxWalletProtocol =>
  env.SANDBOX_WALLET.getByName(order.slice(0, 1));

/** How long one sending may take before the alarm thinks that it was cut short. */
const sendingMs = limits.providerTimeoutMs + 5_000;

export class SandboxWallet extends DurableObject<Env> implements SandboxWalletProtocol {
  private readonly ledger = sandboxLedger(this.ctx.storage.sql);

  async begin(request: PaymentRequest, account: string): Promise<boolean> {
    return this.ctx.storage.transactionSync(() => {
      const known = this.ledger.payment(request.payment);
      if (known) return known.state !== "CLOSED";
      this.ledger.savePayment({ id: request.payment, state: "OPEN", account, request, succeeded: null });
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
    return statusOf(this.ledger.payment(payment));
  }

  async decide(id: string, decision: SandboxDecision): Promise<void> {
    const now = Date.now();
    const notification = this.ctx.storage.transactionSync(() => {
      const payment = this.ledger.payment(id);
      const decided = payment && decide(payment, decision, now);
      if (!decided) return null;
      this.ledger.savePayment(decided);
      return this.queue(decided, noticeOf(decided), decision.notifications, now, decision.delayMs);
    });
    if (notification && decision.delayMs === 0) await this.send(notification);
  }

  async close(id: string): Promise<SandboxPaymentStatus> {
    return this.ctx.storage.transactionSync(() => {
      const known = this.ledger.payment(id);
      if (known?.state === "PAID" || known?.state === "CLOSED") return statusOf(known);
      // A payment that is not known yet may still be on its way here: it must find itself closed.
      const closed: SandboxPayment = { id, account: "", request: null, succeeded: null, ...known, state: "CLOSED" };
      this.ledger.savePayment(closed);
      return statusOf(closed);
    });
  }

  /** A transaction that is not in the books is taken at its word: tests sign notifications as the wallet, and what the wallet said has happened. */
  async refund(
    { refund, payment: id, transaction, amount, currency }: RefundRequest,
    account: string,
  ): Promise<boolean> {
    const now = Date.now();
    const { taken, notification } = this.ctx.storage.transactionSync(() => {
      if (this.ledger.isRefunded(transaction, refund)) return { taken: true, notification: null };
      const payment = id === null ? null : this.ledger.payment(id);
      const paid = payment?.succeeded?.transaction === transaction ? payment.succeeded.amount : null;
      if (paid !== null && this.ledger.refundedOf(transaction) + amount > paid)
        return { taken: false, notification: null };
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
      return { taken: true, notification: payment && this.queue({ ...payment, account }, notice, 1, now, 0) };
    });
    // The answer already says it; the notification follows as it does elsewhere.
    if (notification) this.ctx.waitUntil(this.send(notification));
    return taken;
  }

  /** Sends what waited, and what a crash interrupted. Re-arms before it reads anything, so that no fault ends it; nothing due is nothing to do. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    await this.ctx.storage.setAlarm(now + sendingMs);
    try {
      const due = this.ctx.storage.transactionSync(() => {
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

  /** Inside the transaction that decided: what is promised is on disk, with an alarm, before anything is sent. */
  private queue(
    payment: SandboxPayment,
    notice: SandboxNotification | null,
    copies: number,
    now: number,
    delayMs: number,
  ): OutgoingNotification | null {
    if (!notice || !payment.request || copies === 0) return null;
    const { notificationUrl, returnUrl } = payment.request;
    const notification: OutgoingNotification = {
      id: notice.id ?? noticeId(now),
      account: payment.account,
      url: notificationUrl,
      // The payer returns to the product, so whatever shares that origin is the product too.
      own: new URL(notificationUrl).origin === new URL(returnUrl).origin,
      body: JSON.stringify(notice),
      copies,
      attempts: 0,
      dueAt: now + (delayMs > 0 ? delayMs : sendingMs),
    };
    this.ledger.saveNotification(notification);
    this.arm();
    return notification;
  }

  /** All copies at once. What was not taken is told again later; never throws. */
  private async send(notification: OutgoingNotification): Promise<void> {
    const taken = await this.post(notification).catch((fault: unknown) => {
      console.error("a sandbox notification could not be sent", notification.id, fault);
      return 0;
    });
    this.ctx.storage.transactionSync(() => {
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

  /** How many copies were taken. */
  private async post({ account, url, own, body, copies }: OutgoingNotification): Promise<number> {
    const payments = this.env.PAYMENT_ACCOUNT.getByName(account) as unknown as PaymentAccountProtocol;
    const signature = await payments.signAsSandbox(body);
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
    const at = this.ledger.nextDueAt();
    void (at === null ? this.ctx.storage.deleteAlarm() : this.ctx.storage.setAlarm(at));
  }
}
