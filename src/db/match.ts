/** Conditions that several lists use. */
import { sql, type SQL, type SQLWrapper } from "drizzle-orm";

/** Any number of values as one parameter: D1 takes a hundred parameters at most. */
export const isOneOf = (column: SQLWrapper, values: readonly string[]): SQL =>
  sql`${column} in (select value from json_each(${JSON.stringify(values)}))`;

/** Found anywhere, letters of A to Z in either case. Not LIKE, whose patterns D1 cuts at 50 bytes. */
export const contains = (text: SQLWrapper, search: string): SQL => sql`instr(lower(${text}), lower(${search})) > 0`;
export const beginsWith = (text: SQLWrapper, search: string): SQL => sql`instr(lower(${text}), lower(${search})) = 1`;
