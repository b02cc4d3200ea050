/** Every limit of the product, with its unit in its name. Nothing is bounded anywhere else. */
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

export const limits = {
  /** How long a payer who confirmed holds the code; renewed with every step towards paying. */
  claimMs: 120 * second,
  /** Money counts as paid in time up to this long after the code expired (clocks and wallets differ). */
  lateGraceMs: 120 * second,
  liveCodeLifetimeMs: { default: 2 * hour, min: minute, max: 30 * day },

  linesPerOrderMax: 100,
  quantityMax: 10_000,
  stockMax: 1_000_000_000,
  /** Minor units. Far above any sale, far below 2^53, so that sums of lines stay safe integers. */
  amountMinorMax: 1_000_000_000_000,
  attemptsPerOrderMax: 30,
  /**
   * Tries that a provider refused at once, which use up none of the others: of an account, which is then left out, and in all. They count for so long,
   * and the latest are kept.
   */
  refusalsPerAccountMax: 5,
  refusedAttemptsPerOrderMax: 20,
  refusalsCountMs: hour,
  /** The last number of a try. One that is refused as often as may be, day and night, comes to it after three years. */
  attemptNumberMax: 500_000,
  /** Of so many of them an order keeps what the payer entered beside the money. */
  attemptsWithSaidMax: 10,
  /** And of so many who held the code before, and may come back from their wallet. */
  claimsWithSaidMax: 5,
  /** No provider's payment page can be paid on for longer; an attempt nobody told us the end of is then over. */
  attemptLifeMs: 25 * hour,
  /** These bound what one order keeps, so that the longest life still fits into its live code's one row (test/unit/core/size.test.ts). */
  capturesPerOrderMax: 60,
  /** Money that no try of ours brought is numbered from here on among an order's payments, and tries pass over as many. Stored ids hold it: it never changes. */
  untriedNumberMin: 51,
  refundsPerOrderMax: 100,
  /** Once it has told so many events, an order tells no more of who confirms it, nor of what was refused at once, and, further on, does not open again after its end. */
  eventsWithConfirmationsMax: 100,
  eventsWithReopeningMax: 200,

  /** What a merchant may publish as a conversion block. An order pins it, so it counts towards the order's row. */
  definitionBytesMax: 16_384,
  definitionDepthMax: 5,
  actionsPerBlockMax: 20,
  couponsPerBlockMax: 5,
  targetsPerBlockMax: 10,
  conditionValuesMax: 50,
  tagLengthMax: 60,
  tagsPerActionMax: 20,
  textLengthMax: 1_000,
  localesPerTextMax: 8,
  groupsPerActionMax: 10,
  /** Points of one action, and coupons or places of one. */
  pointsMax: 1_000_000_000,
  grantsMax: 1_000_000_000,
  blocksPerMerchantMax: 50,
  /** Orders of one customer that hear at once of a consent given or taken back, and how long they may take; then come the next. */
  ordersToldAtOnce: 20,
  ordersToldTimeoutMs: 10 * second,
  /** Orders that hear of their customer's erasure within the request for it, and within one sweep; and erasures that a sweep takes up. */
  ordersPerErasure: 100,
  erasedOrdersPerSweep: 200,
  erasuresPerSweep: 20,
  /** Orders whose points end in an erasure's first transaction, the newest; those of others end when they hear. */
  erasedPointsAtOnce: 1_000,
  /** Whatever was under way when an erasure began has ended by then. */
  erasureSettledMs: minute,
  /** Orders that could not hear and are passed over for now; and the longest that an erasure waits which gets no further. */
  erasureMissedMax: 200,
  erasureRetryMaxMs: hour,
  /** A text's version, and where it was shown. */
  consentWordLengthMax: 60,
  consentsListedMax: 100,
  couponsListedMax: 100,
  notesListedMax: 50,

  nameLengthMax: 200,
  descriptionLengthMax: 2_000,
  referenceLengthMax: 200,
  reasonLengthMax: 500,
  urlLengthMax: 2_000,
  metadataBytesMax: 4_096,
  metadataDepthMax: 16,
  idempotencyKeyLengthMax: 255,
  /** How deep the input of such a request may be nested. */
  idempotentInputDepthMax: 64,
  /** How long the outcome of a request is told again, how often those too old are deleted, and after how long one that nobody finished may begin anew. */
  outcomeKeptMs: 72 * hour,
  outcomesPurgeMs: hour,
  outcomeLeaseMs: 30 * second,
  /** Equal requests that wait for one. */
  outcomeWaitingMax: 1_000,

  /**
   * How often a payment under way is asked for: every `early` for `earlyFor`, or for `watchedFor` while a page watches (a tab may be forgotten), then
   * every `late` for `lateFor`, the usual life of a code, or for `endingFor` where only an end or a refund is waited for; then every `latest`.
   */
  pollMs: {
    early: 10 * second,
    earlyFor: 2 * minute,
    watchedFor: 30 * minute,
    late: 60 * second,
    lateFor: 2 * hour,
    endingFor: 20 * minute,
    latest: 10 * minute,
  },
  /** The alarm of an object with undelivered work: first after `min`, doubling up to `max`. */
  watchdogMs: { min: 2 * second, max: 5 * second, longMax: minute, patientAfter: 24 },
  /** Scans are written together, at most this often. */
  scanFlushMs: 5 * second,
  /** How long the read model, and all endpoints of a merchant together, may take to answer an object. */
  projectionTimeoutMs: 10 * second,
  publicationTimeoutMs: 10 * second,
  /** And one endpoint's own object, to take its events: then they are held for it. */
  enqueueTimeoutMs: 2 * second,
  /** How long it is believed of an endpoint that it is in trouble, and events for it gather; how many are then handed over at a time, at least; how long others have their turn in between; and how many may be held for one. */
  feedTroubleBelievedMs: second,
  feedHeldMs: 250,
  feedHandOverPortion: 32,
  feedHandOverPauseMs: 20,
  feedHeldMax: 2_000,
  /** How long the database may take for a group of rows, and how many rows may wait for it in a projector's memory. */
  groupTimeoutMs: 8 * second,
  groupWaitingMax: 5_000,
  /** How long rows gather for the next group while the database is busy. */
  groupGatherMs: 50,
  /** How long a live code need not ask a feed that nobody listens to. Whoever begins to listen waits as long. */
  feedQuietMs: second,
  feedsRememberedMax: 10_000,
  /** How long the read model may not know that somebody is paying. */
  projectionLagMs: 10 * second,
  /** One provider call. */
  providerTimeoutMs: 10 * second,
  providerReplyBytesMax: 262_144,
  /** What a provider shows of an order, in characters. */
  paymentTextLengthMax: { stripe: 250, wechatPay: 127, alipay: 256 },
  /** WeChat takes no order that ends sooner. */
  wechatPayLifeMsMin: 2 * minute,
  /** Within which Stripe lets a Checkout session end, less a minute for clocks that differ. */
  stripeSessionLifeMs: { min: 31 * minute, max: 24 * hour - minute },
  /** How long a payer may wait before opening Alipay. Until then nobody can close what was begun, and an end has to wait as long. */
  alipayLinkLifeMs: 5 * minute,
  /** For so long Alipay may not know yet, when it is asked, of a refund that it has told of. It tells again after four minutes. */
  alipayRefundUnknownMs: minute,
  /** For so long it may not answer: then what it has told is taken, since it tells for a day only. */
  alipayRefundUnansweredMs: hour,
  /** A PEM certificate has some 2,000 characters. */
  credentialLengthMax: 8_192,
  /** Keys of one kind that an account holds while they are changed. */
  credentialKeysMax: 8,
  /** Every order pins the enabled ones. */
  paymentAccountsPerMerchantMax: 20,
  /** One thing that a live code wants done elsewhere: a provider's call and the ways there and back. */
  effectTimeoutMs: 15 * second,
  notificationBytesMax: 65_536,
  notificationSkewMs: 300 * second,
  /** A provider signs under more than one secret while it changes them. */
  notificationSignaturesMax: 8,
  /**
   * How long an account knows whose a transaction is: longer than a card's holder may dispute it (540 days), than that is decided (some 90 more), and than a
   * provider gives money back (a year). How often it forgets what is older, and rows at a time; and how long a refund waits for a payment, of which providers tell for three days.
   */
  paymentsKnownMs: 760 * day,
  paymentsSweepMs: 30 * day,
  paymentsSweepRowsMax: 500,
  earlyRefundsKeptMs: 7 * day,
  /** Unmatched payments that one alarm of their account assigns or gives back; the next alarm takes the next. */
  unmatchedWorkMax: 20,
  /** Unmatched payments whose payer one step of an erasure looks at. */
  unmatchedResealedMax: 200,

  sandboxSecretLength: { min: 8, max: 200 },
  sandboxNotificationsMax: 100,
  sandboxDelaySecondsMax: 86_400,
  sandboxChaosLengthMax: 100,
  /** Payments, and unsent notifications, that one page of the pretend wallet's books shows. */
  sandboxBooksPageMax: 500,
  /** The pretend wallet tells again what was not taken, after these waits, and then gives up, as wallets do. */
  sandboxRetryMs: [5 * second, 30 * second, 2 * minute, 10 * minute, hour],
  /** Different notifications that one alarm of the pretend wallet sends at once. */
  sandboxSendsMax: 20,

  /** What every key of a deployment is derived from. */
  rootSecretLengthMin: 32,
  apiKeyCacheMs: 30 * second,
  merchantCacheMs: 30 * second,
  /** How much longer an isolate may believe what the read model, itself a moment behind, said of a customer. */
  customerCacheMs: 5 * second,
  graphqlBodyBytesMax: 100_000,
  /** One GraphQL document, whoever sends it. `costMax` counts fields, each as often as its lists may repeat it. */
  graphql: {
    tokensMax: 1_000,
    depthMax: 12,
    aliasesMax: 30,
    /** In one place of a document. */
    directivesMax: 8,
    selectionsMax: 100,
    rootFieldsMax: 20,
    /** In any list among the variables. */
    listItemsMax: 1_000,
    costMax: 10_000,
    /**
     * What a key may spend at once, how much of it comes back each second, and of how many keys an isolate knows. A request costs some points whatever it asks, so that
     * one key has some four hundred small reads a second of an isolate; and more when its document has to be read and validated first, which takes longer than most answers.
     */
    requestPoints: 50,
    newDocumentPoints: 450,
    budgetPoints: 200_000,
    budgetPointsPerSecond: 20_000,
    budgetsKeptMax: 10_000,
    /** Parsed documents that an isolate remembers, and the longest text of one worth remembering. */
    documentsKeptMax: 500,
    documentKeptLengthMax: 20_000,
    /** Documents that a key may be confined to. */
    documentsPerKeyMax: 100,
    /** How long an answer may take. */
    answerMs: 10 * second,
  },
  /** Open subscriptions: of one merchant, on one socket, and how long a client's own name of one may be. */
  liveSocketsPerMerchantMax: 10_000,
  subscriptionsPerSocketMax: 20,
  subscriptionIdLengthMax: 64,
  /** What subscriptions ask, in characters as it is kept: one question, and all different ones of a merchant. */
  liveQuestionLengthMax: 16_384,
  liveQuestionsLengthMax: 8 * 1024 ** 2,
  /** How long a socket may be open before it says who it is. */
  socketInitMs: 10 * second,
  /** How often a feed with open sockets looks after them: keys that have ended, news that nobody told it of. */
  liveTickMs: 25 * second,
  /** How much may be sent to a client before it has shown, by a pong, that it read what came before; and how long it may take to. */
  liveUnreadBytes: 64 * 1024,
  liveUnreadMs: minute,
  /** Subscriptions that a feed catches up at once, each a page in memory. */
  liveCatchUpsAtOnce: 8,
  /** What is kept of a client's `Accept-Language`. */
  acceptLanguageLengthMax: 200,
  /** How long the log may take to be read, and one piece of news to be rendered. Below the time that a live code has for telling. */
  liveAnswerMs: 4 * second,
  /** When a feed looks for an event that was published and may not be in the log yet. */
  liveLookMs: second,
  /** For how long a live code tells a feed of its changes without being asked again, and how often it is asked, in case it could not tell. */
  orderWatchMs: hour,
  orderLookMs: 5 * minute,
  orderWatchTimeoutMs: 5 * second,
  documentIdLengthMax: 100,
  /** How long a browser may remember who may ask the graph. */
  corsAgeSeconds: 86_400,
  /** A list waits so often and so long for the read model to have the caller's own changes: of the last so many orders, for so long. */
  bookmarkWaitsMs: [0, 20, 40, 80, 160, 320],
  bookmarkOrdersMax: 20,
  bookmarkKeptMs: 30 * second,
  bookmarksKeptMax: 1_000,
  pageSizeDefault: 20,
  pageSizeMax: 100,
  /** Pages of orders that an isolate keeps in mind and for how long, the longest document of an order that is worth it, and how much of a page, in characters. */
  orderPagesKeptMax: 20,
  orderPagesKeptMs: 5 * minute,
  orderKeptLengthMax: 8_192,
  orderPageKeptLengthMax: 200_000,
  formBytesMax: 16_384,
  orderNumberLease: 64,
  /** Stock taken for an order that still does not exist after this long was taken for nothing. */
  orphanHoldAfterMs: 10 * minute,
  orphanHoldsPerSweep: 100,

  /** Wait before the second, third, … call of an action to the merchant's server. After the last it has failed, until somebody retries it. */
  actionRetryMs: [5 * second, 30 * second, 2 * minute, 10 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour],
  actionTimeoutMs: 10 * second,
  /** When a call whose end nobody told is made again, at the earliest. */
  actionUnheardMs: 15 * second,
  /** How long a live code waits for a staff pool before it asks again later. */
  staffPoolTimeoutMs: 5 * second,
  staffPoolsPerMerchantMax: 50,
  membersPerPoolMax: 100,
  staffWeightMax: 1_000,
  staffCapMax: 1_000_000,
  /** Assignments that a pool remembers for telling repeated questions from new ones: longer than any order can still be paid. */
  assignmentsKeptMs: 60 * day,

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
  /** After so many failures in a row, or when for so long none of all places became free, an endpoint is in trouble: it has time. */
  webhookTrouble: { failuresMin: 3, stuckMs: second },
  /** The breaker opens after so many failures in a row that lasted so long; then one delivery at a time is tried, after such a pause. */
  webhookBreaker: { failuresMin: 10, afterMs: 5 * second, pauseMs: { min: second, max: 5 * minute } },
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

  /** Rows that one projection batch writes at most; more wait for the next. */
  projectionBatchMax: 200,
  qrSizePx: { default: 512, min: 64, max: 2_048 },
  qrMarginModulesMax: 16,
  /** Drawn codes that one isolate keeps; about 2 KB each. */
  qrImagesKeptMax: 1_000,

  /** Verified slugs that one isolate keeps; about 100 bytes each. */
  slugsKeptMax: 10_000,

  /** User agents whose verdict (person or bot) one isolate keeps; a longer name than `LengthMax` is nobody's phone. */
  userAgentsKeptMax: 512,
  userAgentLengthMax: 512,
  /** Languages of one Accept-Language header that are looked at. */
  acceptLanguagesMax: 20,
  /** Number and date formats that one isolate keeps, of each kind. */
  formattersKeptMax: 64,

  /** A page that watches a code: one stream's life, how often it is written to at least, when the browser asks again, and what may wait unread. */
  watchStreamLifeMs: 15 * minute,
  watchKeepAliveMs: 15 * second,
  watchReconnectMs: 2 * second,
  watchWaitingMax: 64,
} as const;
