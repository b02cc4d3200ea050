/** The one door of the core. Decides, changes nothing: the caller commits order and events together or not at all. */
import { draftOf, type Command, type Draft, type Refusal } from "./commands.ts";
import { factsOf } from "./event-data.ts";
import type { OrderEvent } from "./events.ts";
import type { Order } from "./order.ts";
import { settle } from "./settle.ts";
import { stepOf } from "./table.ts";

export { allowedActions, orderActions, type OrderAction } from "./actions.ts";

export type Decision =
  | { readonly ok: true; readonly order: Order; readonly events: readonly OrderEvent[]; readonly changed: boolean }
  | { readonly ok: false; readonly refusal: Refusal };

/**
 * First the clock passes, then the command is heard, then what follows is drawn. Only placing and scans, which are observations, move no
 * clock, so a scan never emits an event.
 */
export function decide(order: Order, command: Command, now: number): Decision {
  const follow = command.kind === "scan" || command.kind === "place" ? (_: Order, draft: Draft) => draft : settle;
  const present = follow(order, draftOf(order), now);
  const step = stepOf(present.order, command, now);
  if (!step.ok) return step;
  const heard: Draft = { order: step.draft.order, events: [...present.events, ...step.draft.events] };
  return commit(order, follow(present.order, heard, now), now);
}

function commit(order: Order, { order: drafted, events }: Draft, now: number): Decision {
  if (drafted === order) return { ok: true, order, events: [], changed: false };
  const version = order.version + 1;
  const numbered = events.map(({ type, detail = {}, order: then }, index): OrderEvent => ({
    type,
    sequence: order.sequence + index + 1,
    at: now,
    data: factsOf({ ...then, version }, now, detail),
  }));
  return {
    ok: true,
    order: { ...drafted, sequence: order.sequence + events.length, version },
    events: numbered,
    changed: true,
  };
}
