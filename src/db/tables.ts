/**
 * The tables of D1 (`docs/storage.md` says what each is for). Keys begin with the merchant; an index stands here only for a query that exists,
 * because each costs a row written. `npm run generate:migrations` turns a change into SQL, to which WITHOUT ROWID and STRICT are added by hand.
 */
import { sql } from "drizzle-orm";
import { check, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from "drizzle-orm/sqlite-core";
import type { FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Currency } from "../core/money.ts";
import type { Order, PaymentProvider, Scene } from "../core/order.ts";
import type { ConversionDefinition } from "../core/definition.ts";
import type { OrderPolicy } from "../core/policy.ts";
import type { OrderState } from "../core/state.ts";
import type { StateChange } from "./projected-rows.ts";

export * from "./customer-tables.ts";

export const merchants = sqliteTable(
  "merchants",
  {
    id: text().primaryKey(),
    name: text().notNull(),
    slug: text().notNull(),
    currency: text().$type<Currency>().notNull(),
    locale: text().notNull(),
    timeZone: text("time_zone").notNull(),
    policy: text({ mode: "json" }).$type<OrderPolicy>().notNull(),
    /** The first order number that nobody has leased. */
    nextOrderNumber: integer("next_order_number").notNull().default(1001),
    blockId: text("block_id"),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [uniqueIndex("merchants_slug").on(table.slug)],
);

export const apiKeys = sqliteTable("api_keys", {
  id: text().primaryKey(),
  merchantId: text("merchant_id").notNull(),
  name: text().notNull(),
  scopes: text({ mode: "json" }).$type<readonly string[]>().notNull(),
  secretHash: text("secret_hash").notNull(),
  createdAt: integer("created_at").notNull(),
  expiresAt: integer("expires_at"),
  revokedAt: integer("revoked_at"),
});

export const paymentAccounts = sqliteTable(
  "payment_accounts",
  {
    merchantId: text("merchant_id").notNull(),
    id: text().notNull(),
    provider: text().$type<PaymentProvider>().notNull(),
    name: text().notNull(),
    enabled: integer({ mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
    unableIn: text("unable_in", { mode: "json" }).$type<readonly Scene[]>(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.id] })],
);

export const webhookEndpoints = sqliteTable(
  "webhook_endpoints",
  {
    merchantId: text("merchant_id").notNull(),
    id: text().notNull(),
    url: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.id] })],
);

export const products = sqliteTable(
  "products",
  {
    merchantId: text("merchant_id").notNull(),
    id: text().notNull(),
    sku: text().notNull(),
    name: text().notNull(),
    description: text(),
    /** Minor units. */
    price: integer().notNull(),
    currency: text().$type<Currency>().notNull(),
    imageUrl: text("image_url"),
    /** What may still be sold; null is not counted. */
    stock: integer(),
    archived: integer({ mode: "boolean" }).notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.merchantId, table.id] }),
    uniqueIndex("products_sku").on(table.merchantId, table.sku),
    check("products_never_oversold", sql`stock >= 0`),
  ],
);

export const stockHolds = sqliteTable(
  "stock_holds",
  {
    merchantId: text("merchant_id").notNull(),
    orderKey: text("order_key").$type<OrderKey>().notNull(),
    /** The order's, or that of the request that last asked for the stock. */
    placedAt: integer("placed_at").notNull(),
    /** The order's version when it last asked for the stock. */
    version: integer().notNull(),
    /** Names the call that took it. */
    token: text().notNull(),
    /** Products and quantities as they were asked for, as one text to compare: whoever asks for others with the same key is another. */
    wanted: text().notNull(),
    /** Those of them that were counted, and so taken. */
    lines: text({ mode: "json" }).$type<readonly { productId: string; quantity: number }[]>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.orderKey] })],
);

export const orders = sqliteTable(
  "orders",
  {
    merchantId: text("merchant_id").notNull(),
    createdAt: integer("created_at").notNull(),
    id: text().$type<OrderKey>().notNull(),
    number: text().notNull(),
    version: integer().notNull(),
    /** Before time changed anything. */
    state: text().$type<OrderState>().notNull(),
    /** What time alone makes of it: [instant, state], in order. */
    stateChanges: text("state_changes", { mode: "json" }).$type<readonly StateChange[]>().notNull(),
    externalReference: text("external_reference"),
    channel: text(),
    customerId: text("customer_id"),
    /** Minor units of the order's currency. */
    received: integer().notNull(),
    refunded: integer().notNull(),
    points: integer().notNull().default(0),
    /** The last of the order's events that the log has. */
    eventsThrough: integer("events_through").notNull(),
    /** Where in the log they are: [last sequence, position] for each row that carries some. */
    eventPositions: text("event_positions", { mode: "json" }).$type<readonly (readonly [number, number])[]>().notNull(),
    doc: text({ mode: "json" }).$type<Order>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.merchantId, table.createdAt, table.id] }),
    index("orders_number").on(table.merchantId, table.number),
    index("orders_external_reference")
      .on(table.merchantId, table.externalReference, table.createdAt, table.id)
      .where(sql`external_reference IS NOT NULL`),
    index("orders_customer")
      .on(table.merchantId, table.customerId, table.createdAt, table.id)
      .where(sql`customer_id IS NOT NULL`),
    index("orders_review")
      .on(table.merchantId, table.createdAt, table.id)
      .where(sql`state = 'REVIEW'`),
  ],
);

export const eventLog = sqliteTable(
  "event_log",
  {
    merchantId: text("merchant_id").notNull(),
    /** Counts the rows of one merchant from 1, without gaps, in the order of their commits. */
    position: integer().notNull(),
    events: text({ mode: "json" }).$type<readonly FeedEvent[]>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.position] })],
);

/** Whom events happen to besides orders: customers and webhook endpoints. */
export const eventSubjects = sqliteTable(
  "event_subjects",
  {
    merchantId: text("merchant_id").notNull(),
    /** What follows the prefix in its id. */
    subject: text().notNull(),
    /** As the columns of the same names in `orders`. */
    eventsThrough: integer("events_through").notNull(),
    eventPositions: text("event_positions", { mode: "json" }).$type<readonly (readonly [number, number])[]>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.subject] })],
);

export const conversionBlocks = sqliteTable(
  "conversion_blocks",
  {
    merchantId: text("merchant_id").notNull(),
    id: text().notNull(),
    /** Rises by one with every publication; the highest is the one that new orders pin. */
    version: integer().notNull(),
    name: text().notNull(),
    enabled: integer({ mode: "boolean" }).notNull(),
    definition: text({ mode: "json" }).$type<ConversionDefinition>().notNull(),
    publishedAt: integer("published_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.id, table.version] })],
);

export const staffPools = sqliteTable(
  "staff_pools",
  {
    merchantId: text("merchant_id").notNull(),
    id: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.id] })],
);

export const actionEndpoints = sqliteTable(
  "action_endpoints",
  {
    merchantId: text("merchant_id").notNull(),
    kind: text().notNull(),
    url: text().notNull(),
    sealed: text().notNull(),
    createdAt: integer("created_at").notNull(),
  },
  (table) => [primaryKey({ columns: [table.merchantId, table.kind] })],
);
