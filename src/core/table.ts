/** The law of an order as a table: from which state, by which command. A missing cell is an illegal move. */
import { capture } from "./captures.ts";
import { begin, confirm, ended, kept, opened } from "./claims.ts";
import { cancel, extend } from "./closing.ts";
import {
  accept,
  change,
  draftOf,
  refuse,
  unchanged,
  type Command,
  type CommandKind,
  type Commands,
  type Step,
} from "./commands.ts";
import { acted, calling } from "./calls.ts";
import { agreed, assigned, claimRecord, consent, customer, retry, spread } from "./follow-up.ts";
import { forget } from "./forget.ts";
import type { Order } from "./order.ts";
import { refund, refundAgain, refundHeard } from "./refunds.ts";
import { resolve, resolveAgain, stock } from "./review.ts";
import { released, reserved } from "./staff-hold.ts";
import { standingOf, type OrderState } from "./state.ts";

type Cell<K extends CommandKind> = (order: Order, command: Commands[K], now: number) => Step;
type Cells = { readonly [K in CommandKind]?: Cell<K> };

const place: Cell<"place"> = (order) =>
  order.version === 0 ? accept(change(draftOf(order), {}, { type: "ORDER_PLACED" })) : unchanged(order);
const scan: Cell<"scan"> = (order, { count, firstAt }) =>
  accept(
    change(draftOf(order), { scans: { count: order.scans.count + count, firstAt: order.scans.firstAt ?? firstAt } }),
  );
const tick: Cell<"tick"> = (order) => unchanged(order);

/** News that may come at any time: what happened elsewhere has happened, whatever we think of it. */
const news: Cells = { place, scan, tick, capture, kept, opened, ended, refundHeard, stock, reserved, released };

export const transitions: Readonly<Record<OrderState, Cells>> = {
  OPEN: { ...news, confirm, begin, extend, cancel },
  CLAIMED: { ...news, confirm, begin, extend, cancel },
  PAYING: { ...news, confirm, begin, extend, cancel },
  PAID: {
    ...news,
    refund,
    resolve,
    customer,
    assigned,
    calling,
    acted,
    consent,
    agreed,
    spread,
    claimRecord,
    retry,
    forget,
  },
  EXPIRED: { ...news, extend, refund },
  CANCELLED: { ...news, refund },
  // What waits for a decision goes back by that decision: a refund beside it would leave money that counts and is gone.
  REVIEW: { ...news, resolve },
};

/** What an order did on a request it does not do again, and says so from any state. */
function heardAgain(order: Order, command: Command): Step | null {
  switch (command.kind) {
    case "refund":
      return refundAgain(order, command);
    case "resolve":
      return resolveAgain(order, command);
    default:
      return null;
  }
}

/** The cell itself, on an order for which the clock has already passed. */
export function stepOf(order: Order, command: Command, now: number): Step {
  const again = heardAgain(order, command);
  if (again) return again;
  const state = standingOf(order, now);
  const cell = transitions[state][command.kind] as Cell<CommandKind> | undefined;
  return cell ? cell(order, command, now) : refuse({ reason: "STATE", state });
}
