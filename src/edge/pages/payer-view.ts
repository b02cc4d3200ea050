/** What the payer page says, decided before any markup. `claimant` is the browser that asks; what belongs to a payer is told to theirs only. */
import { acceptedOf, dueOf, refundedOf } from "../../core/amounts.ts";
import { bestOf, openAttempts } from "../../core/attempts.ts";
import { knownOf, type ActionOutcome, type Conversion } from "../../core/conversion.ts";
import type { Order, PaymentProvider, Scene } from "../../core/order.ts";
import type { Minor } from "../../core/money.ts";
import { payingBrowserOf } from "../../core/paid.ts";
import { claimAt, type OrderState } from "../../core/state.ts";
import { choiceIn, type Choice } from "../wallets.ts";

export type PayerView =
  /** `again`: this browser began to pay already; paying again leads to the same payment. */
  | {
      readonly kind: "payable";
      readonly due: Minor;
      readonly received: Minor;
      readonly choice: Choice;
      readonly again: boolean;
    }
  /** Somebody else holds the code. */
  | { readonly kind: "busy"; readonly until: number }
  /** Expired or cancelled, but a payment under way is being asked about first. */
  | { readonly kind: "ending" }
  | {
      readonly kind: "paid";
      readonly at: number;
      /** The payment of a browser that paid, or a part. */
      readonly transaction: string | null;
      /** What only the browser whose money made the customer is told. */
      readonly payer: {
        readonly name: string | null;
        readonly coupons: readonly {
          readonly code: string;
          readonly name: string;
          readonly expiresAt: number | null;
        }[];
        readonly staff: string | null;
        readonly mayClaim: boolean;
      } | null;
      /** Something of the conversion is decided in the next moments. */
      readonly settling: boolean;
      readonly refunded: Minor;
      readonly extra: boolean;
      readonly target: string | null;
    }
  | { readonly kind: "review" }
  /** `returned`: money that came too late, or not in full, and goes back. */
  | { readonly kind: "ended"; readonly as: "EXPIRED" | "CANCELLED"; readonly returned: boolean };

export type Onlooker = { readonly claimant: string; readonly scene: Scene; readonly now: number };

export function payerView(order: Order, state: OrderState, { claimant, scene, now }: Onlooker): PayerView {
  switch (state) {
    case "PAID":
      return paidView(order, claimant);
    case "REVIEW":
      return { kind: "review" };
    case "EXPIRED":
    case "CANCELLED":
      return { kind: "ended", as: state, returned: order.captures.length > 0 };
    case "OPEN":
    case "CLAIMED":
    case "PAYING": {
      if (order.closing) return { kind: "ending" };
      const claim = claimAt(order, now);
      if (claim && claim.claimant !== claimant) return { kind: "busy", until: claim.until };
      const own = openAttempts(order).filter((attempt) => attempt.claimant === claimant && !attempt.closing);
      // One that rests, or has refused so often, is offered only where there is no other, or where this browser is at it.
      const best = bestOf(order, order.terms.accounts, now);
      const accounts = order.terms.accounts.filter(
        (one) => best.includes(one) || own.some(({ account }) => account === one.id),
      );
      // Whoever was asked by their wallet who they are, and came back, has said what they like as well.
      const again = own.length > 0 || claim?.said !== undefined;
      const choice = choiceIn(scene, accounts, order.terms.currency, failedIn(order));
      return { kind: "payable", due: dueOf(order), received: acceptedOf(order), choice, again };
    }
  }
}

const failedIn = ({ attempts }: Order): ReadonlySet<PaymentProvider> =>
  new Set(attempts.filter(({ state }) => state === "FAILED").map(({ provider }) => provider));

function paidView(order: Order, claimant: string): PayerView {
  const mine = order.attempts.filter((attempt) => attempt.claimant === claimant).map((attempt) => attempt.id);
  const capture = order.captures.find(
    (one) => one.disposition === "ACCEPTED" && one.attempt !== null && mine.includes(one.attempt),
  );
  const { conversion } = order;
  const target = conversion?.target;
  return {
    kind: "paid",
    at: order.paid?.at ?? order.terms.placedAt,
    transaction: capture?.transaction ?? null,
    payer: conversion && payingBrowserOf(order) === claimant ? ownOf(conversion) : null,
    settling: conversion?.decided === false || (conversion?.actions.some(isAwaited) ?? false),
    refunded: refundedOf(order),
    extra: order.captures.some((one) => one.disposition === "DUPLICATE"),
    target: target && "url" in target ? target.url : null,
  };
}

/** Whether the receipt has still something to say of it: whatever it waits for, that comes in a moment. */
const isAwaited = ({ kind, state, waits }: ActionOutcome): boolean =>
  waits === "GRANT" || (state === "PENDING" && (kind === "COUPON_GRANT" || kind === "STAFF_ASSIGN"));

function ownOf(conversion: Conversion) {
  const { actions, payer, claim } = conversion;
  const { name, identities } = knownOf(conversion);
  return {
    name,
    coupons: actions.flatMap(({ coupon, state }) => (coupon && state === "DONE" ? [coupon] : [])),
    staff: actions.find(({ staff, state }) => staff && state === "DONE")?.staff?.name ?? null,
    mayClaim: payer.provisional && !claim && identities.length === 0,
  };
}
