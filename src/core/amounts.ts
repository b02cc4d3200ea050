/** Every amount of an order, derived from its facts. All in the order's own currency. */
import type { Minor } from "./money.ts";
import type { Capture, Order, Refund } from "./order.ts";

export type Settlement = "NONE" | "UNDER" | "EXACT" | "OVER";

const sum = (amounts: readonly Minor[]): Minor => amounts.reduce((all, amount) => all + amount, 0);
const inCurrency = (order: Order): readonly Capture[] =>
  order.captures.filter((capture) => capture.currency === order.terms.currency);

/** Refunds of one capture that took money back or still may; never more than the capture itself. */
const givenBack = (order: Order, capture: Capture, states: readonly Refund["state"][]): Minor =>
  Math.min(
    capture.amount,
    sum(order.refunds.filter((r) => r.capture === capture.id && states.includes(r.state)).map((r) => r.amount)),
  );

/** All the money that arrived, whatever became of it. */
export const receivedOf = (order: Order): Minor => sum(inCurrency(order).map((capture) => capture.amount));
/** What went back for certain. */
export const refundedOf = (order: Order): Minor =>
  sum(inCurrency(order).map((capture) => givenBack(order, capture, ["SUCCEEDED"])));
/** What counts towards the total. */
export const acceptedOf = (order: Order): Minor =>
  sum(
    inCurrency(order)
      .filter((capture) => capture.disposition === "ACCEPTED")
      .map((capture) => capture.amount),
  );
/** What the payer still has to pay. */
export const dueOf = (order: Order): Minor => Math.max(0, order.terms.total - acceptedOf(order));
/** What is left of one capture to give back, counting refunds under way as gone. */
export const refundableOf = (order: Order, capture: Capture): Minor =>
  capture.amount - givenBack(order, capture, ["SUCCEEDED", "PENDING"]);
/** What is left of one accepted capture, counting only refunds that succeeded. */
export const acceptedRefundedOf = (order: Order): Minor =>
  sum(
    inCurrency(order)
      .filter((c) => c.disposition === "ACCEPTED")
      .map((c) => givenBack(order, c, ["SUCCEEDED"])),
  );

export function settlementOf(order: Order): Settlement {
  const accepted = acceptedOf(order);
  if (accepted === 0) return "NONE";
  if (accepted < order.terms.total) return "UNDER";
  return accepted === order.terms.total ? "EXACT" : "OVER";
}
