/** What the graph asks of those who ask it, and how much and for how long it keeps something for them: the part of `limits` that is about it. */
import { hour, minute, second } from "./durations.ts";

export const graphLimits = {
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
} as const;
