/** Confirming and paying: who holds the code, and which attempt is under way. */
import { dueOf } from "./amounts.ts";
import {
  closeAll,
  isOpenAttempt,
  isWatchedAttempt,
  mayTry,
  nextNumber,
  over,
  withAttempt,
  withMoney,
  withoutOldRefusals,
} from "./attempts.ts";
import { accept, change, draftOf, inWords, refuse, unchanged, type Commands, type Step } from "./commands.ts";
import type { Said } from "./conversion.ts";
import { paymentId } from "./ids.ts";
import { limits } from "./limits.ts";
import type { Attempt, Claim, Entered, Order } from "./order.ts";
import { claimAt } from "./state.ts";

/** What its payer said waits in the claim for the attempt that they go on to, though another holds the code meanwhile. */
export const confirm = (order: Order, { claimant, said }: Commands["confirm"], now: number): Step =>
  hold(order, claimant, said ?? waiting(order, claimant, now), now);

/** Nobody comes back from their wallet once what they went there for is over. */
const waitingIn = ({ claim }: Order, now: number): readonly Entered[] => {
  if (!claim) return [];
  const { claimant, said, until, former = [] } = claim;
  const entered = said ? [...former, { claimant, said, until }] : former;
  return entered.filter((one) => (one.until ?? until) + limits.attemptLifeMs > now);
};
const waiting = (order: Order, claimant: string, now: number): Said | undefined =>
  waitingIn(order, now).find((entered) => entered.claimant === claimant)?.said;

/**
 * The first holds the code; the second is told until when, and may take over once it lapses. Only somebody else's turn is told, and of an order
 * that has told very much not even that: anybody with the code may take turns for as long as it lives, and what an order keeps has to end.
 */
function hold(order: Order, claimant: string, said: Said | undefined, now: number): Step {
  if (order.closing) return refuse({ reason: "STATE", state: order.closing.as });
  const held = claimAt(order, now);
  if (held && held.claimant !== claimant) return refuse({ reason: "CLAIMED", until: held.until });
  const former = waitingIn(order, now)
    .filter((entered) => entered.claimant !== claimant)
    .slice(-limits.claimsWithSaidMax);
  const claim: Claim = {
    claimant,
    until: now + limits.claimMs,
    ...(said && { said }),
    ...(former.length > 0 && { former }),
  };
  const isTold = order.claim?.claimant !== claimant && order.sequence < limits.eventsWithConfirmationsMax;
  const claimed = change(draftOf(order), { claim });
  return accept(isTold ? change(claimed, {}, { type: "ORDER_CONFIRMED" }) : claimed);
}

/** One attempt is open at a time: the same one again for the same payer and account, else the older ones are to be closed upstream. */
export function begin(order: Order, command: Commands["begin"], now: number): Step {
  const { claimant } = command;
  const confirmed = hold(order, claimant, undefined, now);
  if (!confirmed.ok) return confirmed;
  const account = order.terms.accounts.find(({ id }) => id === command.account);
  if (!account) return refuse({ reason: "UNKNOWN" });
  const isSame = (attempt: Attempt) =>
    isOpenAttempt(attempt) &&
    !attempt.closing &&
    attempt.account === account.id &&
    attempt.claimant === claimant &&
    attempt.amount === dueOf(order);
  // A step on the way to the same payer's wallet says nothing new of them.
  const latest = command.said ?? waiting(order, claimant, now);
  const known = latest ?? order.attempts.findLast((attempt) => attempt.claimant === claimant)?.said;
  const said = known ? { said: known } : {};
  const same = order.attempts.find(isSame);
  // Whoever comes back to the same payment may have changed their mind about what they say, and the last word counts.
  if (same) {
    if (!latest && same.again) return confirmed;
    const asked = { again: true, ...(latest && said) } as const;
    return accept(change(confirmed.draft, { attempts: withAttempt(order, same.id, asked) }));
  }
  if (!mayTry(order, account.id, now)) return refuse({ reason: "LIMIT" });
  const attempt: Attempt = {
    id: paymentId(order.terms.key, nextNumber(order)),
    account: account.id,
    provider: account.provider,
    claimant,
    amount: dueOf(order),
    state: "PENDING",
    startedAt: now,
    endedAt: null,
    closing: false,
    reference: null,
    failureReason: null,
    ...said,
  };
  return accept(
    change(confirmed.draft, { attempts: [...closeAll(forgetting(withoutOldRefusals(order.attempts))), attempt] }),
  );
}

/** What payers said is kept with the latest tries only: what an order keeps has to end, and money for an older one comes, if ever, from another time. */
const forgetting = (attempts: readonly Attempt[]): readonly Attempt[] =>
  attempts.map((attempt, index) => {
    const { said: _, ...rest } = attempt;
    return index <= attempts.length - limits.attemptsWithSaidMax ? rest : attempt;
  });

export function opened(order: Order, { attempt: id, reference }: Commands["opened"]): Step {
  const attempt = order.attempts.find((one) => one.id === id);
  if (!attempt) return refuse({ reason: "UNKNOWN" });
  if (attempt.reference === reference) return unchanged(order);
  return accept(change(draftOf(order), { attempts: withAttempt(order, id, { reference }) }));
}

/** Whatever else comes of an attempt is no longer this order's, so none is asked about: the same money would be refused again and again. */
export function kept(order: Order, { attempt: id }: Commands["kept"], now: number): Step {
  const attempt = order.attempts.find((one) => one.id === id);
  if (!attempt) return refuse({ reason: "UNKNOWN" });
  if (!isWatchedAttempt(attempt)) return unchanged(order);
  return accept(change(draftOf(order), { attempts: withMoney(order, id, now) }));
}

/**
 * A try that failed leaves the payer free to try again, here or on the provider's page, which stays open until it is closed: only then can no
 * money come any more. What was refused exists nowhere, so nothing can come of it and no end need wait for it. After a capture no word changes
 * anything.
 */
export function ended(order: Order, { attempt: id, outcome, reason: said }: Commands["ended"], now: number): Step {
  const attempt = order.attempts.find((one) => one.id === id);
  if (!attempt) return refuse({ reason: "UNKNOWN" });
  if (!isWatchedAttempt(attempt)) return unchanged(order);
  const draft = draftOf(order);
  const reason = said && inWords(said);
  // Another asking may have led a payer to it, whatever this one was told.
  const isNothing = outcome === "REFUSED" && attempt.reference === null && !attempt.again;
  if (outcome === "CLOSED" || (isNothing && !isOpenAttempt(attempt)))
    return accept(change(draft, { attempts: withAttempt(order, id, over(attempt, now, reason)) }));
  if (!isOpenAttempt(attempt)) return unchanged(order);
  const refused = isNothing ? ({ closing: false, endedAt: now, refused: true } as const) : {};
  const attempts = withAttempt(order, id, { state: "FAILED", failureReason: reason, ...refused });
  // An order that has told very much does not tell what was no try at all.
  if (isNothing && order.sequence >= limits.eventsWithConfirmationsMax) return accept(change(draft, { attempts }));
  return accept(change(draft, { attempts }, { type: "PAYMENT_FAILED", detail: { paymentId: id, reason } }));
}
