/**
 * Gives back stock that was taken for an order which was never placed: the Worker died between the two. The live code is asked first, because only
 * it knows; an order that exists settles its hold itself.
 */
import { limits } from "../core/limits.ts";
import { dropHold, findOrphanHolds } from "../db/stock.ts";
import type { Deps } from "./deps.ts";

/** Answers how many holds were given back. At most one batch a call; the next call takes the next. */
export async function sweepStockHolds(deps: Pick<Deps, "now" | "liveCode">, database: D1Database): Promise<number> {
  const candidates = await findOrphanHolds(database, deps.now() - limits.orphanHoldAfterMs, limits.orphanHoldsPerSweep);
  const orphans = await Promise.all(
    candidates.map(async (hold) => ((await deps.liveCode(hold.orderKey).look()) === null ? [hold] : [])),
  );
  const dropped = orphans.flat();
  await Promise.all(dropped.map(({ merchantId, orderKey }) => dropHold(database, merchantId, orderKey)));
  return dropped.length;
}
