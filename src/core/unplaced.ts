/** Money that no policy places: it waits for a person, or for stock. */
import { leftOf } from "./amounts.ts";
import type { Capture, Order } from "./order.ts";

/** A part payment waits for its rest while the order is open, and for a person once it has ended. What has gone back waits for nobody. */
export function unplacedOf(order: Order): readonly Capture[] {
  if (order.paid) return [];
  return order.captures.filter((capture) => {
    switch (capture.disposition) {
      case "WAITING":
        return true;
      case "REVIEW":
        return leftOf(order, capture) > 0;
      case "ACCEPTED":
        return order.closed !== null && leftOf(order, capture) > 0;
      case "DUPLICATE":
      case "REFUND":
        return false;
    }
  });
}

export const hasUnplacedMoney = (order: Order): boolean => unplacedOf(order).length > 0;
/** Whether a person has something to decide. */
export const needsReview = (order: Order): boolean => order.surplusInReview || hasUnplacedMoney(order);
