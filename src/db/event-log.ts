/** The merchant's events in the order in which the database committed them, without gaps: the pull side of webhooks. */
import type { EventType, FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { PageResult } from "./page.ts";

/** Oldest first, after the cursor. `types` null or empty: every type. */
export async function pageEvents(
  db: D1Database,
  merchantId: string,
  request: { readonly first?: number | null | undefined; readonly after?: string | null | undefined; readonly types?: readonly EventType[] | null | undefined },
): Promise<PageResult<FeedEvent>> {
  throw new Error("not built");
}

/** The cursor of one event, to resume after it; null when the log does not have it (yet). `placedAt` is its order's. */
export async function cursorOfEvent(
  db: D1Database,
  merchantId: string,
  event: { readonly orderKey: OrderKey; readonly sequence: number; readonly placedAt: number },
): Promise<string | null> {
  throw new Error("not built");
}
