/**
 * What a conversion learns after it was committed: the read model's answer, the pool's, and what the customer says later. Each news is heard as
 * often as it comes and changes what it concerns once. What a server says is in `calls.ts`.
 */
import { accept, change, draftOf, refuse, unchanged, type Commands, type Draft, type Step } from "./commands.ts";
import { became, firstCall, progress, waiting } from "./block-run.ts";
import { knownOf, receiptsOf, type ActionOutcome, type Conversion } from "./conversion.ts";
import { plannedActions, staffKey, type PlannedAction, type Purpose } from "./definition.ts";
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
  const { firstTime, nth = null, grants = [], checks = [] } = answer;
  const agreed = answer.agreed ?? receiptsOf(conversion).map(({ purpose }) => purpose);
  const isNews = conversion.firstTime === null;
  const draft = after(order, now, (before) => {
    const told = isNews ? { ...before, firstTime, nth, agreed } : before;
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

/** The consent that the read model no longer knows is none here either: else the action would begin again at once. */
export const without = (conversion: Conversion, purpose: Purpose | undefined): Conversion => ({
  ...conversion,
  agreed: (conversion.agreed ?? []).filter((one) => one !== purpose),
});

/** The customer agrees, or takes it back: what waits stops, what was left out for want of it begins. `told`: this order tells partners of it. */
export function consent(order: Order, { receipt, told }: Commands["consent"], now: number): Step {
  const { conversion } = order;
  if (!conversion) return unchanged(order);
  // What was said before the person was forgotten is forgotten with them.
  if (conversion.erasedAt !== undefined && receipt.at <= conversion.erasedAt) return unchanged(order);
  const { purpose, granted, textVersion, locale, channel } = receipt;
  const known = conversion.agreed ?? receiptsOf(conversion).map((one) => one.purpose);
  const agreed = [...known.filter((one) => one !== purpose), ...(granted ? [purpose] : [])];
  const isKnown = known.includes(purpose) === granted && conversion.agreed !== null && conversion.agreed !== undefined;
  const draft = isKnown ? draftOf(order) : after(order, now, (before) => stop({ ...before, agreed }, order, now));
  const detail = { purpose, granted, textVersion, locale, channel };
  const tells = told && order.sequence < limits.eventsWithReopeningMax;
  return accept(tells ? change(draft, {}, { type: "CUSTOMER_CONSENT_CHANGED", detail }) : draft);
}

/** What waits without the consent it needs does not happen. */
const stop = (conversion: Conversion, order: Order, now: number): Conversion =>
  conversion.actions.reduce((all, { key }) => {
    const requires = plannedBy(order, key)?.requires;
    if (requires === undefined || all.agreed?.includes(requires)) return all;
    return withAction(all, key, (outcome) =>
      outcome.state === "PENDING" && (outcome.waits === "CALL" || outcome.waits === "GRANT")
        ? became(outcome, "SKIPPED_NO_CONSENT", now)
        : outcome,
    );
  }, conversion);

/** A payer of whom nothing is known says who they are, once. It never leads into somebody else's record: it is this one that gets a name. */
export function claimRecord(order: Order, { said }: Commands["claimRecord"], now: number): Step {
  const { conversion } = order;
  const isOpen = conversion?.payer.provisional && !conversion.claim && conversion.erasedAt === undefined;
  if (!isOpen || knownOf(conversion).identities.length > 0) return refuse({ reason: "UNKNOWN" });
  const draft = after(order, now, (before) => ({
    ...before,
    claim: { at: now, said },
    agreed: before.agreed ? [...new Set([...before.agreed, ...said.consents.map(({ purpose }) => purpose)])] : null,
  }));
  return accept(tellConsents(draft, said.consents.length > 0));
}

/** Partners hear that somebody agreed to something: to what is for those to read who may. */
export const tellConsents = (draft: Draft, isNews: boolean): Draft => {
  const purposes = draft.order.conversion ? receiptsOf(draft.order.conversion).map(({ purpose }) => purpose) : [];
  return isNews ? change(draft, {}, { type: "CUSTOMER_CONSENT_CHANGED", detail: { granted: true, purposes } }) : draft;
};

/** What failed is tried again from the beginning, and what waits does not wait any longer. `agreed`: what the customer agrees to now. */
export function retry(order: Order, { agreed }: Commands["retry"], now: number): Step {
  const draft = after(order, now, (conversion) =>
    conversion.actions.reduce(
      (all, { key }) => withAction(all, key, (outcome) => again(outcome, all, now)),
      conversion.firstTime === null ? conversion : withAgreed(conversion, agreed),
    ),
  );
  return accept(draft);
}

const withAgreed = (conversion: Conversion, agreed: Conversion["agreed"]): Conversion => {
  const known = conversion.agreed ?? [];
  const isSame = agreed?.length === known.length && agreed.every((purpose) => known.includes(purpose));
  return isSame || !agreed ? conversion : { ...conversion, agreed };
};

function again(outcome: ActionOutcome, { state }: Conversion, now: number): ActionOutcome {
  if (outcome.waits === "CALL" && outcome.call) return { ...outcome, call: { tries: 0, nextAt: now } };
  const isOver = state === "REVERSED" && outcome.onRefund !== "KEEP";
  if (outcome.state === "FAILED" && !isOver) return waiting(outcome, "CALL", now, { call: { tries: 0, nextAt: now } });
  // A server that would not take something back is asked again; that it was taken back here stands.
  if (outcome.state === "REVERSED" && outcome.detail !== undefined)
    return { ...outcome, waits: "CALL", call: { tries: 0, nextAt: now } };
  return outcome;
}
