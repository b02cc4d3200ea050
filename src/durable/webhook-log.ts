/** What an endpoint's log shows of its deliveries. Read in the order of the table's key, from either end, so that only what is shown is read. */
import type { EventType } from "../core/events.ts";
import { isOrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { deliveryId, deliveryPlaceOf } from "../webhooks/delivery-id.ts";
import type { Delivery, DeliveryAttempt, DeliverySlice, DeliveryState, Place } from "./webhook-protocol.ts";
import { selectedAs, type StoredEndpoint } from "./webhook-endpoint-settings.ts";
import { settledAs, type Row } from "./webhook-endpoint-store.ts";
import { webhookTally } from "./webhook-tally.ts";

const beforeAll: Place = { at: -1, id: "" };
const afterAll: Place = { at: Number.MAX_SAFE_INTEGER, id: "" };

export const webhookLog = ({ sql, kv }: Pick<DurableObjectStorage, "sql" | "kv">) => {
  const tally = webhookTally({ sql, kv });
  const open = (state: DeliveryState | null): number =>
    sql
      .exec<{ n: number }>("SELECT count(*) AS n FROM deliveries WHERE settled = 0 AND state = ifnull(?, state)", state)
      .one().n;
  return {
    /** Null when there is no such delivery. */
    find(endpoint: StoredEndpoint, delivery: string): Delivery | null {
      const place = placeIn(endpoint, delivery);
      if (!place) return null;
      const query = "SELECT * FROM deliveries WHERE settled IN (0, 1, 2) AND at = ? AND id = ?";
      const [row] = sql.exec<Row>(query, place.at, place.id).toArray();
      return row ? deliveryIn(endpoint, row) : null;
    },
    /** At most a page and one more, which tells whether there are more. None between what is no delivery of this endpoint. */
    page(endpoint: StoredEndpoint, limit: number, before: string | null, slice: DeliverySlice): Delivery[] {
      const { after = null, state = null, oldestFirst = false } = slice;
      const from = after === null ? beforeAll : placeIn(endpoint, after);
      const to = before === null ? afterAll : placeIn(endpoint, before);
      if (!from || !to) return [];
      const direction = oldestFirst ? "ASC" : "DESC";
      const part = (settled: number) =>
        `SELECT * FROM (SELECT * FROM deliveries WHERE settled = ${settled} AND (at, id) > (?1, ?2) AND (at, id) < (?3, ?4) AND state = ifnull(?5, state)
           ORDER BY at ${direction}, id ${direction} LIMIT ?6)`;
      const parts = (state === null ? [0, 1, 2] : [settledAs[state]]).map(part).join(" UNION ALL ");
      const query = `${parts} ORDER BY at ${direction}, id ${direction} LIMIT ?6`;
      return sql
        .exec<Row>(query, from.at, from.id, to.at, to.id, state, Math.min(limit, limits.pageSizeMax + 1))
        .toArray()
        .map((row) => deliveryIn(endpoint, row));
    },
    /** How many there are of a state, or of any; null when it must be asked again to go on counting. */
    count(state: DeliveryState | null, now: number): number | null {
      if (state !== null && settledAs[state] === 0) return open(state);
      const settled = tally.count(now);
      if (!settled) return null;
      const { delivered, dead } = settled;
      return state === null ? open(null) + delivered + dead : state === "DEAD" ? dead : delivered;
    },
  };
};

/** Undefined for whatever is no delivery of this endpoint. */
function placeIn({ opening }: StoredEndpoint, id: string): Place | undefined {
  const place = deliveryPlaceOf(id);
  return place?.endpointId === opening.id ? { at: place.at, id: place.eventId } : undefined;
}

function deliveryIn(endpoint: StoredEndpoint, row: Row): Delivery {
  const { at, id, state, sequence, body } = row;
  const type = row.type as EventType;
  const orderKey = isOrderKey(row.order_key) ? row.order_key : null;
  return {
    id: deliveryId({ endpointId: endpoint.opening.id, at, eventId: id }),
    event: { id, type, orderKey, sequence, at, body },
    state,
    attempts: JSON.parse(row.attempts) as DeliveryAttempt[],
    nextAttemptAt: state === "PENDING" || state === "RETRYING" ? row.due_at : null,
    ...(row.final === 2 && { selectedAs: selectedAs(endpoint) }),
  };
}
