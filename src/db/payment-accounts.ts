/** A merchant's payment accounts as lists show them. The account itself, with its secrets, is its object. */
import type { PaymentProvider } from "../core/order.ts";

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
  throw new Error("not built");
}

/** Oldest first. */
export async function listPaymentAccounts(db: D1Database, merchantId: string): Promise<readonly PaymentAccountRow[]> {
  throw new Error("not built");
}
