/** Money going back: asked for by a person or a policy, known once the provider says so. Never more than came in. */
import { acceptedOf, acceptedRefundedOf, refundableOf } from "./amounts.ts";
import { accept, change, refuse, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
import { reverse } from "./conversion.ts";
import { refundId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { Minor } from "./money.ts";
import type { Capture, Order, Refund } from "./order.ts";

type Request = { readonly amount: Minor; readonly reason: string | null; readonly automatic: boolean; readonly reverseConversion: boolean; readonly restock: boolean };

/** Asks for the money back, largest remainder first, so that one refund usually touches one payment. */
export function refund(order: Order, command: Commands["refund"], now: number): Step {
  const captures = order.captures.filter((c) => c.currency === order.terms.currency && refundableOf(order, c) > 0);
  const available = captures.reduce((all, c) => all + refundableOf(order, c), 0);
  const amount = command.amount ?? available;
  if (amount <= 0 || amount > available) return refuse({ reason: "AMOUNT", expected: available });
  if (order.refunds.length + captures.length > limits.refundsPerOrderMax) return refuse({ reason: "LIMIT" });
  let draft: Draft = { order, events: [] };
  let left = amount;
  for (const capture of captures.toSorted((a, b) => refundableOf(order, b) - refundableOf(order, a))) {
    const part = Math.min(left, refundableOf(order, capture));
    if (part > 0) draft = request(draft, capture, { ...command, amount: part, automatic: false }, now);
    left -= part;
  }
  return accept(draft);
}

/** What a policy returns: all that is left of one capture, or `amount` of it. Cash cannot return by itself, so a person is left to do it. */
export function giveBack(draft: Draft, captureId: string, reason: string, now: number, amount?: Minor): Draft {
  const capture = draft.order.captures.find(({ id }) => id === captureId);
  const part = capture ? (amount ?? refundableOf(draft.order, capture)) : 0;
  if (!capture || capture.provider === "MANUAL" || part <= 0 || draft.order.refunds.length >= limits.refundsPerOrderMax) return draft;
  return request(draft, capture, { amount: part, reason, automatic: true, reverseConversion: false, restock: false }, now);
}

function request(draft: Draft, capture: Capture, { amount, reason, automatic, reverseConversion, restock }: Request, now: number): Draft {
  const id = refundId(draft.order.terms.key, draft.order.refunds.length + 1);
  const asked: Refund = { id, capture: capture.id, amount, reason, automatic, reverseConversion, restock, state: "PENDING", requestedAt: now };
  const draftWithRefund = change(draft, { refunds: [...draft.order.refunds, asked] });
  return capture.provider === "MANUAL" ? succeed(draftWithRefund, id, now) : draftWithRefund;
}

/** A provider's word on a refund. A success is final; a failure yields to a later success. Unknown ones began at the provider. */
export function refundHeard(order: Order, command: Commands["refundHeard"], now: number): Step {
  const known = order.refunds.find(({ id }) => id === command.refund);
  if (known?.state === "SUCCEEDED" || known?.state === command.outcome) return unchanged(order);
  const draft: Draft = { order, events: [] };
  if (known) return accept(command.outcome === "SUCCEEDED" ? succeed(draft, known.id, now) : change(draft, { refunds: withRefund(order, known.id, "FAILED") }));
  if (order.refunds.length >= limits.refundsPerOrderMax) return refuse({ reason: "LIMIT" });
  const foreign: Refund = {
    id: command.refund,
    capture: command.capture,
    amount: command.amount,
    reason: null,
    automatic: false,
    reverseConversion: true,
    restock: false,
    state: "PENDING",
    requestedAt: now,
  };
  const added = change(draft, { refunds: [...order.refunds, foreign] });
  return accept(command.outcome === "SUCCEEDED" ? succeed(added, foreign.id, now) : change(added, { refunds: withRefund(added.order, foreign.id, "FAILED") }));
}

/** The refund has happened. One whose capture nobody told us of yet is told to partners when that comes (`foldWaitingRefunds`). */
function succeed(draft: Draft, id: string, now: number): Draft {
  const done = change(draft, { refunds: withRefund(draft.order, id, "SUCCEEDED") });
  const { capture } = done.order.refunds.find((one) => one.id === id) ?? { capture: "" };
  return done.order.captures.some((one) => one.id === capture) ? tell(done, id, now) : done;
}

/** Refunds that were heard of before their capture take effect with it. */
export const foldWaitingRefunds = (draft: Draft, captureId: string, now: number): Draft =>
  draft.order.refunds.filter((one) => one.capture === captureId && one.state === "SUCCEEDED").reduce((all, one) => tell(all, one.id, now), draft);

function tell(draft: Draft, id: string, now: number): Draft {
  const told = change(draft, {}, { type: "ORDER_REFUNDED", detail: { refundId: id } });
  return draft.order.refunds.find((one) => one.id === id)?.reverseConversion ? reverseByRefunds(told, now) : told;
}

/** The conversion as the accepted money's refunds leave it, each step told once. */
export function reverseByRefunds(draft: Draft, now: number): Draft {
  const { conversion } = draft.order;
  if (!conversion) return draft;
  const after = reverse(conversion, acceptedRefundedOf(draft.order), acceptedOf(draft.order), now);
  return after === conversion ? draft : change(draft, { conversion: after }, { type: "CONVERSION_REVERSED" });
}

const withRefund = (order: Order, id: string, state: Refund["state"]): readonly Refund[] =>
  order.refunds.map((one) => (one.id === id ? { ...one, state } : one));
