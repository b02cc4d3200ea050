/** What an endpoint's object keeps besides its deliveries: what the merchant asked for, its secrets, and what it still owes. Changes of these are here, and pure. */
import { subjectOf, eventId } from "../core/ids.ts";
import { wireType, type FeedEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { isFailing, type Health } from "../webhooks/health.ts";
import type { EndpointOpening, EndpointSettings, EndpointSummary, RecoveryWindow } from "./webhook-protocol.ts";

export type StoredSecret = {
  /** Sealed; the place is `secretPlace`. */
  readonly sealed: string;
  readonly hint: string;
  readonly createdAt: number;
  /** Null: until it is rotated. */
  readonly expiresAt: number | null;
};
/** A window that is being sent again, and how far it is. */
export type Recovery = RecoveryWindow & { readonly cursor: { readonly at: number; readonly id: string } };

export type StoredEndpoint = {
  /** Absent in endpoints of the first release. */
  readonly storage?: number;
  readonly opening: EndpointOpening;
  /** See `selectedAs`. Absent: as the selection that there is. */
  readonly selectedAs?: readonly string[];
  /** Newest first. */
  readonly secrets: readonly StoredSecret[];
  readonly disabledReason: string | null;
  /** The partner asked for quiet until then. */
  readonly heldUntil: number | null;
  /** The merchant wants nothing to be sent for now. */
  readonly paused: boolean;
  /** Oldest first. */
  readonly recoveries: readonly Recovery[];
  /** How often it was disabled: the `sequence` of its own events. */
  readonly disabledTimes: number;
  /** That it was disabled, until the others know. */
  readonly announcement: FeedEvent | null;
};

export const storageVersion = 3;

export const newStoredEndpoint = (opening: EndpointOpening, secret: StoredSecret): StoredEndpoint => ({
  storage: storageVersion,
  opening,
  secrets: [secret],
  disabledReason: null,
  heldUntil: null,
  paused: false,
  recoveries: [],
  disabledTimes: 0,
  announcement: null,
});

export const secretPlace = ({ merchantId, id }: EndpointOpening): string =>
  `${merchantId}|webhook_endpoint|${id}|secret`;

export const withSettings = (endpoint: StoredEndpoint, settings: Partial<EndpointSettings>): StoredEndpoint => ({
  ...endpoint,
  opening: { ...endpoint.opening, ...settings },
  selectedAs: [...new Set([...selectedAs(endpoint), ...(settings.selection?.scopes ?? [])])],
});

/** What whoever saved a selection of this endpoint could see, whether or not it still has one. */
export const selectedAs = ({ selectedAs: kept, opening }: StoredEndpoint): readonly string[] =>
  kept ?? opening.selection?.scopes ?? [];

/** The new secret signs from now on; those before it also, until the overlap ends. */
export function withSecret(endpoint: StoredEndpoint, secret: StoredSecret, overlapMs: number): StoredEndpoint {
  const ends = secret.createdAt + overlapMs;
  const older = validSecrets(endpoint, secret.createdAt)
    .map((one) => ({ ...one, expiresAt: Math.min(one.expiresAt ?? Infinity, ends) }))
    .filter(({ expiresAt }) => expiresAt > secret.createdAt);
  return { ...endpoint, secrets: [secret, ...older].slice(0, limits.webhookSecretsMax) };
}

export const validSecrets = ({ secrets }: StoredEndpoint, now: number): readonly StoredSecret[] =>
  secrets.filter(({ expiresAt }) => expiresAt === null || expiresAt > now);

/** The merchant's other endpoints hear of it. While they do not know of the last time yet, that is news enough. */
export function disabled(endpoint: StoredEndpoint, reason: string, failingSince: number | null, now: number) {
  const { opening, announcement, disabledTimes } = endpoint;
  const sequence = announcement ? disabledTimes : disabledTimes + 1;
  return {
    ...endpoint,
    disabledReason: reason,
    disabledTimes: sequence,
    recoveries: [],
    announcement: announcement ?? disabledEvent(opening, { sequence, reason, failingSince, now }),
  };
}

function disabledEvent(
  { id, merchantId, url }: EndpointOpening,
  told: {
    readonly sequence: number;
    readonly reason: string;
    readonly failingSince: number | null;
    readonly now: number;
  },
): FeedEvent {
  const { sequence, reason, failingSince, now } = told;
  const type = "WEBHOOK_ENDPOINT_DISABLED";
  const data = {
    endpointId: id,
    sequence,
    merchantId,
    url,
    reason,
    failingSince: failingSince === null ? null : new Date(failingSince).toISOString(),
  };
  const body = JSON.stringify({ type: wireType(type), timestamp: new Date(now).toISOString(), data });
  return { id: eventId(suffixOf(id), sequence), type, orderKey: null, sequence, at: now, body };
}

/** Whether the event is about this very endpoint. */
export const isAbout = ({ opening }: StoredEndpoint, { id }: FeedEvent): boolean =>
  subjectOf(id) === suffixOf(opening.id);

const suffixOf = (id: string): string => id.slice(id.indexOf("_") + 1);

/** As others see it. `waiting`: deliveries that are open; `shortenedUntil`: when the last event happened whose delivery had to go before its time. */
export function summaryOf(
  endpoint: StoredEndpoint,
  health: Health,
  { waiting, shortenedUntil }: { readonly waiting: number; readonly shortenedUntil: number },
  now: number,
): EndpointSummary {
  const { opening, disabledReason, paused } = endpoint;
  const trouble =
    waiting >= limits.webhookBacklogMax
      ? `${waiting} deliveries wait: what comes now is kept as DEAD.`
      : isFailing(health, now)
        ? `Every attempt has failed since ${new Date(health.failingSince ?? now).toISOString()}.`
        : null;
  const working = paused ? "PAUSED" : trouble ? "FAILING" : "ENABLED";
  return {
    ...opening,
    state: disabledReason === null ? working : "DISABLED",
    disabledReason: disabledReason ?? trouble,
    secrets: validSecrets(endpoint, now).map(({ hint, createdAt, expiresAt }) => ({ hint, createdAt, expiresAt })),
    backlog: waiting,
    deliveriesSince: Math.max(now - limits.webhookAttemptsKeptMs, shortenedUntil + 1),
    selectedAs: selectedAs(endpoint),
  };
}
