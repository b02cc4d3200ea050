/** Merchants, each with what its orders pin. */
import type { PinnedBlock } from "../core/definition.ts";
import type { Currency } from "../core/money.ts";
import type { AccountTerms } from "../core/order.ts";
import type { OrderPolicy } from "../core/policy.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { NewApiKey } from "./api-keys.ts";
import { clause, prepare } from "./clause.ts";
import { blockOf, defaultBlockOf } from "./conversion-blocks.ts";
import { apiKeys, merchants, paymentAccounts } from "./columns.ts";
import type { PaymentAccountRow } from "./payment-accounts.ts";
import { assignments, insertion, rowOf, selection, type Raw } from "./rows.ts";
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
  /** What new orders pin unless they name another; null for the product's own. */
  readonly block: PinnedBlock | null;
  readonly createdAt: number;
};
export type NewMerchant = Omit<Merchant, "accounts" | "block">;
export type MerchantChanges = Partial<Pick<Merchant, "name" | "locale" | "timeZone" | "policy">>;

const find = `SELECT ${selection(merchants)} FROM merchants WHERE id = ?1`;

const bySlug = `SELECT 1 FROM merchants WHERE slug = ?1`;

const enabledAccounts = `
  SELECT ${selection(paymentAccounts)}
  FROM payment_accounts
  WHERE merchant_id = ?1 AND enabled
  ORDER BY created_at, id`;

const lease = `
  UPDATE merchants SET next_order_number = next_order_number + ?2
  WHERE id = ?1
  RETURNING next_order_number - ?2 AS first`;

/** The merchant with its first key and its first account, all of them or none. */
export async function insertMerchant(
  db: D1Database,
  merchant: NewMerchant,
  first: { readonly apiKey: NewApiKey; readonly account: PaymentAccountRow },
): Promise<Result<Merchant, "SLUG_TAKEN">> {
  const inserted = await unlessTaken("merchants.slug", () =>
    db.batch([
      prepare(db, insertion(merchants, merchant)),
      prepare(db, insertion(apiKeys, first.apiKey)),
      prepare(db, insertion(paymentAccounts, first.account)),
    ]),
  );
  if (!inserted) return err("SLUG_TAKEN");
  const { id, provider, enabled } = first.account;
  return ok({ ...merchant, accounts: enabled ? [{ id, provider }] : [], block: null });
}

/** What it answers may be old at once: only inserting decides. */
export const isSlugTaken = async (db: D1Database, slug: string): Promise<boolean> =>
  (await db.prepare(bySlug).bind(slug).first()) !== null;

export async function findMerchant(db: D1Database, merchantId: string): Promise<Merchant | null> {
  const [found, accounts, blocks] = await db.batch<Raw>([
    db.prepare(find).bind(merchantId),
    db.prepare(enabledAccounts).bind(merchantId),
    db.prepare(defaultBlockOf).bind(merchantId),
  ]);
  const raw = found?.results[0];
  if (!raw || !accounts) return null;
  const { nextOrderNumber: _, blockId: __, ...merchant } = rowOf(merchants, raw);
  return { ...merchant, accounts: accounts.results.map(termsOf), block: pinnedIn(blocks?.results[0]) };
}

/** The merchant as it is afterwards; null when there is none. */
export async function updateMerchant(
  db: D1Database,
  merchantId: string,
  changes: MerchantChanges,
): Promise<Merchant | null> {
  const set = assignments(merchants, changes);
  if (set) await prepare(db, clause(`UPDATE merchants SET ${set.sql} WHERE id = ?`, ...set.values, merchantId)).run();
  return findMerchant(db, merchantId);
}

/** Takes `count` order numbers that nobody else gets, and answers the first of them. Unused ones stay unused. Throws when there is no such merchant. */
export async function leaseOrderNumbers(db: D1Database, merchantId: string, count: number): Promise<number> {
  const first = await db.prepare(lease).bind(merchantId, count).first<number>("first");
  if (first === null) throw new Error("there is no such merchant to lease order numbers from");
  return first;
}

/** A block that was switched off is no longer pinned. */
function pinnedIn(raw: Raw | undefined): PinnedBlock | null {
  if (!raw) return null;
  const { id, version, definition, enabled } = blockOf(raw);
  return enabled ? { id, version, definition } : null;
}

function termsOf(raw: Raw): AccountTerms {
  const { id, provider, unableIn } = rowOf(paymentAccounts, raw);
  return { id, provider, ...(unableIn && { unableIn }) };
}
