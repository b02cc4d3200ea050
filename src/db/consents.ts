/** What a merchant's customers agreed to: receipts, only ever added to. The last word on a purpose stands. */
import type { ConsentWord } from "../core/consents.ts";
import type { ConsentReceipt } from "../core/conversion.ts";
import type { Purpose } from "../core/definition.ts";
import { clause, prepare } from "./clause.ts";
import { consents } from "./columns.ts";
import { whenErased } from "./erased.ts";
import { standingConsents } from "./projection-sql.ts";
import { insertion, rowsOf, selection } from "./rows.ts";

const list = `SELECT ${selection(consents)} FROM consents WHERE merchant_id = ? AND customer_id = ? ORDER BY at DESC, id DESC LIMIT ?`;
/** What was said before an erasure is proof of what was done until then, and counts for nothing more. */
const standing = `SELECT (${standingConsents("?1", "?2", whenErased)}) AS words`;

const lastWord = `
  SELECT granted, at FROM consents
  WHERE merchant_id = ?1 AND customer_id = ?2 AND purpose = ?3 AND at > ${whenErased}
  ORDER BY at DESC, granted
  LIMIT 1`;

/** `id` names the receipt: adding it again adds nothing. */
export async function addConsent(
  db: D1Database,
  merchantId: string,
  customerId: string,
  id: string,
  receipt: ConsentReceipt,
): Promise<void> {
  const row = { merchantId, customerId, id, ...receipt };
  await prepare(db, insertion(consents, row, "ON CONFLICT (merchant_id, customer_id, id) DO NOTHING")).run();
}

/** Newest first. */
export const listConsents = (
  db: D1Database,
  merchantId: string,
  customerId: string,
  limit: number,
): Promise<readonly ConsentReceipt[]> => rowsOf(db, consents, clause(list, merchantId, customerId, limit));

/** The last word on each purpose. */
export async function consentsOf(
  db: D1Database,
  merchantId: string,
  customerId: string,
): Promise<readonly ConsentWord[]> {
  const words = await db.prepare(standing).bind(merchantId, customerId).first<string>("words");
  return JSON.parse(words ?? "[]") as readonly ConsentWord[];
}

/** The last word on one purpose; null when there is none. */
export const lastWordOn = (
  db: D1Database,
  merchantId: string,
  customerId: string,
  purpose: Purpose,
): Promise<{ readonly granted: number; readonly at: number } | null> =>
  db.prepare(lastWord).bind(merchantId, customerId, purpose).first();
