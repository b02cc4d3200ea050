/** Rows to and from SQL, as `columns.ts` says they are kept. */
import { clause, prepare, type Clause, type Value } from "./clause.ts";
import type { Column, Columns, Property, Table } from "./columns.ts";

/** As D1 answers what `selection` asked for. */
export type Raw = Readonly<Record<string, Value>>;

/** What to select or to return so that the rows can be read: `id AS id, merchant_id AS merchantId, …`. */
export const selection = <T extends Table, P extends Property<T>>(of: Columns<T, P>): string =>
  entriesOf(of)
    .map(([property, column]) => `${nameOf(column)} AS ${property}`)
    .join(", ");

export function rowOf<T extends Table, P extends Property<T>>(
  of: Columns<T, P>,
  raw: Raw,
  entries = entriesOf(of),
): Pick<T["$inferSelect"], P> {
  const row: Record<string, unknown> = {};
  for (const [property, column] of entries) row[property] = shown(column, raw[property] ?? null);
  return row as Pick<T["$inferSelect"], P>;
}

/** What a statement answers that selects or returns the `selection`. */
export async function rowsOf<T extends Table, P extends Property<T>>(
  db: D1Database,
  of: Columns<T, P>,
  statement: Clause,
): Promise<Pick<T["$inferSelect"], P>[]> {
  const { results } = await prepare(db, statement).all<Raw>();
  const entries = entriesOf(of);
  return results.map((raw) => rowOf(of, raw, entries));
}

/** What the row leaves out takes its default. `onConflict`: what to do when the key is there already; without it, a fault. */
export function insertion<T extends Table>(of: Columns<T>, row: T["$inferInsert"], onConflict = ""): Clause {
  const cells = cellsOf(of, row);
  const names = cells.map(({ name }) => name).join(", ");
  const marks = cells.map(() => "?").join(", ");
  return clause(
    `INSERT INTO ${of.table} (${names}) VALUES (${marks}) ${onConflict}`,
    ...cells.map(({ value }) => value),
  );
}

/** What follows SET; null when there is nothing to change. */
export function assignments<T extends Table>(of: Columns<T>, changes: Partial<T["$inferInsert"]>): Clause | null {
  const cells = cellsOf(of, changes);
  if (cells.length === 0) return null;
  return clause(cells.map(({ name }) => `${name} = ?`).join(", "), ...cells.map(({ value }) => value));
}

/** Those of the columns for which there is something; a property that the table does not have is nobody's. */
const cellsOf = <T extends Table>(of: Columns<T>, row: Partial<T["$inferInsert"]>): { name: string; value: Value }[] =>
  entriesOf(of).flatMap(([property, column]) => {
    const value = (row as Readonly<Record<string, unknown>>)[property];
    return value === undefined ? [] : [{ name: nameOf(column), value: kept(column, value) }];
  });

const entriesOf = <T extends Table, P extends Property<T>>({ columns }: Columns<T, P>): [string, Column][] =>
  Object.entries<Column>(columns as Readonly<Record<string, Column>>);

function nameOf(column: Column): string {
  if (typeof column === "string") return column;
  return "json" in column ? column.json : column.boolean;
}

function kept(column: Column, value: unknown): Value {
  if (typeof column === "string" || value === null) return value as Value;
  return "json" in column ? JSON.stringify(value) : Number(value);
}

function shown(column: Column, value: Value): unknown {
  if (typeof column === "string" || value === null) return value;
  return "json" in column ? (JSON.parse(value as string) as unknown) : value === 1;
}
