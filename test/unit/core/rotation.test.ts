/** Whose turn it is: fair to within a turn, never beyond a cap, and as if nothing had been when a reservation comes to nothing. */
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  givenBack,
  madeGood,
  nextTurn,
  remembered,
  taken,
  type Member,
  type Pool,
  type Tallies,
  type Turn,
} from "../../../src/core/rotation.ts";
import { runs } from "./histories.ts";
import { hour } from "./sample.ts";

const timeZone = "Asia/Shanghai";
const now = Date.UTC(2026, 10, 25, 4);
const member = (id: number, fields: Partial<Member> = {}): Member => ({
  id: `staff_${id}`,
  name: `Staff ${id}`,
  contactUrl: null,
  weight: 1,
  dailyCap: null,
  totalCap: null,
  online: true,
  schedule: [],
  ...fields,
});
const poolOf = (members: readonly Member[], strategy: Pool["strategy"] = "SMOOTH_WEIGHTED"): Pool => ({
  strategy,
  timeZone,
  members,
});

/** Takes so many turns for good; answers who had how many. */
function play(
  pool: Pool,
  turns: number,
  after: (counts: ReadonlyMap<string, number>, turn: number) => void = () => {},
) {
  let tallies: Tallies = {};
  const counts = new Map(pool.members.map(({ id }) => [id, 0]));
  for (let turn = 1; turn <= turns; turn += 1) {
    const next = nextTurn(pool, tallies, now, (turn * 0.618) % 1);
    if (!next) break;
    tallies = taken(tallies, next, now, timeZone, "ASSIGNED");
    counts.set(next.member, (counts.get(next.member) ?? 0) + 1);
    after(counts, turn);
  }
  return counts;
}

describe("a staff pool", () => {
  it("gives everybody their share to within one turn, at every moment", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 9 }), (weights) => {
        const all = weights.reduce((sum, weight) => sum + weight, 0);
        const pool = poolOf(weights.map((weight, index) => member(index, { weight })));
        let worst = 0;
        play(pool, 200, (counts, turn) => {
          for (const { id, weight } of pool.members)
            worst = Math.max(worst, Math.abs((counts.get(id) ?? 0) - (turn * weight) / all));
        });
        expect(worst).toBeLessThan(1);
      }),
      runs(40),
    );
  });

  it("stays fair among those who are left when one has had all they may", () => {
    const pool = poolOf(
      [4, 3, 2, 1, 1].map((weight, index) => member(index, { weight, ...(index === 0 && { dailyCap: 40 }) })),
    );
    const counts = play(pool, 200);
    expect(counts.get("staff_0")).toBe(40);
    for (const [index, weight] of [3, 2, 1, 1].entries())
      expect(Math.abs((counts.get(`staff_${index + 1}`) ?? 0) - (160 * weight) / 7)).toBeLessThan(1);
  });

  it("never goes beyond a cap, whoever is reserved, let go, or made good on another day; and a turn given back never was", () => {
    const step = fc.record({
      what: fc.constantFrom("reserve", "assign", "release", "commit", "sleep"),
      which: fc.nat(20),
    });
    const members = fc.array(
      fc.record({
        weight: fc.integer({ min: 1, max: 5 }),
        dailyCap: fc.option(fc.nat(4)),
        totalCap: fc.option(fc.nat(6)),
      }),
      { minLength: 1, maxLength: 4 },
    );
    const strategy = fc.constantFrom(
      "SMOOTH_WEIGHTED" as const,
      "LEAST_LOADED" as const,
      "SEQUENTIAL" as const,
      "RANDOM" as const,
    );
    fc.assert(
      fc.property(members, strategy, fc.array(step, { maxLength: 60 }), (caps, chosen, steps) => {
        const pool = poolOf(
          caps.map((cap, index) => member(index, cap)),
          chosen,
        );
        let tallies: Tallies = {};
        let at = now;
        const held: Turn[] = [];
        const wrong: string[] = [];
        const had = new Map<string, number>();
        const today = new Map<string, number>();
        const add = (to: Map<string, number>, id: string) => void to.set(id, (to.get(id) ?? 0) + 1);
        for (const { what, which } of steps) {
          const turn = held[which % Math.max(1, held.length)];
          if (what === "sleep") {
            at += 24 * hour;
            today.clear();
          } else if (what === "release" && turn) {
            held.splice(held.indexOf(turn), 1);
            tallies = givenBack(tallies, turn, at, timeZone);
          } else if (what === "commit" && turn) {
            held.splice(held.indexOf(turn), 1);
            tallies = madeGood(tallies, turn.member, at, timeZone);
            add(had, turn.member);
            add(today, turn.member);
          } else if (what === "reserve" || what === "assign") {
            const next = nextTurn(pool, tallies, at, which / 21);
            if (!next) continue;
            const before = tallies;
            tallies = taken(tallies, next, at, timeZone, what === "reserve" ? "HELD" : "ASSIGNED");
            if (what === "reserve") {
              held.push(next);
              const undone = givenBack(tallies, next, at, timeZone);
              const moved = pool.members.map(({ id }) => Math.abs((undone[id]?.due ?? 0) - (before[id]?.due ?? 0)));
              wrong.push(...moved.filter((by) => by > 1e-9).map((by) => `a turn given back moved somebody by ${by}`));
            } else {
              add(had, next.member);
              add(today, next.member);
            }
          }
          for (const { id, dailyCap, totalCap } of pool.members) {
            const kept = held.filter((one) => one.member === id).length;
            if (dailyCap !== null && (today.get(id) ?? 0) + kept > dailyCap) wrong.push(`${id} beyond the day's cap`);
            if (totalCap !== null && (had.get(id) ?? 0) + kept > totalCap) wrong.push(`${id} beyond the cap`);
          }
        }
        expect(wrong).toEqual([]);
      }),
      runs(300),
    );
  });

  it("passes over who is offline or off duty, and is empty when all are", () => {
    const working = { schedule: [{ from: "09:00", until: "18:00" }] };
    const pool = poolOf([member(0, { online: false }), member(1, working)]);
    expect(nextTurn(pool, {}, now, 0)?.member).toBe("staff_1");
    expect(nextTurn(pool, {}, now + 8 * hour, 0)).toBeNull();
    expect(nextTurn(poolOf([]), {}, now, 0)).toBeNull();
  });

  it("forgets who has left without having had anybody, and nobody else", () => {
    const turn = (id: number): Turn => ({
      member: `staff_${id}`,
      shares: { staff_0: 0.5, staff_1: 0.25, staff_2: 0.25 },
    });
    const assigned = taken({}, turn(0), now, timeZone, "ASSIGNED");
    const held = taken(assigned, turn(1), now, timeZone, "HELD");
    expect(Object.keys(held)).toEqual(["staff_0", "staff_1", "staff_2"]);
    expect(remembered(held, [member(2)])).toEqual(held);
    expect(Object.keys(remembered(held, []))).toEqual(["staff_0", "staff_1"]);
    const back = givenBack(held, turn(1), now, timeZone);
    expect(Object.keys(remembered(back, []))).toEqual(["staff_0"]);
  });

  it("goes round in order, chooses the least loaded, and leaves it to chance, as it was told", () => {
    const three = [member(0, { weight: 5 }), member(1), member(2)];
    const order: string[] = [];
    play(poolOf(three, "SEQUENTIAL"), 6, (counts) => order.push([...counts.values()].join("")));
    expect(order.at(2)).toBe("111");
    expect(order.at(-1)).toBe("222");
    expect([...play(poolOf(three, "LEAST_LOADED"), 14).values()]).toEqual([10, 2, 2]);
    expect([...play(poolOf(three, "RANDOM"), 700).values()].every((count) => count > 70)).toBe(true);
  });
});
