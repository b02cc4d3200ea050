/** Conditions that several lists use. What they look at is given as SQL, what they look for is bound. */
import { clause, type Clause } from "./clause.ts";

/** At or after `from`, and before `to`. */
export const isWithin = (column: string, { from, to }: { readonly from: number; readonly to: number }): Clause =>
  clause(`${column} >= ? AND ${column} < ?`, from, to);

/** Found anywhere, letters of A to Z in either case. Not LIKE, whose patterns D1 cuts at 50 bytes. */
export const contains = (text: string, search: string): Clause => clause(`instr(lower(${text}), lower(?)) > 0`, search);
export const beginsWith = (text: string, search: string): Clause =>
  clause(`instr(lower(${text}), lower(?)) = 1`, search);

/** Some entry of a JSON list matches: `entry.value` in the condition. `list` is what `json_each` is given. */
export const hasEntry = (list: string, { sql, values }: Clause): Clause =>
  clause(`EXISTS (SELECT 1 FROM json_each(${list}) entry WHERE ${sql})`, ...values);
