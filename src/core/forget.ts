/**
 * What an order forgets of people. Once it is paid it knows one person, whom it converted; and where that person's data is destroyed, nobody. What
 * stays is a ledger without a name: money, states, proof of what was agreed to, and the customer's id, which is a keyed hash. Pure, and drawing
 * twice is drawing once.
 */
import { became } from "./block-run.ts";
import { accept, change, draftOf, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
import { nameless, type ActionOutcome, type Conversion, type Said } from "./conversion.ts";
import type { Attempt, Capture, Order, OrderTerms } from "./order.ts";

/** Destroys what the order knows of its customer. An order that converted after the erasure is of a relation that began anew. */
export function forget(order: Order, { erasedAt, alone }: Commands["forget"], now: number): Step {
  const { conversion, attempts, captures, terms } = order;
  if (!conversion || conversion.erasedAt !== undefined || conversion.convertedAt > erasedAt) return unchanged(order);
  return accept(
    change(draftOf(order), {
      terms: withoutCoupons(terms),
      // The names of browsers: nobody is shown any more what was given to whoever paid.
      attempts: attempts.map((attempt) => ({ ...withoutSaid(attempt), claimant: "" })),
      captures: captures.map((capture) => withoutInput(withoutPayer(capture))),
      conversion: {
        ...withoutWords(withoutPerson(conversion, now), erasedAt),
        erasedAt,
        ...(alone && { erasedAlone: alone }),
      },
    }),
  );
}

/** What a conversion that has forgotten its person hears, without that person; the same conversion where nothing else was said. */
export function stillErased(before: Conversion, heard: Conversion, now: number): Conversion {
  if (heard === before) return before;
  const after = withoutPerson(heard, now);
  return JSON.stringify(after) === JSON.stringify(before) ? before : after;
}

/**
 * Drawn after every step: people of whom the order has no need, who paid on top of it or too late, or tried and did not pay. Those who may still
 * become its customer are known until that is decided.
 */
export function forgetOthers(draft: Draft): Draft {
  const { paid, captures, attempts, conversion } = draft.order;
  const isErased = conversion?.erasedAt !== undefined;
  const isDecided = ({ disposition }: Capture): boolean =>
    paid !== null || disposition === "DUPLICATE" || disposition === "REFUND";
  const without = captures.map((capture) => {
    const bare = isDecided(capture) ? withoutPayer(capture) : capture;
    return isErased ? withoutInput(bare) : bare;
  });
  const tries = paid ? attempts.map(withoutSaid) : attempts;
  const isSame =
    without.every((capture, index) => capture === captures[index]) &&
    tries.every((attempt, index) => attempt === attempts[index]);
  return isSame ? draft : change(draft, { captures: without, attempts: tries });
}

const withoutPayer = (capture: Capture): Capture =>
  capture.payer.name === null && capture.payer.identities.length === 0
    ? capture
    : { ...capture, payer: nameless(capture.payer) };

/** A hash of what somebody recorded, their payer's number with it: it could be found again by trying all numbers. */
const withoutInput = (capture: Capture): Capture =>
  capture.request?.input ? { ...capture, request: { ...capture.request, input: "" } } : capture;

function withoutSaid(attempt: Attempt): Attempt {
  if (!attempt.said) return attempt;
  const { said: _, ...rest } = attempt;
  return rest;
}

function withoutCoupons(terms: OrderTerms): OrderTerms {
  if (terms.block.couponSeed === undefined) return terms;
  const { couponSeed: _, ...block } = terms.block;
  return { ...terms, block };
}

/** The proof of what was asked and agreed to names nobody. */
const proofIn = (said: Said): Said => ({ ...said, name: null, identities: [], country: null });

/** What was said before is nobody's any more, and reaches no relation that begins anew. */
function withoutWords(conversion: Conversion, erasedAt: number): Conversion {
  const { words = [], spreading = [], ...rest } = conversion;
  const later = words.filter(({ at }) => at > erasedAt);
  const still = spreading.filter(({ word }) => word.at > erasedAt);
  return { ...rest, ...(later.length > 0 && { words: later }), ...(still.length > 0 && { spreading: still }) };
}

/** Whatever was to be done for the person is not done, and nobody is led to what they were given. */
function withoutPerson(conversion: Conversion, now: number): Conversion {
  const { payer, said, claim, actions } = conversion;
  return {
    ...conversion,
    payer: nameless(payer),
    said: said && proofIn(said),
    ...(claim && { claim: { ...claim, said: proofIn(claim.said) } }),
    actions: actions.map((outcome) => withoutBenefit(outcome, now)),
    target: { kind: "RECEIPT" },
    decided: true,
  };
}

/** What was done stays known, so that a refund can take it back. Points are numbers; the member of staff and the group are the merchant's own. */
function withoutBenefit(outcome: ActionOutcome, now: number): ActionOutcome {
  const { tier: _, note: __, coupon, called, ...rest } = outcome;
  const bare: ActionOutcome = {
    ...rest,
    tags: [],
    ...(coupon && { coupon: { ...coupon, code: "" } }),
    ...(called && { called: { ...called, coupon: null } }),
  };
  // A pool that keeps somebody free is to hear what became of them.
  const isToBeDone = bare.state === "PENDING" && bare.waits !== "POOL";
  return isToBeDone ? became(bare, "SKIPPED_NO_CONSENT", now) : bare;
}
