/**
 * How an endpoint is kept: its settings and its health as one value each, and one row per event in one table without indexes. The key begins with whether the delivery
 * is settled, so the few open ones are found without reading the many finished ones, and a delivery that settles moves by a single write. An event that is
 * delivered at its first attempt costs two rows: queued (already under way) and settled.
 */
import type { EventType, FeedEvent } from "../core/events.ts";
import { isOrderKey, subjectOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { toKeep, type Bucket } from "../webhooks/bucket.ts";
import { deliveryId } from "../webhooks/delivery-id.ts";
import { sound, type Health } from "../webhooks/health.ts";
import type { Waiting } from "../webhooks/queue.ts";
import type { Delivery, DeliveryAttempt, DeliveryState, RecoveryWindow } from "./protocol.ts";
import { selectedAs, storageVersion, type Recovery, type StoredEndpoint } from "./webhook-endpoint-settings.ts";

type Row = {
  at: number;
  id: string;
  /** The lane. */
  order_key: string;
  sequence: number;
  type: string;
  state: DeliveryState;
  due_at: number;
  leased_until: number | null;
  tried: number;
  attempts: string;
  body: string;
  replay: number;
  /** 0: its body is still to be made by a selection; 2: it was. */
  final: number;
};
type Place = { readonly at: number; readonly id: string };

const settingsKey = "endpoint";
const healthKey = "health";
const bucketKey = "bucketEmptyAt";
const waitingColumns = "at, id, order_key, sequence, due_at, leased_until, tried, replay";
const inWindow = "settled = 1 AND (at, id) > (?, ?) AND at <= ? AND (state = 'DEAD' OR ?)";

export type WebhookEndpointStore = ReturnType<typeof webhookEndpointStore>;

/** All storage of the object. Whoever writes does it inside a transaction. */
export const webhookEndpointStore = (storage: DurableObjectStorage) => {
  const { sql, kv } = storage;
  const rows = <T extends Record<string, SqlStorageValue>>(query: string, ...values: SqlStorageValue[]): T[] =>
    sql.exec<T>(query, ...values).toArray();
  return {
    /** Null when the endpoint was never opened; asking creates nothing. */
    read: (): StoredEndpoint | null => kv.get<StoredEndpoint>(settingsKey) ?? null,
    write: (endpoint: StoredEndpoint): void => kv.put(settingsKey, endpoint),
    readHealth: (): Health => kv.get<Health>(healthKey) ?? sound,
    writeHealth: (health: Health): void => void (health === sound ? kv.delete(healthKey) : kv.put(healthKey, health)),
    /** A moment at which the bucket may be thought empty. */
    bucketEmptyAt: (): number => kv.get<number>(bucketKey) ?? 0,
    keepBucket(bucket: Bucket, now: number): void {
      const at = toKeep(bucket, kv.get<number>(bucketKey) ?? 0, now);
      if (at !== null) kv.put(bucketKey, at);
    },

    create(): void {
      // Bodies stand before what was added later, and short values all: a scan of the open deliveries does not read what overflows the page.
      sql.exec(`CREATE TABLE deliveries (
        settled INTEGER NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, order_key TEXT NOT NULL, sequence INTEGER NOT NULL,
        due_at INTEGER NOT NULL, leased_until INTEGER, tried INTEGER NOT NULL, replay INTEGER NOT NULL DEFAULT 0, final INTEGER NOT NULL DEFAULT 1,
        state TEXT NOT NULL, type TEXT NOT NULL, attempts TEXT NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (settled, at, id)) STRICT, WITHOUT ROWID`);
    },
    /** Brings what an older release kept into today's form. */
    upgrade(endpoint: StoredEndpoint): StoredEndpoint {
      if (endpoint.storage === storageVersion) return endpoint;
      if (endpoint.storage !== undefined) throw new Error("this endpoint's storage is newer than this Worker");
      for (const [column, usual] of [
        ["replay", 0],
        ["final", 1],
      ])
        sql.exec(`ALTER TABLE deliveries ADD COLUMN ${column} INTEGER NOT NULL DEFAULT ${usual}`);
      const news = { storage: storageVersion, paused: false, recoveries: [], disabledTimes: 0, announcement: null };
      const upgraded = { ...endpoint, ...news };
      kv.put(settingsKey, upgraded);
      return upgraded;
    },

    has: ({ at, id }: Place): boolean =>
      rows("SELECT 1 FROM deliveries WHERE settled IN (0, 1) AND at = ? AND id = ?", at, id).length > 0,
    /** When the oldest finished delivery happened; null when there is none. */
    oldestSettledAt: (): number | null =>
      rows<{ at: number }>("SELECT at FROM deliveries WHERE settled = 1 ORDER BY at LIMIT 1")[0]?.at ?? null,
    purge: (before: number): void => void sql.exec("DELETE FROM deliveries WHERE settled = 1 AND at < ?", before),
    /** Deletes the oldest finished deliveries, so many at a time, until the object takes no more than `bytes` or the patience ends. */
    shrink(bytes: number, portion: number, patience: number): void {
      for (let left = patience; left > 0 && sql.databaseSize > bytes; left -= 1) {
        const oldest = `SELECT settled, at, id FROM deliveries WHERE settled = 1 ORDER BY at, id LIMIT ?`;
        const { rowsWritten } = sql.exec(`DELETE FROM deliveries WHERE (settled, at, id) IN (${oldest})`, portion);
        if (rowsWritten === 0) return;
      }
    },

    /** How many deliveries are open. */
    countOpen: (): number =>
      sql.exec<{ waiting: number }>("SELECT count(*) AS waiting FROM deliveries WHERE settled = 0").one().waiting,
    /** Oldest first, row by row, since there may be very many. */
    *open(): Generator<Waiting> {
      const query = `SELECT ${waitingColumns} FROM deliveries WHERE settled = 0 ORDER BY at, id`;
      for (const row of sql.exec<Row>(query)) yield waitingIn(row);
    },

    /** `final`: the body is what will be sent. */
    insert(
      { id, at, sequence, type, body }: FeedEvent,
      state: "PENDING" | "DEAD",
      { dueAt, leasedUntil, final }: { dueAt: number; leasedUntil: number | null; final: boolean },
    ): void {
      sql.exec(
        `INSERT INTO deliveries (settled, at, id, order_key, sequence, due_at, leased_until, tried, state, type, attempts, body, final)
         VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '[]', ?, ?)`,
        state === "DEAD" ? 1 : 0,
        at,
        id,
        subjectOf(id),
        sequence,
        dueAt,
        leasedUntil,
        state,
        type,
        body,
        final ? 1 : 0,
      );
    },
    /** Under way until then; answers what is to be sent. */
    lease({ at, id }: Place, until: number): { readonly body: string; readonly final: boolean } {
      const change =
        "UPDATE deliveries SET leased_until = ? WHERE settled = 0 AND at = ? AND id = ? RETURNING body, final";
      const [row] = rows<{ body: string; final: number }>(change, until, at, id);
      if (!row) throw new Error("an open delivery has a body");
      return { body: row.body, final: row.final !== 0 };
    },
    /** Not under way after all. */
    unlease: ({ at, id }: Place): void =>
      void sql.exec("UPDATE deliveries SET leased_until = NULL WHERE settled = 0 AND at = ? AND id = ?", at, id),
    /** The body as it is sent from now on. The first one stands, and is answered. */
    finish({ at, id }: Place, made: string): string {
      const change =
        "UPDATE deliveries SET body = iif(final, body, ?), final = iif(final, final, 2) WHERE settled = 0 AND at = ? AND id = ? RETURNING body";
      return sql.exec<{ body: string }>(change, made, at, id).one().body;
    },
    /** What a selection made of the event is gone, and what was answered to it. */
    forget: ({ at, id, body }: FeedEvent): void =>
      void sql.exec(
        `UPDATE deliveries SET body = iif(final = 2, ?, body), final = iif(final = 2, 0, final), attempts = (
           SELECT json_group_array(json_set(value, '$.responseBody', NULL) ORDER BY key) FROM json_each(attempts))
         WHERE settled IN (0, 1) AND at = ? AND id = ?`,
        body,
        at,
        id,
      ),
    /** Adds an attempt and says what has become of the delivery. `dueAt` is when the next attempt is, for one that is retried. */
    record(
      { at, id }: Place,
      attempt: Omit<DeliveryAttempt, "number">,
      { state, tried, dueAt }: { readonly state: DeliveryState; readonly tried: number; readonly dueAt: number },
    ): void {
      sql.exec(
        `UPDATE deliveries SET settled = ?, state = ?, due_at = ?, leased_until = NULL, tried = ?, attempts = json_insert(
           iif(json_array_length(attempts) < ?, attempts, json_remove(attempts, '$[0]')),
           '$[#]', json_insert(?, '$.number', 1 + coalesce(attempts ->> '$[#-1].number', 0)))
         WHERE settled = 0 AND at = ? AND id = ?`,
        state === "RETRYING" ? 0 : 1,
        state,
        dueAt,
        tried,
        limits.webhookAttemptsPerDeliveryMax,
        JSON.stringify(attempt),
        at,
        id,
      );
    },
    /** Gives up every delivery that is not under way. */
    giveUpResting: (): void =>
      void sql.exec("UPDATE deliveries SET settled = 1, state = 'DEAD' WHERE settled = 0 AND leased_until IS NULL"),
    /** An open delivery is due now. */
    hasten: ({ at, id }: Place, dueAt: number): void =>
      void sql.exec("UPDATE deliveries SET due_at = ? WHERE settled = 0 AND at = ? AND id = ?", dueAt, at, id),
    /** A settled delivery is open again, as if it had never been tried; what was tried stays in its log. */
    requeue({ at, id }: Place, dueAt: number, replay: boolean): Waiting {
      sql.exec(
        `UPDATE deliveries SET settled = 0, state = 'PENDING', due_at = ?, leased_until = NULL, tried = 0, replay = ?
         WHERE settled = 1 AND at = ? AND id = ?`,
        dueAt,
        replay ? 1 : 0,
        at,
        id,
      );
      const query = `SELECT ${waitingColumns} FROM deliveries WHERE settled = 0 AND at = ? AND id = ?`;
      return waitingIn(sql.exec<Row>(query, at, id).one());
    },
    /** The next settled deliveries of a recovery, oldest first. */
    nextOf: ({ cursor, until, onlyFailed }: Recovery, limit: number): Place[] =>
      rows<{ at: number; id: string }>(
        `SELECT at, id FROM deliveries WHERE ${inWindow} ORDER BY at, id LIMIT ?`,
        cursor.at,
        cursor.id,
        until,
        onlyFailed ? 0 : 1,
        limit,
      ),
    countIn: ({ since, until, onlyFailed }: RecoveryWindow): number =>
      sql
        .exec<{ n: number }>(
          `SELECT count(*) AS n FROM deliveries WHERE ${inWindow}`,
          since,
          "",
          until,
          onlyFailed ? 0 : 1,
        )
        .one().n,

    /** Null when there is no such delivery. */
    find(endpoint: StoredEndpoint, { at, id }: Place): Delivery | null {
      const [row] = rows<Row>("SELECT * FROM deliveries WHERE settled IN (0, 1) AND at = ? AND id = ?", at, id);
      return row ? delivery(endpoint, row) : null;
    },
    /** Newest first, older than `before`. */
    page(endpoint: StoredEndpoint, limit: number, before: { at: number; eventId: string } | null): Delivery[] {
      const [at, id] = before ? [before.at, before.eventId] : [Number.MAX_SAFE_INTEGER, ""];
      const older = (settled: 0 | 1) =>
        `SELECT * FROM (SELECT * FROM deliveries WHERE settled = ${settled} AND (at, id) < (?1, ?2) ORDER BY at DESC, id DESC LIMIT ?3)`;
      return rows<Row>(`${older(0)} UNION ALL ${older(1)} ORDER BY at DESC, id DESC LIMIT ?3`, at, id, limit).map(
        (row) => delivery(endpoint, row),
      );
    },
  };
};

const waitingIn = (row: Row): Waiting => ({
  id: row.id,
  at: row.at,
  lane: row.order_key,
  sequence: row.sequence,
  replay: row.replay === 1,
  tried: row.tried,
  dueAt: row.due_at,
  leasedUntil: row.leased_until,
});

function delivery(endpoint: StoredEndpoint, row: Row): Delivery {
  const { at, id, state, sequence, body } = row;
  const type = row.type as EventType;
  const orderKey = isOrderKey(row.order_key) ? row.order_key : null;
  return {
    id: deliveryId({ endpointId: endpoint.opening.id, at, eventId: id }),
    event: { id, type, orderKey, sequence, at, body },
    state,
    attempts: JSON.parse(row.attempts) as DeliveryAttempt[],
    nextAttemptAt: state === "PENDING" || state === "RETRYING" ? row.due_at : null,
    ...(row.final === 2 && { selectedAs: selectedAs(endpoint) }),
  };
}
