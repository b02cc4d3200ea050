/**
 * Whose turn it is among a merchant's staff. Pure: the pool's object keeps the counts, the clock and chance are passed in. Nobody ever gets more
 * than their caps allow, where what is only reserved counts as well.
 *
 * The smooth weighted turn follows Tijdeman ("The chairman assignment problem", 1980): each turn every member's due grows by their share, and
 * of those who are due it falls to whoever would be overdue first. So what each has had is never a whole turn away from their share.
 */
import type { TimeWindow } from "./definition.ts";
import { isWithinWindow, localTimeOf } from "./local-time.ts";

export const strategies = ["SMOOTH_WEIGHTED", "LEAST_LOADED", "SEQUENTIAL", "RANDOM", "STICKY_FIRST"] as const;
export type Strategy = (typeof strategies)[number];

export type Member = {
  readonly id: string;
  readonly name: string;
  readonly contactUrl: string | null;
  readonly weight: number;
  readonly dailyCap: number | null;
  readonly totalCap: number | null;
  readonly online: boolean;
  /** When they work; empty: always. */
  readonly schedule: readonly TimeWindow[];
};
/** `due`: how far what a member had lies behind their share. `today` counts the local day `day`. */
export type Tally = {
  readonly due: number;
  readonly day: string;
  readonly today: number;
  readonly total: number;
  readonly held: number;
};
export type Tallies = Readonly<Record<string, Tally>>;
export type Pool = { readonly strategy: Strategy; readonly timeZone: string; readonly members: readonly Member[] };
/** `shares`: what the turn did to everybody's due, so that it can be taken back. */
export type Turn = { readonly member: string; readonly shares: Readonly<Record<string, number>> };

const fresh: Tally = { due: 0, day: "", today: 0, total: 0, held: 0 };

/** The day by the pool's clock. */
export const dayOf = (now: number, timeZone: string): string => localTimeOf(now, timeZone).date;

/** Counts as they are on this day. */
export function tallyOf(tallies: Tallies, member: string, day: string): Tally {
  const known = tallies[member] ?? fresh;
  return known.day === day ? known : { ...known, day, today: 0 };
}

export function isFree(member: Member, { today, total, held }: Tally, now: number, timeZone: string): boolean {
  const { online, schedule, dailyCap, totalCap } = member;
  return (
    online &&
    (schedule.length === 0 || schedule.some((window) => isWithinWindow(window, now, timeZone))) &&
    (dailyCap === null || today + held < dailyCap) &&
    (totalCap === null || total + held < totalCap)
  );
}

/** The next turn; null when nobody is free. `random` is from 0 up to 1. */
export function nextTurn(pool: Pool, tallies: Tallies, now: number, random: number): Turn | null {
  const { timeZone, strategy } = pool;
  const day = dayOf(now, timeZone);
  const free = pool.members
    .map((member) => ({ member, tally: tallyOf(tallies, member.id, day) }))
    .filter(({ member, tally }) => isFree(member, tally, now, timeZone));
  if (free.length === 0) return null;
  const weightOf = ({ weight }: Member): number => (strategy === "SEQUENTIAL" ? 1 : weight);
  const all = free.reduce((sum, { member }) => sum + weightOf(member), 0);
  const candidates = free.map(({ member, tally }) => {
    const share = weightOf(member) / all;
    return { member, tally, share, due: tally.due + share };
  });
  const chosen = choose(strategy, candidates, random);
  return {
    member: chosen.member.id,
    shares: Object.fromEntries(candidates.map(({ member, share }) => [member.id, share])),
  };
}

type Candidate = { readonly member: Member; readonly tally: Tally; readonly share: number; readonly due: number };

function choose(strategy: Strategy, candidates: readonly Candidate[], random: number): Candidate {
  switch (strategy) {
    case "SMOOTH_WEIGHTED":
    case "SEQUENTIAL":
    case "STICKY_FIRST":
      return mostUrgent(candidates);
    case "LEAST_LOADED":
      return least(candidates, ({ member, tally }) => (tally.today + tally.held) / member.weight);
    case "RANDOM": {
      let rest = random;
      return candidates.find(({ share }) => (rest -= share) < 0) ?? first(candidates);
    }
  }
}

function mostUrgent(candidates: readonly Candidate[]): Candidate {
  const slack = candidates.length > 1 ? 1 / (2 * candidates.length - 2) : 0;
  // Rounding must not keep anybody out who is due by a hair.
  const due = candidates.filter((candidate) => candidate.due >= slack - 1e-9);
  const turnsLeft = (candidate: Candidate): number => (1 - slack - candidate.due) / candidate.share;
  return due.length > 0 ? least(due, turnsLeft) : least(candidates, (candidate) => -candidate.due);
}

function least(candidates: readonly Candidate[], by: (candidate: Candidate) => number): Candidate {
  return candidates.reduce((best, one) => (by(one) < by(best) - 1e-9 ? one : best), first(candidates));
}

function first(candidates: readonly Candidate[]): Candidate {
  const [one] = candidates;
  if (!one) throw new Error("nobody is asked to choose among none");
  return one;
}

/** The counts after a turn was taken, as a reservation or for good. */
export const taken = (tallies: Tallies, turn: Turn, now: number, timeZone: string, as: "HELD" | "ASSIGNED"): Tallies =>
  counted(moved(tallies, turn, 1), turn.member, now, timeZone, as === "HELD" ? { held: 1 } : { today: 1, total: 1 });

/** A reservation that came to nothing: as if the turn had never been. */
export const givenBack = (tallies: Tallies, turn: Turn, now: number, timeZone: string): Tallies =>
  counted(moved(tallies, turn, -1), turn.member, now, timeZone, { held: -1 });

/** A reservation made good, on the day on which it is. */
export const madeGood = (tallies: Tallies, member: string, now: number, timeZone: string): Tallies =>
  counted(tallies, member, now, timeZone, { held: -1, today: 1, total: 1 });

/** The counts without those of whoever has left the pool and never had anybody. */
export const remembered = (tallies: Tallies, members: readonly Member[]): Tallies =>
  Object.fromEntries(
    Object.entries(tallies).filter(
      ([id, { held, total }]) => held > 0 || total > 0 || members.some((member) => member.id === id),
    ),
  );

function moved(tallies: Tallies, { member, shares }: Turn, direction: 1 | -1): Tallies {
  const changed = Object.entries(shares).map(([id, share]): [string, Tally] => {
    const tally = tallies[id] ?? fresh;
    return [id, { ...tally, due: tally.due + direction * (share - (id === member ? 1 : 0)) }];
  });
  return { ...tallies, ...Object.fromEntries(changed) };
}

function counted(
  tallies: Tallies,
  member: string,
  now: number,
  timeZone: string,
  by: Partial<Record<"held" | "today" | "total", number>>,
): Tallies {
  const tally = tallyOf(tallies, member, dayOf(now, timeZone));
  const next = {
    ...tally,
    held: Math.max(0, tally.held + (by.held ?? 0)),
    today: tally.today + (by.today ?? 0),
    total: tally.total + (by.total ?? 0),
  };
  return { ...tallies, [member]: next };
}
