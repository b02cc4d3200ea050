/** The rules that made an order what it is, in words, for whoever wonders at a counter. Reads the same facts and policies that decide. */
import { acceptedOf, receivedOf, refundedOf } from "../core/amounts.ts";
import { watchedAttempts } from "../core/attempts.ts";
import type { Target } from "../core/conversion.ts";
import { hasPartPayment } from "../core/deadline.ts";
import { formatDecimal, money, type Minor } from "../core/money.ts";
import type { Order } from "../core/order.ts";
import type { OrderPolicy } from "../core/policy.ts";
import { unplacedOf } from "../core/unplaced.ts";
import { claimAt, stateOf, type OrderState } from "../core/state.ts";

const instant = (at: number): string => new Date(at).toISOString();

/** One sentence per rule that applies, the most telling first. */
export function explain(order: Order, now: number): string[] {
  const state = stateOf(order, now);
  return [
    whyState(order, state, now),
    ...closing(order),
    ...moneyIn(order),
    ...policies(order, state),
    leads(order, state),
  ];
}

function whyState(order: Order, state: OrderState, now: number): string {
  switch (state) {
    case "OPEN":
      return `OPEN: nobody holds the code. It can be paid until ${instant(order.expiresAt)}.`;
    case "CLAIMED":
      return `CLAIMED: a payer confirmed the order and holds the code until ${instant(claimAt(order, now)?.until ?? now)}. Then somebody else may.`;
    case "PAYING": {
      const providers = watchedAttempts(order).map(
        ({ provider, startedAt }) => `${provider} since ${instant(startedAt)}`,
      );
      return `PAYING: a payment is under way (${providers.join(", ")}). The order does not end before the provider has said what became of it.`;
    }
    case "PAID":
      return `PAID: accepted payments cover the total${order.paid ? ` since ${instant(order.paid.at)}` : ""}. A paid order stays paid.`;
    case "EXPIRED":
      return `EXPIRED: the total was not covered by ${instant(order.expiresAt)}.`;
    case "CANCELLED":
      return `CANCELLED: the merchant called the order off${order.closed ? ` at ${instant(order.closed.at)}` : ""}.`;
    case "REVIEW":
      return unplacedOf(order).every(({ disposition }) => disposition === "WAITING")
        ? "REVIEW: money arrived late, and its stock is asked for again. It counts if that can be had, and goes back otherwise."
        : "REVIEW: money arrived that no policy places. A person decides whether it counts or goes back.";
  }
}

function closing({ closing: end }: Order): string[] {
  if (!end) return [];
  const word = end.as === "CANCELLED" ? "cancelled" : "expired";
  return [
    `It is to be ${word}, once the provider has closed the payment under way. If that payment succeeds first, the order is paid.`,
  ];
}

function moneyIn(order: Order): string[] {
  const amount = (minor: Minor): string =>
    `${formatDecimal(money(minor, order.terms.currency))} ${order.terms.currency}`;
  if (receivedOf(order) === 0) return [];
  const lines = [
    `Received ${amount(receivedOf(order))} of ${amount(order.terms.total)}; ${amount(acceptedOf(order))} of it counts, ${amount(refundedOf(order))} went back.`,
  ];
  if (order.captures.some(({ disposition }) => disposition === "DUPLICATE"))
    lines.push("Money that came on top of a paid order is given back and converts nobody again.");
  if (order.paid?.late)
    lines.push(`It was paid after the code had expired; the policy at placing was ${order.terms.policy.latePayment}.`);
  if (order.surplusInReview) lines.push("More than the total came in, and the policy leaves the surplus to a person.");
  if (order.stock === "SHORT")
    lines.push("It was paid in time, but its stock had been given to others by the time the money was heard of.");
  if (order.stock === "RETURNED") lines.push("What was sold can be sold again, because all of its money went back.");
  return lines;
}

const late: Readonly<Record<OrderPolicy["latePayment"], string>> = {
  HONOR: "counts",
  HONOR_IF_STOCK: "counts if the stock can be had again, and goes back otherwise",
  REFUND: "goes back",
  REVIEW: "waits for a person",
};

const under: Readonly<Record<OrderPolicy["underPayment"], string>> = {
  REFUND: "goes back",
  KEEP_OPEN: "keeps the order open",
  REVIEW: "waits for a person",
};

function policies(order: Order, state: OrderState): string[] {
  const { terms } = order;
  if (state === "PAID") return [];
  const { underPayment } = terms.policy;
  const part = `A part payment whose rest does not come ${under[underPayment]} (policy ${underPayment}).`;
  return [
    ...(hasPartPayment(order) ? [part] : []),
    `Money paid after the code expired ${late[terms.policy.latePayment]} (policy ${terms.policy.latePayment}, pinned when the order was placed).`,
  ];
}

function leads({ terms, conversion }: Order, state: OrderState): string {
  if (state === "PAID")
    return `A scan leads to ${placeOf(conversion?.target)}, the first target of the conversion block that fits.`;
  const payable = state === "OPEN" || state === "CLAIMED" || state === "PAYING";
  if (payable && terms.checkoutUrl !== null)
    return `A scan leads to the merchant's own checkout, ${terms.checkoutUrl}, while the order can be paid.`;
  return payable ? "A scan leads to the payer page." : "A scan leads to a page that says what became of the order.";
}

/** Whose contact, and which group, is for those to read who may see customers. */
function placeOf(target: Target | undefined): string {
  switch (target?.kind) {
    case "URL":
      return target.url ?? "the receipt";
    case "STAFF_CONTACT":
      return "the contact of the member of staff";
    case "GROUP":
      return "the group";
    case "COUPON":
    case "RECEIPT":
    case undefined:
      return "the receipt";
  }
}
