/**
 * What a merchant's server is told to carry out: an action of a conversion, with all it needs to know. The same bytes however often it is told: what
 * could change meanwhile is kept with the action since the first time.
 */
import { knownOf, type ActionOutcome } from "../core/conversion.ts";
import { plannedActions, staffKey, textFor, type PlannedAction } from "../core/definition.ts";
import { conversionId, orderId } from "../core/ids.ts";
import { formatDecimal, money } from "../core/money.ts";
import type { Order } from "../core/order.ts";
import { fill, type Variable } from "./template.ts";

export type ActionCall = { readonly id: string; readonly body: string };

/** `conversion:action`, and another where it is to be taken back: the receiver does each once. */
export const callId = (order: Order, key: string, undo: boolean): string =>
  `${conversionId(order.terms.key)}:${key}${undo ? ":undo" : ""}`;

export const actionOf = (order: Order, key: string): PlannedAction | undefined =>
  plannedActions(order.terms.block.definition).find((action) => action.key === key);

export function callOf(order: Order, outcome: ActionOutcome, undo: boolean): ActionCall {
  const { terms, conversion } = order;
  const action = actionOf(order, outcome.key);
  const { called } = outcome;
  if (!conversion || !action || !called) throw new Error("only an action of a conversion that is being called is told");
  const { claim, ...unclaimed } = conversion;
  const { name, identities } = knownOf(called.claimed && claim ? conversion : unclaimed);
  const staff = conversion.actions.find(({ key }) => key === staffKey)?.staff;
  const values: Readonly<Record<Variable, string | null>> = {
    merchant: terms.merchant.name,
    name,
    number: terms.number,
    amount: `${formatDecimal(money(terms.total, terms.currency))} ${terms.currency}`,
    points: String(called.points),
    coupon: called.coupon,
    staff: staff?.name ?? null,
    group: outcome.group?.name ?? null,
  };
  const chosen =
    "template" in action && action.template
      ? textFor(action.template, conversion.said?.locale ?? terms.merchant.locale, terms.merchant.locale)
      : null;
  const fields =
    action.kind === "CRM_PUSH" && action.fields
      ? Object.fromEntries(Object.entries(action.fields).map(([field, text]) => [field, fill(text, values)]))
      : null;
  const id = callId(order, outcome.key, undo);
  const data = {
    id,
    kind: outcome.kind,
    undo,
    conversionId: conversionId(terms.key),
    orderId: orderId(terms.key),
    merchantId: terms.merchant.id,
    customerId: conversion.payer.customerId,
    customer: { name, identities },
    ...(chosen && { text: fill(chosen.text, values), locale: chosen.locale }),
    ...(staff && { staff: { id: staff.member, name: staff.name, contactUrl: staff.contactUrl } }),
    ...(outcome.group && { group: outcome.group }),
    ...(fields && { fields }),
  };
  const timestamp = new Date(conversion.convertedAt).toISOString();
  return { id, body: JSON.stringify({ type: "conversion.action", timestamp, data }) };
}
