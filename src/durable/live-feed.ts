/**
 * The subscriptions of one merchant, as `graphql-transport-ws` has them (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md). Sockets hibernate: between two
 * messages nothing of this needs to be in memory.
 */
import { findApiKey } from "../db/api-keys.ts";
import { database } from "../db/database.ts";
import { cursorOfEvent, cursorOfSubjectEvent, placeOf, type Place } from "../db/event-log.ts";
import { orderKeyOf, sequenceOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import type { Asked, Listener, LiveGraph, Tell } from "./live-graph.ts";
import { LiveLog } from "./live-log.ts";
import { LiveOrders } from "./live-orders.ts";
import { LiveSockets, type Session } from "./live-sockets.ts";
import { liveCodeStub } from "./live-code-stub.ts";
import { within } from "./within.ts";

export const protocolName = "graphql-transport-ws";
/** How the Worker says who listens. Only it can reach the object. */
export const listenerHeader = "huoma-listener";

type Message = { readonly type?: unknown; readonly id?: unknown; readonly payload?: unknown };

export class LiveFeed {
  private readonly env: Env;
  private readonly graph: () => LiveGraph;
  private readonly sockets: LiveSockets;
  private readonly log: LiveLog;
  private readonly orders: LiveOrders;
  private keysAskedAt = 0;
  private begun = 0;

  constructor(ctx: DurableObjectState, env: Env, graph: () => LiveGraph) {
    this.env = env;
    this.graph = graph;
    this.sockets = new LiveSockets(ctx);
    // What never ends must not hold up anybody else.
    const render: Tell = (...news) => within(limits.liveAnswerMs, graph().tell(...news));
    this.log = new LiveLog(ctx.storage, this.sockets, render, (merchantId) => database(env, merchantId));
    this.orders = new LiveOrders(this.sockets, render, (key) => liveCodeStub(env, key));
  }

  isOpen(): boolean {
    return this.sockets.all().size > 0;
  }
  isFollowed(): boolean {
    return this.log.isFollowed();
  }
  /** There may be something new in the log. */
  look(): Promise<void> {
    return this.log.look();
  }
  changed(order: Order): Promise<boolean> {
    return this.orders.changed(order);
  }

  /** A WebSocket upgrade from the Worker, which knows who it is. */
  open(request: Request): Response {
    const listener = request.headers.get(listenerHeader);
    if (request.headers.get("upgrade") !== "websocket" || listener === null) return new Response(null, { status: 404 });
    if (this.sockets.all().size >= limits.liveSocketsPerMerchantMax) return new Response(null, { status: 503 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.sockets.open(server, JSON.parse(listener) as Listener, Date.now());
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { "sec-websocket-protocol": protocolName },
    });
  }

  async hear(socket: WebSocket, data: string | ArrayBuffer): Promise<void> {
    const session = this.sockets.session(socket);
    const message = typeof data === "string" && data.length <= limits.graphqlBodyBytesMax ? parsed(data) : null;
    if (!session) return;
    if (!message) return this.sockets.close(socket, 4400, "Invalid message");
    switch (message.type) {
      case "connection_init":
        if (session.acknowledged) return this.sockets.close(socket, 4429, "Too many initialisation requests");
        this.sockets.change(socket, (one) => ({ ...one, acknowledged: true }));
        return this.say(socket, { type: "connection_ack" });
      case "ping":
        return this.say(socket, { type: "pong", payload: message.payload });
      case "pong":
        return this.hasRead(socket);
      case "subscribe":
        return this.subscribe(socket, session, message);
      case "complete":
        return this.sockets.drop(socket, String(message.id));
      default:
        return this.sockets.close(socket, 4400, "Invalid message");
    }
  }

  closed(socket: WebSocket): void {
    this.sockets.close(socket, 1000, "");
  }
  /** Whatever it was, a stock client is to come back and not to give up. */
  failed(socket: WebSocket): void {
    this.sockets.close(socket, tryAgain, "Try again later");
  }

  /** Until when it is to be looked after again: keys that have ended are found in time, however often a look in between did not ask for them. */
  lookBy(now: number): number {
    const keysDueAt = this.keysAskedAt + limits.liveTickMs;
    return keysDueAt > now ? keysDueAt : now + limits.liveTickMs;
  }

  /** From time to time: keys that have ended end their sockets, and whatever nobody told us of is found. */
  async lookAfter(now: number): Promise<void> {
    await this.endRevoked(now);
    for (const [socket, { acknowledged, openedAt, pingedAt = null }] of this.sockets.all())
      if (!acknowledged && openedAt + limits.socketInitMs < now)
        this.sockets.close(socket, 4408, "Connection initialisation timeout");
      else if (pingedAt !== null && pingedAt + limits.liveUnreadMs < now)
        this.sockets.close(socket, tryAgain, "A ping was not answered: resume after the last event");
    this.sockets.forgetUnasked();
    await Promise.all([this.log.look(), this.orders.look(now)]);
  }

  /** It may be told what it could not be told until it had read. */
  private async hasRead(socket: WebSocket): Promise<void> {
    if (!this.sockets.hasRead(socket)) return;
    this.log.resume(socket);
    await this.orders.look(Date.now());
  }

  private async subscribe(socket: WebSocket, session: Session, { id, payload }: Message): Promise<void> {
    if (!session.acknowledged) return this.sockets.close(socket, 4401, "Unauthorized");
    if (typeof id !== "string" || id.length === 0 || id.length > limits.subscriptionIdLengthMax || !isMap(payload))
      return this.sockets.close(socket, 4400, "Invalid message");
    if (session.subscriptions.some((one) => one.id === id))
      return this.sockets.close(socket, 4409, `Subscriber for ${id} already exists`);
    if (session.subscriptions.length >= limits.subscriptionsPerSocketMax)
      return this.refuse(socket, id, [
        { message: `A socket has at most ${limits.subscriptionsPerSocketMax} subscriptions.` },
      ]);
    // Its place is taken before anything is awaited, so that another of this name meets it.
    this.begun += 1;
    const pending = { id, nth: this.begun, question: null, from: null, follows: false, version: -1 };
    this.sockets.change(socket, (one) => ({ ...one, subscriptions: [...one.subscriptions, pending] }));
    const isHere = () => this.sockets.subscription(socket, id)?.nth === pending.nth;
    const errors = await this.begin(socket, session, id, payload, isHere);
    if (errors && isHere()) this.refuse(socket, id, errors);
  }

  /** Null when it goes on from here, or is gone meanwhile; or why it does not. */
  private async begin(
    socket: WebSocket,
    session: Session,
    id: string,
    asked: Asked,
    isHere: () => boolean,
  ): Promise<readonly unknown[] | null> {
    const found = await this.graph().topicOf(asked, session.listener);
    if (!found.ok) {
      const { error } = found;
      if (error !== "LATER") return error;
      this.failed(socket);
      return null;
    }
    const { topic } = found.value;
    const after = topic.kind === "EVENTS" ? (lastEventIn(asked) ?? topic.after) : null;
    const from = after === null ? null : await this.placeOfEvent(session.listener.merchantId, after);
    if (after !== null && !from) return [notFound("The log has no such event to resume after.")];
    if (!isHere()) return null;
    const question = this.sockets.keep(found.value);
    if (question === null) return [tooLarge];
    if (topic.kind === "ORDER") {
      this.sockets.changeSubscription(socket, id, { question });
      const isThere = await this.orders.follow(socket, id, topic.key, session.listener.merchantId);
      return isThere ? null : [notFound("There is no such order.")];
    }
    if (!from) {
      this.sockets.changeSubscription(socket, id, { question });
      await this.log.follow(socket, id, session, isHere);
      return null;
    }
    this.sockets.changeSubscription(socket, id, { question, from });
    this.log.resume(socket);
    return null;
  }

  private async placeOfEvent(merchantId: string, id: string): Promise<Place | null> {
    const [orderKey, sequence] = [orderKeyOf(id), sequenceOf(id)];
    if (orderKey === null || sequence === null) {
      const cursor = await cursorOfSubjectEvent(database(this.env, merchantId), merchantId, id);
      return cursor === null ? null : placeOf(cursor);
    }
    const order = await liveCodeStub(this.env, orderKey).look(merchantId);
    if (!order) return null;
    const { placedAt } = order.terms;
    const cursor = await cursorOfEvent(database(this.env, merchantId), merchantId, { orderKey, sequence, placedAt });
    return cursor === null ? null : placeOf(cursor);
  }

  /** While the database does not answer nobody can know: then the next look does. */
  private async endRevoked(now: number): Promise<void> {
    if (now < this.keysAskedAt + limits.liveTickMs) return;
    this.keysAskedAt = now;
    const listeners = new Map([...this.sockets.all().values()].map(({ listener }) => [listener.keyId, listener]));
    await Promise.allSettled(
      [...listeners].map(async ([keyId, { merchantId }]) => {
        const found = await within(limits.liveAnswerMs, findApiKey(database(this.env, merchantId), keyId));
        const key = found?.apiKey;
        if (key && key.revokedAt === null && (key.expiresAt === null || now < key.expiresAt)) return;
        for (const [socket, { listener }] of this.sockets.all())
          if (listener.keyId === keyId) this.sockets.close(socket, 4403, "Forbidden");
      }),
    );
  }

  private refuse(socket: WebSocket, id: string, errors: readonly unknown[]): void {
    this.sockets.drop(socket, id);
    this.say(socket, { id, type: "error", payload: errors });
  }

  /** An answer to what a client sent. One that sends on and reads nothing is given no more of them. */
  private say(socket: WebSocket, message: object): void {
    if (this.sockets.isFull(socket)) return this.sockets.close(socket, tryAgain, "Read what you were told");
    this.sockets.send(socket, JSON.stringify(message));
  }
}

const tooLarge = {
  message: `A subscription's question has at most ${limits.liveQuestionLengthMax} characters, and all different ones of a merchant ${limits.liveQuestionsLengthMax}.`,
  extensions: { code: "TOO_LARGE" },
};
const notFound = (message: string) => ({ message, extensions: { code: "NOT_FOUND" } });

/** A stream that broke goes on after the last event that it told, wherever its question began. */
function lastEventIn({ extensions }: Asked): string | null {
  const id = isMap(extensions) ? extensions["lastEventId"] : null;
  return typeof id === "string" ? id : null;
}

/** Codes after which stock clients come back by themselves. */
const tryAgain = 1013;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(text: string): Message | null {
  try {
    const message: unknown = JSON.parse(text);
    return isMap(message) ? message : null;
  } catch {
    return null;
  }
}
