/**
 * The member of staff who is kept free for a payer while they pay. Reserved when somebody confirms, committed by the money, let go when nobody pays.
 * All of it happens beside the payment: a pool that is empty, slow or gone leaves the order without a member of staff, never unpaid.
 */
import { accept, change, draftOf, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
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
 * `turn` rises with every reservation, so that news of an older one is known as such. ASKING is written down before a pool is asked: where its answer
 * is lost, what it may have kept is let go all the same. NONE: the pools had nobody.
 */
export type StaffState = {
  readonly turn: number;
  readonly state: "FREE" | "ASKING" | "HELD" | "NONE" | "LEAVING";
  readonly hold: StaffHold | null;
};

export const staffOf = ({ staff }: Order): StaffState => staff ?? { turn: 0, state: "FREE", hold: null };

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

export function reserved(order: Order, { turn, hold }: Commands["reserved"]): Step {
  const staff = staffOf(order);
  if (turn !== staff.turn || staff.state !== "ASKING" || order.paid) return unchanged(order);
  return accept(change(draftOf(order), { staff: { turn, state: hold ? "HELD" : "NONE", hold } }));
}

export function released(order: Order, { turn }: Commands["released"]): Step {
  const staff = staffOf(order);
  if (turn !== staff.turn || staff.state !== "LEAVING") return unchanged(order);
  return accept(change(draftOf(order), { staff: { turn, state: "FREE", hold: null } }));
}

/** Somebody is about to pay: the pools are to be asked. */
export const asking = (draft: Draft): Draft =>
  change(draft, { staff: { turn: staffOf(draft.order).turn + 1, state: "ASKING", hold: null } });

/** Nobody is paying any more: the next payer is asked for anew. */
export function letGo(draft: Draft): Draft {
  const { turn, state, hold } = staffOf(draft.order);
  if (state === "HELD" || state === "ASKING") return change(draft, { staff: { turn, state: "LEAVING", hold } });
  return state === "NONE" ? change(draft, { staff: { turn, state: "FREE", hold: null } }) : draft;
}
