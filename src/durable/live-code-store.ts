/**
 * How a live code is kept: one row with one JSON document, rewritten whole by every change. One row written is the price of a change, and a
 * document is either the old one or the new one.
 */
import type { OrderEvent } from "../core/events.ts";
import type { Order } from "../core/order.ts";

/** Raised when the shape below changes; `upgrade` then learns to read the older one. */
const storageVersion = 1;

export type StoredLiveCode = {
  readonly storage: typeof storageVersion;
  /** What the placing request asked for, to tell a repeat from another request under the same key. */
  readonly fingerprint: string;
  readonly order: Order;
  /** Everything that happened, oldest first; also the outbox, by the marks below. */
  readonly events: readonly OrderEvent[];
  /** The version that the read model should show. Scans alone do not raise it. */
  readonly material: number;
  /** The version that the read model is known to have. */
  readonly projected: number;
  /** The last event that the read model's log is known to have. */
  readonly logged: number;
  /** The last event that the merchant's feed is known to have. */
  readonly published: number;
};

export const newStoredLiveCode = (order: Order, fingerprint: string): StoredLiveCode => ({
  storage: storageVersion,
  fingerprint,
  order,
  events: [],
  material: 0,
  projected: 0,
  logged: 0,
  published: 0,
});

/** All SQL of the object. */
export const liveCodeStore = (sql: SqlStorage) => ({
  /** Null when nothing was ever placed here; asking creates nothing. */
  read(): StoredLiveCode | null {
    if (sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'live_code'").toArray().length === 0) return null;
    const [row] = sql.exec<{ body: string }>("SELECT body FROM live_code WHERE id = 1").toArray();
    return row ? upgrade(JSON.parse(row.body) as { storage: number }) : null;
  },
  create(): void {
    sql.exec("CREATE TABLE live_code (id INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT");
  },
  write(stored: StoredLiveCode): void {
    sql.exec(
      "INSERT INTO live_code (id, body) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
      JSON.stringify(stored),
    );
  },
});

function upgrade(found: { storage: number }): StoredLiveCode {
  if (found.storage === storageVersion) return found as StoredLiveCode;
  throw new Error(`a live code of storage version ${found.storage} is newer than this Worker`);
}
