/**
 * A merchant's staff who share the work: whose turn it is, who has had how much, and who is kept free for an order under way. Named by its id.
 * Every question is about one turn of one order and is answered alike however often and however late it is asked: that there was nobody is remembered as
 * well, for the order has asked somebody else since. One synchronous transaction each. No payment waits for it.
 */
import { DurableObject } from "cloudflare:workers";
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import {
  dayOf,
  givenBack,
  isFree,
  madeGood,
  nextTurn,
  remembered,
  taken,
  tallyOf,
  type Tallies,
  type Turn,
} from "../core/rotation.ts";
import type { StaffHold } from "../core/staff-hold.ts";
import type {
  ErasedPerson,
  PoolAssignment,
  PoolReservation,
  PoolSettings,
  PoolSummary,
  StaffPoolProtocol,
} from "./protocol.ts";

const settingsKey = "settings";
const talliesKey = "tallies";

type Assignment = Turn & { readonly turn: number; readonly state: "HELD" | "ASSIGNED" | "RELEASED" };
const nobody: Turn = { member: "", shares: {} };

/** Whether the turn has had its last word here: it was let go, there was nobody for it, or a later one came. */
const isOver = (known: Assignment | null, turn: number): boolean =>
  known !== null && (known.turn > turn || (known.turn === turn && known.state === "RELEASED"));

type Row = { readonly turn: number; readonly state: string; readonly member: string; readonly shares: string };

export class StaffPool extends DurableObject<Env> implements StaffPoolProtocol {
  async save(settings: PoolSettings): Promise<PoolSummary> {
    this.ctx.storage.transactionSync(() => {
      const { sql, kv } = this.ctx.storage;
      sql.exec(`CREATE TABLE IF NOT EXISTS assignments (
        order_key TEXT PRIMARY KEY, turn INTEGER NOT NULL, state TEXT NOT NULL, member TEXT NOT NULL, shares TEXT NOT NULL, at INTEGER NOT NULL
      ) WITHOUT ROWID, STRICT`);
      sql.exec("CREATE INDEX IF NOT EXISTS assignments_at ON assignments (at)");
      sql.exec(
        "CREATE TABLE IF NOT EXISTS owners (customer TEXT PRIMARY KEY, member TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID, STRICT",
      );
      kv.put(settingsKey, settings);
      this.keepTallies(remembered(this.tallies(), settings.pool.members));
    });
    return this.summaryOf(settings);
  }

  async summary(merchantId: string): Promise<PoolSummary | null> {
    const settings = this.settings(merchantId);
    return settings && this.summaryOf(settings);
  }

  async setClock(merchantId: string, timeZone: string): Promise<void> {
    this.ctx.storage.transactionSync(() => {
      const settings = this.settings(merchantId);
      if (settings) this.ctx.storage.kv.put(settingsKey, { ...settings, pool: { ...settings.pool, timeZone } });
    });
  }

  /** Keeps somebody free for whoever is about to pay. Null when nobody is. */
  async reserve({ order, turn, merchantId }: PoolReservation): Promise<StaffHold | null> {
    const settings = this.settings(merchantId);
    if (!settings) return null;
    const known = this.assignment(order);
    if (isOver(known, turn)) return null;
    if (known && known.state !== "RELEASED") return this.holdOf(settings, known.member, known.state === "ASSIGNED");
    return this.take(settings, order, turn, "HELD");
  }

  /** Nothing to let go is let go, and its turn remembered: it may come late. What was made good stays. */
  async release({ order, turn, merchantId }: PoolReservation): Promise<void> {
    const settings = this.settings(merchantId);
    if (!settings) return;
    const known = this.assignment(order);
    if (known && (known.turn > turn || known.state === "ASSIGNED")) return;
    const now = Date.now();
    this.ctx.storage.transactionSync(() => {
      if (known?.state === "HELD") this.keepTallies(givenBack(this.tallies(), known, now, settings.pool.timeZone));
      this.forgetOld(now);
      this.keep(order, { ...nobody, turn, state: "RELEASED" }, now);
    });
  }

  /** The money is here: whoever was reserved is assigned, else whose turn it is. A returning customer comes to their own. */
  async assign({ order, turn, merchantId, customerId, convertedAt }: PoolAssignment): Promise<StaffHold | null> {
    const settings = this.settings(merchantId);
    if (!settings) return null;
    const known = this.assignment(order);
    if (known?.state === "ASSIGNED") return this.holdOf(settings, known.member, true);
    if (isOver(known, turn)) return null;
    const owner = this.freeOwner(settings, customerId);
    const held = known?.state === "HELD" ? known : null;
    const now = Date.now();
    return this.ctx.storage.transactionSync(() => {
      const { timeZone } = settings.pool;
      if (held && (owner === null || owner === held.member)) {
        this.keepTallies(madeGood(this.tallies(), held.member, now, timeZone));
        this.keep(order, { ...held, turn, state: "ASSIGNED" }, now);
        this.own(settings, customerId, held.member, convertedAt);
        return this.holdOf(settings, held.member, true);
      }
      if (held) this.keepTallies(givenBack(this.tallies(), held, now, timeZone));
      const assigned = this.take(settings, order, turn, "ASSIGNED", owner);
      if (assigned) this.own(settings, customerId, assigned.member, convertedAt);
      return assigned;
    });
  }

  async forget({ merchantId, customerId, erasedAt }: ErasedPerson): Promise<void> {
    if (!this.settings(merchantId)) return;
    this.ctx.storage.transactionSync(() => {
      this.knowSince();
      this.ctx.storage.sql.exec("DELETE FROM owners WHERE customer = ? AND since <= ?", customerId, erasedAt);
    });
  }

  /** `owner`: whose turn it is whatever the rotation says; it moves nobody else's. */
  private take(
    settings: PoolSettings,
    order: OrderKey,
    turn: number,
    state: "HELD" | "ASSIGNED",
    owner: string | null = null,
  ): StaffHold | null {
    const now = Date.now();
    return this.ctx.storage.transactionSync(() => {
      const tallies = this.tallies();
      const next: Turn | null =
        owner === null ? nextTurn(settings.pool, tallies, now, Math.random()) : { member: owner, shares: {} };
      this.forgetOld(now);
      if (!next) {
        this.keep(order, { ...nobody, turn, state: "RELEASED" }, now);
        return null;
      }
      this.keepTallies(taken(tallies, next, now, settings.pool.timeZone, state));
      this.keep(order, { ...next, turn, state }, now);
      return this.holdOf(settings, next.member, state === "ASSIGNED");
    });
  }

  private freeOwner({ pool }: PoolSettings, customerId: string | null): string | null {
    if (pool.strategy !== "STICKY_FIRST" || customerId === null) return null;
    const [row] = this.ctx.storage.sql
      .exec<{ member: string }>("SELECT member FROM owners WHERE customer = ?", customerId)
      .toArray();
    const member = pool.members.find(({ id }) => id === row?.member);
    if (!member) return null;
    const now = Date.now();
    return isFree(member, tallyOf(this.tallies(), member.id, dayOf(now, pool.timeZone)), now, pool.timeZone)
      ? member.id
      : null;
  }

  /** Kept where somebody will ask for it: a row for every payer of every pool would never end. */
  private own({ pool }: PoolSettings, customerId: string | null, member: string, since: number): void {
    if (pool.strategy !== "STICKY_FIRST" || customerId === null) return;
    this.knowSince();
    this.ctx.storage.sql.exec(
      `INSERT INTO owners (customer, member, since) VALUES (?, ?, ?)
       ON CONFLICT (customer) DO UPDATE SET member = excluded.member, since = excluded.since
       WHERE member <> excluded.member OR since < excluded.since`,
      customerId,
      member,
      since,
    );
  }

  /** The release before did not keep since when somebody is whose customer. */
  private knowSince(): void {
    const { sql } = this.ctx.storage;
    const known = sql.exec("SELECT 1 FROM pragma_table_info('owners') WHERE name = 'since'").toArray();
    if (known.length === 0) sql.exec("ALTER TABLE owners ADD COLUMN since INTEGER NOT NULL DEFAULT 0");
  }

  /** Somebody who has left the pool meanwhile is still who was promised, by name only. */
  private holdOf({ id, pool }: PoolSettings, member: string, isAssigned: boolean): StaffHold {
    const found = pool.members.find((one) => one.id === member);
    const firm = isAssigned || pool.strategy !== "STICKY_FIRST";
    return { pool: id, member, name: found?.name ?? "", contactUrl: found?.contactUrl ?? null, firm };
  }

  private settings(merchantId: string): PoolSettings | null {
    const settings = this.ctx.storage.kv.get<PoolSettings>(settingsKey);
    return settings?.merchantId === merchantId ? settings : null;
  }

  private tallies = (): Tallies => this.ctx.storage.kv.get<Tallies>(talliesKey) ?? {};
  private keepTallies(tallies: Tallies): void {
    this.ctx.storage.kv.put(talliesKey, tallies);
  }

  private assignment(order: OrderKey): Assignment | null {
    const [row] = this.ctx.storage.sql
      .exec<Row>("SELECT turn, state, member, shares FROM assignments WHERE order_key = ?", order)
      .toArray();
    if (!row) return null;
    const { turn, state, member, shares } = row;
    return { turn, state: state as Assignment["state"], member, shares: JSON.parse(shares) as Turn["shares"] };
  }

  private keep(order: OrderKey, { turn, state, member, shares }: Assignment, now: number): void {
    this.ctx.storage.sql.exec(
      `INSERT INTO assignments (order_key, turn, state, member, shares, at) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (order_key) DO UPDATE SET
         turn = excluded.turn, state = excluded.state, member = excluded.member, shares = excluded.shares, at = excluded.at`,
      order,
      turn,
      state,
      member,
      JSON.stringify(shares),
      now,
    );
  }

  /** A few at a time, whenever something is written: no alarm needs to come back for it. What is only reserved is never forgotten. */
  private forgetOld(now: number): void {
    this.ctx.storage.sql.exec(
      "DELETE FROM assignments WHERE order_key IN (SELECT order_key FROM assignments WHERE at < ? AND state <> 'HELD' LIMIT 2)",
      now - limits.assignmentsKeptMs,
    );
  }

  private summaryOf({ id, merchantId, name, pool }: PoolSettings): PoolSummary {
    const tallies = this.tallies();
    const day = dayOf(Date.now(), pool.timeZone);
    const members = pool.members.map((member) => {
      const { today, total } = tallyOf(tallies, member.id, day);
      return { ...member, assignedToday: today, assignedTotal: total };
    });
    return { id, merchantId, name, strategy: pool.strategy, members };
  }
}
