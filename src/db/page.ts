/**
 * Pages of a list in a fixed order, by keyset: a cursor is the sort key of its row, so rows that come and go between two pages neither repeat
 * nor hide another. Semantics as in the Relay connection specification (https://relay.dev/graphql/connections.htm).
 */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { allOf, clause, prepare, type Clause } from "./clause.ts";
import type { Columns, Property, Table } from "./columns.ts";
import { rowsOf, selection, type Raw } from "./rows.ts";

/** As the graph passes it. At most one of `first` and `last`; neither means `first: limits.pageSizeDefault`. */
export type PageRequest = {
  readonly first?: number | null | undefined;
  readonly after?: string | null | undefined;
  readonly last?: number | null | undefined;
  readonly before?: string | null | undefined;
};
export type Edge<T> = { readonly cursor: string; readonly node: T };
export type PageInfo = {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
};
export type Page<T> = { readonly edges: readonly Edge<T>[]; readonly pageInfo: PageInfo };

/** Which argument is wrong, and what it must be. */
export type PageFault = { readonly argument: "first" | "after" | "last" | "before"; readonly message: string };
export type PageResult<T> = Result<Page<T>, PageFault>;

/** The sort key of a row: unique within its list. */
export type Key = readonly (string | number)[];
/** A list's name, which its cursors carry so that another list refuses them, and what its keys are made of. */
export type Keyed = { readonly list: string; readonly kinds: readonly ("string" | "number")[] };
/** A list in the order of its columns; `newestFirst` turns the order of all of them. */
export type Ordering = Keyed & { readonly columns: readonly string[]; readonly newestFirst: boolean };
/** What a list is a page of. `from` is the table, where it is to be read by an index that has to be named. */
export type List<T extends Table, P extends Property<T>> = {
  readonly rows: Columns<T, P>;
  readonly from?: string;
  readonly where: Clause;
  /** How a row is asked for and read, where that is not just its columns. */
  readonly reading?: { readonly select: Clause; readonly rowOf: (raw: Raw) => Pick<T["$inferSelect"], P> };
};

/** Reads one page. `keyOf` is the row's key in the order of the ordering's columns. */
export async function pageOf<T extends Table, P extends Property<T>, Node>(
  db: D1Database,
  ordering: Ordering,
  { rows, from = rows.table, where, reading }: List<T, P>,
  request: PageRequest,
  keyOf: (row: Pick<T["$inferSelect"], P>) => Key,
  nodeOf: (row: Pick<T["$inferSelect"], P>) => Node,
): Promise<PageResult<Node>> {
  const size = sizeOf(request);
  if (!size.ok) return size;
  const after = decodeCursor(ordering, request.after, "after");
  if (!after.ok) return after;
  const before = decodeCursor(ordering, request.before, "before");
  if (!before.ok) return before;

  const { count, backward } = size.value;
  const { sql, values } = allOf(
    where,
    after.value && beyond(ordering, after.value, true),
    before.value && beyond(ordering, before.value, false),
  );
  const direction = ordering.newestFirst === backward ? "ASC" : "DESC";
  const orderBy = ordering.columns.map((column) => `${column} ${direction}`).join(", ");
  // One row more than asked for tells whether there are more.
  const select = reading?.select ?? clause(selection(rows));
  const page = `SELECT ${select.sql} FROM ${from} WHERE ${sql} ORDER BY ${orderBy} LIMIT ?`;
  const statement = clause(page, ...select.values, ...values, count + 1);
  const read = reading
    ? (await prepare(db, statement).all<Raw>()).results.map(reading.rowOf)
    : await rowsOf(db, rows, statement);
  const kept = read.slice(0, count);
  const edges = (backward ? kept.toReversed() : kept).map((row) => ({
    // Most ask for none.
    get cursor() {
      return encodeCursor(ordering, keyOf(row));
    },
    node: nodeOf(row),
  }));
  const more = read.length > count;
  return ok({
    edges,
    pageInfo: {
      hasNextPage: backward ? before.value !== null : more,
      hasPreviousPage: backward ? more : after.value !== null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  });
}

/** How many rows the whole list has. */
export async function countOf<T extends Table, P extends Property<T>>(
  db: D1Database,
  { rows, from = rows.table, where: { sql, values } }: List<T, P>,
): Promise<number> {
  const count = `SELECT count(*) AS count FROM ${from} WHERE ${sql}`;
  return (await prepare(db, clause(count, ...values)).first<number>("count")) ?? 0;
}

/** How many rows are asked for, and from which end. */
export function sizeOf({
  first,
  last,
}: PageRequest): Result<{ readonly count: number; readonly backward: boolean }, PageFault> {
  const backward = typeof last === "number";
  if (backward && typeof first === "number") return err({ argument: "last", message: "cannot be combined with first" });
  const count = (backward ? last : first) ?? limits.pageSizeDefault;
  if (Number.isSafeInteger(count) && count >= 0 && count <= limits.pageSizeMax) return ok({ count, backward });
  return err({ argument: backward ? "last" : "first", message: `must be between 0 and ${limits.pageSizeMax}` });
}

/** Keys are ASCII: ids and numbers. */
export const encodeCursor = ({ list }: Keyed, key: Key): string =>
  btoa(JSON.stringify([list, ...key]))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");

/** The key inside a cursor of this list; null when there is no cursor. */
export function decodeCursor(
  keyed: Keyed,
  cursor: string | null | undefined,
  argument: "after" | "before",
): Result<Key | null, PageFault> {
  if (cursor === null || cursor === undefined) return ok(null);
  const key = keyIn(keyed, cursor);
  return key ? ok(key) : err({ argument, message: "is not a cursor of this list" });
}

function keyIn({ list, kinds }: Keyed, cursor: string): Key | null {
  try {
    const parts: unknown = JSON.parse(atob(cursor.replaceAll("-", "+").replaceAll("_", "/")));
    if (!Array.isArray(parts) || parts.length !== kinds.length + 1 || parts[0] !== list) return null;
    const key: unknown[] = parts.slice(1);
    return key.every((part, index) => typeof part === kinds[index]) ? (key as (string | number)[]) : null;
  } catch {
    // Neither base 64 nor JSON: somebody's invention.
    return null;
  }
}

/** The rows on the far side of a key: after it in the list's order, or before it. */
const beyond = ({ columns, newestFirst }: Ordering, key: Key, after: boolean): Clause =>
  clause(`(${columns.join(", ")}) ${newestFirst === after ? "<" : ">"} (${key.map(() => "?").join(", ")})`, ...key);
