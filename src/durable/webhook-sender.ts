/** How an endpoint's object sends: what an attempt needs of the deployment, and the body that a selection makes before the first attempt. Changes nothing of the queue. */
import { subjectOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Result } from "../core/result.ts";
import { keysOf } from "../keys/root.ts";
import { deliver, type Ports } from "../webhooks/deliver.ts";
import type { Outcome } from "../webhooks/retry.ts";
import { TimeLimit } from "../webhooks/time-limit.ts";
import { policyOf } from "../webhooks/url-guard.ts";
import type { EndpointSelection, Place } from "./webhook-protocol.ts";
import { openSecrets } from "./webhook-endpoint-secrets.ts";
import type { StoredEndpoint } from "./webhook-endpoint-settings.ts";
import type { Concluded, Departure } from "./webhook-endpoint-steps.ts";
import { within } from "./within.ts";

/** An endpoint's selection, to be asked of one event. */
export type Wanted = EndpointSelection & { readonly merchantId: string; readonly event: string; readonly body: string };
/** The body of an event as the selection wants it, or why there is none. May take its time, and may throw. */
export type Select = (wanted: Wanted) => Promise<Result<string, string>>;
/** Keeps the first body that is made of an event, and answers the one that is kept. */
export type Keep = (departure: Departure, body: string) => string;

/** An event on its way to the partner; whether whoever it tells of was forgotten meanwhile. */
type Flight = { readonly id: string; readonly lane: string; isForgotten: boolean };

export type Sender = ReturnType<typeof sender>;

export const sender = (env: Env, select: Select, keep: Keep) => {
  const { sealing } = keysOf(env.ROOT_SECRET);
  const policy = policyOf(env);
  const now = () => Date.now();
  const limit = new TimeLimit(limits.webhookTimeoutMs, now);
  const ports: Ports = { fetch: (...request) => fetch(...request), now, limit };

  const post = (endpoint: StoredEndpoint, { id, body }: { id: string; body: string }): Promise<Outcome> =>
    deliver(
      { url: endpoint.opening.url, policy, secrets: openSecrets(sealing, endpoint, Date.now()), id, body },
      ports,
    );

  /** What is being selected or sent. Lost together with it. */
  const flights = new Set<Flight>();

  /** What a partner says to a body that was made before somebody was forgotten may repeat it, so it is not kept. */
  const send = async (flight: Flight, endpoint: StoredEndpoint, body: string): Promise<Outcome> => {
    const outcome = await post(endpoint, { id: flight.id, body });
    return flight.isForgotten ? { ...outcome, responseBody: null } : outcome;
  };

  const tryToSelect = async (flight: Flight, wanted: Wanted): Promise<Result<string, string>> => {
    try {
      const made = await within(limits.webhookSelectionTimeoutMs, select(wanted));
      // It may still tell of whoever was forgotten meanwhile, so it is neither kept nor sent: the next attempt selects again.
      return flight.isForgotten ? { ok: false, error: "somebody was forgotten meanwhile" } : made;
    } catch (fault) {
      console.error("a webhook endpoint's selection", fault);
      return { ok: false, error: "the graph did not answer" };
    }
  };

  const fly = async (flight: Flight, departure: Departure): Promise<Concluded> => {
    const { endpoint, body, final } = departure;
    const { selection, merchantId } = endpoint.opening;
    if (final || !selection) return send(flight, endpoint, body);
    const startedAt = Date.now();
    const made = await tryToSelect(flight, { ...selection, merchantId, event: flight.id, body });
    if (made.ok) return send(flight, endpoint, keep(departure, made.value));
    const error = `selection: ${made.error}`.slice(0, limits.reasonLengthMax);
    const durationMs = Date.now() - startedAt;
    return { status: null, error, durationMs, responseBody: null, retryAfter: null, ours: true };
  };

  return {
    post,

    /** What came of it. A body that cannot be made is a failed attempt, and none of the partner's. */
    async attempt(departure: Departure): Promise<Concluded> {
      const { id, lane } = departure.waiting;
      const flight: Flight = { id, lane, isForgotten: false };
      flights.add(flight);
      try {
        return await fly(flight, departure);
      } finally {
        flights.delete(flight);
      }
    },

    /** Whoever these events tell of is forgotten. */
    forget(events: readonly Place[]): void {
      const lanes = new Set(events.map(({ id }) => subjectOf(id)));
      for (const flight of flights) if (lanes.has(flight.lane)) flight.isForgotten = true;
    },
  };
};
