/**
 * Pages of a list in a fixed order, by keyset: a cursor is the sort key of its row, so rows that come and go between two pages neither repeat
 * nor hide another. Semantics as in the Relay connection specification (https://relay.dev/graphql/connections.htm).
 */
import type { Result } from "../core/result.ts";

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
