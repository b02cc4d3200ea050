/** Merchants, each with what its orders pin. */
import type { Currency } from "../core/money.ts";
import type { AccountTerms } from "../core/order.ts";
import type { OrderPolicy } from "../core/policy.ts";
import type { Result } from "../core/result.ts";
import type { NewApiKey } from "./api-keys.ts";
import type { PaymentAccountRow } from "./payment-accounts.ts";

export type Merchant = {
  readonly id: string;
  readonly name: string;
  /** Unique within the merchant's database. */
  readonly slug: string;
  /** Never changes. */
  readonly currency: Currency;
  readonly locale: string;
  readonly timeZone: string;
  readonly policy: OrderPolicy;
  /** The enabled accounts that new orders may be paid through, oldest first. */
  readonly accounts: readonly AccountTerms[];
  readonly createdAt: number;
};
export type NewMerchant = Omit<Merchant, "accounts">;
export type MerchantChanges = Partial<Pick<Merchant, "name" | "locale" | "timeZone" | "policy">>;

/** The merchant with its first key and its first account, all of them or none. */
export async function insertMerchant(
  db: D1Database,
  merchant: NewMerchant,
  first: { readonly apiKey: NewApiKey; readonly account: PaymentAccountRow },
): Promise<Result<Merchant, "SLUG_TAKEN">> {
  throw new Error("not built");
}

export async function findMerchant(db: D1Database, merchantId: string): Promise<Merchant | null> {
  throw new Error("not built");
}

/** The merchant as it is afterwards; null when there is none. */
export async function updateMerchant(db: D1Database, merchantId: string, changes: MerchantChanges): Promise<Merchant | null> {
  throw new Error("not built");
}

/** Takes `count` order numbers that nobody else gets, and answers the first of them. Unused ones stay unused. Throws when there is no such merchant. */
export async function leaseOrderNumbers(db: D1Database, merchantId: string, count: number): Promise<number> {
  throw new Error("not built");
}
