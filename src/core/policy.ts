/** What a merchant decided about money that does not fit; pinned by each order when it is placed. */
import { limits } from "./limits.ts";

/** Money paid after the code expired, judged by when it was paid. */
export type LatePaymentPolicy = "HONOR" | "HONOR_IF_STOCK" | "REFUND" | "REVIEW";
/** The surplus of an order that is paid. */
export type OverPaymentPolicy = "REFUND" | "KEEP" | "REVIEW";
/** A part payment still alone at expiry. KEEP_OPEN lets the order wait for the rest. */
export type UnderPaymentPolicy = "REFUND" | "KEEP_OPEN" | "REVIEW";

export type OrderPolicy = {
  readonly codeLifetimeMs: number;
  readonly latePayment: LatePaymentPolicy;
  readonly overPayment: OverPaymentPolicy;
  readonly underPayment: UnderPaymentPolicy;
};

export const defaultPolicy: OrderPolicy = {
  codeLifetimeMs: limits.liveCodeLifetimeMs.default,
  latePayment: "HONOR_IF_STOCK",
  overPayment: "REFUND",
  underPayment: "REVIEW",
};
