/** Money going back: asked for by a person or a policy, known once the provider says so. Never more than came in. */
import { addedBy, refundableOf } from "./amounts.ts";
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
import { orderKeyOf, prefixOf, refundId } from "./ids.ts";
import { limits } from "./limits.ts";
import { isMinor, type Minor } from "./money.ts";
import type { Capture, Disposition, Order, Refund, RefundState } from "./order.ts";
import { recall } from "./requests.ts";

type Asked = Pick<Refund, "amount" | "reason" | "automatic" | "reverseConversion" | "restock" | "request">;

/** Asks for the money back: first what does not count towards the order, then from the largest, so that one refund usually touches one payment. */
export function refund(
  order: Order,
  { amount, reason: said, reverseConversion, restock, request: by }: Commands["refund"],
  now: number,
): Step {
  const left = (capture: Capture) => refundableOf(order, capture);
  const captures = order.captures.filter(
    (c) => left(c) > 0 && (amount === null || c.currency === order.terms.currency),
  );
  const available = captures.reduce((all, capture) => all + left(capture), 0);
  const wanted = amount ?? available;
  if (!isMinor(wanted) || wanted <= 0 || wanted > available) return refuse({ reason: "AMOUNT", expected: available });
  if (order.refunds.length + captures.length > limits.refundsPerOrderMax) return refuse({ reason: "LIMIT" });
  const counts = (capture: Capture) => Number(capture.disposition === "ACCEPTED");
  const reason = said && inWords(said);
  const asked = { reason, automatic: false, reverseConversion, restock, ...(by && { request: by }) };
  let draft = draftOf(order);
  let rest = wanted;
  for (const capture of captures.toSorted((a, b) => counts(a) - counts(b) || left(b) - left(a))) {
    const part = Math.min(rest, left(capture));
    if (part === 0) break;
    draft = request(draft, capture, { amount: part, ...asked }, now);
    rest -= part;
  }
  return accept(draft);
}

/** What was asked for before is not asked for again, whatever has become of the order since; null for what is new. */
export function refundAgain(order: Order, { request: by }: Commands["refund"]): Step | null {
  switch (recall(by, order.refunds)) {
    case "NEW":
      return null;
    case "SAME":
      return unchanged(order);
    case "OTHER":
      return refuse({ reason: "KEY" });
  }
}

/** A policy's decision on some of the money: it becomes `disposition`, and all that is left of it goes back. */
export function giveAllBack(
  draft: Draft,
  captures: readonly Capture[],
  disposition: Extract<Disposition, "DUPLICATE" | "REFUND">,
  reason: string,
  now: number,
): Draft {
  const ids = captures.map(({ id }) => id);
  const judged = draft.order.captures.map((one) => (ids.includes(one.id) ? { ...one, disposition } : one));
  return captures.reduce(
    (all, capture) => giveBack(all, capture, reason, now, refundableOf(all.order, capture)),
    change(draft, { captures: judged }),
  );
}

/** Cash cannot return by itself, so a person is left to do it. */
export function giveBack(draft: Draft, capture: Capture, reason: string, now: number, amount: Minor): Draft {
  if (capture.provider === "MANUAL" || amount <= 0) return draft;
  return request(draft, capture, { amount, reason, automatic: true, reverseConversion: false, restock: false }, now);
}

function request(draft: Draft, capture: Capture, asked: Asked, now: number): Draft {
  const id = refundId(draft.order.terms.key, draft.order.refunds.length + 1);
  const pending: Refund = { id, capture: capture.id, ...asked, state: "PENDING", requestedAt: now };
  const added = change(draft, { refunds: [...draft.order.refunds, pending] });
  return capture.provider === "MANUAL" ? conclude(added, pending, "SUCCEEDED", now) : added;
}

/**
 * A provider's word on a refund. A success is final for the books; a failure yields to a later success, and calls a person whenever it comes: a bank
 * may send money back days after. Unknown ones began at the provider.
 */
export function refundHeard(order: Order, command: Commands["refundHeard"], now: number): Step {
  const { refund: id, capture, amount: told, outcome, soFar = false, at = now } = command;
  const known = order.refunds.find((one) => one.id === id);
  if (known?.state === outcome || (known?.failed && outcome === "FAILED")) return unchanged(order);
  if (known) return accept(conclude(draftOf(order), known, outcome, at));
  // One of our own numbers that we never gave out would stand in the way of the refund that gets it.
  if (prefixOf(id) === "refund" && orderKeyOf(id) === order.terms.key) return refuse({ reason: "UNKNOWN" });
  if (!isMinor(told) || told <= 0) return refuse({ reason: "AMOUNT", expected: 0 });
  const theirs = { reason: null, automatic: false, reverseConversion: true, restock: false };
  const total = soFar ? { soFar: told } : {};
  const heard: Refund = { id, capture, amount: told, ...theirs, state: "PENDING", requestedAt: now, ...total };
  // Who tells neither a total nor a moment tells of nothing that a total could hold.
  const isPlaced = soFar || command.at !== undefined;
  const amount = isPlaced && outcome === "SUCCEEDED" ? addedBy(order, { ...heard, goneAt: at }) : told;
  // A total that is known holds it already.
  if (amount <= 0) return unchanged(order);
  if (order.refunds.length >= limits.refundsPerOrderMax) return refuse({ reason: "LIMIT" });
  const begun = { ...heard, amount };
  return accept(conclude(change(draftOf(order), { refunds: [...order.refunds, begun] }), begun, outcome, at));
}

/** Partners hear of a refund when its money is known too (`tellWaitingRefunds`), and of one that could not be made at once: a person must see to it. */
function conclude(draft: Draft, known: Refund, outcome: Exclude<RefundState, "PENDING">, at: number): Draft {
  const { id, capture } = known;
  const { refunds, captures } = draft.order;
  const failed = outcome === "FAILED";
  const state = known.state === "SUCCEEDED" ? known.state : outcome;
  const isNew = known.state !== "SUCCEEDED" && !failed;
  const after: Refund = { ...known, state, ...(failed && { failed }), ...(isNew && { goneAt: at }) };
  const done = change(draft, { refunds: refunds.map((one) => (one.id === id ? after : one)) });
  if (failed) return change(done, {}, { type: "ORDER_REVIEW", detail: { why: "REFUND_FAILED", refundId: id } });
  return captures.some((one) => one.id === capture) ? tell(done, id) : done;
}

/** Refunds that were heard of before their capture take effect with it. */
export const tellWaitingRefunds = (draft: Draft, captureId: string): Draft =>
  draft.order.refunds
    .filter((one) => one.capture === captureId && one.state === "SUCCEEDED")
    .reduce((all, one) => tell(all, one.id), draft);

const tell = (draft: Draft, id: string): Draft =>
  change(draft, {}, { type: "ORDER_REFUNDED", detail: { refundId: id } });
