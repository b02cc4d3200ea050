/**
 * Events that a feed keeps for endpoints which are not told at once: those in trouble, who have time, and those whose object did not answer. They are handed over a little later, many
 * at a time, so that many events cost an endpoint one call and one transaction. While an event is held for an endpoint, what comes later of the same order is held behind it.
 */
import type { FeedEvent } from "../core/events.ts";
import { subjectOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { KnownAlarm } from "./known-alarm.ts";

/** What one endpoint is to be told, in the order in which it happened. */
export type Parcel = { readonly endpointId: string; readonly events: readonly FeedEvent[] };

type Row = readonly [key: string, event: FeedEvent];
/** What is held for one endpoint: the number after its last row, how many there are, and how many of each order. Kept while there are any. */
type Line = { next: number; count: number; readonly subjects: Map<string, number> };

const prefix = "held:";
const prefixOf = (endpointId: string): string => `${prefix}${endpointId}:`;
const keyOf = (endpointId: string, number: number): string => prefixOf(endpointId) + String(number).padStart(12, "0");
const newLine = (): Line => ({ next: 1, count: 0, subjects: new Map() });

export class HeldEvents {
  private readonly storage: DurableObjectStorage;
  private readonly alarm: Pick<KnownAlarm, "transaction" | "ringBy">;
  /** What the storage holds, by endpoint; null when it must be read. */
  private cached: Map<string, Line> | null = null;

  constructor(storage: DurableObjectStorage, alarm: Pick<KnownAlarm, "transaction" | "ringBy">) {
    this.storage = storage;
    this.alarm = alarm;
  }

  /** For whom anything is held. */
  endpoints(): readonly string[] {
    return Array.from(this.lines().keys());
  }
  isFor(endpointId: string): boolean {
    return this.lines().has(endpointId);
  }
  /** Told now, it would overtake what is held. */
  isBehind({ endpointId, events }: Parcel): boolean {
    const subjects = this.lines().get(endpointId)?.subjects;
    return subjects !== undefined && events.some(({ id }) => subjects.has(subjectOf(id)));
  }

  /** `ringAt`: when whoever has the alarm is to hand them over, at the latest. Throws when too much is held for somebody: then theirs are not held, and the others' are. */
  hold(parcels: readonly Parcel[], ringAt: number): void {
    const lines = this.lines();
    const fitting = parcels.filter(
      ({ endpointId, events }) => (lines.get(endpointId)?.count ?? 0) + events.length <= limits.feedHeldMax,
    );
    this.alarm.transaction(() => {
      for (const { endpointId, events } of fitting) {
        const from = lines.get(endpointId)?.next ?? 1;
        for (const [index, event] of events.entries()) this.storage.kv.put(keyOf(endpointId, from + index), event);
      }
      if (fitting.length > 0) this.alarm.ringBy(ringAt);
    });
    for (const { endpointId, events } of fitting) for (const event of events) add(lines, endpointId, event);
    if (fitting.length < parcels.length) throw new Error("too much is held for an endpoint that takes nothing");
  }

  /** What is held for an endpoint now, oldest first, until it does not take some: `tell` answers whether it did. One call at a time for each. */
  async handOver(endpointId: string, tell: (parcel: Parcel) => Promise<boolean>): Promise<void> {
    const { next, count } = this.lines().get(endpointId) ?? newLine();
    // The more there is the larger the portions, so that it never takes many calls.
    for (const rows of this.portions(endpointId, next, Math.max(limits.feedHandOverPortion, Math.ceil(count / 8)))) {
      if (!(await tell({ endpointId, events: rows.map(([, event]) => event) }))) return;
      this.release(endpointId, rows);
      await scheduler.wait(limits.feedHandOverPauseMs);
    }
  }

  /** What was held before a number was given out. */
  private *portions(endpointId: string, before: number, limit: number): Generator<readonly Row[]> {
    const range = { prefix: prefixOf(endpointId), end: keyOf(endpointId, before), limit };
    for (;;) {
      const rows = Array.from(this.storage.kv.list<FeedEvent>(range));
      if (rows.length === 0) return;
      // The next one begins where this one was: whoever takes a portion releases it.
      yield rows;
    }
  }

  private release(endpointId: string, rows: readonly Row[]): void {
    const lines = this.lines();
    this.storage.transactionSync(() => {
      for (const [key] of rows) this.storage.kv.delete(key);
    });
    for (const [, event] of rows) remove(lines, endpointId, event);
  }

  private lines(): Map<string, Line> {
    this.cached ??= this.read();
    return this.cached;
  }

  private read(): Map<string, Line> {
    const lines = new Map<string, Line>();
    for (const [key, event] of this.storage.kv.list<FeedEvent>({ prefix })) {
      const [, endpointId = "", number] = key.split(":");
      add(lines, endpointId, event, Number(number));
    }
    return lines;
  }
}

function add(lines: Map<string, Line>, endpointId: string, { id }: FeedEvent, number?: number): void {
  const line = lines.get(endpointId) ?? newLine();
  const subject = subjectOf(id);
  line.next = (number ?? line.next) + 1;
  line.count += 1;
  line.subjects.set(subject, (line.subjects.get(subject) ?? 0) + 1);
  lines.set(endpointId, line);
}

function remove(lines: Map<string, Line>, endpointId: string, { id }: FeedEvent): void {
  const line = lines.get(endpointId);
  if (!line) return;
  const subject = subjectOf(id);
  const left = (line.subjects.get(subject) ?? 0) - 1;
  if (left > 0) line.subjects.set(subject, left);
  else line.subjects.delete(subject);
  line.count -= 1;
  if (line.count === 0) lines.delete(endpointId);
}
