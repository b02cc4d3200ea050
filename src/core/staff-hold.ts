/**
 * The member of staff who is kept free for a payer while they pay. Reserved when somebody confirms, committed by the money, let go when nobody pays.
 * All of it happens beside the payment: a pool that is empty, slow or gone leaves the order without a member of staff, never unpaid.
 *
 * One pool at a time may keep somebody, namely the one that is asked: that it is asked is written down first, the next is asked once it has said that it has
 * nobody, and that is its last word in this turn. So of whatever answers are lost, there is one pool to ask again, and a turn that comes to nothing is let
 * go at all of them before the next begins.
 */
import { accept, change, draftOf, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
import type { Conversion } from "./conversion.ts";
import { staffKey } from "./definition.ts";
import type { Order } from "./order.ts";

/** Who it is, as the pool named them. `firm` false: only the money decides, because it depends on whose it is. */
export type StaffHold = {
  readonly pool: string;
  readonly member: string;
  readonly name: string;
  readonly contactUrl: string | null;
  readonly firm: boolean;
};
/**
 * `turn` rises with every reservation, so that news of an older one is known as such. ASKING: the pool at `asked` may keep somebody, or have assigned
 * them where the order is paid. HELD: `hold` is kept, or had. NONE: the pools had nobody. LEAVING: what any of them may keep is let go.
 */
export type StaffState = {
  readonly turn: number;
  readonly state: "FREE" | "ASKING" | "HELD" | "NONE" | "LEAVING";
  readonly hold: StaffHold | null;
  /** Which of the block's pools; those before it have said that they have nobody. */
  readonly asked?: number;
};

export const staffOf = ({ staff }: Order): StaffState => staff ?? { turn: 0, state: "FREE", hold: null };

/** The block's pools, as they are asked. */
export const poolsOf = ({ terms }: Order): readonly string[] => {
  const { assignment } = terms.block.definition;
  return [assignment?.pool, assignment?.fallback].filter((id) => id !== undefined);
};

/** The pool that may keep somebody for the order; null when none may. */
export function askedPool(order: Order): string | null {
  const { state, asked = 0, hold } = staffOf(order);
  if (state === "HELD") return hold?.pool ?? null;
  return state === "ASKING" ? (poolsOf(order)[asked] ?? null) : null;
}

/** Reserved before the payment only where that depends on nothing but the order having a payer. */
export const reservesStaff = ({ terms }: Order): boolean => {
  const { assignment } = terms.block.definition;
  return assignment !== undefined && assignment.when === undefined;
};

/** Whoever pays with certainty has this member of staff. */
export function holdFor(order: Order): StaffHold | null {
  const { state, hold } = staffOf(order);
  return state === "HELD" && hold?.firm ? hold : null;
}

/** Whether a conversion still waits for its pool. */
export const awaitsStaff = (conversion: Conversion | null): boolean =>
  conversion?.actions.some(({ key, waits }) => key === staffKey && waits === "POOL") ?? false;

/** What a pool said to the order's question; null when it answers another one. The order then has them, asks the next pool, or has nobody. */
export function answered(order: Order, { turn, pool, hold }: Commands["reserved"]): StaffState | null {
  const { turn: present, state, asked = 0 } = staffOf(order);
  if (turn !== present || pool !== askedPool(order)) return null;
  if (hold) return { turn, state: "HELD", hold };
  const next = state === "ASKING" ? asked + 1 : poolsOf(order).length;
  return next < poolsOf(order).length
    ? { turn, state: "ASKING", hold: null, asked: next }
    : { turn, state: "NONE", hold: null };
}

export function reserved(order: Order, answer: Commands["reserved"]): Step {
  const staff = order.paid || staffOf(order).state !== "ASKING" ? null : answered(order, answer);
  return staff ? accept(change(draftOf(order), { staff })) : unchanged(order);
}

export function released(order: Order, { turn }: Commands["released"]): Step {
  const staff = staffOf(order);
  if (turn !== staff.turn || staff.state !== "LEAVING") return unchanged(order);
  return accept(change(draftOf(order), { staff: { turn, state: "FREE", hold: null } }));
}

/** The pools are to be asked: somebody is about to pay, or has paid. */
export const asking = (draft: Draft): Draft =>
  change(draft, { staff: { turn: staffOf(draft.order).turn + 1, state: "ASKING", hold: null } });

/** Nobody is paying any more: the next payer is asked for anew. */
export function letGo(draft: Draft): Draft {
  const { turn, state, hold } = staffOf(draft.order);
  if (state === "HELD" || state === "ASKING") return change(draft, { staff: { turn, state: "LEAVING", hold } });
  return state === "NONE" ? change(draft, { staff: { turn, state: "FREE", hold: null } }) : draft;
}

/** The money is here: whoever is held stays so, and any question for somebody to reserve is over. */
export const keepHeld = (draft: Draft): Draft => (staffOf(draft.order).state === "HELD" ? draft : letGo(draft));
