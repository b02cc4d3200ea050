/**
 * What a conversion learns after it was committed: the read model's answer, the pool's, and what the customer says later. Each news is heard as
 * often as it comes and changes what it concerns once. What a server says is in `calls.ts`.
 */
import { accept, change, draftOf, refuse, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
import { became, firstCall, progress, waiting } from "./block-run.ts";
import { hearing, isSameWord, wordsOf, type ConsentWord } from "./consents.ts";
import { knownOf, type ActionOutcome, type Conversion } from "./conversion.ts";
import { plannedActions, staffKey, type PlannedAction } from "./definition.ts";
import { stillErased } from "./forget.ts";
import { limits } from "./limits.ts";
import type { Order } from "./order.ts";
import { answered, awaitsStaff } from "./staff-hold.ts";

/** The order with its conversion after the news; the same order when the news changed nothing. */
export function after(order: Order, now: number, hear: (conversion: Conversion) => Conversion): Draft {
  const { conversion, terms } = order;
  if (!conversion) return draftOf(order);
  const heard = hear(conversion);
  const next =
    conversion.erasedAt === undefined ? progress(heard, { terms, now }) : stillErased(conversion, heard, now);
  return next === conversion ? draftOf(order) : change(draftOf(order), { conversion: next });
}

/** One action changed; the same conversion when it was not. */
export const withAction = (
  conversion: Conversion,
  key: string,
  alter: (outcome: ActionOutcome) => ActionOutcome,
): Conversion => {
  const actions = conversion.actions.map((outcome) => (outcome.key === key ? alter(outcome) : outcome));
  return actions.every((one, index) => one === conversion.actions[index]) ? conversion : { ...conversion, actions };
};

export const plannedBy = ({ terms }: Order, key: string): PlannedAction | undefined =>
  plannedActions(terms.block.definition).find((action) => action.key === key);

/** Whether the read model has something to say that the conversion waits for. */
export const awaitsAnswer = ({ conversion }: Order): boolean =>
  conversion !== null &&
  (conversion.firstTime === null ||
    conversion.actions.some(({ waits, unchecked }) => waits === "GRANT" || unchecked === true));

/** The read model answers: who is new, what was granted, and what had been used before it was taken back. */
export function customer(order: Order, answer: Commands["customer"], now: number): Step {
  const { conversion } = order;
  if (!conversion) return unchanged(order);
  const { firstTime, nth = null, words = [], grants = [], checks = [] } = answer;
  const isNews = conversion.firstTime === null;
  const draft = after(order, now, (before) => {
    const heard = hearing(isNews ? { ...before, firstTime, nth } : before, words);
    // What the same answer forbids is not granted by it.
    const told = heard.erasedAt === undefined ? progress(heard, { terms: order.terms, now }) : heard;
    const granted = grants.reduce(
      (all, { key, number }) => withAction(all, key, (outcome) => granting(order, outcome, number, now)),
      told,
    );
    return checks.reduce(
      (all, { key, kept, short }) => withAction(all, key, (outcome) => checked(outcome, kept, short)),
      granted,
    );
  });
  const created = isNews && firstTime ? change(draft, {}, { type: "CUSTOMER_CREATED" }) : draft;
  const shortfall = shortOf(created.order) - shortOf(order);
  // What was used up before it was taken back is a person's business, and never passed over.
  return accept(
    shortfall > 0 ? change(created, {}, { type: "ORDER_REVIEW", detail: { why: "BENEFIT_USED" } }) : created,
  );
}

const shortOf = ({ conversion }: Order): number =>
  (conversion?.actions ?? []).reduce((all, { short = 0 }) => all + short, 0);

/** `number` is the grant's place among all of its kind; null when there was none left. */
function granting(order: Order, outcome: ActionOutcome, number: number | null, now: number): ActionOutcome {
  if (outcome.state !== "PENDING" || outcome.waits !== "GRANT") return outcome;
  if (number === null) {
    const { coupon: _, ...rest } = outcome;
    return became(rest, "SKIPPED_LIMIT", now);
  }
  const action = plannedBy(order, outcome.key);
  if (action?.kind !== "GROUP_INVITE") return became(outcome, "DONE", now);
  const { name, url } = groupAt(action, number);
  return waiting(outcome, "CALL", now, { group: { name, url }, call: firstCall(action, order.terms, now) });
}

/** The groups fill one after the other. */
function groupAt({ groups }: Extract<PlannedAction, { kind: "GROUP_INVITE" }>, number: number) {
  let room = 0;
  const found = groups.find(({ capacity }) => (room += capacity) >= number) ?? groups.at(-1);
  if (!found) throw new Error("a group invitation has a group");
  return found;
}

/** `kept` names what the answer was about: points may have been taken back further meanwhile. */
function checked(outcome: ActionOutcome, kept: number, short: number): ActionOutcome {
  if (!outcome.unchecked || (outcome.points?.kept ?? 0) !== kept) return outcome;
  const { unchecked: _, ...rest } = outcome;
  return short > 0 ? { ...rest, short: Math.max(short, outcome.short ?? 0) } : rest;
}

/** A pool's last word: who it is, or that it has nobody, and then the next is asked. */
export function assigned(order: Order, answer: Commands["assigned"], now: number): Step {
  const staff = awaitsStaff(order.conversion) ? answered(order, answer) : null;
  if (!staff) return unchanged(order);
  const { state, hold } = staff;
  const draft = after(order, now, (conversion) =>
    withAction(conversion, staffKey, (outcome) => {
      if (hold) return became(outcome, "DONE", now, { staff: hold });
      return state === "NONE" ? became(outcome, "SKIPPED_LIMIT", now) : outcome;
    }),
  );
  return accept(change(draft, { staff }));
}

/** The customer agrees, or takes it back: what waits stops, what was left out for want of it begins. Said once, to partners and to the other orders. */
export function consent(order: Order, { receipt }: Commands["consent"], now: number): Step {
  const draft = after(order, now, (before) => hearing(before, [receipt]));
  const { conversion } = draft.order;
  const { purpose, granted, at, textVersion, locale, channel } = receipt;
  // The order may know the word already, from the read model: it is news until it was told from here.
  const stands = conversion && wordsOf(conversion).some((word) => isSameWord(word, receipt));
  if (!stands || at <= (conversion.toldOf?.[purpose] ?? Number.NEGATIVE_INFINITY)) return accept(draft);
  const others = (conversion.spreading ?? []).filter(({ word }) => word.purpose !== purpose);
  const spreading = [...others, { word: { purpose, granted, at }, after: null }];
  const toldOf = { ...conversion.toldOf, [purpose]: at };
  const told = change(draft, { conversion: { ...conversion, spreading, toldOf } });
  const detail = { purpose, granted, textVersion, locale, channel };
  const tells = order.sequence < limits.eventsWithReopeningMax;
  return accept(tells ? change(told, {}, { type: "CUSTOMER_CONSENT_CHANGED", detail }) : told);
}

/** What the customer said elsewhere. */
export const agreed = (order: Order, { words }: Commands["agreed"], now: number): Step =>
  accept(after(order, now, (conversion) => hearing(conversion, words)));

/** A word that was overtaken by another is spread no further. */
export function spread(order: Order, { word, after: place }: Commands["spread"]): Step {
  const { conversion } = order;
  const isThis = (one: { readonly word: ConsentWord }) => isSameWord(one.word, word);
  if (!conversion?.spreading?.some(isThis)) return unchanged(order);
  const spreading = conversion.spreading.flatMap((one) =>
    isThis(one) ? (place ? [{ ...one, after: place }] : []) : [one],
  );
  const { spreading: _, ...rest } = conversion;
  return accept(change(draftOf(order), { conversion: spreading.length > 0 ? { ...rest, spreading } : rest }));
}

/** A payer of whom nothing is known says who they are, once. It never leads into somebody else's record: it is this one that gets a name. */
export function claimRecord(order: Order, { said }: Commands["claimRecord"], now: number): Step {
  const { conversion } = order;
  const isOpen = conversion?.payer.provisional && !conversion.claim && conversion.erasedAt === undefined;
  if (!isOpen || knownOf(conversion).identities.length > 0) return refuse({ reason: "UNKNOWN" });
  const draft = after(order, now, (before) => ({ ...before, claim: { at: now, said } }));
  return accept(tellConsents(draft, said.consents));
}

/** Partners hear that somebody agreed to something, where that stands: to what is for those to read who may. */
export function tellConsents(draft: Draft, receipts: readonly ConsentWord[]): Draft {
  const { conversion } = draft.order;
  const words = conversion ? wordsOf(conversion) : [];
  const standing = receipts.filter((receipt) => words.some((word) => isSameWord(word, receipt)));
  const purposes = standing.map(({ purpose }) => purpose);
  return purposes.length > 0
    ? change(draft, {}, { type: "CUSTOMER_CONSENT_CHANGED", detail: { granted: true, purposes } })
    : draft;
}

/** What failed is tried again from the beginning, and what waits does not wait any longer. */
export function retry(order: Order, { words }: Commands["retry"], now: number): Step {
  const draft = after(order, now, (conversion) =>
    conversion.actions.reduce(
      (all, { key }) => withAction(all, key, (outcome) => again(outcome, all, now)),
      hearing(conversion, words),
    ),
  );
  return accept(draft);
}

function again(outcome: ActionOutcome, { state }: Conversion, now: number): ActionOutcome {
  if (outcome.waits === "CALL" && outcome.call) return { ...outcome, call: { tries: 0, nextAt: now } };
  const isOver = state === "REVERSED" && outcome.onRefund !== "KEEP";
  if (outcome.state === "FAILED" && !isOver) return waiting(outcome, "CALL", now, { call: { tries: 0, nextAt: now } });
  // A server that would not take something back is asked again; that it was taken back here stands.
  if (outcome.state === "REVERSED" && outcome.detail !== undefined)
    return { ...outcome, waits: "CALL", call: { tries: 0, nextAt: now } };
  return outcome;
}
