/** Coupons that conversions granted, and what became of them. A coupon is used once, however often and from wherever it is shown. */
import type { Minor } from "../core/money.ts";
import { clause } from "./clause.ts";
import { grants } from "./columns.ts";
import { whenErased } from "./erased.ts";
import type * as tables from "./tables.ts";
import { rowOf, rowsOf, selection, type Raw } from "./rows.ts";

export type Coupon = {
  readonly code: string;
  readonly name: string;
  readonly value: Minor;
  readonly customerId: string;
  readonly expiresAt: number | null;
  readonly redeemedAt: number | null;
  readonly redeemedFor: string | null;
  readonly reversedAt: number | null;
};
export type CouponState = "ISSUED" | "REDEEMED" | "EXPIRED" | "REVERSED";

/** What was used stays used, even when it was taken back later: that is the shortfall. */
export function couponState({ redeemedAt, reversedAt, expiresAt }: Coupon, now: number): CouponState {
  if (redeemedAt !== null) return "REDEEMED";
  if (reversedAt !== null) return "REVERSED";
  return expiresAt !== null && expiresAt <= now ? "EXPIRED" : "ISSUED";
}

const columns = selection(grants);
const list = `
  SELECT ${columns} FROM grants INDEXED BY grants_customer
  WHERE merchant_id = ?1 AND customer_id = ?2 AND code IS NOT NULL
    AND issued_at > ${whenErased}
  ORDER BY issued_at DESC, code
  LIMIT ?3`;
const find = `SELECT ${columns} FROM grants INDEXED BY grants_code WHERE merchant_id = ? AND code = ?`;
const redeem = `
  UPDATE grants SET redeemed_at = ?3, redeemed_for = ?4
  WHERE merchant_id = ?1 AND code = ?2 AND redeemed_at IS NULL AND reversed_at IS NULL AND (expires_at IS NULL OR expires_at > ?3)
  RETURNING ${columns}`;

/** Newest first. */
export const listCoupons = async (
  db: D1Database,
  merchantId: string,
  customerId: string,
  limit: number,
): Promise<readonly Coupon[]> => (await rowsOf(db, grants, clause(list, merchantId, customerId, limit))).map(couponOf);

export const findCoupon = async (db: D1Database, merchantId: string, code: string): Promise<Coupon | null> => {
  const [row] = await rowsOf(db, grants, clause(find, merchantId, code));
  return row ? couponOf(row) : null;
};

/** The coupon, used now; null when it cannot be. */
export async function redeemCoupon(
  db: D1Database,
  merchantId: string,
  code: string,
  reference: string,
  now: number,
): Promise<Coupon | null> {
  const raw = await db.prepare(redeem).bind(merchantId, code, now, reference).first<Raw>();
  return raw && couponOf(rowOf(grants, raw));
}

type Row = typeof tables.grants.$inferSelect;
const couponOf = ({ code, name, value, customerId, expiresAt, redeemedAt, redeemedFor, reversedAt }: Row): Coupon => ({
  code: code ?? "",
  name: name ?? "",
  value: value ?? 0,
  customerId,
  expiresAt,
  redeemedAt,
  redeemedFor,
  reversedAt,
});
