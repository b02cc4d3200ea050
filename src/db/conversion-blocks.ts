/** A merchant's conversion blocks: every version that was ever published, of which none changes. The newest of each is what new orders pin. */
import type { ConversionDefinition, PinnedBlock } from "../core/definition.ts";
import { clause, prepare } from "./clause.ts";
import { conversionBlocks } from "./columns.ts";
import { rowOf, selection, type Raw } from "./rows.ts";

export type ConversionBlock = PinnedBlock & {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly publishedAt: number;
};
export type NewVersion = {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly definition: ConversionDefinition;
  readonly publishedAt: number;
};

const columns = selection(conversionBlocks);

// The bare columns are those of the row with the highest version (https://sqlite.org/lang_select.html#bareagg).
const list = `
  SELECT ${columns}, max(version) FROM conversion_blocks WHERE merchant_id = ? GROUP BY id ORDER BY id LIMIT ?`;

const find = `
  SELECT ${columns} FROM conversion_blocks
  WHERE merchant_id = ?1 AND id = ?2 AND version = coalesce(?3, (SELECT max(version) FROM conversion_blocks WHERE merchant_id = ?1 AND id = ?2))`;

const publish = `
  INSERT INTO conversion_blocks (merchant_id, id, version, name, enabled, definition, published_at)
  SELECT ?1, ?2, 1 + coalesce((SELECT max(version) FROM conversion_blocks WHERE merchant_id = ?1 AND id = ?2), 0), ?3, ?4, ?5, ?6
  RETURNING ${columns}`;

const makeDefault = `UPDATE merchants SET block_id = ?2 WHERE id = ?1`;

/** What a merchant's orders pin unless they name another block. Part of reading a merchant. */
export const defaultBlockOf = `
  SELECT ${columns} FROM conversion_blocks
  WHERE merchant_id = ?1 AND id = (SELECT block_id FROM merchants WHERE id = ?1)
  ORDER BY version DESC
  LIMIT 1`;

export const blockOf = (raw: Raw): ConversionBlock => {
  const { merchantId: _, ...block } = rowOf(conversionBlocks, raw);
  return block;
};

/** The newest version of each. */
export async function listConversionBlocks(
  db: D1Database,
  merchantId: string,
  limit: number,
): Promise<readonly ConversionBlock[]> {
  const { results } = await prepare(db, clause(list, merchantId, limit)).all<Raw>();
  return results.map(blockOf);
}

/** `version` null: the newest. */
export async function findConversionBlock(
  db: D1Database,
  merchantId: string,
  id: string,
  version: number | null,
): Promise<ConversionBlock | null> {
  const raw = await db.prepare(find).bind(merchantId, id, version).first<Raw>();
  return raw && blockOf(raw);
}

/** The version that it became, and the merchant's default if it is to be: both or neither. */
export async function publishConversionBlock(
  db: D1Database,
  merchantId: string,
  { id, name, enabled, definition, publishedAt }: NewVersion,
  asDefault: boolean,
): Promise<ConversionBlock> {
  const [published] = await db.batch<Raw>([
    prepare(db, clause(publish, merchantId, id, name, enabled ? 1 : 0, JSON.stringify(definition), publishedAt)),
    ...(asDefault ? [db.prepare(makeDefault).bind(merchantId, id)] : []),
  ]);
  const raw = published?.results[0];
  if (!raw) throw new Error("a publication answers what it became");
  return blockOf(raw);
}
