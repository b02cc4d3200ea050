/** The invariants of one order, as functions that name what is broken. They recompute from the facts what the core derives its own way. */
import { openAttempts, watchedAttempts } from "../../../src/core/attempts.ts";
import { acceptedOf, leftOf, receivedOf, refundableOf, refundedOf } from "../../../src/core/amounts.ts";
import { eventBody, type OrderEvent } from "../../../src/core/events.ts";
import type { Capture, Order, Refund } from "../../../src/core/order.ts";
import { standingOf } from "../../../src/core/state.ts";
import { effectsOf, endsAt, pollAt } from "../../../src/core/work.ts";
import { needsReview } from "../../../src/core/unplaced.ts";
import { benefit } from "./sample.ts";

type Law = readonly [sentence: string, holds: (order: Order, now: number) => boolean];

const counts = ({ disposition }: Capture): boolean => disposition === "ACCEPTED";
const sumOf = (amounts: readonly number[]): number => amounts.reduce((all, amount) => all + amount, 0);
const refundsOf = (order: Order, capture: Capture) => order.refunds.filter((refund) => refund.capture === capture.id);

const isOurs = ({ id }: Refund): boolean => id.startsWith("refund_");

/** Money a policy gave up is on its way back, or a provider refused to take it back and a person was told; cash waits for a hand. */
const isGoingBack = (order: Order, capture: Capture): boolean =>
  capture.provider === "MANUAL" ||
  refundableOf(order, capture) === 0 ||
  refundsOf(order, capture).some(({ state }) => state === "FAILED");

function isPlaced(order: Order, capture: Capture, now: number): boolean {
  switch (capture.disposition) {
    case "ACCEPTED":
      return (
        order.paid !== null ||
        order.closed === null ||
        standingOf(order, now) === "REVIEW" ||
        leftOf(order, capture) === 0
      );
    case "DUPLICATE":
    case "REFUND":
      return isGoingBack(order, capture);
    case "WAITING":
      return order.stock === "RETAKING" && standingOf(order, now) === "REVIEW";
    case "REVIEW":
      return (needsReview(order) && standingOf(order, now) === "REVIEW") || leftOf(order, capture) === 0;
  }
}

function isStockSound({ stock, paid, closed, terms }: Order): boolean {
  if (!terms.countsStock) return stock === "NONE";
  if (paid) return ["SOLD", "RETAKING", "SHORT", "RETURNED"].includes(stock);
  return closed ? ["RELEASED", "RETAKING"].includes(stock) : ["HELD", "RETAKING", "RELEASED"].includes(stock);
}

/** What must be true of an order after any decision. */
const standing: readonly Law[] = [
  ["I1: a conversion exactly where the order is paid", (o) => (o.conversion !== null) === (o.paid !== null)],
  ["I1: paid whenever accepted money covers it", (o) => acceptedOf(o) < o.terms.total || o.paid !== null],
  ["I1: never paid without accepted money", (o) => o.paid === null || o.captures.some(counts)],
  [
    "I3: received − refunded is the sum of what is left of each payment",
    (o) => {
      const own = o.captures.filter(({ currency }) => currency === o.terms.currency);
      return receivedOf(o) - refundedOf(o) === sumOf(own.map((capture) => leftOf(o, capture)));
    },
  ],
  [
    "I9: every payment counts, goes back, or waits where somebody sees it",
    (o, now) => o.captures.every((c) => isPlaced(o, c, now)),
  ],
  ["I11: refunds never exceed what was received", (o) => refundedOf(o) >= 0 && refundedOf(o) <= receivedOf(o)],
  [
    "I12: work under way is looked at again, and an order that has not ended knows when it will",
    (o, now) => {
      const waits = effectsOf(o).length === 0 || (pollAt(o, now) ?? 0) > now;
      const ends = o.paid !== null || o.closed !== null || o.closing !== null || endsAt(o) !== null;
      return waits && (ends || (o.terms.policy.underPayment === "KEEP_OPEN" && acceptedOf(o) > 0));
    },
  ],
  [
    "an end waits for an attempt that may bring money and for nothing else",
    (o) => o.closing === null || watchedAttempts(o).length > 0,
  ],
  ["an ended order has no attempt that may bring money", (o) => o.closed === null || watchedAttempts(o).length === 0],
  [
    "only an attempt that may bring money is open",
    (o) => openAttempts(o).every((one) => watchedAttempts(o).includes(one)),
  ],
  [
    "every attempt that may bring money is asked about or closed, and closed where none is wanted or another took its place",
    (o) => {
      const work = effectsOf(o).flatMap((effect) => ("attempt" in effect ? [effect] : []));
      const wanted = work.filter(({ kind }) => kind === "QUERY");
      return work.length === watchedAttempts(o).length && wanted.length <= (o.paid || o.closing ? 0 : 1);
    },
  ],
  ["I13: stock is where the order's end has put it", isStockSound],
];

/** What must be true of any step, whatever was asked. */
const steps: readonly (readonly [sentence: string, holds: (before: Order, after: Order) => boolean])[] = [
  ["I4: PAID never goes back", (before, after) => before.paid === null || after.paid === before.paid],
  [
    "I1: the conversion is never another",
    (b, a) => b.conversion === null || a.conversion?.payer.customerId === b.conversion.payer.customerId,
  ],
  ["I8: what was agreed never changes", (before, after) => after.terms === before.terms],
  [
    "I9: no payment is forgotten or altered",
    (before, after) =>
      before.captures.every((old, index) => {
        const now = after.captures[index];
        return (
          now?.id === old.id && now.amount === old.amount && now.currency === old.currency && now.paidAt === old.paidAt
        );
      }),
  ],
  [
    "refunds are only added to, and a success is final",
    (before, after) =>
      before.refunds.every((old, index) => {
        const now = after.refunds[index];
        return (
          now?.id === old.id && now.amount === old.amount && (old.state !== "SUCCEEDED" || now.state === "SUCCEEDED")
        );
      }),
  ],
  [
    "I11: we never ask back more than came in",
    (before, after) =>
      after.refunds.slice(before.refunds.length).every((asked) => {
        const capture = after.captures.find(({ id }) => id === asked.capture);
        if (!isOurs(asked) || !capture) return true;
        const alive = refundsOf(after, capture).filter((refund) => isOurs(refund) && refund.state !== "FAILED");
        return sumOf(alive.map(({ amount }) => amount)) <= capture.amount;
      }),
  ],
  ["I13: what came back stays back", (before, after) => before.stock !== "RETURNED" || after.stock === "RETURNED"],
  [
    "no request is carried out twice: a refund that names one is of one decision",
    ({ refunds }, after) =>
      after.refunds
        .slice(refunds.length)
        .every(({ request }) => !request?.key || !refunds.some((old) => old.request?.key === request.key)),
  ],
  ["the version rises by one", (before, after) => after === before || after.version === before.version + 1],
];

export function brokenLaws(before: Order, after: Order, now: number): readonly string[] {
  const moving = steps.filter(([, holds]) => !holds(before, after));
  // A refused command commits nothing, so what the clock did may not be written yet; it is judged as soon as anything is.
  const still = after === before ? [] : standing.filter(([, holds]) => !holds(after, now));
  return [...moving, ...still].map(([sentence]) => sentence);
}

/** What must be true of the whole story told to partners. */
export function brokenStory(order: Order, events: readonly OrderEvent[]): readonly string[] {
  const broken: string[] = [];
  const times = (type: string) => events.filter((event) => event.type === type).length;
  const paid = order.paid ? 1 : 0;
  if (times("ORDER_PAID") !== paid || times("CONVERSION_COMMITTED") !== paid)
    broken.push("I1: told paid and converted once, iff it is");
  if (times("CUSTOMER_CREATED") > paid) broken.push("a customer is created at most once, and never unpaid");
  if (events.some(({ sequence }, index) => sequence !== index + 1)) broken.push("I6: numbered from 1 without a gap");
  if (order.sequence !== events.length) broken.push("I6: the order knows how many events it told");
  if (new Set(events.map(({ sequence }) => sequence)).size !== events.length) broken.push("I6: no number twice");
  const beforePaid = events.slice(0, events.findIndex(({ type }) => type === "ORDER_PAID") >>> 0);
  if (beforePaid.some(({ data }) => data.conversion !== null))
    broken.push("I15: nothing of the conversion before PAID");
  const told = events.map((event) => eventBody(order.terms, event)).join();
  if (told.includes(benefit)) broken.push("I15: the benefit is in no event at all");
  return broken;
}

/** So that a decision which alters what it was given fails where it does so. */
export function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(frozen);
  return Object.freeze(value);
}
