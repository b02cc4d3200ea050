/**
 * A merchant's events, pushed: everybody who subscribes reads on in the log, so nothing is skipped, nothing comes twice, and the order is the log's. Those who have
 * caught up share one place, the tail; what is read there is rendered once for all who ask the same and see the same. Whoever cannot be told with the others, because
 * it reads slowly or because what it asks cannot be rendered just now, falls behind and catches up by itself. News are only a reason to look: whoever was not told of
 * them finds them at the next look.
 */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { endOfLog, eventsAfter, isBeyond, type LoggedEvent, type Place } from "../db/event-log.ts";
import type { Tell } from "./live-graph.ts";
import { groupOf, type LiveSockets, type Session, type Subscribed } from "./live-sockets.ts";
import { Turns } from "./turns.ts";
import { within } from "./within.ts";

const tailKey = "tail";

export class LiveLog {
  private readonly storage: DurableObjectStorage;
  private readonly sockets: LiveSockets;
  private readonly render: Tell;
  private readonly database: (merchantId: string) => D1Database;
  private pumping: Promise<void> | null = null;
  private again = false;
  /** The log's end, while it is being asked for: those who subscribe at the same time ask once. */
  private ending: Promise<Place> | null = null;
  private readonly turns = new Turns(limits.liveCatchUpsAtOnce);
  /** The subscriptions of each socket that somebody is catching up at the moment. */
  private readonly catching = new WeakMap<WebSocket, Set<string>>();

  constructor(
    storage: DurableObjectStorage,
    sockets: LiveSockets,
    render: Tell,
    database: (merchantId: string) => D1Database,
  ) {
    this.storage = storage;
    this.sockets = sockets;
    this.render = render;
    this.database = database;
  }

  /** Whether anybody waits for events, be it behind the others. */
  isFollowed(): boolean {
    return this.sockets.subscribed().some(({ question }) => question.topic.kind === "EVENTS");
  }

  /** From now on. */
  async follow(
    socket: WebSocket,
    id: string,
    { listener: { merchantId } }: Session,
    isHere: () => boolean,
  ): Promise<void> {
    this.ending ??= within(limits.liveAnswerMs, endOfLog(this.database(merchantId), merchantId)).finally(() => {
      this.ending = null;
    });
    const from = await this.ending;
    if (!isHere()) return;
    this.sockets.changeSubscription(socket, id, { from });
    if (!this.joined(socket, id, from)) this.resume(socket);
  }

  /** From a place on: everything that is there, and then with the others. A fault leaves it where it is, for the next look. */
  async catchUp(socket: WebSocket, id: string): Promise<void> {
    const caught = this.catching.get(socket) ?? new Set();
    this.catching.set(socket, caught);
    if (caught.has(id)) return;
    caught.add(id);
    try {
      // Page by page and few at once: when all come back together, after a deployment, neither the database nor memory is to take them all.
      while (await this.turns.take(() => this.hasMore(socket, id)));
    } finally {
      caught.delete(id);
    }
  }

  /** Those who are behind go on: all of them, or those of one socket. Faults are theirs alone. */
  resume(only?: WebSocket): void {
    for (const { socket, subscription, question } of this.sockets.subscribed())
      if ((!only || only === socket) && question.topic.kind === "EVENTS" && !subscription.follows && subscription.from)
        void this.catchUp(socket, subscription.id).catch(report);
  }

  /** Reads on until nothing is new. Never rejects. */
  look(): Promise<void> {
    this.again = true;
    this.pumping ??= this.pump().finally(() => {
      this.pumping = null;
    });
    return this.pumping;
  }

  /** One page further. False when it follows from here on, is gone, or has to read first what it was told. */
  private async hasMore(socket: WebSocket, id: string): Promise<boolean> {
    const own = this.mine(socket, id);
    if (!own?.subscription.from || own.subscription.follows) return false;
    const { session, question, subscription } = own;
    if (this.sockets.isFull(socket)) return false;
    let place: Place = own.subscription.from;
    const isHere = () => this.sockets.subscription(socket, id)?.nth === subscription.nth;
    const moveTo = (from: Place) => this.sockets.changeSubscription(socket, id, { from });
    // Of every type, so that the last of them is a place in the whole log.
    const found = await this.read(session.listener.merchantId, place);
    for (const { place: next, event } of found) {
      if (wants(own, event.type)) {
        if (this.sockets.isFull(socket)) return false;
        const message = await this.render(question.asked, session.listener, { kind: "EVENTS", event });
        // Another may have its name by now, which begins by itself.
        if (!isHere()) return true;
        this.sockets.tell(socket, id, message, event.id);
        moveTo(next);
      }
      place = next;
    }
    if (!isHere()) return true;
    if (found.length > 0) moveTo(place);
    if (found.length === limits.pageSizeMax) return true;
    return !this.joined(socket, id, place);
  }

  /** Whether it is told with the others from here on: they must not be further. What they are being told just now counts once they were (`toldPage`). */
  private joined(socket: WebSocket, id: string, place: Place): boolean {
    const isFirst = this.followers().length === 0;
    if (!isFirst && isBeyond(this.tail(), place)) return false;
    if (isFirst) this.keepTail(place);
    this.sockets.changeSubscription(socket, id, { follows: true });
    // Who was told of news meanwhile found nobody to read them for.
    if (isFirst) void this.look();
    return true;
  }

  private async pump(): Promise<void> {
    try {
      this.resume();
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
    const groups = new Map(this.followers().map((follower) => [groupOf(follower), follower] as const));
    const [first] = groups.values();
    if (!first) return false;
    const tail = this.tail();
    const found = await this.read(first.session.listener.merchantId, tail);
    const last = found.at(-1);
    if (!last) return false;
    const told = await Promise.all(found.map(({ event }) => this.renderFor(groups, event)));
    const failed = new Set(told.flatMap((messages) => [...messages].flatMap(([name, one]) => (one.ok ? [] : [name]))));
    // When it is nobody's own fault, everybody waits here together: the tail stays where it was, for the next look.
    if (failed.size === groups.size) throw new Error("nobody's events can be rendered");
    // Whoever followed left meanwhile, and somebody else began where they are: it is read anew from there.
    if (isBeyond(tail, this.tail()) || isBeyond(this.tail(), tail)) return true;
    // From here on nothing waits: the tail moves, and everybody is told.
    this.keepTail(last.place);
    for (const follower of this.followers()) {
      const { socket, subscription } = follower;
      const group = groupOf(follower);
      let place = subscription.from ? laterOf(subscription.from, tail) : tail;
      // It joined while this page was read and rendered, and asks what nobody asked: it reads the page by itself.
      if (!groups.has(group) && isBeyond(last.place, place)) {
        this.sockets.changeSubscription(socket, subscription.id, { follows: false, from: place });
        this.resume(socket);
        continue;
      }
      for (const [index, { place: next, event }] of found.entries()) {
        const message = wants(follower, event.type) ? told[index]?.get(group) : undefined;
        if (message && isBeyond(next, place)) {
          if (!message.ok || this.sockets.isFull(socket)) {
            this.sockets.changeSubscription(socket, subscription.id, { follows: false, from: place });
            break;
          }
          this.sockets.tell(socket, subscription.id, message.value, event.id);
          if (message.value === null) break;
        }
        place = laterOf(place, next);
      }
    }
    return true;
  }

  /** What each group that wants the event is told of it, or that it cannot be told just now. */
  private async renderFor(
    groups: ReadonlyMap<string, Subscribed>,
    event: LoggedEvent["event"],
  ): Promise<ReadonlyMap<string, Result<string | null, unknown>>> {
    const wanting = [...groups].filter(([, follower]) => wants(follower, event.type));
    return new Map(
      await Promise.all(
        wanting.map(async ([group, { question, session }]): Promise<[string, Result<string | null, unknown>]> => {
          try {
            return [group, ok(await this.render(question.asked, session.listener, { kind: "EVENTS", event }))];
          } catch (fault) {
            report(fault);
            return [group, err(fault)];
          }
        }),
      ),
    );
  }

  private read(merchantId: string, after: Place): Promise<readonly LoggedEvent[]> {
    return within(limits.liveAnswerMs, eventsAfter(this.database(merchantId), merchantId, after, limits.pageSizeMax));
  }

  private followers(): readonly Subscribed[] {
    return this.sockets
      .subscribed()
      .filter(({ question, subscription }) => question.topic.kind === "EVENTS" && subscription.follows);
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

const laterOf = (one: Place, other: Place): Place => (isBeyond(one, other) ? one : other);

const wants = ({ question: { topic } }: Subscribed, type: string): boolean =>
  topic.kind === "EVENTS" && (topic.types.length === 0 || topic.types.some((one) => one === type));

const report = (fault: unknown): void => console.error("a merchant's log, live", fault);
