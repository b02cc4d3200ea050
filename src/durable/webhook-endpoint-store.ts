/**
 * How an endpoint is kept: its settings and its health as one value each, and one row per event in one table without indexes. The key begins with whether the delivery
 * is open (0), was delivered (1) or given up (2), so each kind is found without reading the others, and a delivery that settles moves by a single write. An event that is
 * delivered at its first attempt costs two rows: queued (already under way) and settled.
 */
import type { FeedEvent } from "../core/events.ts";
import { subjectOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { emptyAt, toKeep, type Bucket } from "../webhooks/bucket.ts";
import { sound, type Health } from "../webhooks/health.ts";
import { unselected } from "../webhooks/payload.ts";
import type { Waiting } from "../webhooks/queue.ts";
import type { DeliveryAttempt, DeliveryState, Place, RecoveryWindow } from "./webhook-protocol.ts";
import { storageVersion, type Recovery, type StoredEndpoint } from "./webhook-endpoint-settings.ts";
import { webhookTally, type Settled } from "./webhook-tally.ts";

/** How a delivery is kept. */
export type Row = {
  /** 0: it is open; 1: it was delivered; 2: it was given up. */
  settled: number;
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
export const settledAs = { PENDING: 0, RETRYING: 0, SUCCEEDED: 1, DEAD: 2 } as const satisfies Record<
  DeliveryState,
  number
>;

const settingsKey = "endpoint";
const healthKey = "health";
const bucketKey = "bucketEmptyAt";
const shortenedKey = "shortenedUntil";
const waitingColumns = "at, id, order_key, sequence, due_at, leased_until, tried, replay";
const finished = [1, 2] as const;
/** The oldest deliveries of these kinds, `?1` at most, without reading others. */
const oldest = (kinds: readonly Settled[], columns: string, where = "TRUE"): string => {
  const each = kinds.map(
    (settled) =>
      `SELECT * FROM (SELECT ${columns} FROM deliveries WHERE settled = ${settled} AND ${where} ORDER BY at, id LIMIT ?1)`,
  );
  return `${each.join(" UNION ALL ")} ORDER BY at, id LIMIT ?1`;
};

export type WebhookEndpointStore = ReturnType<typeof webhookEndpointStore>;

/** All storage of the object. Whoever writes does it inside a transaction. */
export const webhookEndpointStore = (storage: DurableObjectStorage) => {
  const { sql, kv } = storage;
  const rows = <T extends Record<string, SqlStorageValue>>(query: string, ...values: SqlStorageValue[]): T[] =>
    sql.exec<T>(query, ...values).toArray();
  const counted = (where: string, ...values: SqlStorageValue[]): number =>
    sql.exec<{ n: number }>(`SELECT count(*) AS n FROM deliveries WHERE ${where}`, ...values).one().n;
  const tally = webhookTally(storage);
  const shortenedUntil = (): number => kv.get<number>(shortenedKey) ?? 0;
  /** Brings what an older release kept into today's form. */
  const upgrade = (endpoint: StoredEndpoint): StoredEndpoint => {
    const { storage: from = 1 } = endpoint;
    if (from > storageVersion) throw new Error("this endpoint's storage is newer than this Worker");
    const added = { paused: false, recoveries: [], disabledTimes: 0, announcement: null };
    if (from === 1) {
      sql.exec("ALTER TABLE deliveries ADD COLUMN replay INTEGER NOT NULL DEFAULT 0");
      sql.exec("ALTER TABLE deliveries ADD COLUMN final INTEGER NOT NULL DEFAULT 1");
    }
    sql.exec("UPDATE deliveries SET settled = 2 WHERE settled = 1 AND state = 'DEAD'");
    const upgraded = { ...(from === 1 && added), ...endpoint, storage: storageVersion };
    kv.put(settingsKey, upgraded);
    return upgraded;
  };
  return {
    /** Null when the endpoint was never opened; asking creates nothing. */
    read(): StoredEndpoint | null {
      const endpoint = kv.get<StoredEndpoint>(settingsKey);
      if (!endpoint || endpoint.storage === storageVersion) return endpoint ?? null;
      return storage.transactionSync(() => upgrade(endpoint));
    },
    write: (endpoint: StoredEndpoint): void => kv.put(settingsKey, endpoint),
    readHealth: (): Health => kv.get<Health>(healthKey) ?? sound,
    writeHealth: (health: Health): void => void (health === sound ? kv.delete(healthKey) : kv.put(healthKey, health)),
    /** One that gives no more than the one that was kept; null without a rate. */
    bucket: (perSecond: number | null): Bucket | null =>
      perSecond === null ? null : emptyAt(perSecond, kv.get<number>(bucketKey) ?? 0),
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
    has: ({ at, id }: Place): boolean =>
      rows("SELECT 1 FROM deliveries WHERE settled IN (0, 1, 2) AND at = ? AND id = ?", at, id).length > 0,
    /** When the oldest finished delivery happened; null when there is none. */
    oldestSettledAt: (): number | null => rows<{ at: number }>(oldest(finished, "at, id"), 1)[0]?.at ?? null,
    purge(before: number): void {
      tally.forget(before);
      for (const settled of finished)
        tally.change(
          settled,
          before,
          -sql.exec("DELETE FROM deliveries WHERE settled = ? AND at < ?", settled, before).rowsWritten,
        );
    },
    /** When the last event happened whose delivery had to go before its time. */
    shortenedUntil,
    /** Deletes the oldest finished deliveries, so many at a time, until the object takes no more than `bytes` or the patience ends. */
    shrink(bytes: number, portion: number, patience: number): void {
      for (let left = patience; left > 0 && sql.databaseSize > bytes; left -= 1) {
        const gone = rows<{ settled: Settled; at: number }>(
          `DELETE FROM deliveries WHERE (settled, at, id) IN (${oldest(finished, "settled, at, id")}) RETURNING settled, at`,
          portion,
        );
        if (gone.length === 0) return;
        const known = gone.filter(({ at }) => at <= tally.until());
        for (const kind of finished)
          tally.change(kind, tally.until(), -known.filter(({ settled }) => settled === kind).length);
        kv.put(shortenedKey, Math.max(shortenedUntil(), ...gone.map(({ at }) => at)));
      }
    },

    /** How many deliveries are open. */
    countOpen: (): number => counted("settled = 0"),
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
        settledAs[state],
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
      if (state === "DEAD") tally.change(2, at, 1);
    },
    /** All of them are under way until then; answers what is to be sent, by id. */
    lease(
      places: readonly Place[],
      until: number,
    ): ReadonlyMap<string, { readonly body: string; readonly final: boolean }> {
      const leased = rows<{ id: string; body: string; final: number }>(
        `UPDATE deliveries SET leased_until = ? WHERE settled = 0 AND (at, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))
         RETURNING id, body, final`,
        until,
        JSON.stringify(places.map(({ at, id }) => [at, id])),
      );
      if (leased.length < places.length) throw new Error("an open delivery has a body");
      return new Map(leased.map(({ id, body, final }) => [id, { body, final: final !== 0 }]));
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
    forget({ at, id }: Place): void {
      const isIt = "settled IN (0, 1, 2) AND at = ? AND id = ?";
      const [made] = rows<{ body: string }>(`SELECT body FROM deliveries WHERE ${isIt} AND final = 2`, at, id);
      sql.exec(
        `UPDATE deliveries SET body = coalesce(?, body), final = iif(final = 2, 0, final), attempts = (
           SELECT json_group_array(json_set(value, '$.responseBody', NULL) ORDER BY key) FROM json_each(attempts))
         WHERE ${isIt}`,
        made ? unselected(made.body) : null,
        at,
        id,
      );
    },
    /** Adds an attempt and says what has become of the delivery. `dueAt` is when the next attempt is, for one that is retried, and now for any other. */
    record(
      { at, id }: Place,
      attempt: Omit<DeliveryAttempt, "number">,
      { state, tried, dueAt }: { readonly state: DeliveryState; readonly tried: number; readonly dueAt: number },
    ): void {
      const settled = settledAs[state];
      sql.exec(
        `UPDATE deliveries SET settled = ?, state = ?, due_at = ?, leased_until = NULL, tried = ?, attempts = iif(attempts = '[]', ?, json_insert(
           iif(json_array_length(attempts) < ?, attempts, json_remove(attempts, '$[0]')),
           '$[#]', json_insert(?, '$.number', 1 + (attempts ->> '$[#-1].number'))))
         WHERE settled = 0 AND at = ? AND id = ?`,
        settled,
        state,
        dueAt,
        tried,
        JSON.stringify([{ number: 1, ...attempt }]),
        limits.webhookAttemptsPerDeliveryMax,
        JSON.stringify(attempt),
        at,
        id,
      );
      // Only what is older than this may have been counted.
      if (settled !== 0 && dueAt - at >= limits.webhookTallyLagMs) tally.change(settled, at, 1);
    },
    /** Gives up every delivery that is not under way. */
    giveUpResting(): void {
      const resting = "settled = 0 AND leased_until IS NULL";
      tally.change(2, tally.until(), counted(`${resting} AND at <= ?`, tally.until()));
      sql.exec(`UPDATE deliveries SET settled = 2, state = 'DEAD' WHERE ${resting}`);
    },
    /** An open delivery is due now. */
    hasten: ({ at, id }: Place, dueAt: number): void =>
      void sql.exec("UPDATE deliveries SET due_at = ? WHERE settled = 0 AND at = ? AND id = ?", dueAt, at, id),
    /** A settled delivery is open again, as if it had never been tried; what was tried stays in its log. */
    requeue({ at, id }: Place, dueAt: number, replay: boolean): Waiting {
      const [was] = rows<{ settled: Settled }>(
        "SELECT settled FROM deliveries WHERE settled IN (1, 2) AND at = ? AND id = ?",
        at,
        id,
      );
      if (was) tally.change(was.settled, at, -1);
      sql.exec(
        `UPDATE deliveries SET settled = 0, state = 'PENDING', due_at = ?, leased_until = NULL, tried = 0, replay = ?
         WHERE settled IN (1, 2) AND at = ? AND id = ?`,
        dueAt,
        replay ? 1 : 0,
        at,
        id,
      );
      const query = `SELECT ${waitingColumns} FROM deliveries WHERE settled = 0 AND at = ? AND id = ?`;
      return waitingIn(sql.exec<Row>(query, at, id).one());
    },
    /** The next finished deliveries of a recovery, oldest first. */
    nextOf({ cursor, until, onlyFailed }: Recovery, limit: number): Place[] {
      const next = oldest(onlyFailed ? [2] : finished, "at, id", "(at, id) > (?2, ?3) AND at <= ?4");
      return rows<{ at: number; id: string }>(next, limit, cursor.at, cursor.id, until);
    },
    countIn({ since, until, onlyFailed }: RecoveryWindow): number {
      const kinds = onlyFailed ? "2" : "1, 2";
      return counted(`settled IN (${kinds}) AND at BETWEEN ? AND ?`, since, until);
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
