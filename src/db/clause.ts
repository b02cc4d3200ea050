/** Pieces of statements, each with the values it binds: text that a caller sent never becomes SQL. */

export type Value = string | number | null;
/** A value for each `?` of the text, in order. */
export type Clause = { readonly sql: string; readonly values: readonly Value[] };

export const clause = (sql: string, ...values: readonly Value[]): Clause => ({ sql, values });

/** Null stands for no condition. At least one has to be there. */
export const allOf = (...conditions: readonly (Clause | null)[]): Clause => joined(" AND ", conditions);
export const anyOf = (...conditions: readonly Clause[]): Clause => joined(" OR ", conditions);

export const prepare = (db: D1Database, { sql, values }: Clause): D1PreparedStatement =>
  db.prepare(sql).bind(...values);

function joined(word: string, conditions: readonly (Clause | null)[]): Clause {
  const present = conditions.filter((condition) => condition !== null);
  return clause(present.map(({ sql }) => `(${sql})`).join(word), ...present.flatMap(({ values }) => values));
}
