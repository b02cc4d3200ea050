/** A merchant's payment accounts as lists show them. The account itself, with its secrets, is its object. */
import { asc, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import type { PaymentProvider } from "../core/order.ts";
import { paymentAccounts } from "./tables.ts";

export type PaymentAccountRow = {
  readonly id: string;
  readonly merchantId: string;
  readonly provider: PaymentProvider;
  readonly name: string;
  readonly enabled: boolean;
  readonly createdAt: number;
};

/** Inserts the account, or overwrites its name and whether it is enabled. */
export async function savePaymentAccount(db: D1Database, account: PaymentAccountRow): Promise<void> {
  const { name, enabled } = account;
  await drizzle(db)
    .insert(paymentAccounts)
    .values(account)
    .onConflictDoUpdate({ target: [paymentAccounts.merchantId, paymentAccounts.id], set: { name, enabled } });
}

/** Oldest first. */
export const listPaymentAccounts = async (db: D1Database, merchantId: string): Promise<readonly PaymentAccountRow[]> =>
  drizzle(db)
    .select()
    .from(paymentAccounts)
    .where(eq(paymentAccounts.merchantId, merchantId))
    .orderBy(asc(paymentAccounts.createdAt), asc(paymentAccounts.id));
