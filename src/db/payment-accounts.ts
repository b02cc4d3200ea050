/** A merchant's payment accounts as lists show them. The account itself, with its secrets, is its object. */
import type { PaymentProvider, Scene } from "../core/order.ts";
import { clause, prepare } from "./clause.ts";
import { paymentAccounts } from "./columns.ts";
import { insertion, rowsOf, selection } from "./rows.ts";

export type PaymentAccountRow = {
  readonly id: string;
  readonly merchantId: string;
  readonly provider: PaymentProvider;
  readonly name: string;
  readonly enabled: boolean;
  readonly createdAt: number;
  /** Where nobody can pay by it; null where that is nowhere. */
  readonly unableIn: readonly Scene[] | null;
};

const orOverwrite = `ON CONFLICT (merchant_id, id) DO UPDATE SET name = excluded.name, enabled = excluded.enabled, unable_in = excluded.unable_in`;

const list = `
  SELECT ${selection(paymentAccounts)}
  FROM payment_accounts
  WHERE merchant_id = ?1
  ORDER BY created_at, id`;

/** Inserts the account, or overwrites what may be changed of it. */
export async function savePaymentAccount(db: D1Database, account: PaymentAccountRow): Promise<void> {
  await prepare(db, insertion(paymentAccounts, account, orOverwrite)).run();
}

/** Oldest first. */
export const listPaymentAccounts = async (db: D1Database, merchantId: string): Promise<readonly PaymentAccountRow[]> =>
  rowsOf(db, paymentAccounts, clause(list, merchantId));
