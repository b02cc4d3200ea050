/** What a feed asks of the graph for its subscribers. The graph stands above it, so whoever wires the objects hands it down (`src/merchant-feed.ts`). */
import type { EventType, FeedEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order } from "../core/order.ts";
import type { Result } from "../core/result.ts";

/** Who subscribes, as the Worker found when the socket was opened. */
export type Listener = {
  readonly merchantId: string;
  readonly keyId: string;
  readonly scopes: readonly string[];
  /** The only documents that may be sent, by their ids; null: any. */
  readonly documents: readonly string[] | null;
  readonly acceptLanguage: string | null;
  /** Where the graph's URLs begin. */
  readonly origin: string;
  /** Whether it is the Worker that listens, for somebody who reads an event stream: then each event comes with its id. */
  readonly streams?: boolean;
};
/** A subscription as a client sent it: its document, variables and the rest. Only the graph reads it. */
export type Asked = Readonly<Record<string, unknown>>;
/** What a subscription is about. `after`: an event's id. */
export type Topic =
  | { readonly kind: "ORDER"; readonly key: OrderKey }
  | { readonly kind: "EVENTS"; readonly types: readonly EventType[]; readonly after: string | null };
/** Something to tell, as the topic's field is answered from. */
export type News =
  | { readonly kind: "ORDER"; readonly order: Order }
  | { readonly kind: "EVENTS"; readonly event: FeedEvent };

export type LiveGraph = {
  /** The topic, with what was asked as it is to be kept; or GraphQL errors that say what is wrong with it, or with who asks. `LATER`: its key has asked for too much just now. */
  readonly topicOf: (
    asked: Asked,
    listener: Listener,
  ) => Promise<Result<{ readonly topic: Topic; readonly asked: Asked }, readonly unknown[] | "LATER">>;
  /** The execution result as JSON: what was asked, about these news. Null when the graph knows no such question any more. Rejects when it cannot be answered just now. */
  readonly tell: Tell;
};
export type Tell = (asked: Asked, listener: Listener, news: News) => Promise<string | null>;
