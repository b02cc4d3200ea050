/**
 * A token bucket: each attempt takes a token, and so many come back a second. It holds one second's worth: a partner's wish is about the long run, and a few events that happen at once
 * are not to wait for each other. So within any time `t` there are never more than one second's worth and `t` at that rate; within one second, at most twice the rate.
 * Pure, and counted in thousandths of a token, of which a whole number comes back with each millisecond.
 */
export type Bucket = {
  readonly perSecond: number;
  readonly at: number;
  /** Thousandths of a token that were missing then. */
  readonly missing: number;
};

const token = 1000;
/** As long as the whole bucket takes to fill again. */
const second = 1000;
/** Deeper in debt it never is, whatever a clock that was set back says: else nothing would go for as long. */
const debtMax = 2;

/** One that is empty at a moment, which may be still to come. */
export const emptyAt = (perSecond: number, at: number): Bucket => ({ perSecond, at, missing: perSecond * token });

/** For whoever has forgotten how full it was: no more than is worth a look, so that forgetting again and again gains nothing. */
export const forgotten = (perSecond: number, now: number): Bucket => ({
  perSecond,
  at: now,
  missing: (perSecond - lookTokens(perSecond)) * token,
});

/** With so many tokens less. Also brings it up to date when there are none to take. */
export function take({ perSecond, at, missing }: Bucket, count: number, now: number): Bucket {
  const stillMissing = Math.max(0, missing - (now - at) * perSecond);
  return { perSecond, at: now, missing: Math.min(stillMissing, debtMax * perSecond * token) + count * token };
}

/** How many attempts may begin. */
export function tokensIn(bucket: Bucket, now: number): number {
  const { perSecond, missing } = take(bucket, 0, now);
  return Math.max(0, Math.floor((perSecond * token - missing) / token));
}

/** From when on it holds so many. */
export const holdsAt = ({ perSecond, at, missing }: Bucket, count: number): number =>
  at + Math.ceil((missing + count * token - perSecond * token) / perSecond);

/** When to look again after it was found too empty. */
export const worthALookAt = (bucket: Bucket): number => holdsAt(bucket, lookTokens(bucket.perSecond));

/** A tenth of a second's worth, since every look costs an alarm. */
const lookTokens = (perSecond: number): number => Math.ceil(perSecond / 10);

/**
 * What is kept of it, at one row a second and not one for each attempt: a moment at which it may be thought empty, and then it never gives more than it would have. `kept` is what is
 * kept already; null when that still serves. Whoever forgets the bucket itself pauses for as long, a second at most.
 */
export const toKeep = (bucket: Bucket, kept: number, now: number): number | null =>
  holdsAt(bucket, 0) > kept ? now + second : null;
