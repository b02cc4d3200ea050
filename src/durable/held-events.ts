/**
 * Events that a feed keeps for endpoints which are not told at once: those in trouble, who have time, and those whose object did not answer. They are handed over a little later, a few
 * at a time and one endpoint after the other, so that many events cost an endpoint one call and one transaction, and whoever is well never waits for that. While anything is held for
 * an endpoint its next events are held as well, behind it, so that each order stays in order.
 */
import type { FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import type { KnownAlarm } from "./known-alarm.ts";

/** One event, and for whom. */
export type Held = { readonly event: FeedEvent; readonly endpoints: readonly string[] };
/** Rejects when the endpoint did not take them: then they stay held. */
export type HandOver = (endpointId: string, events: readonly FeedEvent[]) => Promise<void>;

type Alarm = Pick<KnownAlarm, "transaction" | "ringBy">;
type Known = { readonly next: number; readonly count: number; readonly behind: ReadonlySet<string> };
type Row = [key: string, held: Held];

const prefix = "held:";
const keyOf = (number: number): string => prefix + String(number).padStart(16, "0");
const numberIn = (key: string): number => Number(key.slice(prefix.length));

export class HeldEvents {
  private readonly storage: DurableObjectStorage;
  private readonly alarm: Alarm;
  /** What the storage holds; null when it must be read. */
  private cached: Known | null = null;
  private isHandingOver = false;

  /** `alarm`: whose object it is hands over what is held when it rings. */
  constructor(storage: DurableObjectStorage, alarm: Alarm) {
    this.storage = storage;
    this.alarm = alarm;
  }

  isEmpty(): boolean {
    return this.known().count === 0;
  }
  isBehind(endpointId: string): boolean {
    return this.known().behind.has(endpointId);
  }

  /** Throws when too much is held, and then none of it is. */
  hold(held: readonly Held[]): void {
    const { next, count, behind } = this.known();
    if (count + held.length > limits.feedHeldMax) throw new Error("too much is held for endpoints that take nothing");
    this.alarm.transaction(() => {
      for (const [index, one] of held.entries()) this.storage.kv.put(keyOf(next + index), one);
      this.alarm.ringBy(Date.now() + limits.feedHeldMs);
    });
    this.cached = {
      next: next + held.length,
      count: count + held.length,
      behind: new Set([...behind, ...held.flatMap(({ endpoints }) => endpoints)]),
    };
  }

  /** What is held now, oldest first. An endpoint that does not take its events keeps them held, and is asked for no more of them this time. Never rejects; calling it while it runs does nothing. */
  async handOver(tell: HandOver): Promise<void> {
    if (this.isHandingOver) return;
    this.isHandingOver = true;
    try {
      const silent = new Set<string>();
      for (const rows of this.portions(this.known().next)) {
        await this.tellOf(rows, silent, tell);
        this.release(rows, silent);
      }
    } finally {
      this.isHandingOver = false;
    }
  }

  /** What was held before a number was given out, as it is when it is its turn. */
  private *portions(before: number): Generator<readonly Row[]> {
    for (let after = keyOf(0); ;) {
      const range = { prefix, startAfter: after, end: keyOf(before), limit: limits.feedHandOverPortion };
      const rows = Array.from(this.storage.kv.list<Held>(range));
      const last = rows.at(-1);
      if (!last) return;
      yield rows;
      [after] = last;
    }
  }

  private async tellOf(rows: readonly Row[], silent: Set<string>, tell: HandOver): Promise<void> {
    for (const id of new Set(rows.flatMap(([, { endpoints }]) => endpoints))) {
      if (silent.has(id)) continue;
      const events = rows.filter(([, { endpoints }]) => endpoints.includes(id)).map(([, { event }]) => event);
      await tell(id, events).catch(() => silent.add(id));
      await scheduler.wait(limits.feedHandOverPauseMs);
    }
  }

  /** Whoever was told has them. */
  private release(rows: readonly Row[], silent: ReadonlySet<string>): void {
    this.cached = null;
    this.storage.transactionSync(() => {
      for (const [key, held] of rows) {
        const endpoints = held.endpoints.filter((id) => silent.has(id));
        if (endpoints.length === 0) this.storage.kv.delete(key);
        else if (endpoints.length < held.endpoints.length) this.storage.kv.put(key, { ...held, endpoints });
      }
    });
  }

  private known(): Known {
    this.cached ??= this.read();
    return this.cached;
  }

  private read(): Known {
    const rows = Array.from(this.storage.kv.list<Held>({ prefix }));
    const last = rows.at(-1);
    return {
      next: last ? numberIn(last[0]) + 1 : 1,
      count: rows.length,
      behind: new Set(rows.flatMap(([, { endpoints }]) => endpoints)),
    };
  }
}
