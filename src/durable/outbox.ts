/** What a live code still owes to the read model and to partners. Pure: read from the document's marks, so a crash forgets nothing. */
import type { Command } from "../core/commands.ts";
import { hearing } from "../core/consents.ts";
import { conversionWorkAt } from "../core/conversion-work.ts";
import { awaitsAnswer } from "../core/follow-up.ts";
import type { Order } from "../core/order.ts";
import { endsAt, pollAt } from "../core/work.ts";
import { feedEvent, type FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import type { Projection, ProjectionAnswer } from "../db/projection.ts";
import type { StoredLiveCode } from "./live-code-store.ts";

/** Those who are told. */
export type Audience = "readModel" | "partners";
/** Whether something is to be told to each. Read from the marks alone: it is asked at every step, and what is told is rendered only then. */
export type Owed = Readonly<Record<Audience, boolean>>;

export const owedOf = (stored: StoredLiveCode): Owed => ({
  readModel: awaitsAnswer(stored.order) || stored.projected < stored.material || stored.logged < stored.order.sequence,
  partners: stored.published < stored.order.sequence,
});

export const isDrained = ({ readModel, partners }: Owed): boolean => !readModel && !partners;

/**
 * What is to be told without waiting. That somebody confirmed and is paying reaches partners at once but the read model only with the next
 * news or the alarm, for most payers are done before that: it saves every paid order a third of its rows.
 */
export function urgentOf(stored: StoredLiveCode): Owed {
  const owed = owedOf(stored);
  const { order, events, logged } = stored;
  const isBeingPaid = !order.paid && !order.closed && !order.closing && order.claim !== null;
  const onlyConfirmed = events.every(({ sequence, type }) => sequence <= logged || type === "ORDER_CONFIRMED");
  return isBeingPaid && onlyConfirmed ? { ...owed, readModel: false } : owed;
}

/**
 * The read model is told of a conversion in two steps while that waits for what only it knows, such as whether the customer is new: first the
 * order without its events, which it answers, then the order with all of them. So a new customer costs no row more than a returning one.
 */
export const projectionOf = (stored: StoredLiveCode): Projection => ({
  order: stored.order,
  events: awaitsAnswer(stored.order) ? [] : eventsSince(stored, stored.logged),
});

export const publicationOf = (stored: StoredLiveCode): readonly FeedEvent[] => eventsSince(stored, stored.published);

const eventsSince = ({ order, events }: StoredLiveCode, mark: number): readonly FeedEvent[] =>
  events.filter(({ sequence }) => sequence > mark).map((event) => feedEvent(order.terms, event));

/** The document after the read model took a projection. Marks only move forward: answers may come late and twice. */
export const markProjected = (stored: StoredLiveCode, sent: Projection): StoredLiveCode => {
  const logged = sent.events.at(-1)?.sequence ?? 0;
  const whole = !awaitsAnswer(sent.order);
  return {
    ...stored,
    projected: whole ? Math.max(stored.projected, sent.order.version) : stored.projected,
    logged: Math.max(stored.logged, logged),
  };
};

/** `through`: the last event that partners were told. */
export const markPublished = (stored: StoredLiveCode, through: number): StoredLiveCode => ({
  ...stored,
  published: Math.max(stored.published, through),
});

/** What the read model's answer tells the order that asked; null when it did not ask, or was not answered. */
export function answerIn({ order: sent }: Projection, answer: ProjectionAnswer | undefined): Command | null {
  // Before anything else: what is about to be done for somebody who was erased is not begun.
  if (answer?.erasedAt !== undefined && sent.conversion?.erasedAt === undefined)
    return { kind: "forget", erasedAt: answer.erasedAt, alone: true };
  if (!answer || answer.firstTime === null) return null;
  if (!awaitsAnswer(sent)) return newWordsIn(sent, answer);
  const { firstTime, nth = null, words = [], grants = [], balance = null } = answer;
  const asked = sent.conversion?.actions ?? [];
  const isRedeemed = (key: string): boolean => grants.some((one) => one.key === key && one.redeemed);
  // What the customer has too little of was spent before it was taken back.
  let missing = Math.max(0, -(balance ?? 0));
  const checks = asked
    .filter(({ unchecked }) => unchecked)
    .map(({ key, points, coupon }) => {
      if (!points) return { key, kept: 0, short: isRedeemed(key) ? (coupon?.value ?? 0) : 0 };
      const short = Math.min(missing, points.granted - points.kept);
      missing -= short;
      return { key, kept: points.kept, short };
    });
  return {
    kind: "customer",
    firstTime,
    nth,
    words,
    grants: asked
      .filter(({ waits }) => waits === "GRANT")
      .map(({ key }) => ({ key, number: grants.find((one) => one.key === key)?.number ?? null })),
    checks,
  };
}

/**
 * What the customer said since the order asked. Read together with writing the order's row, by which whoever sets a consent finds the order: so there is
 * no moment between the two in which it could be missed.
 */
function newWordsIn({ conversion }: Order, { words = [] }: ProjectionAnswer): Command | null {
  const mayMatter = conversion?.actions.some(({ state }) => state === "PENDING" || state === "SKIPPED_NO_CONSENT");
  return conversion && mayMatter && hearing(conversion, words) !== conversion ? { kind: "agreed", words } : null;
}

/** How often in a row each could not be told; outside are staff pools and merchants' servers, who carry out what a conversion wants. */
export type Failures = Readonly<Record<Audience | "outside", number>>;

/** When the object must wake by itself; null when nothing is left to wait for. */
export function wakeAt(stored: StoredLiveCode, now: number, failures: Failures, isWatched = false): number | null {
  const urgent = urgentOf(stored);
  const wakes = [
    urgent.readModel ? now + patience(stored, failures.readModel) : null,
    urgent.partners ? now + patience(stored, failures.partners) : null,
    isDrained(owedOf(stored)) ? null : now + Math.max(limits.projectionLagMs, patience(stored, failures.readModel)),
    pollAt(stored.order, now, isWatched),
    endsAt(stored.order),
    conversionWorkAt(stored.order, now, patience(stored, failures.outside)),
  ].filter((at) => at !== null);
  return wakes.length === 0 ? null : Math.min(...wakes);
}

/**
 * How long to wait before telling again. A short outage is caught up within seconds; a long one must not bring every live code back at the
 * same moment, again and again, so the waits grow, and each code's key moves its own by up to a fifth.
 */
function patience({ order }: StoredLiveCode, failures: number): number {
  const { min, max, longMax, patientAfter } = limits.watchdogMs;
  const short = Math.min(max, min * 2 ** Math.min(failures, 10));
  if (failures <= patientAfter) return short;
  const long = Math.min(longMax, max * 2 ** Math.min(failures - patientAfter, 10));
  return Math.round(long * (0.8 + (0.4 * (order.terms.key.charCodeAt(0) % 32)) / 32));
}
