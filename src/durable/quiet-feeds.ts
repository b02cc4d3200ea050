/**
 * Merchants to whose events nobody listens, as this isolate knows them: most merchants have no endpoint, and a call to a feed that only says so is
 * a fifth of what an order costs. A lease, not a guess: it counts from before the feed was asked, and whoever subscribes is answered only
 * after every lease that the feed has given is over.
 */
import { limits } from "../core/limits.ts";
import { Recent } from "../core/recent.ts";

const quietUntil = new Recent<number>(limits.feedsRememberedMax);

export const isQuiet = (merchantId: string, now: number): boolean => (quietUntil.get(merchantId) ?? 0) > now;

export function rememberQuiet(merchantId: string, askedAt: number, quietMs: number): void {
  if (quietMs > 0) quietUntil.set(merchantId, askedAt + quietMs);
  else quietUntil.delete(merchantId);
}
