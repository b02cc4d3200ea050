/** Merchants, each with what its orders pin. */
import { and, asc, eq, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { Currency } from "../core/money.ts";
import type { AccountTerms } from "../core/order.ts";
import type { OrderPolicy } from "../core/policy.ts";
import { err, ok, type Result } from "../core/result.ts";
import { apiKeyRow, type NewApiKey } from "./api-keys.ts";
import type { PaymentAccountRow } from "./payment-accounts.ts";
import { apiKeys, merchants, paymentAccounts } from "./tables.ts";
import { unlessTaken } from "./unique.ts";

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
  const orm = drizzle(db);
  const inserted = await unlessTaken("merchants.slug", () =>
    orm.batch([
      orm.insert(merchants).values(merchant),
      orm.insert(apiKeys).values(apiKeyRow(first.apiKey)),
      orm.insert(paymentAccounts).values(first.account),
    ]),
  );
  if (!inserted) return err("SLUG_TAKEN");
  const { id, provider, enabled } = first.account;
  return ok({ ...merchant, accounts: enabled ? [{ id, provider }] : [] });
}

export async function findMerchant(db: D1Database, merchantId: string): Promise<Merchant | null> {
  const orm = drizzle(db);
  const [found, accounts] = await orm.batch([
    orm.select().from(merchants).where(eq(merchants.id, merchantId)),
    orm
      .select({ id: paymentAccounts.id, provider: paymentAccounts.provider })
      .from(paymentAccounts)
      .where(and(eq(paymentAccounts.merchantId, merchantId), eq(paymentAccounts.enabled, true)))
      .orderBy(asc(paymentAccounts.createdAt), asc(paymentAccounts.id)),
  ]);
  if (!found[0]) return null;
  const { nextOrderNumber: _, ...merchant } = found[0];
  return { ...merchant, accounts };
}

/** The merchant as it is afterwards; null when there is none. */
export async function updateMerchant(
  db: D1Database,
  merchantId: string,
  changes: MerchantChanges,
): Promise<Merchant | null> {
  if (Object.keys(changes).length > 0)
    await drizzle(db).update(merchants).set(changes).where(eq(merchants.id, merchantId));
  return findMerchant(db, merchantId);
}

/** Takes `count` order numbers that nobody else gets, and answers the first of them. Unused ones stay unused. Throws when there is no such merchant. */
export async function leaseOrderNumbers(db: D1Database, merchantId: string, count: number): Promise<number> {
  const next = merchants.nextOrderNumber;
  const [leased] = await drizzle(db)
    .update(merchants)
    .set({ nextOrderNumber: sql`${next} + ${count}` })
    .where(eq(merchants.id, merchantId))
    .returning({ next });
  if (!leased) throw new Error("there is no such merchant to lease order numbers from");
  return leased.next - count;
}
