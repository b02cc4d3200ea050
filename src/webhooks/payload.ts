/** What a body carries, by the endpoint's choice. Made once, when the event is queued, so that every attempt sends the same bytes. */

/** FULL: the event as it was rendered. THIN: ids and the sequence only; the receiver asks the graph for whatever it may see. */
export type Payload = "FULL" | "THIN";

export const bodyFor = (payload: Payload, body: string): string => (payload === "FULL" ? body : thin(body));

function thin(body: string): string {
  const { data, ...envelope } = JSON.parse(body) as { data: Record<string, unknown> };
  const ids = Object.entries(data).filter(([field]) => field === "sequence" || field.endsWith("Id"));
  return JSON.stringify({ ...envelope, data: Object.fromEntries(ids) });
}

/** What is left of a body that a selection made once nobody is to find it any more: which event of which order. */
export function unselected(body: string): string {
  const { data, ...envelope } = JSON.parse(body) as { data: { orderId: string; sequence: number } };
  return JSON.stringify({ ...envelope, data: { orderId: data.orderId, sequence: data.sequence } });
}
