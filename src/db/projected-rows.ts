/** Orders as rows: what each statement of the projection is given. Pure. */
import { receivedOf, refundedOf } from "../core/amounts.ts";
import type { ActionState, Conversion, Identity } from "../core/conversion.ts";
import type { FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";
import { stateOf, type OrderState } from "../core/state.ts";
import { endsAt } from "../core/work.ts";
import type { Projection } from "./projection.ts";
import { wantedBy, type HoldNews } from "./stock.ts";

/** From that instant on the state is this one, if nothing happens but time. */
export type StateChange = readonly [at: number, state: OrderState];
/** Names the order's row, and the version that is told of. */
type Told = {
  readonly merchant: string;
  readonly placedAt: number;
  readonly order: OrderKey;
  readonly version: number;
};
export type CustomerRow = Told & {
  readonly customer: string;
  readonly name: string | null;
  readonly identities: readonly Identity[];
  readonly tags: readonly string[];
  readonly at: number;
};
export type EventRow = Told & { readonly sequence: number };
export type OrderRow = Told & {
  readonly number: string;
  readonly state: OrderState;
  readonly stateChanges: readonly StateChange[];
  readonly externalReference: string | null;
  readonly channel: string | null;
  readonly customer: string | null;
  readonly received: number;
  readonly refunded: number;
  /** The last sequence among the events told with it; 0 without any. */
  readonly through: number;
};
/** A row and the JSON of what it is about: as a text of its own, because a merchant's metadata may nest deeper than SQLite reads. */
export type WithText<Row> = { readonly row: Row; readonly text: string };
export type ProjectedRows = {
  readonly customers: readonly CustomerRow[];
  readonly events: readonly WithText<EventRow>[];
  readonly orders: readonly WithText<OrderRow>[];
  /** Customers who lost a tag. */
  readonly reversals: readonly { readonly merchant: string; readonly customer: string }[];
  readonly holds: readonly HoldNews[];
};

export function rowsOf(projections: readonly Projection[]): ProjectedRows {
  const whole = projections.filter(({ order }) => order.conversion?.firstTime !== null);
  return {
    // Of two orders that make one customer, the earlier conversion is the first.
    customers: projections.flatMap(({ order }) => customerRow(order)).toSorted((a, b) => a.at - b.at),
    events: whole.flatMap(({ order, events }) => events.map((event) => eventRow(order, event))),
    orders: whole.map((projection) => ({ row: orderRow(projection), text: JSON.stringify(projection.order) })),
    reversals: whole.flatMap(({ order }) =>
      order.conversion && tagsIn(order.conversion, "REVERSED").length > 0
        ? [{ merchant: order.terms.merchant.id, customer: order.conversion.payer.customerId }]
        : [],
    ),
    holds: whole.flatMap(({ order: { terms, version, stock } }): HoldNews[] =>
      stock === "SOLD" || stock === "RELEASED" || stock === "RETURNED"
        ? [
            {
              merchant: terms.merchant.id,
              placedAt: terms.placedAt,
              order: terms.key,
              version,
              wanted: wantedBy(terms.lines),
              outcome: stock,
            },
          ]
        : [],
    ),
  };
}

const told = ({ terms, version }: Order): Told => ({
  merchant: terms.merchant.id,
  placedAt: terms.placedAt,
  order: terms.key,
  version,
});

const eventRow = (order: Order, event: FeedEvent): WithText<EventRow> => ({
  row: { ...told(order), sequence: event.sequence },
  text: JSON.stringify(event),
});

function customerRow(order: Order): readonly CustomerRow[] {
  const { conversion } = order;
  if (!conversion) return [];
  const { customerId, name, identities } = conversion.payer;
  return [
    {
      ...told(order),
      customer: customerId,
      name,
      identities,
      tags: tagsIn(conversion, "DONE"),
      at: conversion.convertedAt,
    },
  ];
}

const tagsIn = ({ actions }: Conversion, state: ActionState): readonly string[] =>
  Array.from(
    new Set(
      actions.filter((action) => action.kind === "TAG_ADD" && action.state === state).flatMap(({ tags }) => tags),
    ),
  ).toSorted();

function orderRow({ order, events }: Projection): OrderRow {
  const { terms, conversion } = order;
  return {
    ...told(order),
    number: terms.number,
    state: stateOf(order, beforeAllTime),
    stateChanges: stateChangesOf(order),
    externalReference: terms.externalReference,
    channel: terms.attribution.channel,
    customer: conversion?.payer.customerId ?? null,
    received: receivedOf(order),
    refunded: refundedOf(order),
    through: events.at(-1)?.sequence ?? 0,
  };
}

/** No claim has lapsed yet, and no order has ended by itself. */
const beforeAllTime = 0;

/** Claims lapse and orders expire without anybody telling the read model. Whatever else time does, the order's object is awake for it, and tells. */
function stateChangesOf(order: Order): readonly StateChange[] {
  const instants = [order.claim?.until ?? null, endsAt(order)].filter((at) => at !== null).toSorted((a, b) => a - b);
  const states = [beforeAllTime, ...instants].map((at): StateChange => [at, stateOf(order, at)]);
  return states.filter(([, state], index) => index > 0 && state !== states[index - 1]?.[1]);
}
