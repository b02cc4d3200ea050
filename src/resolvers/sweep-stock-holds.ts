/**
 * Gives back stock that no order needs: it was taken for one which was never placed, because the Worker died between the two, or by a call that
 * was carried out when the order had already ended. The live code is asked first, because only it knows; and what anybody asks for while
 * the sweep is thinking is left alone.
 */
import { limits } from "../core/limits.ts";
import { dateHold, dropHold, findDoubtfulHolds, isHoldOf, type DoubtfulHold } from "../db/stock.ts";
import type { Deps } from "./deps.ts";

type Sweeping = Pick<Deps, "now" | "liveCode">;

/** Answers how many holds were given back. At most one batch a call; the next call takes the next, and what failed. */
export async function sweepStockHolds(deps: Sweeping, database: D1Database): Promise<number> {
  const before = deps.now() - limits.orphanHoldAfterMs;
  const doubtful = await findDoubtfulHolds(database, before, limits.orphanHoldsPerSweep);
  const swept = await Promise.all(
    doubtful.map((hold) =>
      giveBack(deps, database, hold).catch((fault: unknown) => {
        console.error("the sweep of a hold on stock", fault);
        return false;
      }),
    ),
  );
  return swept.filter(Boolean).length;
}

/** Answers whether it was given back. */
async function giveBack(deps: Sweeping, database: D1Database, hold: DoubtfulHold): Promise<boolean> {
  const order = await deps.liveCode(hold.orderKey).look(hold.merchantId);
  if (order && isHoldOf(order.terms, hold)) {
    // Taken by an equal request, a moment before or after the one that became the order. The next sweep finds it under the order's date.
    if (hold.placedAt !== order.terms.placedAt) {
      await dateHold(database, hold, order.terms.placedAt);
      return false;
    }
    // An order that the read model has not heard of will settle its hold itself; one that was heard to have ended may be open again.
    if (!hold.told || order.stock === "HELD" || order.stock === "RETAKING") return false;
  }
  return dropHold(database, hold);
}
