/** A payment at the pretend wallet: what the person there may do with it, and what the wallet says of it. Pure but for chance. */
import { orderId, timedSuffix } from "../core/ids.ts";
import type { Minor } from "../core/money.ts";
import type { PaymentRequest } from "../payments/provider.ts";
import type { SandboxNotification } from "../payments/sandbox-notification.ts";
import type { SandboxPaymentStatus } from "../payments/sandbox.ts";

export type SucceededPayment = Extract<SandboxNotification, { type: "payment.succeeded" }>;

/** OPEN and FAILED can still be paid: who was declined may try again. */
export type SandboxPaymentState = "OPEN" | "FAILED" | "PAID" | "CLOSED";
export type SandboxPayment = {
  readonly id: string;
  readonly state: SandboxPaymentState;
  readonly account: string;
  /** Null for a payment that was closed before it began. */
  readonly request: PaymentRequest | null;
  /** Set with PAID. */
  readonly succeeded: SucceededPayment | null;
};
/** What the person at the wallet chose. */
export type SandboxDecision = {
  readonly outcome: "pay" | "fail" | "abandon";
  readonly payer: NonNullable<SucceededPayment["payer"]>;
  /** Null: what was asked for. */
  readonly amount: Minor | null;
  /** Copies, sent at once; 0 is a lost notification. */
  readonly notifications: number;
  readonly delayMs: number;
  /** Null: now. */
  readonly paidAt: number | null;
};

const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(10));
export const noticeId = (now: number): string => `evt_${timedSuffix(now, random())}`;

/** The payment after the decision; null when it changes nothing. A payment is paid once, and not at all once it was closed. */
export function decide(
  payment: SandboxPayment,
  { outcome, payer, amount, paidAt }: SandboxDecision,
  now: number,
): SandboxPayment | null {
  const { request } = payment;
  if (!request || (payment.state !== "OPEN" && payment.state !== "FAILED")) return null;
  switch (outcome) {
    case "abandon":
      return null;
    case "fail":
      return payment.state === "FAILED" ? null : { ...payment, state: "FAILED" };
    case "pay": {
      const succeeded: SucceededPayment = {
        id: noticeId(now),
        type: "payment.succeeded",
        payment: payment.id,
        order: orderId(request.order),
        transaction: timedSuffix(now, random()),
        amount: amount ?? request.amount,
        currency: request.currency,
        paidAt: new Date(paidAt ?? now).toISOString(),
        payer,
      };
      return { ...payment, state: "PAID", succeeded };
    }
  }
}

/** What the wallet has to say of a payment; null while nothing has happened, or when it was merely closed. */
export function noticeOf({ id, state, request, succeeded }: SandboxPayment): SandboxNotification | null {
  if (succeeded) return succeeded;
  if (state !== "FAILED" || !request) return null;
  return { id: noticeId(Date.now()), type: "payment.failed", payment: id, order: orderId(request.order) };
}

export function statusOf(payment: SandboxPayment | null): SandboxPaymentStatus {
  const notification = payment && noticeOf(payment);
  if (notification) return { state: "TOLD", notification };
  return { state: payment?.state === "CLOSED" ? "CLOSED" : "OPEN" };
}
