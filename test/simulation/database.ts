/** D1 over SQLite: the product's own statements, run by one writer, somewhere else. It may be away. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { SQLInputValue } from "node:sqlite";
import type { Chance } from "./chance.ts";
import { Disk } from "./disk.ts";
import { PlatformFault, type Platform } from "./platform.ts";

const migrations = join(import.meta.dirname, "../../migrations");
const schema = readdirSync(migrations)
  .filter((name) => name.endsWith(".sql"))
  .toSorted()
  .map((name) => readFileSync(join(migrations, name), "utf8"))
  .join("\n");

type Rows = { readonly results: unknown[]; readonly success: true; readonly meta: { readonly changes: number } };

export class Database {
  readonly disk = new Disk();
  isAway = false;
  readonly binding: D1Database;

  constructor(platform: Platform, chance: Chance) {
    const { database } = this.disk;
    database.exec(schema);
    // What SQLite draws by itself could not be had again.
    database.function("random", () => chance.between(0, 2 ** 31));
    const remotely = <T>(work: () => T): Promise<T> =>
      platform.remote(() => {
        if (this.isAway) throw new PlatformFault("D1 is away");
        return work();
      });
    const run = (sql: string, values: readonly SQLInputValue[]): Rows => {
      const { results, changes } = this.disk.run(sql, ...values);
      return { results: results.map((row) => ({ ...row })), success: true, meta: { changes } };
    };
    const together = (work: () => Rows[]): Rows[] => {
      database.exec("BEGIN");
      try {
        const done = work();
        database.exec("COMMIT");
        return done;
      } catch (fault) {
        database.exec("ROLLBACK");
        throw fault;
      }
    };
    const statement = (sql: string, values: readonly SQLInputValue[]) => ({
      sql,
      values,
      bind: (...bound: SQLInputValue[]) => statement(sql, bound),
      all: () => remotely(() => run(sql, values)),
      run: () => remotely(() => run(sql, values)),
      first: async (column?: string) => {
        const { results } = await remotely(() => run(sql, values));
        const row = results[0] as Record<string, unknown> | undefined;
        return row === undefined ? null : column === undefined ? row : row[column];
      },
    });
    this.binding = {
      prepare: (sql: string) => statement(sql, []),
      batch: (statements: readonly ReturnType<typeof statement>[]) =>
        remotely(() => together(() => statements.map(({ sql, values }) => run(sql, values)))),
    } as unknown as D1Database;
  }
}
