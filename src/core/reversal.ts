/**
 * What a refund does to a conversion, as each action declared. Computed from all the money that went back, never from one piece of news, so that
 * hearing of a refund again, or of two in either order, ends alike.
 */
import { became } from "./block-run.ts";
import type { ActionOutcome, Conversion } from "./conversion.ts";
import type { Minor } from "./money.ts";

/**
 * The conversion after `lost` of `earned` went back. All of it reverses every action that declares REVERSE or PRORATE; a part only what can be
 * prorated. Returns the same object when nothing changes.
 */
export function reverse(conversion: Conversion, lost: Minor, earned: Minor, at: number): Conversion {
  if (lost <= 0) return conversion;
  const isWhole = lost >= earned;
  const actions = conversion.actions.map((outcome) => {
    if (outcome.onRefund === "KEEP") return outcome;
    const prorated = prorate(outcome, lost, earned, at);
    return isWhole ? takeBack(prorated, at) : prorated;
  });
  const state = isWhole ? "REVERSED" : "PARTLY_REVERSED";
  const same = state === conversion.state && actions.every((one, index) => one === conversion.actions[index]);
  return same ? conversion : { ...conversion, state, actions };
}

/** Points in proportion to the money that stayed, the fraction of a point to the merchant. */
function prorate(outcome: ActionOutcome, lost: Minor, earned: Minor, at: number): ActionOutcome {
  const { points, onRefund } = outcome;
  if (!points || (onRefund === "REVERSE" && lost < earned)) return outcome;
  const stayed = BigInt(Math.max(0, earned - lost));
  const kept = Number((BigInt(points.granted) * stayed) / BigInt(Math.max(1, earned)));
  return kept === points.kept ? outcome : { ...outcome, at, points: { ...points, kept }, unchecked: true };
}

function takeBack(outcome: ActionOutcome, at: number): ActionOutcome {
  const recall = recallOf(outcome, at);
  switch (outcome.state) {
    case "DONE":
    case "PENDING":
      return became(outcome, "REVERSED", at, { ...checkOf(outcome), ...recall });
    case "SKIPPED_NO_CONSENT":
      // A coupon may have been counted before the consent for it went.
      return recall || outcome.coupon ? became(outcome, "REVERSED", at, { ...checkOf(outcome), ...recall }) : outcome;
    case "FAILED":
    case "SKIPPED_CONDITION":
    case "SKIPPED_LIMIT":
      return recall ? became(outcome, "REVERSED", at, recall) : outcome;
    case "REVERSED":
      return outcome;
  }
}

/** Whether a coupon had been used is known where it is used. */
const checkOf = ({ coupon }: ActionOutcome): Partial<ActionOutcome> => (coupon ? { unchecked: true } : {});

/** Somebody's server did this, or may have, whatever it answered: it is told to take it back. */
const recallOf = ({ called }: ActionOutcome, at: number): Partial<ActionOutcome> | null =>
  called ? { waits: "CALL", call: { tries: 0, nextAt: at } } : null;
