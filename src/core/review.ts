/** Answers the order waited for: a person's decision, and the stock's. */
import { acceptedOf } from "./amounts.ts";
import {
  accept,
  change,
  draftOf,
  inWords,
  refuse,
  unchanged,
  type Commands,
  type Draft,
  type Step,
} from "./commands.ts";
import type { Capture, Order } from "./order.ts";
import { becomePaid, returnSurplus } from "./paid.ts";
import { giveAllBack } from "./refunds.ts";
import { recall } from "./requests.ts";
import { unplacedOf } from "./unplaced.ts";

/** Money counts, first come first, until the order is covered; what is beyond that stays where it was and goes back once the order is paid. */
const count = (draft: Draft, captures: readonly Capture[]): Draft =>
  captures.reduce((all, { id }) => {
    const { order } = all;
    if (acceptedOf(order) >= order.terms.total) return all;
    return change(all, {
      captures: order.captures.map((one) => (one.id === id ? { ...one, disposition: "ACCEPTED" } : one)),
    });
  }, draft);

/** A person places the money that no policy could: it counts, as it is, or it goes back. */
export function resolve(order: Order, { decision, note, request }: Commands["resolve"], now: number): Step {
  const draft = change(draftOf(order), request ? { decisions: [...(order.decisions ?? []), { request }] } : {});
  if (order.paid) {
    if (!order.surplusInReview) return refuse({ reason: "STATE", state: "PAID" });
    const decided = change(draft, { surplusInReview: false });
    return accept(decision === "HONOR" ? decided : returnSurplus(decided, inWords(note), now));
  }
  const waiting = unplacedOf(order);
  if (decision === "HONOR") return accept(becomePaid(count(draft, waiting), now));
  return accept(giveAllBack(draft, waiting, "REFUND", inWords(note), now));
}

/** What was decided is decided, whatever has come to need a decision since; null for what is new. */
export const resolveAgain = (order: Order, { request }: Commands["resolve"]): Step | null =>
  recall(request, order.decisions ?? []) === "NEW" ? null : unchanged(order);

/** Released stock was asked for again: late money waits on the answer, money in time is paid either way, and an order opened again needs it. */
export function stock(order: Order, { taken }: Commands["stock"], now: number): Step {
  if (order.stock !== "RETAKING") return unchanged(order);
  const draft = draftOf(order);
  if (order.paid && taken) return accept(change(draft, { stock: "SOLD" }));
  if (order.paid)
    return accept(change(draft, { stock: "SHORT" }, { type: "ORDER_REVIEW", detail: { why: "STOCK_SHORT" } }));
  const waiting = order.captures.filter((capture) => capture.disposition === "WAITING");
  if (taken) return accept(count(change(draft, { stock: "HELD" }), waiting));
  const expiresAt = order.closed ? order.expiresAt : Math.min(order.expiresAt, now);
  return accept(
    giveAllBack(change(draft, { stock: "RELEASED", expiresAt }), waiting, "REFUND", "sold out meanwhile", now),
  );
}
