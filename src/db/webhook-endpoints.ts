/** A merchant's webhook endpoints as lists show them. The endpoint itself, with its queue and secrets, is its object. */
import { clause, prepare, type Clause } from "./clause.ts";
import { webhookEndpoints } from "./columns.ts";
import { countOf, pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { insertion } from "./rows.ts";

export type WebhookEndpointRow = {
  /** `endpoint_…`, sortable by its time. */
  readonly id: string;
  readonly merchantId: string;
  readonly url: string;
  readonly createdAt: number;
};

const byId: Ordering = { list: "endpoints", kinds: ["string"], columns: ["id"], newestFirst: false };

const orOverwrite = `ON CONFLICT (merchant_id, id) DO UPDATE SET url = excluded.url`;

/** Inserts the endpoint, or overwrites its URL. */
export async function saveWebhookEndpoint(db: D1Database, endpoint: WebhookEndpointRow): Promise<void> {
  await prepare(db, insertion(webhookEndpoints, endpoint, orOverwrite)).run();
}

/** The endpoint is somewhere else now. */
export async function moveWebhookEndpoint(db: D1Database, merchantId: string, id: string, url: string): Promise<void> {
  const move = "UPDATE webhook_endpoints SET url = ? WHERE merchant_id = ? AND id = ?";
  await prepare(db, clause(move, url, merchantId, id)).run();
}

/** Oldest first. */
export const pageWebhookEndpoints = async (
  db: D1Database,
  merchantId: string,
  page: PageRequest,
): Promise<PageResult<WebhookEndpointRow>> =>
  pageOf(
    db,
    byId,
    { rows: webhookEndpoints, where: ownedBy(merchantId) },
    page,
    ({ id }) => [id],
    (row) => row,
  );

/** `besides`: an id that does not count. */
export const countWebhookEndpoints = async (db: D1Database, merchantId: string, besides = ""): Promise<number> =>
  countOf(db, { rows: webhookEndpoints, where: clause("merchant_id = ? AND id <> ?", merchantId, besides) });

const ids = "SELECT id FROM webhook_endpoints WHERE merchant_id = ?1 ORDER BY id";

/** All of them. */
export async function endpointIdsOf(db: D1Database, merchantId: string): Promise<readonly string[]> {
  const { results } = await db.prepare(ids).bind(merchantId).all<{ id: string }>();
  return results.map(({ id }) => id);
}

const ownedBy = (merchantId: string): Clause => clause("merchant_id = ?", merchantId);
