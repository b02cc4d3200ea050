/** What a live code tells the read model. */
import type { FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";

export type Projection = {
  readonly order: Order;
  /** Events that are not in the log yet, oldest first. Empty while it is not known whether the customer is new. */
  readonly events: readonly FeedEvent[];
};
/** `firstTime`: whether this order made the customer; null while it has none. */
export type ProjectionAnswer = { readonly orderKey: OrderKey; readonly firstTime: boolean | null };
