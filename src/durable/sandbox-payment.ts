/** A payment at the pretend wallet: what the person there may do with it, and what the wallet says of it. Pure but for chance. */
import { orderId, timedSuffix } from "../core/ids.ts";
import type { Minor } from "../core/money.ts";
import type { PaymentRequest } from "../payments/provider.ts";
import type { SandboxNotification } from "../payments/sandbox-notification.ts";
import type { SandboxPaymentStatus } from "../payments/sandbox.ts";
import { whimsOf, type Telling, type Whims } from "./sandbox-chaos.ts";

export type SucceededPayment = Extract<SandboxNotification, { type: "payment.succeeded" }>;

/** OPEN and FAILED can still be paid: who was declined may try again. */
export type SandboxPaymentState = "OPEN" | "FAILED" | "PAID" | "CLOSED";
/** Money that the wallet took, or is about to take: before `takenAt` it says nothing of it. */
export type Taking = {
  readonly notice: SucceededPayment;
  readonly takenAt: number;
  /** When the product first answered 2xx to a notification of it. */
  readonly acknowledgedAt: number | null;
};
export type SandboxPayment = {
  readonly id: string;
  readonly state: SandboxPaymentState;
  readonly account: string;
  /** Null for a payment that was closed before it began. */
  readonly request: PaymentRequest | null;
  /** One, once the payer has decided to pay; a wallet that misbehaves may take the same money again. */
  readonly takings: readonly Taking[];
  /** The seed under which its payer paid. */
  readonly chaos: string | null;
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
  /** Null: when the money moves. */
  readonly paidAt: number | null;
  /** How long after the decision the money moves, even when the payment is closed meanwhile. */
  readonly lateMs?: number;
  /** A seed of misbehaviour. It decides what the fields above leave open, and how all of it is told. */
  readonly chaos?: string | null;
};

/** Something to be told, after so long, by a clock that may be off. */
export type ToTell = Telling & { readonly notice: SandboxNotification; readonly skewMs: number };
export type Decided = { readonly payment: SandboxPayment; readonly toTell: readonly ToTell[] };

const random = (): Uint8Array => crypto.getRandomValues(new Uint8Array(10));
export const noticeId = (now: number): string => `evt_${timedSuffix(now, random())}`;

/** The payment after the decision; null when it changes nothing. A payment is paid once, and not at all once it was closed. */
export function decide(payment: SandboxPayment, decision: SandboxDecision, now: number): Decided | null {
  const { request } = payment;
  if (!request || (payment.state !== "OPEN" && payment.state !== "FAILED")) return null;
  const { outcome, notifications: copies, delayMs } = decision;
  switch (outcome) {
    case "abandon":
      return null;
    case "fail":
      return payment.state === "FAILED"
        ? null
        : {
            payment: { ...payment, state: "FAILED" },
            toTell: [{ notice: failedNotice(payment, request, now), copies, delayMs, skewMs: 0 }],
          };
    case "pay":
      return pay(payment, request, decision, now);
  }
}

/** What a wallet does that behaves. */
const calm = ({ lateMs = 0, notifications: copies, delayMs }: SandboxDecision): Whims => ({
  percent: 100,
  lateMs,
  againAfterMs: null,
  failure: "NONE",
  skewMs: 0,
  tellings: [{ copies, delayMs }],
});

function pay(payment: SandboxPayment, request: PaymentRequest, decision: SandboxDecision, now: number): Decided {
  const chaos = decision.chaos ?? null;
  const { percent, lateMs, againAfterMs, failure, skewMs, tellings } = chaos
    ? whimsOf(chaos, payment.id)
    : calm(decision);
  const take = (takenAt: number): Taking => ({
    notice: {
      id: noticeId(now),
      type: "payment.succeeded",
      payment: payment.id,
      order: orderId(request.order),
      transaction: timedSuffix(now, random()),
      amount: decision.amount ?? Math.max(1, Math.round((request.amount * percent) / 100)),
      currency: request.currency,
      paidAt: new Date(decision.paidAt ?? takenAt + skewMs).toISOString(),
      payer: decision.payer,
    },
    takenAt,
    acknowledgedAt: null,
  });
  const first = take(now + lateMs);
  const again = againAfterMs === null ? [] : [take(first.takenAt + againAfterMs)];
  const failed = failedNotice(payment, request, now);
  const failing =
    failure === "NONE" ? [] : [{ notice: failed, copies: 1, delayMs: failure === "AFTER" ? lateMs : 0, skewMs }];
  const telling = tellings.map(({ copies, delayMs }) => ({
    notice: first.notice,
    copies,
    delayMs: lateMs + delayMs,
    skewMs,
  }));
  return {
    payment: { ...payment, state: "PAID", takings: [first, ...again], chaos },
    toTell: [
      ...failing,
      ...telling,
      // Nobody asks twice about one payment, so this is told until it is heard.
      ...again.map(({ notice, takenAt }) => ({ notice, copies: 1, delayMs: takenAt - now, skewMs })),
    ],
  };
}

const failedNotice = ({ id }: SandboxPayment, { order }: PaymentRequest, now: number): SandboxNotification => ({
  id: noticeId(now),
  type: "payment.failed",
  payment: id,
  order: orderId(order),
});

/** What the wallet says of a payment when it is asked. Money that has not moved yet is not known to it. */
export function statusOf(payment: SandboxPayment | null, now: number): SandboxPaymentStatus {
  const taken = payment?.takings.find(({ takenAt }) => takenAt <= now);
  if (taken) return { state: "TOLD", notification: taken.notice };
  if (payment?.state === "FAILED" && payment.request)
    return { state: "TOLD", notification: failedNotice(payment, payment.request, now) };
  return { state: payment?.state === "CLOSED" ? "CLOSED" : "OPEN" };
}

/** The payment after the product asked to end it: money that has moved stays, money that has not moves all the same. */
export const close = (payment: SandboxPayment, now: number): SandboxPayment =>
  payment.takings.some(({ takenAt }) => takenAt <= now) ? payment : { ...payment, state: "CLOSED" };
