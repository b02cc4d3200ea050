/** What partners read of an order in an event. Ids and money, no person's data: those who may see more ask the graph. */
import { receivedOf, refundedOf } from "./amounts.ts";
import type { EventData } from "./events.ts";
import { conversionId, orderId } from "./ids.ts";
import { formatDecimal, money, type Minor } from "./money.ts";
import type { Order } from "./order.ts";
import { standingOf } from "./state.ts";

const instant = (at: number): string => new Date(at).toISOString();

/** `order` as it was when the event happened. */
export function eventData(
  order: Order,
  sequence: number,
  now: number,
  detail: Readonly<Record<string, unknown>> = {},
): EventData {
  const { terms, conversion } = order;
  const amount = (minor: Minor) => ({ amount: formatDecimal(money(minor, terms.currency)), currency: terms.currency });
  return {
    orderId: orderId(terms.key),
    sequence,
    merchantId: terms.merchant.id,
    number: terms.number,
    state: standingOf(order, now),
    total: amount(terms.total),
    received: amount(receivedOf(order)),
    refunded: amount(refundedOf(order)),
    externalReference: terms.externalReference,
    metadata: terms.metadata,
    createdAt: instant(terms.placedAt),
    expiresAt: instant(order.expiresAt),
    paidAt: order.paid ? instant(order.paid.at) : null,
    version: order.version,
    ...(conversion && {
      conversionId: conversionId(terms.key),
      customerId: conversion.payer.customerId,
      conversion: {
        state: conversion.state,
        blockVersion: conversion.blockVersion,
        actions: conversion.actions.map(({ key, kind, state }) => ({ key, kind, state })),
      },
    }),
    ...detail,
  };
}
