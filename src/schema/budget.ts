/**
 * What a key may ask over time: a bucket of points that fills again by so many a second, as the cost of its questions takes them out. Each isolate counts for itself, in its memory,
 * so it costs a request nothing and needs nobody: it is there so that one key cannot take an isolate, and the database behind it, from all others. Every request is charged for before
 * anything of it is read, so that what is refused costs as well. Changes are counted and never refused, because money may wait for them.
 */
import type { GraphQLError } from "graphql";
import { limits } from "../core/limits.ts";
import { Recent } from "../core/recent.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { GraphContext } from "./context.ts";
import { isKnownDocument } from "./documents.ts";
import { refusal } from "./refusals.ts";

const { budgetPoints, budgetPointsPerSecond, budgetsKeptMax, newDocumentPoints, requestPoints } = limits.graphql;

/** Points that were spent and have not come back, at a moment. */
type Spent = { readonly points: number; readonly at: number };
const spent = new Recent<Spent>(budgetsKeptMax);

export type Budget = { readonly available: number };
type Spender = Pick<GraphContext, "caller" | "deps">;

/** For a request, whatever it asks. Null for a document that is only named. Whether it changes something is not known yet: without this word it cannot. */
export function spendOnRequest(
  spender: Spender,
  document: string | null,
  mayWait = document !== null && !document.includes("mutation"),
): Result<Budget | null, GraphQLError> {
  const isNew = document !== null && !isKnownDocument(document);
  return spend(spender, requestPoints + (isNew ? newDocumentPoints : 0), mayWait);
}

/** Takes the cost out; or says when there will be enough, and takes nothing. Null where nobody counts. */
export function spend({ caller, deps }: Spender, cost: number, mayWait: boolean): Result<Budget | null, GraphQLError> {
  if (caller.kind !== "merchant" || deps.local) return ok(null);
  const now = deps.now();
  const before = spent.get(caller.keyId);
  const back = before ? (Math.max(0, now - before.at) / 1000) * budgetPointsPerSecond : 0;
  const points = Math.max(0, (before?.points ?? 0) - back) + cost;
  if (mayWait && points > budgetPoints) return err(tooMuch(Math.ceil((points - budgetPoints) / budgetPointsPerSecond)));
  spent.set(caller.keyId, { points: Math.min(points, budgetPoints), at: now });
  return ok({ available: Math.max(0, Math.floor(budgetPoints - points)) });
}

const tooMuch = (retryAfterSeconds: number): GraphQLError =>
  refusal(
    "RATE_LIMITED",
    `This key has asked for more than it may in so short a time: try again in ${retryAfterSeconds} s.`,
    429,
    { retryAfterSeconds },
  );
