/** Money arrives. It is never dropped; how it is judged is decided here, and what follows is drawn in `settle.ts`. */
import { dueOf } from "./amounts.ts";
import { withMoney } from "./attempts.ts";
import {
  accept,
  change,
  draftOf,
  refuse,
  unchanged,
  type Commands,
  type Draft,
  type HeardCapture,
  type Refusal,
  type Step,
} from "./commands.ts";
import { isLate, paidAtOf } from "./deadline.ts";
import { limits } from "./limits.ts";
import { isMinor } from "./money.ts";
import type { Capture, Disposition, Order } from "./order.ts";
import { duplicate } from "./paid.ts";
import { giveAllBack, tellWaitingRefunds } from "./refunds.ts";
import { recall } from "./requests.ts";
import { standingOf } from "./state.ts";

export function capture(order: Order, { capture: heard, exact, request }: Commands["capture"], now: number): Step {
  const asked = recall(request, order.captures);
  if (asked === "OTHER") return refuse({ reason: "KEY" });
  if (asked === "SAME") return unchanged(order);
  const known = order.captures.find(({ id }) => id === heard.id);
  if (known) return sameTransaction(order, known, heard, exact);
  if (!isMinor(heard.amount) || heard.amount <= 0) return refuse({ reason: "AMOUNT", expected: dueOf(order) });
  const disposition = judge(order, heard, now);
  const mistake = exact ? mistakeIn(order, heard, disposition, now) : null;
  if (mistake) return refuse(mistake);
  if (order.captures.length >= limits.capturesPerOrderMax) return refuse({ reason: "LIMIT" });
  const arrived: Capture = { ...heard, heardAt: now, conflict: null, disposition, ...(request && { request }) };
  const added = change(draftOf(order), {
    captures: [...order.captures, arrived],
    attempts: heard.attempt === null ? order.attempts : withMoney(order, heard.attempt, now),
  });
  return accept(tellWaitingRefunds(act(added, arrived, now), arrived.id));
}

/** The same payment again. The first amount stands; another one is flagged, and needs a person while the order is not paid. */
function sameTransaction(order: Order, known: Capture, heard: HeardCapture, exact: boolean): Step {
  if (known.amount === heard.amount && known.currency === heard.currency) return unchanged(order);
  if (exact) return refuse({ reason: "AMOUNT", expected: known.amount });
  if (known.conflict !== null) return unchanged(order);
  const undecided = !order.paid && (known.disposition === "ACCEPTED" || known.disposition === "WAITING");
  const flagged: Capture = {
    ...known,
    conflict: heard.amount,
    disposition: undecided ? "REVIEW" : known.disposition,
  };
  return accept(
    change(draftOf(order), { captures: order.captures.map((one) => (one.id === known.id ? flagged : one)) }),
  );
}

/** What a cashier cannot have meant. A provider is never asked. */
function mistakeIn(order: Order, heard: HeardCapture, disposition: Disposition, now: number): Refusal | null {
  if (disposition === "DUPLICATE" || disposition === "REFUND")
    return { reason: "STATE", state: standingOf(order, now) };
  if (heard.currency !== order.terms.currency) return { reason: "CURRENCY" };
  return heard.amount === dueOf(order) ? null : { reason: "AMOUNT", expected: dueOf(order) };
}

function judge(order: Order, heard: HeardCapture, now: number): Disposition {
  if (order.paid) return "DUPLICATE";
  if (!isExpected(order, heard)) return "REVIEW";
  if (!isLate(order, paidAtOf({ paidAt: heard.paidAt, heardAt: now }))) return "ACCEPTED";
  switch (order.terms.policy.latePayment) {
    case "HONOR":
      return "ACCEPTED";
    case "HONOR_IF_STOCK":
      return order.stock === "RELEASED" || order.stock === "RETAKING" ? "WAITING" : "ACCEPTED";
    case "REFUND":
      return "REFUND";
    case "REVIEW":
      return "REVIEW";
  }
}

/** In the order's currency, and into one of its own accounts or a cashier's hand. */
const isExpected = ({ terms }: Order, { account, provider, currency }: HeardCapture): boolean =>
  currency === terms.currency &&
  (provider === "MANUAL" || terms.accounts.some((one) => one.id === account && one.provider === provider));

function act(draft: Draft, arrived: Capture, now: number): Draft {
  switch (arrived.disposition) {
    case "ACCEPTED":
    case "REVIEW":
      return draft;
    case "DUPLICATE":
      return duplicate(draft, [arrived], now);
    case "WAITING":
      return change(draft, { stock: "RETAKING" });
    case "REFUND":
      return giveAllBack(draft, [arrived], "REFUND", "paid after the order had ended", now);
  }
}
