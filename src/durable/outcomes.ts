/**
 * What became of a merchant's requests that carry an idempotency key, one object per merchant. It does nothing itself: whoever carries a request out
 * asks to begin, and says what came of it. Of many equal requests at once one begins and the others wait for its outcome; of one that nobody ever
 * finished, the next may begin again once its lease is over (docs/idempotency.md). Outcomes are sealed by those who bring them.
 */
import { DurableObject } from "cloudflare:workers";
import { limits } from "../core/limits.ts";
import { KnownAlarm } from "./known-alarm.ts";
import type { Begun, OutcomesProtocol } from "./outcomes-protocol.ts";

type Kept = {
  readonly fingerprint: string;
  /** When the request was first begun. */
  readonly at: number;
  readonly leasedUntil: number;
  /** Null while it is under way. */
  readonly outcome: string | null;
};
type Waiting = { readonly change: Promise<void>; readonly tell: () => void; count: number };

export class Outcomes extends DurableObject<Env> implements OutcomesProtocol {
  private readonly store = outcomesStore(this.ctx.storage.sql);
  /** Those who wait, by the request's name. They are calls under way, so losing this loses them too, and they come again. */
  private readonly waiting = new Map<string, Waiting>();
  private readonly alarmClock = new KnownAlarm(this.ctx, () => this.purgeAt());

  async begin(name: string, fingerprint: string): Promise<Begun> {
    for (;;) {
      const now = Date.now();
      const kept = this.keptOf(name, now);
      if (kept && kept.fingerprint !== fingerprint) return { kind: "OTHER" };
      if (kept && kept.outcome !== null) return { kind: "DONE", outcome: kept.outcome };
      if (!kept || kept.leasedUntil <= now) return this.lease(name, fingerprint, kept?.at ?? now, now);
      if (!(await this.changed(name, kept.leasedUntil - now))) return { kind: "BUSY" };
    }
  }

  async finish(name: string, outcome: string): Promise<void> {
    this.ctx.storage.transactionSync(() => this.store.finish(name, outcome));
    this.tell(name);
  }

  async forget(name: string, lease: number): Promise<void> {
    this.ctx.storage.transactionSync(() => this.store.forget(name, lease));
    this.tell(name);
  }

  async lapse(name: string, lease: number): Promise<void> {
    this.ctx.storage.transactionSync(() => this.store.lapse(name, lease));
    this.tell(name);
  }

  /** Deletes what is too old. Set again before it does anything, so that no fault ends it. */
  override async alarm(): Promise<void> {
    const now = Date.now();
    const again = now + limits.outcomesPurgeMs;
    this.alarmClock.rang(again);
    try {
      this.alarmClock.transaction(() => {
        this.store.purge(now - limits.outcomeKeptMs);
        const next = this.purgeAt();
        this.alarmClock.set(next && Math.max(next, again), true);
      });
    } catch (fault) {
      console.error("the purge of outcomes", fault);
    }
  }

  private keptOf(name: string, now: number): Kept | null {
    const kept = this.store.read(name);
    return kept && kept.at + limits.outcomeKeptMs > now ? kept : null;
  }

  private lease(name: string, fingerprint: string, at: number, now: number): Begun {
    const lease = now + limits.outcomeLeaseMs;
    this.alarmClock.transaction(() => {
      this.store.begin(name, fingerprint, at, lease);
      this.alarmClock.ringBy(now + limits.outcomeKeptMs);
    });
    return { kind: "BEGUN", at, lease };
  }

  /** When the oldest is too old; null when nothing is kept. */
  private purgeAt(): number | null {
    const oldest = this.store.oldest();
    return oldest === null ? null : oldest + limits.outcomeKeptMs;
  }

  /** Resolves when something happened to the request, or its lease is over; false when too many wait for it already. */
  private async changed(name: string, ms: number): Promise<boolean> {
    const waiting = this.waiting.get(name) ?? newWaiting();
    if (waiting.count >= limits.outcomeWaitingMax) return false;
    this.waiting.set(name, waiting);
    waiting.count += 1;
    const timer = setTimeout(() => this.tell(name), ms);
    await waiting.change;
    clearTimeout(timer);
    return true;
  }

  private tell(name: string): void {
    this.waiting.get(name)?.tell();
    this.waiting.delete(name);
  }
}

function newWaiting(): Waiting {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { change: promise, tell: resolve, count: 0 };
}

/** All SQL of the object. */
function outcomesStore(sql: SqlStorage) {
  sql.exec(`CREATE TABLE IF NOT EXISTS outcomes (
    name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, at INTEGER NOT NULL, leased_until INTEGER NOT NULL, outcome TEXT
  ) STRICT, WITHOUT ROWID`);
  sql.exec("CREATE INDEX IF NOT EXISTS outcomes_at ON outcomes (at)");
  return {
    read: (name: string): Kept | null =>
      sql
        .exec<Kept>("SELECT fingerprint, at, leased_until AS leasedUntil, outcome FROM outcomes WHERE name = ?", name)
        .toArray()[0] ?? null,
    begin: (name: string, fingerprint: string, at: number, lease: number): void =>
      void sql.exec(
        "INSERT OR REPLACE INTO outcomes (name, fingerprint, at, leased_until) VALUES (?, ?, ?, ?)",
        name,
        fingerprint,
        at,
        lease,
      ),
    /** The first outcome stands: two may have carried the request out, one of them believed to be gone. */
    finish: (name: string, outcome: string): void =>
      void sql.exec("UPDATE outcomes SET outcome = ? WHERE name = ? AND outcome IS NULL", outcome, name),
    forget: (name: string, lease: number): void =>
      void sql.exec("DELETE FROM outcomes WHERE name = ? AND leased_until = ? AND outcome IS NULL", name, lease),
    lapse: (name: string, lease: number): void =>
      void sql.exec("UPDATE outcomes SET leased_until = 0 WHERE name = ? AND leased_until = ?", name, lease),
    purge: (before: number): void => void sql.exec("DELETE FROM outcomes WHERE at <= ?", before),
    oldest: (): number | null => sql.exec<{ at: number | null }>("SELECT min(at) AS at FROM outcomes").one().at,
  };
}
