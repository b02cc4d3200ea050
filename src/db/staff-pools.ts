/** Which staff pools a merchant has. What each is stands in its own object. */
import { clause, prepare } from "./clause.ts";
import { staffPools } from "./columns.ts";
import { insertion, rowsOf, selection } from "./rows.ts";

const list = `SELECT ${selection(staffPools)} FROM staff_pools WHERE merchant_id = ? ORDER BY created_at, id LIMIT ?`;
const find = `SELECT 1 FROM staff_pools WHERE merchant_id = ?1 AND id = ?2`;

export const addStaffPool = async (db: D1Database, merchantId: string, id: string, createdAt: number): Promise<void> =>
  void (await prepare(
    db,
    insertion(staffPools, { merchantId, id, createdAt }, "ON CONFLICT (merchant_id, id) DO NOTHING"),
  ).run());

/** Oldest first. */
export const listStaffPools = async (db: D1Database, merchantId: string, limit: number): Promise<readonly string[]> =>
  (await rowsOf(db, staffPools, clause(list, merchantId, limit))).map(({ id }) => id);

export const hasStaffPool = async (db: D1Database, merchantId: string, id: string): Promise<boolean> =>
  (await db.prepare(find).bind(merchantId, id).first()) !== null;
