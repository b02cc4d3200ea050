/** A merchant's webhook endpoints as lists show them. The endpoint itself, with its queue and secrets, is its object. */
import type { PageRequest, PageResult } from "./page.ts";

export type WebhookEndpointRow = {
  /** `endpoint_…`, sortable by its time. */
  readonly id: string;
  readonly merchantId: string;
  readonly url: string;
  readonly createdAt: number;
};

/** Inserts the endpoint, or overwrites its URL. */
export async function saveWebhookEndpoint(db: D1Database, endpoint: WebhookEndpointRow): Promise<void> {
  throw new Error("not built");
}

/** Oldest first. */
export async function pageWebhookEndpoints(db: D1Database, merchantId: string, page: PageRequest): Promise<PageResult<WebhookEndpointRow>> {
  throw new Error("not built");
}

export async function countWebhookEndpoints(db: D1Database, merchantId: string): Promise<number> {
  throw new Error("not built");
}
