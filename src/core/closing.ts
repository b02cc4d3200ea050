/** Ending an order before it is paid, and putting its end off. The end itself comes in `settle.ts`, once no payment is under way. */
import { closeAll } from "./attempts.ts";
import { accept, change, draftOf, inWords, refuse, unchanged, type Commands, type Step } from "./commands.ts";
import { limits } from "./limits.ts";
import type { Order } from "./order.ts";

export function cancel(order: Order, { reason }: Commands["cancel"], now: number): Step {
  if (order.closing?.as === "CANCELLED") return unchanged(order);
  const closing = { as: "CANCELLED", since: now, reason: reason && inWords(reason) } as const;
  return accept(change(draftOf(order), { closing, attempts: closeAll(order.attempts) }));
}

/**
 * An expired order opens again and asks for its stock again; should that be gone, it ends again (`stock` in review.ts). One that waits to
 * expire no longer does, though what its providers were already told to close stays closed.
 */
export function extend(order: Order, { expiresAt }: Commands["extend"], now: number): Step {
  if (order.closing?.as === "CANCELLED") return refuse({ reason: "STATE", state: "CANCELLED" });
  if (expiresAt === order.expiresAt && !order.closed) return unchanged(order);
  if (order.closed && order.sequence >= limits.eventsWithReopeningMax) return refuse({ reason: "LIMIT" });
  const earliest = Math.max(now, order.expiresAt);
  const latest = now + limits.liveCodeLifetimeMs.max;
  if (!Number.isSafeInteger(expiresAt) || expiresAt <= earliest || expiresAt > latest)
    return refuse({ reason: "TIME", earliest, latest });
  const stock = order.stock === "RELEASED" ? "RETAKING" : order.stock;
  return accept(change(draftOf(order), { expiresAt, closed: null, closing: null, stock }));
}
