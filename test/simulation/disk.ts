/**
 * An object's storage over SQLite, with what counts of the platform's promises: a transaction is committed whole or not at all, its alarm
 * included, and what is written outside of one stays written. The disk outlives whoever writes on it.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { deserialize, serialize } from "node:v8";

export class Disk {
  readonly database = new DatabaseSync(":memory:");
  /** When the object is to be woken. */
  alarm: number | null = null;
  private readonly statements = new Map<string, StatementSync>();

  constructor() {
    this.database.exec("CREATE TABLE _kv (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
  }

  rows(sql: string, ...values: readonly SQLInputValue[]): Record<string, unknown>[] {
    return this.statement(sql).all(...values);
  }

  /** Its rows, or how many it changed. */
  run(sql: string, ...values: readonly SQLInputValue[]): { results: Record<string, unknown>[]; changes: number } {
    const statement = this.statement(sql);
    return statement.columns().length > 0
      ? { results: statement.all(...values), changes: 0 }
      : { results: [], changes: Number(statement.run(...values).changes) };
  }

  private statement(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (!statement) this.statements.set(sql, (statement = this.database.prepare(sql)));
    return statement;
  }
}

/** Told before and after each commit; may throw, which is the death of whoever writes. */
export type Witness = { readonly committing: () => void; readonly committed: () => void };

const reads = /^\s*(?:SELECT|WITH)\b/i;

/** The part of `DurableObjectStorage` that the product uses. */
export function storageOn(disk: Disk, { committing, committed }: Witness): DurableObjectStorage {
  let isOpen = false;

  const transactionSync = <T>(work: () => T): T => {
    if (isOpen) return work();
    const { alarm } = disk;
    isOpen = true;
    disk.database.exec("BEGIN");
    try {
      const done = work();
      committing();
      disk.database.exec("COMMIT");
      isOpen = false;
      committed();
      return done;
    } catch (fault) {
      if (isOpen) {
        isOpen = false;
        disk.database.exec("ROLLBACK");
        disk.alarm = alarm;
      }
      throw fault;
    }
  };
  const exec = (sql: string, ...values: SQLInputValue[]) => {
    const rows = reads.test(sql) ? disk.rows(sql, ...values) : transactionSync(() => disk.rows(sql, ...values));
    return {
      toArray: () => rows,
      one: () => rows[0],
      [Symbol.iterator]: () => rows[Symbol.iterator](),
    };
  };
  const valueOf = ({ value }: Record<string, unknown>): unknown => deserialize(value as Uint8Array);

  const storage = {
    sql: { exec },
    transactionSync,
    setAlarm: (at: number) => {
      transactionSync(() => (disk.alarm = at));
      return Promise.resolve();
    },
    deleteAlarm: () => {
      transactionSync(() => (disk.alarm = null));
      return Promise.resolve();
    },
    getAlarm: () => Promise.resolve(disk.alarm),
    kv: {
      get: (key: string) => exec("SELECT value FROM _kv WHERE key = ?", key).toArray().map(valueOf)[0],
      put: (key: string, value: unknown) =>
        void exec(
          "INSERT INTO _kv VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
          key,
          serialize(value),
        ),
      delete: (key: string) => exec("DELETE FROM _kv WHERE key = ? RETURNING 1", key).toArray().length > 0,
      list: ({ prefix = "", startAfter = "", end = "\uffff", reverse = false, limit = -1 } = {}) =>
        exec(
          `SELECT key, value FROM _kv WHERE substr(key, 1, ${prefix.length}) = ? AND key > ? AND key < ? ORDER BY key ${reverse ? "DESC" : "ASC"} LIMIT ?`,
          prefix,
          startAfter,
          end,
          limit,
        )
          .toArray()
          .map((row): [string, unknown] => [String(row["key"]), valueOf(row)]),
    },
  };
  return storage as unknown as DurableObjectStorage;
}
