/** Who asks: nobody in particular, the deployment's operator, or a merchant through one of its keys. */
import type { Merchant } from "../db/merchants.ts";

export const scopes = [
  "CATALOG_WRITE",
  "ORDERS_READ",
  "ORDERS_WRITE",
  "PAYMENTS_WRITE",
  "CUSTOMERS_READ",
  "CUSTOMERS_WRITE",
  "CONVERSIONS_WRITE",
  "WEBHOOKS_WRITE",
  "ANALYTICS_READ",
  "SETTINGS_WRITE",
  "KEYS_WRITE",
] as const;
/** What a key may do. */
export type Scope = (typeof scopes)[number];

const known: ReadonlySet<string> = new Set(scopes);
export const isScope = (text: string): text is Scope => known.has(text);

/** `merchant` is kept for a moment per isolate, so that placing an order asks the database for prices only. */
export type MerchantCaller = {
  readonly kind: "merchant";
  readonly keyId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The only documents that the key may send, by their ids; absent or null: any. */
  readonly documents?: ReadonlySet<string> | null;
  readonly merchant: Merchant;
};
export type Caller = { readonly kind: "anonymous" } | { readonly kind: "admin" } | MerchantCaller;
