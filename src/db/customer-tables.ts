/** The tables of D1 that say what is known of a merchant's customers, what they agreed to and what they were given. As `tables.ts`, of which they are a part. */
import { sql } from "drizzle-orm";
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { Identity } from "../core/conversion.ts";
import type { Purpose } from "../core/definition.ts";
import type { OrderKey } from "../core/ids.ts";
import type { StaffHold } from "../core/staff-hold.ts";

export const customers = sqliteTable(
  "customers",
  {
    merchantId: text("merchant_id").notNull(),
    id: text().notNull(),
    displayName: text("display_name"),
    identities: text({ mode: "json" }).$type<readonly Identity[]>().notNull(),
    tags: text({ mode: "json" }).$type<readonly string[]>().notNull(),
    firstOrder: text("first_order").$type<OrderKey>().notNull(),
    createdAt: integer("created_at").notNull(),
    /** Tags that a person gave (1) or took away (0); their word stands over the orders'. */
    ownTags: text("own_tags", { mode: "json" }).$type<Readonly<Record<string, 0 | 1>>>().notNull().default({}),
    tier: text(),
    tierAt: integer("tier_at"),
    staff: text({ mode: "json" }).$type<StaffHold>(),
    staffAt: integer("staff_at"),
    /** When the person's data was destroyed last. */
    erasedAt: integer("erased_at"),
  },
  (table) => [
    primaryKey({ columns: [table.merchantId, table.id] }),
    index("customers_newest").on(table.merchantId, table.createdAt, table.id),
  ],
);

/** Erasures of customers that are under way: whose orders are still to hear of it. */
export const erasures = sqliteTable(
  "erasures",
  {
    merchantId: text("merchant_id").notNull(),
    customerId: text("customer_id").notNull(),
    erasedAt: integer("erased_at").notNull(),
    /** Of the event that tells of it. */
    sequence: integer().notNull(),
    /** The last of the customer's orders that has heard, by when it was placed and its key. */
    toldPlacedAt: integer("told_placed_at").notNull(),
    toldOrder: text("told_order").notNull(),
    /** Orders up to there that could not hear. */
    missed: text({ mode: "json" }).$type<readonly OrderKey[]>().notNull().default([]),
    /** When somebody is to go on with it. */
    dueAt: integer("due_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.customerId] })],
);

export const consents = sqliteTable(
  "consents",
  {
    merchantId: text("merchant_id").notNull(),
    customerId: text("customer_id").notNull(),
    id: text().notNull(),
    purpose: text().$type<Purpose>().notNull(),
    granted: integer({ mode: "boolean" }).notNull(),
    textVersion: text("text_version").notNull(),
    textHash: text("text_hash"),
    locale: text().notNull(),
    channel: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.customerId, table.id] })],
);

export const grants = sqliteTable(
  "grants",
  {
    merchantId: text("merchant_id").notNull(),
    /** What is granted of: an action of a block, or one customer's purchases. */
    grantId: text("grant_id").notNull(),
    /** Counts from 1 without gaps, so that a limit is a comparison. */
    number: integer().notNull(),
    orderKey: text("order_key").$type<OrderKey>().notNull(),
    key: text().notNull(),
    customerId: text("customer_id").notNull(),
    code: text(),
    name: text(),
    /** Minor units of the merchant's currency. */
    value: integer(),
    expiresAt: integer("expires_at"),
    issuedAt: integer("issued_at").notNull(),
    redeemedAt: integer("redeemed_at"),
    redeemedFor: text("redeemed_for"),
    reversedAt: integer("reversed_at"),
  },
  (table) => [
    primaryKey({ columns: [table.merchantId, table.grantId, table.number] }),
    uniqueIndex("grants_order").on(table.merchantId, table.orderKey, table.key),
    index("grants_customer").on(table.merchantId, table.customerId, table.grantId),
    uniqueIndex("grants_code")
      .on(table.merchantId, table.code)
      .where(sql`code IS NOT NULL`),
  ],
);

export const pointsSpent = sqliteTable(
  "points_spent",
  {
    merchantId: text("merchant_id").notNull(),
    customerId: text("customer_id").notNull(),
    /** The caller's own name of it: spending again under it spends nothing. */
    reference: text().notNull(),
    points: integer().notNull(),
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.customerId, table.reference] })],
);
