/**
 * Reading one's own writes in lists. The read model is a moment behind; whoever has just changed an order wants to find it there. An answer that changed orders carries a
 * bookmark; a question that brings it (header `huoma-bookmark`), or comes from the same key to the same isolate, has its lists wait until the read model has
 * caught up with it. When that takes too long, `extensions.staleness` names the orders that are still behind.
 */
import { isOrderKey, orderId, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { Fresh } from "../core/recent.ts";
import { behindOf, type OrderMark } from "../db/orders.ts";
import { merchantOf, type GraphContext } from "./context.ts";

const recent = new Fresh<readonly OrderMark[]>(limits.bookmarksKeptMax, limits.bookmarkKeptMs);

/** Notes that this request changed an order. */
export function noteChange(context: GraphContext, { terms, version }: Order): void {
  const { caller, deps, notes } = context;
  if (caller.kind !== "merchant") return;
  const mark = { key: terms.key, placedAt: terms.placedAt, version };
  notes?.changes.push(mark);
  const now = deps.now();
  const others = (recent.get(caller.keyId, now) ?? []).filter(({ key }) => key !== mark.key);
  recent.set(caller.keyId, [...others, mark].slice(-limits.bookmarkOrdersMax), now);
}

/** To be awaited by every list that is read from the read model. */
export function caughtUp(context: GraphContext): Promise<void> | void {
  const { notes, caller, deps } = context;
  if (!notes || caller.kind !== "merchant") return;
  if (notes.catchingUp) return notes.catchingUp;
  const marks = [...(recent.get(caller.keyId, deps.now()) ?? []), ...marksIn(notes.bookmark)];
  if (marks.length === 0) return;
  notes.catchingUp = catchUp(context, marks);
  return notes.catchingUp;
}

async function catchUp(context: GraphContext, marks: readonly OrderMark[]): Promise<void> {
  const { id } = merchantOf(context);
  const database = context.deps.database(id);
  let behind: readonly OrderMark[] = marks;
  for (const waitMs of limits.bookmarkWaitsMs) {
    if (waitMs > 0) await scheduler.wait(waitMs);
    behind = await behindOf(database, id, behind);
    if (behind.length === 0) break;
  }
  if (context.caller.kind === "merchant" && behind.length === 0) recent.delete(context.caller.keyId);
  context.notes?.stale.push(...behind.map(({ key }) => orderId(key)));
}

/** `<key>.<placed at>.<version>` for each order, in base 36. */
export const bookmarkOf = (marks: readonly OrderMark[]): string | undefined =>
  marks.length === 0
    ? undefined
    : marks.map(({ key, placedAt, version }) => `${key}.${placedAt.toString(36)}.${version.toString(36)}`).join("~");

/** What is not a bookmark of ours names nothing. */
function marksIn(bookmark: string | null): readonly OrderMark[] {
  if (!bookmark) return [];
  return bookmark
    .split("~", limits.bookmarkOrdersMax)
    .map((part) => part.split("."))
    .map(([key = "", placedAt = "", version = ""]) => ({
      key: key as OrderKey,
      placedAt: Number.parseInt(placedAt, 36),
      version: Number.parseInt(version, 36),
    }))
    .filter(({ key, placedAt, version }) => isOrderKey(key) && [placedAt, version].every(Number.isSafeInteger));
}
