/** What bounds partners' endpoints: the part of `limits` that is about them. */
import { day, hour, minute, second } from "./durations.ts";

export const webhookLimits = {
  webhookEndpointsPerMerchantMax: 50,
  webhookTimeoutMs: 15 * second,
  webhookResponseBytesMax: 16_384,
  webhookConcurrencyMax: 6,
  /** To a partner who answers within `Quick`, so many attempts more are decided on in one transaction, and so many outcomes, or those of so long, recorded in one. */
  webhookAheadMax: 58,
  webhookQuickMs: 200,
  webhookLandedMax: 32,
  webhookLandedMs: 10,
  /** Deliveries that wait at one endpoint, in its memory at about 400 bytes each. What comes beyond is kept as DEAD. */
  webhookBacklogMax: 50_000,
  /** Wait before attempt 2, 3, …; each ±20 %. */
  webhookRetryMs: [
    5 * second,
    30 * second,
    2 * minute,
    10 * minute,
    30 * minute,
    2 * hour,
    5 * hour,
    10 * hour,
    14 * hour,
    20 * hour,
    24 * hour,
  ],
  webhookAttemptsKeptMs: 30 * day,
  /** What one endpoint's log may take in all; beyond it the oldest finished deliveries go, however young. And the attempts that one delivery shows. */
  webhookLogBytesMax: 2 * 1024 ** 3,
  webhookAttemptsPerDeliveryMax: 40,
  /** Finished deliveries are counted for their list so many at a time, and once for all when their event is so old. */
  webhookTallyPortion: 10_000,
  webhookTallyLagMs: minute,
  /** The breaker opens after so many failures in a row that lasted so long; then one delivery at a time is tried, after such a pause. */
  webhookBreaker: { failuresMin: 10, afterMs: minute, pauseMs: { min: 5 * second, max: 5 * minute } },
  /** Only failures for so long: the endpoint shows FAILING, and in the end it is disabled. */
  webhookFailingAfterMs: hour,
  webhookDisabledAfterMs: 5 * day,
  /** What is sent again after an outage goes beside new events, at this pace, a portion at a time; and so many windows may wait. */
  webhookReplaysPerSecondMax: 25,
  webhookReplaysAtOnceMax: 2,
  webhookReplayPortion: 200,
  webhookRecoveriesMax: 10,
  /** Secrets of one endpoint that sign at once, and how long an old one may. */
  webhookSecretsMax: 10,
  webhookSecretOverlapMs: 30 * day,
  /** A GraphQL selection on Order that an endpoint is sent instead of `data`; its cost is counted as the graph's. */
  webhookSelectionLengthMax: 4_000,
  webhookSelectionCostMax: 500,
  webhookSelectionTimeoutMs: 10 * second,
} as const;
