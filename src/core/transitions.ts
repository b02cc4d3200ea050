/** The law of an order as a table: from which state, by which command. A missing cell is an illegal move. */
import { capture } from "./captures.ts";
import { begin, confirm, ended, opened } from "./claims.ts";
import { cancel, extend, tick } from "./closing.ts";
import { accept, change, refuse, unchanged, type Command, type CommandKind, type Commands, type Refusal, type Step } from "./commands.ts";
import { eventData } from "./event-data.ts";
import type { OrderEvent } from "./events.ts";
import type { Order } from "./order.ts";
import { refund, refundHeard } from "./refunds.ts";
import { customer, needsReview, resolve, stock } from "./review.ts";
import { stateOf, type OrderState } from "./state.ts";
import { refundableOf } from "./amounts.ts";

type Cell<K extends CommandKind> = (order: Order, command: Commands[K], now: number) => Step;
type Cells = { readonly [K in CommandKind]?: Cell<K> };

const place: Cell<"place"> = (order) =>
  order.version === 0 ? accept(change({ order, events: [] }, {}, { type: "ORDER_PLACED" })) : unchanged(order);
const scan: Cell<"scan"> = (order, { count, firstAt }) =>
  accept(change({ order, events: [] }, { scans: { count: order.scans.count + count, firstAt: order.scans.firstAt ?? firstAt } }));

/** News that may come at any time: what happened elsewhere has happened, whatever we think of it. */
const news: Cells = { place, scan, capture, opened, ended, refundHeard, stock, tick: (order, _, now) => tick(order, now) };

export const transitions: Readonly<Record<OrderState, Cells>> = {
  OPEN: { ...news, confirm, begin, extend, cancel },
  CLAIMED: { ...news, confirm, begin, extend, cancel },
  PAYING: { ...news, confirm, begin, extend, cancel },
  PAID: { ...news, refund, resolve, customer },
  EXPIRED: { ...news, extend, refund },
  CANCELLED: { ...news, refund },
  REVIEW: { ...news, refund, resolve },
};

export type Decision =
  | { readonly ok: true; readonly order: Order; readonly events: readonly OrderEvent[]; readonly changed: boolean }
  | { readonly ok: false; readonly refusal: Refusal };

/** The one door of the core. Decides, changes nothing: the caller commits `order` and `events` together or not at all. */
export function decide(order: Order, command: Command, now: number): Decision {
  const cell = transitions[stateOf(order, now)][command.kind] as Cell<CommandKind> | undefined;
  const step = cell ? cell(order, command, now) : refuse({ reason: "STATE", state: stateOf(order, now) });
  if (!step.ok) return step;
  if (step.draft.order === order && step.draft.events.length === 0) return { ok: true, order, events: [], changed: false };
  const { events, order: drafted } = step.draft;
  const next: Order = { ...drafted, sequence: order.sequence + events.length, version: order.version + 1 };
  const numbered = events.map(({ type, detail }, index): OrderEvent => {
    const sequence = order.sequence + index + 1;
    return { type, sequence, at: now, data: eventData(next, type, sequence, now, detail) };
  });
  return { ok: true, order: next, events: numbered, changed: true };
}

export const orderActions = ["CONFIRM", "PAY", "EXTEND", "CANCEL", "REFUND", "RECORD_PAYMENT", "RESOLVE_REVIEW"] as const;
export type OrderAction = (typeof orderActions)[number];

/** What may be done now: the cells of the same table, less those that would find nothing to do. */
export function allowedActions(order: Order, now: number): readonly OrderAction[] {
  const cells = transitions[stateOf(order, now)];
  const allowed: Readonly<Record<OrderAction, boolean>> = {
    CONFIRM: Boolean(cells.confirm) && !order.closing,
    PAY: Boolean(cells.begin) && !order.closing,
    EXTEND: Boolean(cells.extend) && order.stock !== "RELEASED",
    CANCEL: Boolean(cells.cancel) && order.closing?.as !== "CANCELLED",
    REFUND: Boolean(cells.refund) && order.captures.some((one) => one.currency === order.terms.currency && refundableOf(order, one) > 0),
    RECORD_PAYMENT: !order.paid && !(order.closed && order.terms.policy.latePayment === "REFUND"),
    RESOLVE_REVIEW: Boolean(cells.resolve) && needsReview(order),
  };
  return orderActions.filter((action) => allowed[action]);
}
