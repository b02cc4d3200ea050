/** Orders as rows: what each statement of the projection is given. Pure. */
import { receivedOf, refundedOf } from "../core/amounts.ts";
import { asksNth } from "../core/conditions.ts";
import { receiptsOf } from "../core/consents.ts";
import { knownOf, type ActionState, type Conversion, type Identity } from "../core/conversion.ts";
import { plannedActions } from "../core/definition.ts";
import type { FeedEvent } from "../core/events.ts";
import { awaitsAnswer } from "../core/follow-up.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";
import type { StaffHold } from "../core/staff-hold.ts";
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
  readonly tier: string | null;
  readonly staff: StaffHold | null;
  readonly at: number;
  /** What the order's conversion grants by now, and whether somebody asks if as much was spent already. */
  readonly points: number;
  readonly checksPoints: boolean;
};
/** One of something that is counted: a coupon, a place in a group, a customer's purchase (`key` empty). */
export type GrantRow = {
  readonly merchant: string;
  readonly grant: string;
  readonly order: OrderKey;
  readonly key: string;
  readonly customer: string;
  readonly code: string | null;
  readonly name: string | null;
  readonly value: number | null;
  readonly expiresAt: number | null;
  readonly at: number;
  readonly total: number | null;
  readonly perCustomer: number | null;
  /** Whether orders that were never counted count, too. */
  readonly countsOrders: boolean;
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
  readonly points: number;
  /** The last sequence among the events told with it; 0 without any. */
  readonly through: number;
};
/** A row and the JSON of what it is about: as a text of its own, because a merchant's metadata may nest deeper than SQLite reads. */
export type WithText<Row> = { readonly row: Row; readonly text: string };
export type ProjectedRows = {
  readonly customers: readonly CustomerRow[];
  readonly events: readonly WithText<EventRow>[];
  readonly orders: readonly WithText<OrderRow>[];
  /** Customers who lost a tag or a tier, which was set at that moment. */
  readonly reversals: readonly { readonly merchant: string; readonly customer: string; readonly at: number }[];
  readonly grants: readonly GrantRow[];
  /** Whether what was counted is still theirs. */
  readonly grantStandings: readonly (Told & { readonly key: string; readonly reversedAt: number | null })[];
  /** Orders that have forgotten their customer. `alone`: by themselves. */
  readonly erased: readonly (Told & { readonly customer: string; readonly at: number; readonly alone: boolean })[];
  readonly consents: readonly object[];
  readonly holds: readonly HoldNews[];
};

export function rowsOf(projections: readonly Projection[]): ProjectedRows {
  const whole = projections.filter(({ order }) => !awaitsAnswer(order));
  return {
    // Of two orders that make one customer, the earlier conversion is the first.
    customers: projections.flatMap(({ order }) => customerRow(order)).toSorted((a, b) => a.at - b.at),
    events: whole.flatMap(({ order, events }) => events.map((event) => eventRow(order, event))),
    orders: whole.map((projection) => ({ row: orderRow(projection), text: JSON.stringify(projection.order) })),
    reversals: whole.flatMap(({ order }) =>
      order.conversion?.actions.some(
        ({ state, kind }) => state === "REVERSED" && (kind === "TAG_ADD" || kind === "TIER_SET"),
      )
        ? [
            {
              merchant: order.terms.merchant.id,
              customer: order.conversion.payer.customerId,
              at: order.conversion.convertedAt,
            },
          ]
        : [],
    ),
    grants: projections.flatMap(({ order }) => grantRows(order)),
    grantStandings: projections.flatMap(({ order }) =>
      (order.conversion?.actions ?? [])
        .filter(({ kind, state, coupon }) => isCounted(kind) && (coupon !== undefined || state === "REVERSED"))
        .map(({ key, state, at }) => ({ ...told(order), key, reversedAt: isLost(state) ? at : null })),
    ),
    erased: projections.flatMap(({ order }) => {
      const { erasedAt: at, erasedAlone: alone = false, payer } = order.conversion ?? {};
      return at === undefined || !payer ? [] : [{ ...told(order), customer: payer.customerId, at, alone }];
    }),
    consents: projections.flatMap(({ order }) => consentRows(order)),
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
  const { name, identities } = knownOf(conversion);
  const { actions } = conversion;
  return [
    {
      ...told(order),
      customer: conversion.payer.customerId,
      name,
      identities,
      tags: tagsIn(conversion, "DONE"),
      tier: actions.findLast(({ tier, state }) => tier !== undefined && state === "DONE")?.tier ?? null,
      staff: actions.find(({ staff, state }) => staff !== undefined && state === "DONE")?.staff ?? null,
      at: conversion.convertedAt,
      points: pointsIn(conversion),
      checksPoints: actions.some(({ points, unchecked }) => points !== undefined && unchecked === true),
    },
  ];
}

/** Nobody is left whose they would be once the customer is erased. */
const pointsIn = (conversion: Conversion | null): number =>
  conversion?.erasedAt !== undefined
    ? 0
    : (conversion?.actions ?? []).reduce((sum, { points }) => sum + (points?.kept ?? 0), 0);

/** A coupon whose consent went while it was counted is nobody's until the consent comes again. */
const isLost = (state: ActionState): boolean => state === "REVERSED" || state === "SKIPPED_NO_CONSENT";

const isCounted = (kind: string): boolean => kind === "COUPON_GRANT" || kind === "GROUP_INVITE";

function grantRows({ terms, conversion }: Order): readonly GrantRow[] {
  if (!conversion) return [];
  const { key: order, merchant, block } = terms;
  const planned = plannedActions(block.definition);
  const row = { merchant: merchant.id, order, customer: conversion.payer.customerId, at: conversion.convertedAt };
  const nameless = { code: null, name: null, value: null, expiresAt: null };
  const granted = conversion.actions.flatMap(({ key, waits, coupon, group, state }): GrantRow[] => {
    const action = planned.find((one) => one.key === key);
    const grant = `${conversion.blockId}:${key}`;
    // One that was taken back before anybody counted it is written down all the same, so that late news cannot bring it back.
    const isGranted = waits === "GRANT" || (coupon && (state === "DONE" || state === "REVERSED")) || group;
    if (!isGranted) return [];
    if (action?.kind === "COUPON_GRANT" && coupon) {
      const { total = null, perCustomer = null } = action.limit ?? {};
      return [{ ...row, key, grant, ...coupon, code: coupon.code || null, total, perCustomer, countsOrders: false }];
    }
    if (action?.kind !== "GROUP_INVITE") return [];
    const total = action.groups.reduce((sum, { capacity }) => sum + capacity, 0);
    return [{ ...row, ...nameless, key, grant, total, perCustomer: 1, countsOrders: false }];
  });
  const counts =
    conversion.firstTime === null && [...planned, ...block.definition.targets].some(({ when }) => asksNth(when));
  const purchase = { ...row, ...nameless, key: "", grant: `purchases:${row.customer}`, total: null, perCustomer: null };
  return counts ? [...granted, { ...purchase, countsOrders: true }] : granted;
}

function consentRows({ terms, conversion }: Order): readonly object[] {
  if (!conversion) return [];
  return receiptsOf(conversion).map((receipt) => ({
    merchant: terms.merchant.id,
    customer: conversion.payer.customerId,
    convertedAt: conversion.convertedAt,
    // One answer per question and page: telling it again tells nothing new.
    id: `${terms.key}:${receipt.channel}:${receipt.purpose}`,
    ...receipt,
  }));
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
    points: pointsIn(conversion),
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
