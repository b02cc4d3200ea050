/** What an attempt means for its delivery and for its endpoint. Pure: the clock and chance are passed in. */
import { limits } from "../core/limits.ts";

/** What came of one attempt. `status` null: there was no answer, and `error` says why. */
export type Outcome = {
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
  /** The beginning of the answer's body. */
  readonly responseBody: string | null;
  /** `Retry-After` as it was sent. */
  readonly retryAfter: string | null;
};

export type Verdict = {
  readonly state: "SUCCEEDED" | "RETRYING" | "DEAD";
  /** When to try again; null unless RETRYING. */
  readonly nextAt: number | null;
  /** The partner asked for quiet: nothing at all goes to this endpoint before. */
  readonly holdUntil: number | null;
  /** The partner wants nothing any more, ever. */
  readonly gone: boolean;
};

const jitter = 0.2;
/** As long as we ever wait by ourselves: a partner cannot make us forget it. */
const retryAfterMaxMs = Math.max(...limits.webhookRetryMs);

export const attemptsMax = limits.webhookRetryMs.length + 1;

export const succeeded = ({ status }: Outcome): boolean => status !== null && status >= 200 && status <= 299;

/** `number` counts attempts from 1; `random` is from 0 up to 1. */
export function judge(outcome: Outcome, number: number, now: number, random: number): Verdict {
  const settled = { nextAt: null, holdUntil: null, gone: false };
  if (succeeded(outcome)) return { ...settled, state: "SUCCEEDED" };
  if (outcome.status === 410) return { ...settled, state: "DEAD", gone: true };
  const asked = outcome.status === 429 || outcome.status === 503 ? retryAfterMs(outcome.retryAfter, now) : null;
  const holdUntil = asked === null ? null : now + asked;
  const wait = limits.webhookRetryMs[number - 1];
  if (wait === undefined) return { ...settled, state: "DEAD", holdUntil };
  // Retry-After is the least to wait (RFC 9110, 10.2.3), so it never shortens our own wait: twelve hasty attempts would kill the delivery.
  const own = now + Math.round(wait * (1 - jitter + 2 * jitter * random));
  return { state: "RETRYING", nextAt: Math.max(own, holdUntil ?? 0), holdUntil, gone: false };
}

/** Seconds or an HTTP date; null for neither. */
function retryAfterMs(header: string | null, now: number): number | null {
  const text = header?.trim() ?? "";
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), retryAfterMaxMs);
}
