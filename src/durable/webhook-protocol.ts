/** What the object of a partner's endpoint answers, and what it tells others of itself. */
import type { EventType, FeedEvent } from "../core/events.ts";

export type EndpointState = "ENABLED" | "PAUSED" | "FAILING" | "DISABLED";
/** A GraphQL selection on Order: `{ … }`, what whoever saved it may see, and where the graph's URLs begin. */
export type EndpointSelection = {
  readonly text: string;
  readonly scopes: readonly string[];
  readonly origin: string;
};
export type EndpointSettings = {
  readonly url: string;
  /** Empty: every type. */
  readonly types: readonly EventType[];
  readonly description: string | null;
  readonly payload: "FULL" | "THIN";
  /** Replaces `data`, whatever `payload` says. */
  readonly selection: EndpointSelection | null;
  readonly ratePerSecond: number | null;
};
export type EndpointOpening = EndpointSettings & { readonly id: string; readonly merchantId: string };
/** What is left out stays as it is. */
export type EndpointChanges = Partial<EndpointSettings> & { readonly state?: "ENABLED" | "PAUSED" | "DISABLED" };
/** Events that happened from `since` to `until`. */
export type RecoveryWindow = { readonly since: number; readonly until: number; readonly onlyFailed: boolean };
export type RecoveryAnswer =
  | { readonly ok: true; readonly queued: number }
  | { readonly ok: false; readonly reason: "DISABLED" | "TOO_MANY" };
export type EndpointSummary = EndpointOpening & {
  readonly state: EndpointState;
  readonly disabledReason: string | null;
  readonly secrets: readonly { readonly hint: string; readonly createdAt: number; readonly expiresAt: number | null }[];
  readonly backlog: number;
  /** Everything that happened since then is in its log. Absent from the release before. */
  readonly deliveriesSince?: number;
  /** As whom selections were ever asked here, all together: bodies that they made are kept, and may be sent again. Absent from the release before. */
  readonly selectedAs?: readonly string[];
};
export type DeliveryState = "PENDING" | "SUCCEEDED" | "RETRYING" | "DEAD";
export type DeliveryAttempt = {
  readonly number: number;
  readonly at: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
  readonly responseBody: string | null;
};
export type Delivery = {
  readonly id: string;
  readonly event: FeedEvent;
  readonly state: DeliveryState;
  readonly attempts: readonly DeliveryAttempt[];
  readonly nextAttemptAt: number | null;
  /** A selection made its body: what whoever sees all of it may see. */
  readonly selectedAs?: readonly string[];
};
/** Where an event is kept: when it happened, and its id. */
export type Place = { readonly at: number; readonly id: string };
/** Only those that are newer than the delivery `after`, and of a state; from the oldest one on. */
export type DeliverySlice = {
  readonly after?: string | null;
  readonly state?: DeliveryState | null;
  readonly oldestFirst?: boolean;
};

/** One partner's endpoint with its queue, named by its id. */
export interface WebhookEndpointProtocol {
  /** The secret is in this answer only. Opening again answers the summary with `secret` null. */
  open(opening: EndpointOpening): Promise<{ readonly secret: string | null; readonly summary: EndpointSummary }>;
  summary(): Promise<EndpointSummary | null>;
  /** Durable when it returns; the same event id is queued once. `troubled`: what comes next would not be sent at once, or in vain, so it has time. */
  enqueue(events: readonly FeedEvent[]): Promise<{ readonly troubled: boolean }>;
  /** Newest first, at most `limit` (a page and one more), older than the delivery `before`. */
  deliveries(limit: number, before: string | null, slice?: DeliverySlice): Promise<readonly Delivery[]>;
  /** How many there are of a state; null: of any. Answers null while it counts what was never counted before: ask again. */
  countDeliveries(state: DeliveryState | null): Promise<number | null>;
  delivery(id: string): Promise<Delivery | null>;
  update(changes: EndpointChanges): Promise<EndpointSummary>;
  /** The new secret is in this answer only; the older ones sign beside it for `overlapMs`. */
  rotateSecret(overlapMs: number): Promise<{ readonly secret: string; readonly summary: EndpointSummary }>;
  /** One attempt with an event of its own, whatever the endpoint's state; it is not in the log. */
  ping(): Promise<DeliveryAttempt>;
  /** The delivery is due now; nothing changes while the endpoint is disabled. Null when there is no such delivery. */
  retry(id: string): Promise<{ readonly delivery: Delivery; readonly disabled: boolean } | null>;
  /** Sends again what is settled, beside new events and at a bounded pace. `queued`: how many events that is. */
  recover(window: RecoveryWindow): Promise<RecoveryAnswer>;
  /** What a selection made of these events is gone, and what the partner answered to them; whatever is sent of them again is made anew, of which event it is alone. */
  forgetBodies(events: readonly Place[]): Promise<void>;
}
