/**
 * Events that a feed keeps for endpoints which are not told at once: those in trouble, who have time, and those whose object did not answer. They are handed over a little later, many
 * at a time and one endpoint after the other, so that many events cost an endpoint one call and one transaction, and whoever is well never waits for that. While an event is held
 * for an endpoint, what comes later of the same order is held behind it.
 */
import type { FeedEvent } from "../core/events.ts";
import { subjectOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { KnownAlarm } from "./known-alarm.ts";

/** What one endpoint is to be told. */
export type Parcel = { readonly endpointId: string; readonly events: readonly FeedEvent[] };

/** How it is kept: each event once, and for whom. */
type Held = { readonly event: FeedEvent; readonly endpoints: readonly string[] };
type Row = readonly [key: string, held: Held];
/** `waiting`: how many events of each order are held for each endpoint. */
type Known = { next: number; count: number; readonly waiting: Map<string, number> };

const prefix = "held:";
const keyOf = (number: number): string => prefix + String(number).padStart(16, "0");
const numberIn = (key: string): number => Number(key.slice(prefix.length));
const laneOf = (endpointId: string, { id }: FeedEvent): string => `${endpointId} ${subjectOf(id)}`;

export class HeldEvents {
  private readonly storage: DurableObjectStorage;
  private readonly alarm: Pick<KnownAlarm, "transaction" | "ringBy">;
  /** What the storage holds; null when it must be read. */
  private cached: Known | null = null;

  constructor(storage: DurableObjectStorage, alarm: Pick<KnownAlarm, "transaction" | "ringBy">) {
    this.storage = storage;
    this.alarm = alarm;
  }

  isEmpty(): boolean {
    return this.known().count === 0;
  }
  /** Told now, it would overtake what is held. */
  isBehind({ endpointId, events }: Parcel): boolean {
    const { waiting } = this.known();
    return events.some((event) => waiting.has(laneOf(endpointId, event)));
  }

  /** `ringAt`: when whoever has the alarm is to hand them over, at the latest. Throws when too much is held, and then none of it is. */
  hold(parcels: readonly Parcel[], ringAt: number): void {
    const events = new Set(parcels.flatMap((parcel) => parcel.events));
    const known = this.known();
    if (known.count + events.size > limits.feedHeldMax)
      throw new Error("too much is held for endpoints that take nothing");
    const rows = Array.from(events, (event, index): Row => {
      const takers = parcels.filter((parcel) => parcel.events.includes(event));
      return [keyOf(known.next + index), { event, endpoints: takers.map(({ endpointId }) => endpointId) }];
    });
    this.alarm.transaction(() => {
      for (const [key, held] of rows) this.storage.kv.put(key, held);
      this.alarm.ringBy(ringAt);
    });
    known.next += rows.length;
    for (const [, held] of rows) count(known, held, held.endpoints, 1);
  }

  /**
   * What is held now, oldest first, to whoever takes it. `tell` answers whether it did: who does not keeps it held and is asked for no more of it this time.
   * One call at a time: it is the alarm's.
   */
  async handOver(tell: (parcel: Parcel) => Promise<boolean>): Promise<void> {
    const silent = new Set<string>();
    const { next, count: all } = this.known();
    const { min, max } = limits.feedHandOverPortion;
    // The more there is the larger the portions, so that it never takes many rounds.
    for (const rows of this.portions(next, Math.min(max, Math.max(min, Math.ceil(all / 8))))) {
      const told = new Set<string>();
      for (const endpointId of new Set(rows.flatMap(([, { endpoints }]) => endpoints))) {
        if (silent.has(endpointId)) continue;
        const events = rows.filter(([, { endpoints }]) => endpoints.includes(endpointId)).map(([, { event }]) => event);
        const took = await tell({ endpointId, events });
        (took ? told : silent).add(endpointId);
        await scheduler.wait(limits.feedHandOverPauseMs);
      }
      if (told.size > 0) this.release(rows, told);
    }
  }

  /** What was held before a number was given out, as it is when it is its turn. */
  private *portions(before: number, limit: number): Generator<readonly Row[]> {
    for (let after = keyOf(0); ;) {
      const rows = Array.from(this.storage.kv.list<Held>({ prefix, startAfter: after, end: keyOf(before), limit }));
      const last = rows.at(-1);
      if (!last) return;
      yield rows;
      [after] = last;
    }
  }

  /** Whoever was told has them. */
  private release(rows: readonly Row[], told: ReadonlySet<string>): void {
    const known = this.known();
    this.storage.transactionSync(() => {
      for (const [key, held] of rows) {
        const endpoints = held.endpoints.filter((id) => !told.has(id));
        if (endpoints.length === 0) this.storage.kv.delete(key);
        else if (endpoints.length < held.endpoints.length) this.storage.kv.put(key, { ...held, endpoints });
      }
    });
    for (const [, held] of rows) {
      const gone = held.endpoints.filter((id) => told.has(id));
      count(known, held, gone, -1, gone.length === held.endpoints.length);
    }
  }

  private known(): Known {
    this.cached ??= this.read();
    return this.cached;
  }

  private read(): Known {
    const known: Known = { next: 1, count: 0, waiting: new Map() };
    for (const [key, held] of this.storage.kv.list<Held>({ prefix })) {
      known.next = numberIn(key) + 1;
      count(known, held, held.endpoints, 1);
    }
    return known;
  }
}

/** One event more or less for these endpoints; `isWhole`: it is held for no others. */
function count(known: Known, { event }: Held, endpoints: readonly string[], change: 1 | -1, isWhole = true): void {
  if (isWhole) known.count += change;
  for (const endpointId of endpoints) {
    const lane = laneOf(endpointId, event);
    const left = (known.waiting.get(lane) ?? 0) + change;
    if (left > 0) known.waiting.set(lane, left);
    else known.waiting.delete(lane);
  }
}
