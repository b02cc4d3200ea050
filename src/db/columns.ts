/**
 * Under which columns the properties of a row are kept. The types hold every name against `tables.ts`, whose library builds migrations and
 * does not run here.
 */
import type * as tables from "./tables.ts";

export type Table = (typeof tables)[keyof typeof tables];
export type Property<T extends Table> = keyof T["$inferSelect"] & keyof T["_"]["columns"] & string;

/** The column's name; beside it, what the row shows where SQLite keeps something else: JSON as a text, a boolean as 0 or 1. */
export type Column = string | { readonly json: string } | { readonly boolean: string };

type ColumnOf<C> = C extends { readonly _: { readonly name: infer Name; readonly dataType: infer Kind } }
  ? Kind extends "json"
    ? { readonly json: Name }
    : Kind extends "boolean"
      ? { readonly boolean: Name }
      : Name
  : never;

/** A table as queries see it: all its properties, or those that they read. */
export interface Columns<T extends Table, P extends Property<T> = Property<T>> {
  readonly table: T["_"]["name"];
  readonly columns: { readonly [Name in P]: ColumnOf<T["_"]["columns"][Name]> };
}

export const merchants: Columns<typeof tables.merchants> = {
  table: "merchants",
  columns: {
    id: "id",
    name: "name",
    slug: "slug",
    currency: "currency",
    locale: "locale",
    timeZone: "time_zone",
    policy: { json: "policy" },
    nextOrderNumber: "next_order_number",
    blockId: "block_id",
    createdAt: "created_at",
  },
};

export const apiKeys: Columns<typeof tables.apiKeys> = {
  table: "api_keys",
  columns: {
    id: "id",
    merchantId: "merchant_id",
    name: "name",
    scopes: { json: "scopes" },
    secretHash: "secret_hash",
    createdAt: "created_at",
    expiresAt: "expires_at",
    revokedAt: "revoked_at",
  },
};

export const paymentAccounts: Columns<typeof tables.paymentAccounts> = {
  table: "payment_accounts",
  columns: {
    merchantId: "merchant_id",
    id: "id",
    provider: "provider",
    name: "name",
    enabled: { boolean: "enabled" },
    createdAt: "created_at",
    unableIn: { json: "unable_in" },
  },
};

export const webhookEndpoints: Columns<typeof tables.webhookEndpoints> = {
  table: "webhook_endpoints",
  columns: { merchantId: "merchant_id", id: "id", url: "url", createdAt: "created_at" },
};

export const products: Columns<typeof tables.products> = {
  table: "products",
  columns: {
    merchantId: "merchant_id",
    id: "id",
    sku: "sku",
    name: "name",
    description: "description",
    price: "price",
    currency: "currency",
    imageUrl: "image_url",
    stock: "stock",
    archived: { boolean: "archived" },
    createdAt: "created_at",
  },
};

/** The key and the document; what else a row has is for finding it. */
export const orders: Columns<typeof tables.orders, "createdAt" | "id" | "doc"> = {
  table: "orders",
  columns: { createdAt: "created_at", id: "id", doc: { json: "doc" } },
};

export const customers: Columns<typeof tables.customers> = {
  table: "customers",
  columns: {
    merchantId: "merchant_id",
    id: "id",
    displayName: "display_name",
    identities: { json: "identities" },
    tags: { json: "tags" },
    firstOrder: "first_order",
    createdAt: "created_at",
    ownTags: { json: "own_tags" },
    tier: "tier",
    tierAt: "tier_at",
    staff: { json: "staff" },
    staffAt: "staff_at",
    erasedAt: "erased_at",
  },
};

export const erasures: Columns<typeof tables.erasures> = {
  table: "erasures",
  columns: {
    merchantId: "merchant_id",
    customerId: "customer_id",
    erasedAt: "erased_at",
    sequence: "sequence",
    toldPlacedAt: "told_placed_at",
    toldOrder: "told_order",
    missed: { json: "missed" },
    dueAt: "due_at",
  },
};

export const conversionBlocks: Columns<typeof tables.conversionBlocks> = {
  table: "conversion_blocks",
  columns: {
    merchantId: "merchant_id",
    id: "id",
    version: "version",
    name: "name",
    enabled: { boolean: "enabled" },
    definition: { json: "definition" },
    publishedAt: "published_at",
  },
};

export const staffPools: Columns<typeof tables.staffPools> = {
  table: "staff_pools",
  columns: { merchantId: "merchant_id", id: "id", createdAt: "created_at" },
};

export const actionEndpoints: Columns<typeof tables.actionEndpoints> = {
  table: "action_endpoints",
  columns: { merchantId: "merchant_id", kind: "kind", url: "url", sealed: "sealed", createdAt: "created_at" },
};

export const grants: Columns<typeof tables.grants> = {
  table: "grants",
  columns: {
    merchantId: "merchant_id",
    grantId: "grant_id",
    number: "number",
    orderKey: "order_key",
    key: "key",
    customerId: "customer_id",
    code: "code",
    name: "name",
    value: "value",
    expiresAt: "expires_at",
    issuedAt: "issued_at",
    redeemedAt: "redeemed_at",
    redeemedFor: "redeemed_for",
    reversedAt: "reversed_at",
  },
};

export const consents: Columns<typeof tables.consents> = {
  table: "consents",
  columns: {
    merchantId: "merchant_id",
    customerId: "customer_id",
    id: "id",
    purpose: "purpose",
    granted: { boolean: "granted" },
    textVersion: "text_version",
    textHash: "text_hash",
    locale: "locale",
    channel: "channel",
    at: "at",
  },
};
