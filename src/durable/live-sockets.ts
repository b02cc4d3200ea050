/**
 * A feed's open sockets. Each carries its own state as its attachment, which survives the object's eviction (at most 16 KiB); what a subscription asks may be long
 * and is the same for many, so it is kept once, in the object's storage, under its hash.
 *
 * The platform queues what is sent without a bound, and does not say how much waits. So after each portion a client is pinged, as the protocol lets either side
 * do: whoever answers has read what came before. Nobody is sent more than two portions ahead; what comes then waits where it is kept anyway, in the log and in the
 * live code.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { limits } from "../core/limits.ts";
import type { Place } from "../db/event-log.ts";
import type { Asked, Listener, Topic } from "./live-graph.ts";

export type Subscription = {
  /** The client's own name of it, which it may give to another once this one is complete. */
  readonly id: string;
  /** Tells it from others of its name, for whoever waited meanwhile. */
  readonly nth?: number;
  /** What was asked: the hash of a `Question`. Null while it is being looked at. */
  readonly question: string | null;
  /** Of events: only those beyond it are still to be told. */
  readonly from: Place | null;
  /** Of events: told with all others. Until then it is being caught up. */
  readonly follows: boolean;
  /** Of an order: the version that was told last, and when its live code was last asked to tell. */
  readonly version: number;
  readonly askedAt?: number;
};
export type Session = {
  readonly listener: Listener;
  readonly openedAt: number;
  readonly acknowledged: boolean;
  /** Since when a ping waits for its answer. */
  readonly pingedAt?: number | null;
  /** How many bytes it was sent since its last ping. */
  readonly sent?: number;
  readonly subscriptions: readonly Subscription[];
};
export type Question = { readonly asked: Asked; readonly topic: Topic };

export type Subscribed = {
  readonly socket: WebSocket;
  readonly session: Session;
  readonly subscription: Subscription;
  readonly question: Question;
};

export class LiveSockets {
  private readonly ctx: DurableObjectState;
  private sessions: Map<WebSocket, Session> | null = null;
  private readonly questions = new Map<string, Question>();
  /** How long all kept questions are; null when it is not known. */
  private keptLength: number | null = null;

  constructor(ctx: DurableObjectState) {
    this.ctx = ctx;
  }

  all(): Map<WebSocket, Session> {
    this.sessions ??= new Map(
      this.ctx.getWebSockets().flatMap((socket) => {
        const session = socket.deserializeAttachment() as Session | null;
        return session ? [[socket, session]] : [];
      }),
    );
    return this.sessions;
  }

  /** Every subscription that was looked at, with what it asks. */
  subscribed(): readonly Subscribed[] {
    return [...this.all()].flatMap(([socket, session]) => this.subscribedOn(socket, session));
  }

  subscribedOn(socket: WebSocket, session: Session): readonly Subscribed[] {
    return session.subscriptions.flatMap((subscription) => {
      const question = subscription.question && this.question(subscription.question);
      return question ? [{ socket, session, subscription, question }] : [];
    });
  }

  open(socket: WebSocket, listener: Listener, now: number): void {
    const sessions = this.all();
    this.ctx.acceptWebSocket(socket);
    // Answered without waking the object, from now on. Pings with a payload are answered by hand.
    this.ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(`{"type":"ping"}`, `{"type":"pong"}`));
    const session: Session = { listener, openedAt: now, acknowledged: false, subscriptions: [] };
    sessions.set(socket, session);
    socket.serializeAttachment(session);
  }

  session(socket: WebSocket): Session | null {
    return this.all().get(socket) ?? null;
  }

  change(socket: WebSocket, change: (session: Session) => Session): void {
    const session = this.session(socket);
    if (!session) return;
    const changed = change(session);
    socket.serializeAttachment(changed);
    this.all().set(socket, changed);
  }

  subscription(socket: WebSocket, id: string): Subscription | null {
    return this.session(socket)?.subscriptions.find((one) => one.id === id) ?? null;
  }

  /** Nothing happens when it is gone meanwhile. */
  changeSubscription(socket: WebSocket, id: string, changes: Partial<Subscription>): void {
    this.change(socket, (session) => ({
      ...session,
      subscriptions: session.subscriptions.map((one) => (one.id === id ? { ...one, ...changes } : one)),
    }));
  }

  drop(socket: WebSocket, id: string): void {
    this.change(socket, (session) => ({
      ...session,
      subscriptions: session.subscriptions.filter((one) => one.id !== id),
    }));
  }

  close(socket: WebSocket, code: number, reason: string): void {
    this.all().delete(socket);
    try {
      socket.close(code, reason);
    } catch {
      // It was gone already.
    }
  }

  /** To whoever is there: a socket that is gone is closed by the platform. */
  send(socket: WebSocket, message: string): void {
    try {
      socket.send(message);
      this.change(socket, (one) => ({ ...one, sent: (one.sent ?? 0) + Buffer.byteLength(message) }));
      this.pingWhenDue(socket);
    } catch {
      this.all().delete(socket);
    }
  }

  /** Whether it has to read before it is told more. */
  isFull(socket: WebSocket): boolean {
    const session = this.session(socket);
    return isPinged(session) && hasPortion(session);
  }

  /** It has read everything up to the ping. False when there was none. */
  hasRead(socket: WebSocket): boolean {
    if (!isPinged(this.session(socket))) return false;
    this.change(socket, (one) => ({ ...one, pingedAt: null }));
    this.pingWhenDue(socket);
    return true;
  }

  private pingWhenDue(socket: WebSocket): void {
    const session = this.session(socket);
    if (isPinged(session) || !hasPortion(session)) return;
    this.change(socket, (one) => ({ ...one, pingedAt: Date.now(), sent: 0 }));
    socket.send(`{"type":"ping"}`);
  }

  /** A result, as JSON, to one subscription. Null ends it: there is none, and there will be none. `event`: the id of the one that it is about. */
  tell(socket: WebSocket, id: string, result: string | null, event?: string): void {
    const name = JSON.stringify(id);
    const place = event !== undefined && this.session(socket)?.listener.streams ? `,"event":"${event}"` : "";
    if (result !== null) return this.send(socket, `{"id":${name},"type":"next","payload":${result}${place}}`);
    this.drop(socket, id);
    this.send(socket, `{"id":${name},"type":"error","payload":[{"message":"Subscribe again."}]}`);
  }

  /** Keeps what is asked, and answers its hash; or null when it is too long, or there is no room for it. The subscription is to name it at once. */
  keep(question: Question): string | null {
    const text = JSON.stringify(question);
    if (text.length > limits.liveQuestionLengthMax) return null;
    const hash = createHash("sha256").update(text).digest("base64url").slice(0, 22);
    if (this.question(hash)) return hash;
    if (this.lengthKept() + text.length > limits.liveQuestionsLengthMax) this.forgetUnasked();
    const length = this.lengthKept() + text.length;
    if (length > limits.liveQuestionsLengthMax) return null;
    this.ctx.storage.transactionSync(() => this.ctx.storage.kv.put(questionKey(hash), text));
    this.questions.set(hash, question);
    this.keptLength = length;
    return hash;
  }

  /** Forgets what nobody asks any more. */
  forgetUnasked(): void {
    const asked = new Set([...this.all().values()].flatMap((one) => one.subscriptions.map(({ question }) => question)));
    this.ctx.storage.transactionSync(() => {
      for (const [key] of this.ctx.storage.kv.list({ prefix: questionPrefix }))
        if (!asked.has(key.slice(questionPrefix.length))) this.ctx.storage.kv.delete(key);
    });
    this.keptLength = null;
    for (const hash of this.questions.keys()) if (!asked.has(hash)) this.questions.delete(hash);
  }

  private lengthKept(): number {
    this.keptLength ??= [...this.ctx.storage.kv.list<string>({ prefix: questionPrefix })].reduce(
      (sum, [, text]) => sum + text.length,
      0,
    );
    return this.keptLength;
  }

  private question(hash: string): Question | null {
    const known = this.questions.get(hash);
    if (known) return known;
    const text = this.ctx.storage.kv.get<string>(questionKey(hash));
    if (text === undefined) return null;
    const question = JSON.parse(text) as Question;
    this.questions.set(hash, question);
    return question;
  }
}

const hasPortion = (session: Session | null): boolean => (session?.sent ?? 0) >= limits.liveUnreadBytes;
const isPinged = (session: Session | null): boolean => typeof session?.pingedAt === "number";

const questionPrefix = "asked:";
const questionKey = (hash: string): string => questionPrefix + hash;

/** Those who ask the same and may see the same are told the same. */
export const groupOf = ({ subscription, session }: Pick<Subscribed, "subscription" | "session">): string => {
  const { scopes, acceptLanguage, origin } = session.listener;
  return JSON.stringify([subscription.question, scopes, acceptLanguage, origin]);
};
