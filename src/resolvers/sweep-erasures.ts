/**
 * Goes on with the erasures that one request could not finish, or did not live to finish. Each ends with a look that comes a while after all orders have heard: what
 * was being written of the person at that moment is gone then, too.
 */
import { limits } from "../core/limits.ts";
import { endErasure, takeErasures } from "../db/erasures.ts";
import { continueErasure, type Erasing } from "./continue-erasure.ts";
import type { Deps } from "./deps.ts";

/** Answers how many have ended. At most one portion of orders a call; the next call takes the next, and what failed. */
export async function sweepErasures(deps: Erasing & Pick<Deps, "now">, database: D1Database): Promise<number> {
  let left: number = limits.erasedOrdersPerSweep;
  let ended = 0;
  const taken = await takeErasures(database, deps.now(), limits.erasuresPerSweep);
  for (const [index, erasure] of taken.entries()) {
    try {
      // A share for each, so that one with very many orders holds up nobody.
      const told = await continueErasure(deps, database, erasure, Math.ceil(left / (taken.length - index)));
      if (told === 0) {
        await endErasure(database, erasure);
        ended += 1;
      }
      left -= told;
    } catch (fault) {
      console.error("the sweep of an erasure", erasure.customerId, fault);
    }
  }
  return ended;
}
