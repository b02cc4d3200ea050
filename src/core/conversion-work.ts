/** What a conversion still has to have done elsewhere, beside what an order has (`work.ts`). Derived from the facts alone, like that. */
import type { ConsentWord } from "./consents.ts";
import type { ActionOutcome, OrderPlace } from "./conversion.ts";
import { openAttempts } from "./attempts.ts";
import { hasVariable, plannedActions, type ActionKind } from "./definition.ts";
import type { Order } from "./order.ts";
import { askedPool, awaitsStaff, poolsOf, reservesStaff, staffOf } from "./staff-hold.ts";

export type ConversionWork =
  | { readonly kind: "RESERVE" | "ASSIGN"; readonly turn: number; readonly pool: string }
  | { readonly kind: "RELEASE"; readonly turn: number; readonly pools: readonly string[] }
  /** The customer's other orders, after this one, are to hear what the customer said. */
  | { readonly kind: "SPREAD"; readonly word: ConsentWord; readonly after: OrderPlace | null }
  /** The `number`th call. `undo`: what was done is to be taken back. */
  | { readonly kind: "CALL"; readonly outcome: ActionOutcome; readonly undo: boolean; readonly number: number };

/** What is to be done now. */
export function conversionWorkOf(order: Order, now: number): readonly ConversionWork[] {
  const calls = (order.conversion?.actions ?? []).flatMap((outcome): ConversionWork[] => {
    if (outcome.waits !== "CALL" || (outcome.call?.nextAt ?? 0) > now || lacksWords(order, outcome)) return [];
    return [{ kind: "CALL", outcome, undo: outcome.state === "REVERSED", number: (outcome.call?.tries ?? 0) + 1 }];
  });
  const words = (order.conversion?.spreading ?? []).map((one) => ({ kind: "SPREAD", ...one }) as const);
  return [...staffWorkOf(order), ...words, ...calls];
}

function staffWorkOf(order: Order): readonly ConversionWork[] {
  const { turn, state } = staffOf(order);
  if (state === "LEAVING") return [{ kind: "RELEASE", turn, pools: poolsOf(order) }];
  const pool = askedPool(order);
  if (pool === null) return [];
  if (order.paid) return awaitsStaff(order.conversion) ? [{ kind: "ASSIGN", turn, pool }] : [];
  return state === "ASKING" ? [{ kind: "RESERVE", turn, pool }] : [];
}

/** Whether something that the call tells is still being decided. It leaves when that has ended, however it did: so every retry says the same. */
function lacksWords({ conversion, terms }: Order, { key }: ActionOutcome): boolean {
  const action = plannedActions(terms.block.definition).find((one) => one.key === key);
  const told: readonly ActionKind[] = [
    // Every call names whoever looks after the customer.
    "STAFF_ASSIGN",
    ...(action && hasVariable(action, "coupon") ? (["COUPON_GRANT"] as const) : []),
    ...(action && hasVariable(action, "points") ? (["POINTS_GRANT"] as const) : []),
  ];
  // Whoever was reserved is theirs by the pool's last word, which may name them otherwise.
  const isOpen = ({ state, waits }: ActionOutcome): boolean => state === "PENDING" || waits === "POOL";
  return conversion?.actions.some((outcome) => isOpen(outcome) && told.includes(outcome.kind)) ?? false;
}

const isBeingPaid = ({ claim, ...order }: Order, now: number): boolean =>
  (claim !== null && claim.until > now) || openAttempts({ claim, ...order }).length > 0;

/** Whether somebody is to be kept free for a payer, or assigned to whoever paid, and no pool was asked yet. */
export const wantsStaff = (order: Order, now: number): boolean =>
  staffOf(order).state === "FREE" &&
  (order.paid
    ? awaitsStaff(order.conversion)
    : !order.closed && !order.closing && reservesStaff(order) && isBeingPaid(order, now));

/** Whether a reservation, or the question for one, has lost the payer it was for. */
export const hasStaffToLetGo = (order: Order, now: number): boolean =>
  isForPayer(order) && (order.closed !== null || !isBeingPaid(order, now));

const isForPayer = (order: Order): boolean => ["ASKING", "HELD", "NONE"].includes(staffOf(order).state) && !order.paid;

/** When to look again if nothing happens meanwhile; null when there is nothing to do. `patienceMs`: how long to wait after what did not succeed. */
export function conversionWorkAt(order: Order, now: number, patienceMs: number): number | null {
  const lapse = order.claim && isForPayer(order) ? order.claim.until : null;
  const calls = (order.conversion?.actions ?? []).flatMap(({ waits, call }) =>
    waits === "CALL" && call ? [call.nextAt] : [],
  );
  // A claim that has just lapsed is work too: the alarm that rings for it must find something to do.
  const isDue = conversionWorkOf(order, now).length > 0 || hasStaffToLetGo(order, now);
  const due = isDue ? [now + patienceMs] : [];
  const later = [lapse, ...calls].filter((at) => at !== null && at > now);
  const all = [...due, ...later].filter((at) => at !== null);
  return all.length === 0 ? null : Math.min(...all);
}
