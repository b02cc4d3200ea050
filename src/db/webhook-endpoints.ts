/** A merchant's webhook endpoints as lists show them. The endpoint itself, with its queue and secrets, is its object. */
import { and, eq } from "drizzle-orm";
import { drizzle } from "drizzle-orm/d1";
import { pageOf, type Ordering, type PageRequest, type PageResult } from "./page.ts";
import { webhookEndpoints } from "./tables.ts";

export type WebhookEndpointRow = {
  /** `endpoint_…`, sortable by its time. */
  readonly id: string;
  readonly merchantId: string;
  readonly url: string;
  readonly createdAt: number;
};

const byId: Ordering = { list: "endpoints", kinds: ["string"], columns: [webhookEndpoints.id], newestFirst: false };

/** Inserts the endpoint, or overwrites its URL. */
export async function saveWebhookEndpoint(db: D1Database, endpoint: WebhookEndpointRow): Promise<void> {
  await drizzle(db)
    .insert(webhookEndpoints)
    .values(endpoint)
    .onConflictDoUpdate({ target: [webhookEndpoints.merchantId, webhookEndpoints.id], set: { url: endpoint.url } });
}

/** Oldest first. */
export const pageWebhookEndpoints = async (
  db: D1Database,
  merchantId: string,
  page: PageRequest,
): Promise<PageResult<WebhookEndpointRow>> =>
  pageOf(
    byId,
    page,
    ({ where, orderBy, limit }) =>
      drizzle(db)
        .select()
        .from(webhookEndpoints)
        .where(and(eq(webhookEndpoints.merchantId, merchantId), where))
        .orderBy(...orderBy)
        .limit(limit),
    (row) => [row.id],
    (row) => row,
  );

export const countWebhookEndpoints = async (db: D1Database, merchantId: string): Promise<number> =>
  drizzle(db).$count(webhookEndpoints, eq(webhookEndpoints.merchantId, merchantId));
