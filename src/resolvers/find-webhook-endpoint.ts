/** A merchant's webhook endpoint; null when there is none, or none of this merchant's. */
import type { EndpointSummary } from "../durable/webhook-protocol.ts";
import type { Deps } from "./deps.ts";

const prefix = "endpoint_";

export async function findEndpoint(deps: Deps, merchantId: string, id: string): Promise<EndpointSummary | null> {
  // An invented id is refused before it can bring an object into being.
  if (!id.startsWith(prefix) || !deps.keys.isTagged(id.slice(prefix.length))) return null;
  const endpoint = await deps.endpoint(id).summary();
  return endpoint?.merchantId === merchantId ? endpoint : null;
}
