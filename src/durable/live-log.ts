/**
 * A merchant's events, pushed: everybody who subscribes reads on in the log, so nothing is skipped, nothing comes twice, and the order is the log's. Those who have
 * caught up share one place, the tail; what is read there is rendered once for all who ask the same and see the same. News are only
 * a reason to look: whoever was not told of them finds them at the next look.
 */
import { limits } from "../core/limits.ts";
import { endOfLog, eventsAfter, isBeyond, type Place } from "../db/event-log.ts";
import type { LiveGraph } from "./live-graph.ts";
import type { LiveSockets, Session, Subscribed } from "./live-sockets.ts";

const tailKey = "tail";

export class LiveLog {
  private readonly storage: DurableObjectStorage;
  private readonly sockets: LiveSockets;
  private readonly graph: () => LiveGraph;
  private readonly database: (merchantId: string) => D1Database;
  private pumping: Promise<void> | null = null;
  private again = false;
  /** Subscriptions that somebody is catching up at the moment. */
  private readonly catching = new Set<string>();

  constructor(
    storage: DurableObjectStorage,
    sockets: LiveSockets,
    graph: () => LiveGraph,
    database: (merchantId: string) => D1Database,
  ) {
    this.storage = storage;
    this.sockets = sockets;
    this.graph = graph;
    this.database = database;
  }

  /** Whether anybody waits for events. */
  isFollowed(): boolean {
    return this.followers().length > 0;
  }

  /** From now on. */
  async follow(socket: WebSocket, id: string, { listener }: Session): Promise<void> {
    if (!this.isFollowed()) {
      const end = await endOfLog(this.database(listener.merchantId), listener.merchantId);
      // Whoever came first meanwhile has set it, and was not later than this.
      if (!this.isFollowed()) this.keepTail(end);
    }
    this.sockets.changeSubscription(socket, id, { follows: true });
  }

  /** From a place on: everything that is there, and then with the others. A fault leaves it where it is, for the next look. */
  async catchUp(socket: WebSocket, id: string): Promise<void> {
    const name = `${this.sockets.session(socket)?.openedAt} ${id}`;
    if (this.catching.has(name)) return;
    this.catching.add(name);
    try {
      while (!(await this.caughtUp(socket, id)));
    } finally {
      this.catching.delete(name);
    }
  }

  /** Reads on until nothing is new. Never rejects. */
  look(): Promise<void> {
    this.again = true;
    this.pumping ??= this.pump().finally(() => {
      this.pumping = null;
    });
    return this.pumping;
  }

  /** One page further. True when it follows from here on, or is gone. */
  private async caughtUp(socket: WebSocket, id: string): Promise<boolean> {
    const own = this.mine(socket, id);
    if (!own?.subscription.from || own.subscription.follows) return true;
    const { session, question, subscription } = own;
    const { merchantId } = session.listener;
    // Of every type, so that the last of them is a place in the whole log.
    const found = await eventsAfter(this.database(merchantId), merchantId, own.subscription.from, limits.pageSizeMax);
    const messages = await Promise.all(
      found
        .filter(({ event }) => wants(own, event.type))
        .map(({ event }) => this.graph().tell(question.asked, session.listener, { kind: "EVENTS", event })),
    );
    if (!this.sockets.subscription(socket, id)) return true;
    for (const message of messages) this.sockets.tell(socket, id, message);
    const place = found.at(-1)?.place ?? own.subscription.from;
    if (place !== subscription.from) this.sockets.changeSubscription(socket, id, { from: place });
    if (found.length === limits.pageSizeMax) return false;
    // What the others are being told just now may be beyond this place or not: only between two of their pages can it be compared.
    if (this.pumping) {
      await this.pumping;
      return false;
    }
    if (!this.isFollowed()) this.keepTail(place);
    else if (isBeyond(this.tail(), place)) return false;
    this.sockets.changeSubscription(socket, id, { follows: true });
    return true;
  }

  private async pump(): Promise<void> {
    try {
      for (const { socket, subscription, question } of this.sockets.subscribed())
        if (question.topic.kind === "EVENTS" && !subscription.follows && subscription.from)
          void this.catchUp(socket, subscription.id).catch(report);
      while (this.again) {
        this.again = false;
        while (await this.toldPage());
      }
    } catch (fault) {
      report(fault);
    }
  }

  /** False when there was nothing. */
  private async toldPage(): Promise<boolean> {
    const [first] = this.followers();
    if (!first) return false;
    const { merchantId } = first.session.listener;
    const found = await eventsAfter(this.database(merchantId), merchantId, this.tail(), limits.pageSizeMax);
    const last = found.at(-1);
    if (!last) return false;
    // All of it or nothing: a fault leaves the tail where it was, for the next look.
    const told = await Promise.all(
      found.map(async ({ place, event }) => {
        const groups = new Map<string, Subscribed>();
        for (const follower of this.followers())
          if (wants(follower, event.type)) groups.set(groupOf(follower), follower);
        const messages = new Map(
          await Promise.all(
            [...groups].map(async ([group, { question, session }]) => {
              const message = await this.graph().tell(question.asked, session.listener, { kind: "EVENTS", event });
              return [group, message] as const;
            }),
          ),
        );
        return { place, event, messages };
      }),
    );
    // From here on nothing waits: the tail moves, and everybody is told.
    this.keepTail(last.place);
    const followers = this.followers();
    for (const { place, event, messages } of told)
      for (const follower of followers) {
        const { socket, subscription } = follower;
        const message = wants(follower, event.type) ? messages.get(groupOf(follower)) : undefined;
        if (message !== undefined && (!subscription.from || isBeyond(place, subscription.from)))
          this.sockets.tell(socket, subscription.id, message);
      }
    return true;
  }

  private followers(): readonly Subscribed[] {
    return [...this.sockets.subscribed()].filter(
      ({ question, subscription }) => question.topic.kind === "EVENTS" && subscription.follows,
    );
  }

  private mine(socket: WebSocket, id: string): Subscribed | null {
    const session = this.sockets.session(socket);
    return session
      ? (this.sockets.subscribedOn(socket, session).find((one) => one.subscription.id === id) ?? null)
      : null;
  }

  private tail(): Place {
    return this.storage.kv.get<Place>(tailKey) ?? [0, -1];
  }

  private keepTail(place: Place): void {
    this.storage.transactionSync(() => this.storage.kv.put(tailKey, place));
  }
}

const wants = ({ question: { topic } }: Subscribed, type: string): boolean =>
  topic.kind === "EVENTS" && (topic.types.length === 0 || topic.types.some((one) => one === type));

/** Those who ask the same and may see the same are told the same. */
export const groupOf = ({ subscription, session }: Pick<Subscribed, "subscription" | "session">): string => {
  const { scopes, acceptLanguage, origin } = session.listener;
  return JSON.stringify([subscription.question, scopes, acceptLanguage, origin]);
};

const report = (fault: unknown): void => console.error("a merchant's log, live", fault);
