/** Every amount of an order, derived from its facts. In the order's own currency unless it says otherwise. */
import { goneBack, type Gone } from "./gone-back.ts";
import type { Minor } from "./money.ts";
import type { Capture, Order, Refund } from "./order.ts";

export type Settlement = "NONE" | "UNDER" | "EXACT" | "OVER";

const sum = (amounts: readonly Minor[]): Minor => amounts.reduce((all, amount) => all + amount, 0);
const inCurrency = (order: Order): readonly Capture[] =>
  order.captures.filter((capture) => capture.currency === order.terms.currency);
const accepted = (captures: readonly Capture[]): readonly Capture[] =>
  captures.filter((capture) => capture.disposition === "ACCEPTED");

const hasSucceeded = (refund: Refund): boolean => refund.state === "SUCCEEDED";
/** What such refunds were of one capture, each by itself. Never more than came in, whatever a provider tells. In the capture's currency. */
const refundsOf = ({ refunds }: Order, { id, amount }: Capture, counts: (refund: Refund) => boolean): Minor =>
  Math.min(amount, sum(refunds.filter((one) => one.capture === id && counts(one)).map((one) => one.amount)));

const wordOf = ({ amount, soFar, goneAt, requestedAt }: Refund): Gone => ({
  amount: soFar ?? amount,
  soFar: soFar !== undefined,
  at: goneAt ?? requestedAt,
});
const wordsOn = ({ refunds }: Order, captureId: string): readonly Gone[] =>
  refunds.filter((refund) => refund.capture === captureId && hasSucceeded(refund)).map(wordOf);
/** What went back of one capture for certain: never more than came in. In the capture's currency. */
const givenBack = (order: Order, { id, amount }: Capture): Minor => Math.min(amount, goneBack(wordsOn(order, id)));
/** What a refund that was done adds to all that is known to have gone back of its capture. */
export function addedBy(order: Order, refund: Refund): Minor {
  const known = wordsOn(order, refund.capture);
  return goneBack([...known, wordOf(refund)]) - goneBack(known);
}

/** All the money that arrived, whatever became of it. */
export const receivedOf = (order: Order): Minor => sum(inCurrency(order).map((capture) => capture.amount));
/** What went back for certain. */
export const refundedOf = (order: Order): Minor => sum(inCurrency(order).map((capture) => givenBack(order, capture)));
/** What counts towards the total. */
export const acceptedOf = (order: Order): Minor => sum(accepted(inCurrency(order)).map((capture) => capture.amount));
/** What the payer still has to pay. */
export const dueOf = (order: Order): Minor => Math.max(0, order.terms.total - acceptedOf(order));
/** What is still here of one capture. In its own currency. */
export const leftOf = (order: Order, capture: Capture): Minor => capture.amount - givenBack(order, capture);
/**
 * What is left of one capture to give back, counting refunds under way as gone: each by itself, so that nothing is let go again because a total turns out
 * to have held one of them. In its own currency.
 */
export const refundableOf = (order: Order, capture: Capture): Minor =>
  capture.amount - refundsOf(order, capture, ({ state }) => state !== "FAILED");

/** What arrived beside what was asked, so that it depends on no order of hearing and no refund. */
export function settlementOf(order: Order): Settlement {
  const received = receivedOf(order);
  if (received === 0) return "NONE";
  if (received < order.terms.total) return "UNDER";
  return received === order.terms.total ? "EXACT" : "OVER";
}

/**
 * What a conversion rests on: `earned`, the accepted money up to the total, and `lost`, what of that went back by refunds that take the
 * conversion with them. A surplus returned costs nobody their benefits. Money that a person honoured counts in whatever currency it came.
 */
export const conversionBasisOf = (order: Order): Basis => basisOf(order, ({ reverseConversion }) => reverseConversion);

/** Whether what was sold came back: with all of the money, by refunds of which each said so. Nobody knows which pieces a part of it stands for. */
export function isRestocked(order: Order): boolean {
  const { earned, lost } = basisOf(order, ({ restock }) => restock);
  return earned > 0 && lost >= earned;
}

type Basis = { readonly earned: Minor; readonly lost: Minor };

function basisOf(order: Order, counts: (refund: Refund) => boolean): Basis {
  const captures = accepted(order.captures);
  const earned = Math.min(order.terms.total, sum(captures.map(({ amount }) => amount)));
  const kept = sum(captures.map((capture) => leftOf(order, capture)));
  // A total may hold others than those that count.
  const counting = sum(captures.map((c) => refundsOf(order, c, (r) => hasSucceeded(r) && counts(r))));
  return { earned, lost: Math.min(counting, Math.max(0, earned - kept)) };
}
