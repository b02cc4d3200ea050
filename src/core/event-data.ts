/**
 * What partners read of an order in an event: ids and money, no person's data; those who may see more ask the graph. Taken in two halves: a
 * live code keeps with each event only what changes (`factsOf`), and what was agreed is added from the terms, which never change, whenever the
 * event is told (`eventDataOf`). So a long life stays small, and every telling has the same bytes.
 */
import { receivedOf, refundedOf } from "./amounts.ts";
import type { ActionState, ConversionState } from "./conversion.ts";
import { plannedActions } from "./definition.ts";
import type { EventData, OrderEvent } from "./events.ts";
import { conversionId, orderId } from "./ids.ts";
import { formatDecimal, money, type Minor } from "./money.ts";
import type { Order, OrderTerms } from "./order.ts";
import { standingOf, type OrderState } from "./state.ts";

/** The changing half. Amounts in minor units of the order's currency; instants in milliseconds. */
export type EventFacts = {
  readonly state: OrderState;
  readonly received: Minor;
  readonly refunded: Minor;
  readonly expiresAt: number;
  readonly paidAt: number | null;
  readonly version: number;
  readonly conversion: {
    readonly customerId: string;
    readonly state: ConversionState;
    /** In the order of the block's definition. */
    readonly actions: readonly ActionState[];
  } | null;
  /** What is told of this type of event beside all that every event tells. */
  readonly detail: Readonly<Record<string, unknown>>;
};

/** `order` as it was when the event happened. */
export function factsOf(order: Order, now: number, detail: EventFacts["detail"]): EventFacts {
  const { conversion, expiresAt, version, paid } = order;
  return {
    state: standingOf(order, now),
    received: receivedOf(order),
    refunded: refundedOf(order),
    expiresAt,
    paidAt: paid && paid.at,
    version,
    conversion: conversion && {
      customerId: conversion.payer.customerId,
      state: conversion.state,
      actions: conversion.actions.map(({ state }) => state),
    },
    detail,
  };
}

/** The order of the fields is part of what partners receive. */
export function eventDataOf(terms: OrderTerms, { sequence, data }: OrderEvent): EventData {
  const { conversion, paidAt } = data;
  const amount = (minor: Minor) => ({ amount: formatDecimal(money(minor, terms.currency)), currency: terms.currency });
  return {
    orderId: orderId(terms.key),
    sequence,
    merchantId: terms.merchant.id,
    number: terms.number,
    state: data.state,
    total: amount(terms.total),
    received: amount(data.received),
    refunded: amount(data.refunded),
    externalReference: terms.externalReference,
    metadata: terms.metadata,
    createdAt: instant(terms.placedAt),
    expiresAt: instant(data.expiresAt),
    paidAt: paidAt === null ? null : instant(paidAt),
    version: data.version,
    ...(conversion && {
      conversionId: conversionId(terms.key),
      customerId: conversion.customerId,
      conversion: {
        state: conversion.state,
        blockVersion: terms.block.version,
        actions: plannedActions(terms.block.definition).map(({ key, kind }, index) => ({
          key,
          kind,
          state: conversion.actions[index],
        })),
      },
    }),
    ...data.detail,
  };
}

const instant = (at: number): string => new Date(at).toISOString();
