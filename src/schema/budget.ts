/**
 * What a key may ask over time: a bucket of points that fills again by so many a second, as the cost of its questions takes them out. Each isolate counts for itself, in its memory,
 * so it costs a request nothing and needs nobody: it is there so that one key cannot take an isolate, and the database behind it, from all others. Changes are counted and never
 * refused, because money may wait for them.
 */
import { limits } from "../core/limits.ts";
import { Recent } from "../core/recent.ts";
import type { GraphContext } from "./context.ts";

const { budgetPoints, budgetPointsPerSecond, budgetsKeptMax } = limits.graphql;

/** Points that were spent and have not come back, at a moment. */
type Spent = { readonly points: number; readonly at: number };
const spent = new Recent<Spent>(budgetsKeptMax);

export type Budget = { readonly available: number } | { readonly retryAfterSeconds: number };

/** Takes the cost out; or says when there will be enough, and takes nothing. Null where nobody counts. */
export function spend({ caller, deps }: GraphContext, cost: number, mayWait: boolean): Budget | null {
  if (caller.kind !== "merchant" || deps.local) return null;
  const now = deps.now();
  const before = spent.get(caller.keyId);
  const back = before ? (Math.max(0, now - before.at) / 1000) * budgetPointsPerSecond : 0;
  const points = Math.max(0, (before?.points ?? 0) - back) + cost;
  if (mayWait && points > budgetPoints)
    return { retryAfterSeconds: Math.ceil((points - budgetPoints) / budgetPointsPerSecond) };
  spent.set(caller.keyId, { points: Math.min(points, budgetPoints), at: now });
  return { available: Math.max(0, Math.floor(budgetPoints - points)) };
}
