/**
 * How an endpoint is kept: its settings as one value, and one row per event in one table without indexes. The key begins with whether the delivery is settled, so
 * the few open ones are found without reading the many finished ones, and a delivery that settles moves by a single write. An event that is delivered
 * at its first attempt costs two rows: queued (already under way) and settled.
 */
import type { EventType, FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import { deliveryId } from "../webhooks/delivery-id.ts";
import type { Waiting } from "../webhooks/queue.ts";
import type { Delivery, DeliveryAttempt, DeliveryState, EndpointOpening } from "./protocol.ts";

export type StoredSecret = {
  /** Sealed; the place is `secretPlace`. */
  readonly sealed: string;
  readonly hint: string;
  readonly createdAt: number;
  /** Null: until it is rotated. */
  readonly expiresAt: number | null;
};
export type StoredEndpoint = {
  readonly opening: EndpointOpening;
  /** Newest first. */
  readonly secrets: readonly StoredSecret[];
  readonly disabledReason: string | null;
  /** The partner asked for quiet until then. */
  readonly heldUntil: number | null;
};

export const secretPlace = ({ merchantId, id }: EndpointOpening): string =>
  `${merchantId}|webhook_endpoint|${id}|secret`;

type Row = {
  at: number;
  id: string;
  order_key: string;
  sequence: number;
  type: string;
  state: DeliveryState;
  due_at: number;
  leased_until: number | null;
  tried: number;
  attempts: string;
  body: string;
};
type Place = { readonly at: number; readonly id: string };

const settingsKey = "endpoint";

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

    create(): void {
      // Bodies stand last: a scan of the open deliveries does not read what overflows the page.
      sql.exec(`CREATE TABLE deliveries (
        settled INTEGER NOT NULL, at INTEGER NOT NULL, id TEXT NOT NULL, order_key TEXT NOT NULL, sequence INTEGER NOT NULL,
        due_at INTEGER NOT NULL, leased_until INTEGER, tried INTEGER NOT NULL, state TEXT NOT NULL, type TEXT NOT NULL,
        attempts TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (settled, at, id)) STRICT, WITHOUT ROWID`);
    },

    has: ({ at, id }: Place): boolean =>
      rows("SELECT 1 FROM deliveries WHERE settled IN (0, 1) AND at = ? AND id = ?", at, id).length > 0,
    /** When the oldest finished delivery happened; null when there is none. */
    oldestSettledAt: (): number | null =>
      rows<{ at: number }>("SELECT at FROM deliveries WHERE settled = 1 ORDER BY at LIMIT 1")[0]?.at ?? null,
    purge: (before: number): void => void sql.exec("DELETE FROM deliveries WHERE settled = 1 AND at < ?", before),

    /** How many deliveries are open, and whether any of them has failed before. */
    backlog(): { readonly waiting: number; readonly failing: boolean } {
      const counted = "SELECT count(*) AS waiting, max(tried) AS tried FROM deliveries WHERE settled = 0";
      const { waiting, tried } = sql.exec<{ waiting: number; tried: number | null }>(counted).one();
      return { waiting, failing: (tried ?? 0) > 0 };
    },
    /** Oldest first, row by row, since there may be very many. */
    *open(): Generator<Waiting> {
      const query =
        "SELECT at, id, order_key, sequence, due_at, leased_until, tried FROM deliveries WHERE settled = 0 ORDER BY at, id";
      for (const row of sql.exec<Row>(query))
        yield {
          id: row.id,
          at: row.at,
          orderKey: row.order_key,
          sequence: row.sequence,
          tried: row.tried,
          dueAt: row.due_at,
          leasedUntil: row.leased_until,
        };
    },

    insert(
      { id, at, orderKey, sequence, type, body }: FeedEvent,
      state: "PENDING" | "DEAD",
      dueAt: number,
      leasedUntil: number | null,
    ): void {
      sql.exec(
        `INSERT INTO deliveries (settled, at, id, order_key, sequence, due_at, leased_until, tried, state, type, attempts, body)
         VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?, '[]', ?)`,
        state === "DEAD" ? 1 : 0,
        at,
        id,
        orderKey,
        sequence,
        dueAt,
        leasedUntil,
        state,
        type,
        body,
      );
    },
    lease: ({ at, id }: Place, until: number): void =>
      void sql.exec("UPDATE deliveries SET leased_until = ? WHERE settled = 0 AND at = ? AND id = ?", until, at, id),
    bodyOf({ at, id }: Place): string {
      const [row] = rows<{ body: string }>(
        "SELECT body FROM deliveries WHERE settled = 0 AND at = ? AND id = ?",
        at,
        id,
      );
      if (!row) throw new Error("an open delivery has a body");
      return row.body;
    },
    /** Adds an attempt and says what has become of the delivery. `dueAt` is when the next attempt is, for one that is retried. */
    record({ at, id }: Place, attempt: DeliveryAttempt, state: DeliveryState, dueAt: number): void {
      sql.exec(
        `UPDATE deliveries SET settled = ?, state = ?, due_at = ?, leased_until = NULL, tried = ?, attempts = json_insert(attempts, '$[#]', json(?))
         WHERE settled = 0 AND at = ? AND id = ?`,
        state === "RETRYING" ? 0 : 1,
        state,
        dueAt,
        attempt.number,
        JSON.stringify(attempt),
        at,
        id,
      );
    },
    /** Gives up every delivery that is not under way. */
    giveUpResting: (): void =>
      void sql.exec("UPDATE deliveries SET settled = 1, state = 'DEAD' WHERE settled = 0 AND leased_until IS NULL"),

    /** Newest first, older than `before`. */
    page(endpointId: string, limit: number, before: { at: number; eventId: string } | null): Delivery[] {
      const [at, id] = before ? [before.at, before.eventId] : [Number.MAX_SAFE_INTEGER, ""];
      const older = (settled: 0 | 1) =>
        `SELECT * FROM (SELECT * FROM deliveries WHERE settled = ${settled} AND (at, id) < (?1, ?2) ORDER BY at DESC, id DESC LIMIT ?3)`;
      return rows<Row>(`${older(0)} UNION ALL ${older(1)} ORDER BY at DESC, id DESC LIMIT ?3`, at, id, limit).map(
        (row) => delivery(endpointId, row),
      );
    },
  };
};

function delivery(endpointId: string, row: Row): Delivery {
  const { at, id, state } = row;
  const event: FeedEvent = {
    id,
    type: row.type as EventType,
    orderKey: row.order_key as OrderKey,
    sequence: row.sequence,
    at,
    body: row.body,
  };
  return {
    id: deliveryId({ endpointId, at, eventId: id }),
    event,
    state,
    attempts: JSON.parse(row.attempts) as DeliveryAttempt[],
    nextAttemptAt: state === "PENDING" || state === "RETRYING" ? row.due_at : null,
  };
}
