/**
 * Runs the block. Its first run is part of the transaction that makes the order paid (`convert`), so it is pure and knows only the order and what
 * the payer said. What that cannot decide waits, by name, for whoever knows it: the read model (`ANSWER`, `GRANT`), a staff pool (`POOL`), or
 * somebody's server (`CALL`). Whenever something becomes known, `progress` decides what it can.
 */
import { hasConsent, judge, type Circumstances } from "./conditions.ts";
import { circumstancesOf, type ActionOutcome, type ActionState, type Conversion, type Waits } from "./conversion.ts";
import { plannedActions, type PlannedAction } from "./definition.ts";
import { limits } from "./limits.ts";
import { opensAt } from "./local-time.ts";
import { exponentOf, parseDecimal } from "./money.ts";
import type { OrderTerms } from "./order.ts";
import type { StaffHold } from "./staff-hold.ts";
import { aim } from "./target.ts";

type Moment = { readonly terms: OrderTerms; readonly now: number };

/** `hold`: the member of staff who was reserved for this payer, when one was for certain. */
export function convert(
  terms: OrderTerms,
  who: Pick<Conversion, "payer" | "said" | "wallet">,
  hold: StaffHold | null,
  now: number,
): Conversion {
  const { block } = terms;
  const begun: Conversion = {
    ...who,
    blockId: block.id,
    blockVersion: block.version,
    state: "COMMITTED",
    firstTime: null,
    actions: plannedActions(block.definition).map(({ key, kind, onRefund }) => ({
      key,
      kind,
      state: "PENDING",
      tags: [],
      onRefund,
      at: now,
      waits: "ANSWER",
    })),
    target: { kind: "RECEIPT" },
    decided: false,
    convertedAt: now,
  };
  return progress(begun, { terms, now }, hold);
}

/** Whether an action may still happen: once all the money is back, only what a refund does not touch. */
const isOpen = ({ state }: Conversion, { onRefund }: ActionOutcome): boolean =>
  state !== "REVERSED" || onRefund === "KEEP";

/** Decides whatever can be decided with what is known now. Drawing twice is drawing once. */
export function progress(conversion: Conversion, moment: Moment, hold: StaffHold | null = null): Conversion {
  const circumstances = circumstancesOf(conversion, moment.terms);
  const planned = new Map(plannedActions(moment.terms.block.definition).map((action) => [action.key, action]));
  const actions = conversion.actions.map((outcome) => {
    const action = planned.get(outcome.key);
    if (!action || !isOpen(conversion, outcome)) return outcome;
    if (isForbidden(action, outcome, circumstances)) return became(outcome, "SKIPPED_NO_CONSENT", moment.now);
    const isUndecided =
      (outcome.state === "PENDING" && outcome.waits === "ANSWER") || outcome.state === "SKIPPED_NO_CONSENT";
    if (!isUndecided) return outcome;
    const judged = judge(action, circumstances);
    if (judged === "RUN") return begin(action, outcome, moment, hold);
    if (judged === "WAIT" || judged === outcome.state) return outcome;
    return became(outcome, judged, moment.now);
  });
  const same = actions.every((outcome, index) => outcome === conversion.actions[index]);
  return aim(same ? conversion : { ...conversion, actions }, moment.terms, circumstances);
}

/** Whether what waits for somebody elsewhere lost the consent that it began with. */
const isForbidden = (
  { requires }: PlannedAction,
  { state, waits }: ActionOutcome,
  circumstances: Circumstances,
): boolean =>
  state === "PENDING" &&
  (waits === "CALL" || waits === "GRANT") &&
  requires !== undefined &&
  hasConsent(requires, circumstances) !== true;

/** The outcome in another state, waiting for nobody. */
export function became(
  outcome: ActionOutcome,
  state: ActionState,
  at: number,
  more: Partial<ActionOutcome> = {},
): ActionOutcome {
  const { waits: _, call: __, detail: ___, ...rest } = outcome;
  return { ...rest, state, at, ...more };
}
export const waiting = (
  outcome: ActionOutcome,
  waits: Waits,
  at: number,
  more: Partial<ActionOutcome> = {},
): ActionOutcome => became(outcome, "PENDING", at, { waits, ...more });

/** An action whose condition holds and that the customer agreed to: done, or handed to whoever has to do it. */
function begin(
  action: PlannedAction,
  outcome: ActionOutcome,
  { terms, now }: Moment,
  hold: StaffHold | null,
): ActionOutcome {
  switch (action.kind) {
    case "TAG_ADD":
      return became(outcome, "DONE", now, { tags: action.tags });
    case "POINTS_GRANT": {
      const granted = pointsFor(action, terms);
      return became(outcome, "DONE", now, { points: { granted, kept: granted } });
    }
    case "COUPON_GRANT": {
      const coupon = couponFor(action, terms, outcome, now);
      return action.limit ? waiting(outcome, "GRANT", now, { coupon }) : became(outcome, "DONE", now, { coupon });
    }
    case "TIER_SET":
      return became(outcome, "DONE", now, { tier: action.tier });
    case "NOTE_ADD":
      return became(outcome, "DONE", now, { note: action.note });
    case "STAFF_ASSIGN":
      // The pool is still to be told that the reservation is one for good.
      return hold ? became(outcome, "DONE", now, { staff: hold, waits: "POOL" }) : waiting(outcome, "POOL", now);
    case "GROUP_INVITE":
      return waiting(outcome, "GRANT", now);
    case "MESSAGE_SEND":
    case "CONTACT_INVITE":
    case "CRM_PUSH":
      return waiting(outcome, "CALL", now, { call: firstCall(action, terms, now) });
  }
}

/** When somebody's server is first called: at once, or when the action's window opens. */
export function firstCall(
  action: PlannedAction,
  { merchant }: Pick<OrderTerms, "merchant">,
  now: number,
): NonNullable<ActionOutcome["call"]> {
  const window = "window" in action ? action.window : undefined;
  return { tries: 0, nextAt: window ? opensAt(window, now, merchant.timeZone) : now };
}

function pointsFor(
  { points, perMajorUnit }: Extract<PlannedAction, { kind: "POINTS_GRANT" }>,
  { total, currency }: OrderTerms,
): number {
  if (points !== undefined) return points;
  const units = BigInt(total) / 10n ** BigInt(exponentOf(currency));
  return Number(units * BigInt(perMajorUnit ?? 0));
}

const couponLength = 12;
const day = 24 * 60 * 60 * 1000;

/** Its code is a part of the order's own seed, so that it is the same whenever it is asked for, and nobody's guess. */
function couponFor(
  { name, value, validDays }: Extract<PlannedAction, { kind: "COUPON_GRANT" }>,
  { block, currency }: OrderTerms,
  { key }: ActionOutcome,
  now: number,
): NonNullable<ActionOutcome["coupon"]> {
  const granting = block.definition.actions.filter(({ kind }) => kind === "COUPON_GRANT");
  const place = granting.findIndex((one) => one.key === key) * couponLength;
  const parsed = parseDecimal(value, currency);
  return {
    code: block.couponSeed?.slice(place, place + couponLength) ?? "",
    name,
    value: parsed.ok ? parsed.value : 0,
    expiresAt: validDays === undefined ? null : now + validDays * day,
  };
}
/** How much of a seed an order of so many coupons needs. */
export const couponSeedLength = couponLength * limits.couponsPerBlockMax;
