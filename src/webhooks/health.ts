/**
 * How an endpoint is doing, from the outcomes of its attempts: when it counts as failing, when it is given up, and when it is spared. Pure.
 *
 * The breaker opens after many failures in a row that lasted a while. From then on one delivery at a time is tried, ever less often: a probe. The others wait and
 * lose no attempts, so an outage of days does not use up what a delivery has. The first success closes the breaker.
 */
import { limits } from "../core/limits.ts";

export type Health = {
  /** Attempts that failed since the last that succeeded. */
  readonly failures: number;
  /** When the first of them was known; null while none has. */
  readonly failingSince: number | null;
  /** While the breaker is open: no attempt begins before. Null: it is closed. */
  readonly probeAt: number | null;
};

export const sound: Health = { failures: 0, failingSince: null, probeAt: null };

/** The health after one more attempt. A success returns `sound` itself, so that an endpoint that works writes nothing. */
export function after(health: Health, succeeded: boolean, now: number): Health {
  if (succeeded) return sound;
  const failures = health.failures + 1;
  const failingSince = health.failingSince ?? now;
  const { failuresMin, afterMs, pauseMs } = limits.webhookBreaker;
  const opens = failures >= failuresMin && now - failingSince >= afterMs;
  // An attempt that was already under way when the breaker opened says nothing that it does not know.
  if (health.probeAt !== null && now < health.probeAt) return { failures, failingSince, probeAt: health.probeAt };
  return { failures, failingSince, probeAt: opens ? now + pauseAfter(now - failingSince, pauseMs) : null };
}

/** A person has reason to believe that the partner is back: the next delivery that is due is tried at once. */
export const doubted = (health: Health, now: number): Health =>
  health.probeAt === null ? health : { ...health, probeAt: now };

export const isFailing = ({ failingSince }: Health, now: number): boolean =>
  failingSince !== null && now - failingSince >= limits.webhookFailingAfterMs;

export const isHopeless = ({ failingSince }: Health, now: number): boolean =>
  failingSince !== null && now - failingSince >= limits.webhookDisabledAfterMs;

/** A tenth of how long it has been failing: an outage of a minute is noticed to be over within seconds, one of days within minutes. */
const pauseAfter = (failingMs: number, { min, max }: { readonly min: number; readonly max: number }): number =>
  Math.min(max, Math.max(min, Math.round(failingMs / 10)));
