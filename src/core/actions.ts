/** What people may do to an order now: each action is tried on the table that decides, and named if it would do something. */
import { dueOf } from "./amounts.ts";
import { bestOf } from "./attempts.ts";
import { draftOf, type Command } from "./commands.ts";
import { limits } from "./limits.ts";
import type { Order } from "./order.ts";
import { settle } from "./settle.ts";
import { claimAt } from "./state.ts";
import { stepOf } from "./table.ts";

export const orderActions = [
  "CONFIRM",
  "PAY",
  "EXTEND",
  "CANCEL",
  "REFUND",
  "RECORD_PAYMENT",
  "RESOLVE_REVIEW",
] as const;
export type OrderAction = (typeof orderActions)[number];

/** The plainest way to ask for each: by whoever holds the code, for as long as may be, for all that is due or left. */
const plainly: Readonly<Record<OrderAction, (order: Order, now: number) => Command>> = {
  CONFIRM: (order, now) => ({ kind: "confirm", claimant: claimantOf(order, now) }),
  PAY: (order, now) => ({ kind: "begin", claimant: claimantOf(order, now), account: accountOf(order, now) }),
  EXTEND: (_, now) => ({ kind: "extend", expiresAt: now + limits.liveCodeLifetimeMs.max }),
  CANCEL: () => ({ kind: "cancel", reason: null }),
  REFUND: () => ({ kind: "refund", amount: null, reason: null, reverseConversion: true, restock: true }),
  RECORD_PAYMENT: (order, now) => ({
    kind: "capture",
    exact: true,
    capture: {
      id: "",
      provider: "MANUAL",
      account: "",
      transaction: "",
      attempt: null,
      amount: dueOf(order),
      currency: order.terms.currency,
      paidAt: now,
      payer: { customerId: "", provisional: true, name: null, identities: [] },
    },
  }),
  RESOLVE_REVIEW: () => ({ kind: "resolve", decision: "HONOR", note: "" }),
};

/** One account that rests hinders no other. */
const accountOf = (order: Order, now: number): string => bestOf(order, order.terms.accounts, now)[0]?.id ?? "";
const claimantOf = (order: Order, now: number): string => claimAt(order, now)?.claimant ?? "";

export function allowedActions(order: Order, now: number): readonly OrderAction[] {
  const present = settle(order, draftOf(order), now).order;
  return orderActions.filter((action) => {
    const step = stepOf(present, plainly[action](present, now), now);
    return step.ok && step.draft.order !== present;
  });
}
