/**
 * Orders and two real staff pools, between which calls and answers get lost or come late, while members come and go. However it went: once everything
 * is at rest nobody is kept for anybody, and each paid order has had one member of staff of one pool, or nobody.
 */
import { describe, expect, it } from "vitest";
import type { Command } from "../../src/core/commands.ts";
import { conversionWorkAt, conversionWorkOf } from "../../src/core/conversion-work.ts";
import type { OrderKey } from "../../src/core/ids.ts";
import { StaffPool } from "../../src/durable/staff-pool.ts";
import { carryOut } from "../../src/durable/outside.ts";
import { attempt, begun, captured, Life, minute, second, terms, tick } from "../unit/core/sample.ts";
import { Chance } from "./chance.ts";
import { Clock } from "./clock.ts";
import { replaceGlobals } from "./globals.ts";
import { fair, Platform } from "./platform.ts";
import { dayOne } from "./simulate.ts";

const pools = ["pool_first", "pool_fallback"] as const;
const merchantId = "merchant_1";
const orderCount = 6;

class Advisers {
  readonly platform: Platform;
  constructor(platform: Platform) {
    this.platform = platform;
    platform.bind("STAFF_POOL", StaffPool);
  }

  get env(): Env {
    return this.platform.env as unknown as Env;
  }

  /** Some of the staff are at work, in both pools, and some are not. */
  save(): Promise<unknown> {
    const { chance } = this.platform;
    const member = (id: string) => ({
      id,
      name: id,
      contactUrl: null,
      weight: chance.between(1, 3),
      dailyCap: null,
      totalCap: 4,
      online: chance.happens(0.6),
      schedule: [],
    });
    return Promise.all(
      pools.map((id) =>
        this.env.STAFF_POOL.getByName(id).save({
          id,
          merchantId,
          name: id,
          pool: {
            strategy: chance.pick(["SMOOTH_WEIGHTED", "STICKY_FIRST"]),
            timeZone: "UTC",
            members: [member(`${id}_1`), member(`${id}_2`)],
          },
        }),
      ),
    );
  }

  /** Who is kept, or had, by which order, and of which pool. */
  rows(state: "HELD" | "ASSIGNED"): readonly string[] {
    const found = pools.flatMap((pool) => {
      const disk = this.platform.objects.get(`STAFF_POOL/${pool}`)?.disk;
      const rows = disk?.rows("SELECT order_key, member FROM assignments WHERE state = ?", state) ?? [];
      return rows.map(({ order_key: order, member }) => `${String(order)} ${pool} ${String(member)}`);
    });
    return found.toSorted();
  }
}

/** One order from its first confirmation to its end. What it wants of the pools is asked as a live code asks, and as often. */
async function live({ platform, env }: Advisers, index: number, rest: number): Promise<Life> {
  const { clock, chance } = platform;
  const assignment = { pool: pools[0], fallback: pools[1] };
  const life = new Life(
    terms(
      {},
      {
        key: `${index}`.padStart(16, "0") as OrderKey,
        countsStock: false,
        block: {
          id: "block_1",
          version: 1,
          definition: { assignment, actions: [], targets: [{ kind: "STAFF_CONTACT" }] },
        },
        placedAt: clock.now,
        expiresAt: clock.now + 20 * minute,
      },
    ),
  );
  const tell = (command: Command) => life.tell(command, clock.now);
  const happenings: (() => void)[] = [];
  for (let time = chance.between(1, 4); time > 0; time -= 1)
    happenings.push(() => void tell({ kind: "confirm", claimant: "alice" }));
  if (chance.happens(0.6))
    happenings.push(
      () => (
        tell(begun("alice")),
        tell(captured(`T${index}`, { attempt: attempt(1), paidAt: clock.now, by: `person${index % 3}` }))
      ),
    );
  else if (chance.happens(0.3)) happenings.push(() => void tell({ kind: "cancel", reason: null }));
  for (const happen of happenings) clock.after(chance.between(0, 9 * minute), happen);
  const until = clock.now + rest;
  while (clock.now < until) {
    tell(tick);
    const works = conversionWorkOf(life.order, clock.now);
    const news = await Promise.all(works.map((work) => carryOut(env, life.order, work, () => null)));
    for (const command of news) if (command) tell(command);
    if (works.length === 0 || news.includes(null)) await clock.pause(chance.between(1, 15 * second));
  }
  expect(conversionWorkAt(life.order, clock.now, 0)).toBeNull();
  return life;
}

async function play(seed: number) {
  const chance = new Chance(seed);
  const platform = new Platform(new Clock(dayOne), chance);
  const putBack = replaceGlobals({
    clock: platform.clock,
    chance,
    fetch: () => Promise.reject(new Error("no network")),
    logged: () => undefined,
  });
  try {
    const advisers = new Advisers(platform);
    const { clock } = platform;
    void advisers.save();
    await clock.runUntil(clock.now + minute);
    Object.assign(platform.weather, {
      lost: chance.pick([0.1, 0.4]),
      slow: chance.pick([0, 0.3, 0.6]),
      death: chance.pick([0, 0.02]),
    });
    for (let change = 0; change < 60; change += 1)
      clock.after(chance.between(0, 10 * minute), () => void advisers.save().catch(() => undefined));
    const lives = Array.from({ length: orderCount }, (_, index) => live(advisers, index, 30 * minute));
    await clock.runUntil(clock.now + 12 * minute);
    Object.assign(platform.weather, fair);
    await clock.runUntil(clock.now + 30 * minute);
    const ended = await Promise.all(lives);
    return {
      bugs: platform.bugs,
      kept: advisers.rows("HELD"),
      had: advisers.rows("ASSIGNED"),
      told: ended
        .flatMap(({ order }) =>
          (order.conversion?.actions ?? []).flatMap(({ staff }) =>
            staff ? [`${order.terms.key} ${staff.pool} ${staff.member}`] : [],
          ),
        )
        .toSorted(),
      waiting: ended.flatMap(({ order }) => (order.conversion?.actions ?? []).filter(({ waits }) => waits)),
    };
  } finally {
    putBack();
    for (const { disk } of platform.objects.values()) disk.database.close();
  }
}

describe("a member of staff who is kept for a payer", () => {
  it("is had by them or let go in the end, whichever calls and answers get lost between the order and its two pools", async () => {
    const broken: string[] = [];
    let had = 0;
    for (let seed = 1; seed <= 100; seed += 1) {
      const end = await play(seed);
      had += end.had.length;
      if (end.bugs.length > 0) broken.push(`${seed}: ${end.bugs.join()}`);
      if (end.kept.length > 0) broken.push(`${seed}: ${end.kept.join()} are kept for nobody`);
      if (end.had.join() !== end.told.join())
        broken.push(`${seed}: ${end.had.join()} were had, and ${end.told.join()} told`);
      if (end.waiting.length > 0) broken.push(`${seed}: ${end.waiting.length} wait`);
    }
    expect(broken).toEqual([]);
    expect(had).toBeGreaterThan(200);
  }, 120_000);
});
