/** What a merchant says of a webhook endpoint, when it is registered and when it is changed: everything is looked at before anything is done. */
import { eventTypes, type EventType } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { EndpointSelection, EndpointSettings } from "../durable/webhook-protocol.ts";
import { allowedUrl, urlFaults } from "../webhooks/url-guard.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, type UrlFailure, type ValidationFailure } from "./failures.ts";
import { isGiven, type Optional } from "./given.ts";

/** Judged at the door that knows the graph: the selection, or what is wrong with it. */
export type JudgedSelection = Result<EndpointSelection, string>;

/** What is absent stays as it is; null clears what may be empty. */
export type WishedSettings = {
  readonly url?: Optional<string>;
  /** Empty: every type. */
  readonly types?: Optional<readonly EventType[]>;
  readonly description?: Optional<string>;
  readonly payload?: Optional<"FULL" | "THIN">;
  readonly selection?: Optional<JudgedSelection>;
  readonly ratePerSecond?: Optional<number>;
};

export function readSettings(
  deps: Deps,
  { url, types, description, payload, selection, ratePerSecond: rate }: WishedSettings,
): Result<Partial<EndpointSettings>, ValidationFailure | UrlFailure> {
  const { issues, fail, prose, integer } = checks();
  if (selection && !selection.ok) fail(["selection"], selection.error);
  const settings: Partial<EndpointSettings> = {
    ...(isGiven(url) && { url }),
    ...(isGiven(types) && { types: eventTypes.filter((type) => types.includes(type)) }),
    ...(description !== undefined && { description: prose(["description"], description, limits.descriptionLengthMax) }),
    ...(isGiven(payload) && { payload }),
    ...(selection !== undefined && { selection: selection?.ok ? selection.value : null }),
    ...(rate !== undefined && {
      ratePerSecond: rate === null ? null : integer(["ratePerSecond"], rate, 1, Number.MAX_SAFE_INTEGER),
    }),
  };
  if (issues.length > 0) return invalid(issues);
  const allowed = isGiven(url) && allowedUrl(url, { allowPrivate: deps.local, ownHost: new URL(deps.origin).hostname });
  if (allowed && !allowed.ok) return err({ reason: "URL_NOT_ALLOWED", url: url ?? "", why: urlFaults[allowed.error] });
  return ok(settings);
}
