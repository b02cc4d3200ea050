/** Answers the order waited for: a person's decision, the stock's, the read model's. */
import { acceptedOf } from "./amounts.ts";
import { becomePaid, settle } from "./captures.ts";
import { accept, change, refuse, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
import type { Disposition, Order } from "./order.ts";
import { giveBack } from "./refunds.ts";
import { hasUnplacedMoney } from "./state.ts";

const place = (draft: Draft, from: readonly Disposition[], to: Disposition): Draft =>
  change(draft, { captures: draft.order.captures.map((c) => (from.includes(c.disposition) ? { ...c, disposition: to } : c)) });

const giveAllBack = (draft: Draft, ids: readonly string[], reason: string, now: number): Draft =>
  ids.reduce((all, id) => giveBack(all, id, reason, now), draft);

/** A person places the money that no policy could: it counts, as it is, or it goes back. */
export function resolve(order: Order, { decision, note }: Commands["resolve"], now: number): Step {
  const draft: Draft = { order, events: [] };
  if (order.paid) {
    if (!order.surplusInReview) return refuse({ reason: "STATE", state: "PAID" });
    const kept = change(draft, { surplusInReview: false });
    const last = order.captures.findLast((c) => c.disposition === "ACCEPTED");
    const surplus = acceptedOf(order) - order.terms.total;
    return accept(decision === "HONOR" || !last ? kept : giveBack(kept, last.id, note, now, surplus));
  }
  const waiting = order.captures.filter((c) => c.disposition === "REVIEW" || c.disposition === "WAITING").map(({ id }) => id);
  if (decision === "HONOR") return accept(becomePaid(place(draft, ["REVIEW", "WAITING"], "ACCEPTED"), now));
  return accept(giveAllBack(place(draft, ["REVIEW", "WAITING"], "REFUND"), waiting, note, now));
}

/** Released stock was asked for again: late money waits on the answer, money in time is paid either way. */
export function stock(order: Order, { taken }: Commands["stock"], now: number): Step {
  if (order.stock !== "RETAKING") return unchanged(order);
  const draft: Draft = { order, events: [] };
  if (order.paid) return accept(change(draft, { stock: taken ? "SOLD" : "SHORT" }));
  const waiting = order.captures.filter((c) => c.disposition === "WAITING").map(({ id }) => id);
  if (!taken) return accept(giveAllBack(place(change(draft, { stock: "RELEASED" }), ["WAITING"], "REFUND"), waiting, "sold out meanwhile", now));
  return accept(settle(place(change(draft, { stock: "HELD" }), ["WAITING"], "ACCEPTED"), now));
}

export function customer(order: Order, { firstTime }: Commands["customer"]): Step {
  const { conversion } = order;
  if (!conversion || conversion.firstTime !== null) return unchanged(order);
  const draft = change({ order, events: [] }, { conversion: { ...conversion, firstTime } });
  return accept(firstTime ? change(draft, {}, { type: "CUSTOMER_CREATED" }) : draft);
}

/** Whether a person has something to decide. */
export const needsReview = (order: Order): boolean => order.surplusInReview || (!order.paid && hasUnplacedMoney(order));
