// The counted pieces, by what the orders say of them.
import { endOf, isOpen } from "./order-laws.mjs";

/** Pieces that orders hold and have, by what their live codes say. @param {import("./evidence.mjs").Sale[]} sales @param {import("./shops.mjs").Shop} shop */
export function stockOf(sales, shop) {
  const pieces = { held: 0, sold: 0 };
  for (const sale of sales) {
    const { tale, order } = sale;
    if (tale.shop !== shop || !tale.plan.stocked || !order) continue;
    const says = (/** @type {RegExp} */ words) => order.liveCode.explain.some((line) => words.test(line));
    if (order.state === "PAID") {
      const isGone = says(/stock had been given to others/) || says(/can be sold again/);
      if (!isGone) pieces.sold += tale.plan.quantity;
    } else if (
      isOpen(order.state) ||
      (order.state === "REVIEW" && !endOf(/** @type {import("./order-laws.mjs").KnownSale} */ (sale)))
    ) {
      pieces.held += tale.plan.quantity;
    }
  }
  return pieces;
}
