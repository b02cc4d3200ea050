/**
 * What follows from the facts and the clock, drawn in one place: before every command, so that no alarm's lateness changes an outcome, and
 * after it. Each rule leaves alone what already follows, so drawing twice is drawing once.
 */
import { acceptedOf, conversionBasisOf, isRestocked } from "./amounts.ts";
import { closeAll, lapsed, watchedAttempts } from "./attempts.ts";
import { change, type Draft } from "./commands.ts";
import { hasStaffToLetGo, wantsStaff } from "./conversion-work.ts";
import { deadlineOf, hasPartPayment } from "./deadline.ts";
import { forgetOthers } from "./forget.ts";
import type { Order } from "./order.ts";
import { becomePaid } from "./paid.ts";
import { giveAllBack } from "./refunds.ts";
import { reverse } from "./reversal.ts";
import { asking, letGo } from "./staff-hold.ts";
import { unplacedOf } from "./unplaced.ts";

type Rule = (draft: Draft, now: number) => Draft;

const endSilentAttempts: Rule = (draft, now) => {
  const attempts = draft.order.attempts.map((attempt) => lapsed(attempt, now));
  const same = attempts.every((attempt, index) => attempt === draft.order.attempts[index]);
  return same ? draft : change(draft, { attempts });
};

const cover: Rule = (draft, now) => {
  const accepted = acceptedOf(draft.order);
  return !draft.order.paid && accepted > 0 && accepted >= draft.order.terms.total ? becomePaid(draft, now) : draft;
};

const expire: Rule = (draft, now) => {
  const { paid, closed, closing, attempts } = draft.order;
  const since = deadlineOf(draft.order);
  if (paid || closed || closing || now < since) return draft;
  return change(draft, { closing: { as: "EXPIRED", since, reason: null }, attempts: closeAll(attempts) });
};

/** The end itself, once no attempt may bring money: until then money may still win. An expiry that was put off meanwhile does not happen. */
const finishClosing: Rule = (draft, now) => {
  const { closing, attempts } = draft.order;
  if (!closing || watchedAttempts(draft.order).length > 0) return draft;
  if (closing.as === "EXPIRED" && now < deadlineOf(draft.order)) return change(draft, { closing: null });
  const { as, since, reason } = closing;
  const at = Math.max(since, ...attempts.map(({ endedAt }) => endedAt ?? since));
  const ended = { closing: null, claim: null, closed: { as, at, reason } } as const;
  return as === "EXPIRED"
    ? change(draft, ended, { type: "ORDER_EXPIRED" })
    : change(draft, ended, { type: "ORDER_CANCELLED", detail: { reason } });
};

/** A part payment of an order that ended goes back, keeps the order open after all, or waits for a person: as the merchant decided. */
const placePartPayment: Rule = (draft, now) => {
  const { closed, paid, terms, captures, stock } = draft.order;
  if (!closed || paid || acceptedOf(draft.order) === 0) return draft;
  const policy = closed.as === "CANCELLED" ? "REFUND" : terms.policy.underPayment;
  if (policy === "REFUND") {
    const parts = captures.filter((capture) => capture.disposition === "ACCEPTED");
    return giveAllBack(draft, parts, "REFUND", "the order ended before it was paid in full", now);
  }
  const reopens = policy === "KEEP_OPEN" && hasPartPayment(draft.order);
  return reopens ? change(draft, { closed: null, stock: stock === "RELEASED" ? "RETAKING" : stock }) : draft;
};

const releaseStock: Rule = (draft) => {
  const { closed, paid, stock } = draft.order;
  return closed && !paid && stock === "HELD" ? change(draft, { stock: "RELEASED" }) : draft;
};

/** Once: what came back is somebody else's from then on. */
const returnStock: Rule = (draft) =>
  draft.order.stock === "SOLD" && isRestocked(draft.order) ? change(draft, { stock: "RETURNED" }) : draft;

const reverseConversion: Rule = (draft, now) => {
  const { conversion } = draft.order;
  if (!conversion) return draft;
  const { earned, lost } = conversionBasisOf(draft.order);
  const after = reverse(conversion, lost, earned, now);
  return after === conversion ? draft : change(draft, { conversion: after }, { type: "CONVERSION_REVERSED" });
};

const releaseStaff: Rule = (draft, now) => (hasStaffToLetGo(draft.order, now) ? letGo(draft) : draft);

const askForStaff: Rule = (draft, now) => (wantsStaff(draft.order, now) ? asking(draft) : draft);

const rules: readonly Rule[] = [
  endSilentAttempts,
  cover,
  expire,
  finishClosing,
  placePartPayment,
  releaseStock,
  returnStock,
  releaseStaff,
  askForStaff,
  reverseConversion,
  forgetOthers,
];

/** `before`: the order that nobody was called to yet. Whenever it comes to need a person, one is called. */
export function settle(before: Order, draft: Draft, now: number): Draft {
  const settled = rules.reduce((all, rule) => rule(all, now), draft);
  const why = whatNeedsAPerson(settled.order);
  return why && !whatNeedsAPerson(before) ? change(settled, {}, { type: "ORDER_REVIEW", detail: { why } }) : settled;
}

/** Money that waits for stock needs nobody: it is answered. */
function whatNeedsAPerson(order: Order): string | null {
  if (order.surplusInReview) return "OVERPAID";
  const money = unplacedOf(order).filter(({ disposition }) => disposition !== "WAITING");
  if (money.length === 0) return null;
  if (money.some(({ conflict }) => conflict !== null)) return "AMOUNT_CHANGED";
  return money.some(({ disposition }) => disposition === "REVIEW") ? "UNPLACEABLE" : "UNDERPAID";
}
