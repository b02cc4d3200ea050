/**
 * Goes on with the erasures that one request could not finish, or did not live to finish. Each ends with a look that comes a while after all orders have heard: what
 * was being written of the person at that moment is gone then, too.
 */
import { limits } from "../core/limits.ts";
import { endErasure, postponeErasure, takeErasures } from "../db/erasures.ts";
import { continueErasure, type Erasing } from "./continue-erasure.ts";
import type { Deps } from "./deps.ts";

/** Answers how many have ended. At most one portion of orders a call; the next call takes the next, and what failed. */
export async function sweepErasures(deps: Erasing & Pick<Deps, "now">, database: D1Database): Promise<number> {
  let left: number = limits.erasedOrdersPerSweep;
  let ended = 0;
  const now = deps.now();
  const taken = await takeErasures(database, now, limits.erasuresPerSweep);
  for (const [index, erasure] of taken.entries()) {
    // A share for each, so that one with very many orders holds up nobody.
    const share = Math.ceil(left / (taken.length - index));
    const { asked, heard, faults } = await continueErasure(deps, database, erasure, share).catch((fault: unknown) => ({
      // Nobody knows what it took.
      asked: share,
      heard: 0,
      faults: [fault],
    }));
    left -= asked;
    for (const fault of faults) console.error("the sweep of an erasure", erasure.customerId, fault);
    if (heard > 0) continue;
    if (faults.length > 0) await postponeErasure(database, erasure, now);
    else {
      await endErasure(database, erasure);
      ended += 1;
    }
  }
  return ended;
}
