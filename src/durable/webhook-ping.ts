/** What a ping sends: signed and shaped like every event, and of a type that no event has, so that no receiver takes it for one. */
import { base32 } from "../core/ids.ts";
import type { EndpointOpening } from "./webhook-protocol.ts";

export function pingEvent({ id, merchantId }: EndpointOpening, at: number): { id: string; body: string } {
  const unique = base32(crypto.getRandomValues(new Uint8Array(10)), 16);
  const data = { endpointId: id, merchantId };
  return {
    id: `ping_${unique}`,
    body: JSON.stringify({ type: "webhook.ping", timestamp: new Date(at).toISOString(), data }),
  };
}
