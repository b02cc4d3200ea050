/** The merchant's events in the order in which the database committed them, without gaps: the pull side of webhooks. */
import type { EventType, FeedEvent } from "../core/events.ts";
import { subjectOf, type OrderKey } from "../core/ids.ts";
import { ok } from "../core/result.ts";
import { decodeCursor, encodeCursor, sizeOf, type Key, type Keyed, type PageResult } from "./page.ts";

/** An event's place: its row in the log, and where in the row it stands. Places are in the order of the log. */
export type Place = readonly [position: number, index: number];
export const isBeyond = ([position, index]: Place, than: Place): boolean =>
  position > than[0] || (position === than[0] && index > than[1]);

const byPlace: Keyed = { list: "events", kinds: ["number", "number"] };

type Request = {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  /** Null or empty: every type. */
  readonly types?: readonly EventType[] | null | undefined;
};

const page = `
  SELECT log.position, event.key AS "index", event.value AS event
  FROM event_log log, json_each(log.events) event
  WHERE log.merchant_id = ?1 AND log.position >= ?2 AND (log.position > ?2 OR event.key > ?3)
    AND (?4 IS NULL OR event.value ->> 'type' IN (SELECT value FROM json_each(?4)))
  ORDER BY log.position, event.key
  LIMIT ?5`;

const end = `
  SELECT position, json_array_length(events) - 1 AS "index"
  FROM event_log
  WHERE merchant_id = ?1
  ORDER BY position DESC
  LIMIT 1`;

/** Oldest first, after the cursor. */
export async function pageEvents(db: D1Database, merchantId: string, request: Request): Promise<PageResult<FeedEvent>> {
  const size = sizeOf({ first: request.first });
  if (!size.ok) return size;
  const after = decodeCursor(byPlace, request.after, "after");
  if (!after.ok) return after;
  const { count } = size.value;
  const place = after.value ? placeIn(after.value) : beginning;
  const results = await eventsAfter(db, merchantId, place, count + 1, request.types ?? []);
  const edges = results.slice(0, count).map(({ place: found, event }) => ({
    cursor: encodeCursor(byPlace, found),
    node: event,
  }));
  return ok({
    edges,
    pageInfo: {
      hasNextPage: results.length > count,
      hasPreviousPage: after.value !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  });
}

const beginning: Place = [0, -1];
const placeIn = ([position, index]: Key): Place => [Number(position), Number(index)];

export type LoggedEvent = { readonly place: Place; readonly event: FeedEvent };

/** Events beyond a place, in the log's order. No types: every type. */
export async function eventsAfter(
  db: D1Database,
  merchantId: string,
  place: Place,
  count: number,
  types: readonly EventType[] = [],
): Promise<readonly LoggedEvent[]> {
  const { results } = await db
    .prepare(page)
    .bind(merchantId, ...place, types.length > 0 ? JSON.stringify(types) : null, count)
    .all<{ position: number; index: number; event: string }>();
  return results.map(({ position, index, event }) => ({
    place: [position, index],
    event: JSON.parse(event) as FeedEvent,
  }));
}

/** The place of its last event. */
export async function endOfLog(db: D1Database, merchantId: string): Promise<Place> {
  const last = await db.prepare(end).bind(merchantId).first<{ position: number; index: number }>();
  return last ? [last.position, last.index] : beginning;
}

/** The place that a cursor of the log names; null when it is none. */
export function placeOf(cursor: string): Place | null {
  const key = decodeCursor(byPlace, cursor, "after");
  return key.ok && key.value ? placeIn(key.value) : null;
}

// CROSS JOIN, because SQLite reads its tables in the order they stand: from the order to the rows that carry its events.
const place = `
  SELECT log.position, event.key AS "index"
  FROM orders
  CROSS JOIN json_each(orders.event_positions) part
  CROSS JOIN event_log log ON log.merchant_id = ?1 AND log.position = part.value ->> 1
  CROSS JOIN json_each(log.events) event
  WHERE orders.merchant_id = ?1 AND orders.created_at = ?2 AND orders.id = ?3 AND part.value ->> 0 >= ?4
    AND event.value ->> 'orderKey' = ?3 AND event.value ->> 'sequence' = ?4`;

/** The cursor of an order's event, to resume after it; null while the log does not have it. `placedAt` is the order's. */
export async function cursorOfEvent(
  db: D1Database,
  merchantId: string,
  {
    orderKey,
    sequence,
    placedAt,
  }: { readonly orderKey: OrderKey; readonly sequence: number; readonly placedAt: number },
): Promise<string | null> {
  const found = await db
    .prepare(place)
    .bind(merchantId, placedAt, orderKey, sequence)
    .first<{ position: number; index: number }>();
  return found && encodeCursor(byPlace, [found.position, found.index]);
}

const subjectPlace = `
  SELECT log.position, event.key AS "index"
  FROM event_subjects told
  CROSS JOIN json_each(told.event_positions) part
  CROSS JOIN event_log log ON log.merchant_id = ?1 AND log.position = part.value ->> 1
  CROSS JOIN json_each(log.events) event
  WHERE told.merchant_id = ?1 AND told.subject = ?2 AND event.value ->> 'id' = ?3`;

/** The same for an event of a customer or an endpoint. */
export async function cursorOfSubjectEvent(db: D1Database, merchantId: string, id: string): Promise<string | null> {
  const found = await db
    .prepare(subjectPlace)
    .bind(merchantId, subjectOf(id), id)
    .first<{ position: number; index: number }>();
  return found && encodeCursor(byPlace, [found.position, found.index]);
}

const addToLog = `
  INSERT INTO event_log (merchant_id, position, events)
  SELECT ?1, 1 + coalesce((SELECT max(position) FROM event_log WHERE merchant_id = ?1), 0), json_group_array(json(value) ORDER BY key)
  FROM json_each(?3)
  WHERE value ->> 'sequence' > coalesce((SELECT events_through FROM event_subjects WHERE merchant_id = ?1 AND subject = ?2), 0)
  GROUP BY ?1`;
const moveSubject = `
  INSERT INTO event_subjects (merchant_id, subject, events_through, event_positions)
  SELECT ?1, ?2, max(value ->> 'sequence'),
    json_array(json_array(max(value ->> 'sequence'), (SELECT max(position) FROM event_log WHERE merchant_id = ?1)))
  FROM json_each(?3)
  WHERE true
  ON CONFLICT (merchant_id, subject) DO UPDATE SET
    events_through = excluded.events_through,
    event_positions = json_insert(event_subjects.event_positions, '$[#]', json(excluded.event_positions -> 0))
  WHERE excluded.events_through > event_subjects.events_through`;

/** Adds events of one customer or endpoint, oldest first, unless the log has them. Those of orders come with their order (`projection.ts`). */
export async function logSubject(db: D1Database, merchantId: string, events: readonly FeedEvent[]): Promise<void> {
  if (events.length > 0) await db.batch(subjectStatements(db, merchantId, events));
}

/** The same for whoever has more to write in one transaction. At least one event. */
export function subjectStatements(
  db: D1Database,
  merchantId: string,
  events: readonly FeedEvent[],
): D1PreparedStatement[] {
  const values = [merchantId, subjectOf(events[0]?.id ?? ""), JSON.stringify(events)];
  return [addToLog, moveSubject].map((statement) => db.prepare(statement).bind(...values));
}
