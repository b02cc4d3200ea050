/**
 * The live code: one object per order, and the only place that decides what the order is. It loads, lets the core decide, commits the
 * decision with its events, marks and alarm in one transaction, answers, and only then tells the rest of the world (`tell`). Whatever did
 * not get told is told by the alarm. Fields in memory are caches: an object that was evicted between any two steps goes on as if it had not.
 */
import { DurableObject } from "cloudflare:workers";
import type { Command } from "../core/commands.ts";
import type { OrderEvent } from "../core/events.ts";
import { limits } from "../core/limits.ts";
import { newOrder, type Order, type OrderTerms } from "../core/order.ts";
import { stateOf, type OrderState } from "../core/state.ts";
import { decide, type Decision } from "../core/transitions.ts";
import { effectsOf, pollAt } from "../core/work.ts";
import { keepRefused, perform } from "./effects.ts";
import { FeedWatch } from "./feed-watch.ts";
import { KnownAlarm } from "./known-alarm.ts";
import { liveCodeStore, newStoredLiveCode, type StoredLiveCode } from "./live-code-store.ts";
import { isDrained, owedOf, urgentOf, wakeAt, type Audience, type Failures } from "./outbox.ts";
import type { Applied, LiveCodeProtocol, LiveCodePulse, Placed, Scanned } from "./protocol.ts";
import { OutsideWork } from "./outside-work.ts";
import { ScanCounter } from "./scan-counter.ts";
import { teller } from "./telling.ts";

export class LiveCode extends DurableObject<Env> implements LiveCodeProtocol {
  private readonly store = liveCodeStore(this.ctx.storage.sql);
  private cached: StoredLiveCode | null = null;
  private readonly alarmClock = new KnownAlarm(this.ctx, () => {
    const stored = this.read();
    return stored && this.wakeOf(stored);
  });
  private failures: Failures = { readModel: 0, partners: 0, outside: 0 };
  private readonly tell = teller(this.env, {
    current: () => this.mustRead(),
    told: (audience, mark, news) => this.told(audience, mark, news),
    refused: (audience) => this.refused(audience),
  });
  private performing: Promise<void> | null = null;
  private readonly feed = new FeedWatch(this.ctx, this.env);
  /** Something came to be wanted while others were under way. */
  private performAgain = false;
  private readonly outside = new OutsideWork(this.env, {
    order: () => this.mustRead().order,
    begin: (command) => this.begin(command),
    hear: (command) => void this.hear(command),
    answered: () => void (this.failures = { ...this.failures, outside: 0 }),
    refused: () => this.refused("outside"),
  });
  private readonly scans = new ScanCounter(
    () => this.commit(this.mustRead(), Date.now()),
    (work) => this.ctx.waitUntil(work),
  );

  async place(terms: OrderTerms, fingerprint: string): Promise<Placed> {
    const found = this.read();
    if (found)
      return found.fingerprint === fingerprint ? { kind: "replayed", order: found.order } : { kind: "conflict" };
    const now = Date.now();
    const decision = decide(newOrder(terms), { kind: "place" }, now);
    if (!decision.ok) throw new Error("a new order can always be placed");
    this.commit(this.with(newStoredLiveCode(decision.order, fingerprint), decision), now, () => this.store.create());
    this.ctx.waitUntil(this.tell(urgentOf));
    return { kind: "placed", order: decision.order };
  }

  async look(merchantId?: string): Promise<Order | null> {
    const order = this.read(merchantId)?.order;
    return order ? this.scans.into(order, Date.now()) : null;
  }

  async watch(merchantId: string, until: number): Promise<Order | null> {
    if (!this.read(merchantId)) return null;
    this.feed.keep(until);
    return this.look(merchantId);
  }

  async timeline(merchantId?: string): Promise<readonly OrderEvent[]> {
    return this.read(merchantId)?.events ?? [];
  }

  async scan(human: boolean): Promise<Scanned> {
    const stored = this.read();
    if (!stored) return null;
    const now = Date.now();
    const { order } = stored;
    if (human) this.scans.add(now, order.scans.firstAt === null);
    const state = stateOf(order, now);
    return leadsTo(order, state) ?? { state, order };
  }

  async apply(command: Command, merchantId?: string): Promise<Applied> {
    if (!this.read(merchantId)) return { found: false };
    const decision = this.decideAndCommit(command, Date.now());
    const { order } = this.mustRead();
    if (!decision.ok) return { found: true, ok: false, refusal: decision.refusal, order };
    if (decision.changed) {
      this.ctx.waitUntil(this.tell(urgentOf));
      this.ctx.waitUntil(this.performUrgent());
      this.ctx.waitUntil(this.outside.carryOut());
    }
    return { found: true, ok: true, order, changed: decision.changed };
  }

  /** A page that watches: told at once and at every change. The socket hibernates with the object. */
  override async fetch(request: Request): Promise<Response> {
    const stored = this.read();
    if (!stored || request.headers.get("upgrade") !== "websocket") return new Response(null, { status: 404 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const now = Date.now();
    server.send(pulse(stored.order, now));
    // Somebody watches a payment from now on.
    if (pollAt(stored.order, now, true) !== null) this.alarmClock.set(this.wakeOf(stored, now));
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(): void {
    // Watchers only listen.
  }

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }

  /**
   * The watchdog: re-arms before it does anything, so that no fault can end it. Throws only when no alarm can be set: then the platform rings
   * again by itself, and after that whoever touches the object sees to it.
   */
  override async alarm(): Promise<void> {
    this.alarmClock.rang();
    try {
      const stored = this.read();
      if (!stored || this.wakeOf(stored) === null) return;
      this.alarmClock.set(Date.now() + limits.watchdogMs.max);
      this.decideAndCommit({ kind: "tick" }, Date.now());
      // Money and news have their time limits within the alarm; whatever else is done elsewhere takes its own time beside it.
      this.ctx.waitUntil(this.outside.carryOut());
      await Promise.all([this.performAll(), this.tell(owedOf)]);
      // Exactly: the alarm that was set first would only ask again before it is time.
      this.alarmClock.set(this.wakeOf(this.mustRead()), true);
    } catch (fault) {
      console.error("alarm of a live code", fault);
      // Whatever went wrong, even a document that this version cannot read: somebody must come back for it.
      this.alarmClock.set(Date.now() + limits.watchdogMs.longMax, true);
    }
  }

  private read(merchantId?: string): StoredLiveCode | null {
    const stored = (this.cached ??= this.store.read());
    return stored && (merchantId === undefined || stored.order.terms.merchant.id === merchantId) ? stored : null;
  }

  private wakeOf(stored: StoredLiveCode, now = Date.now()): number | null {
    return wakeAt(stored, now, this.failures, this.ctx.getWebSockets().length > 0);
  }

  private mustRead(): StoredLiveCode {
    const stored = this.read();
    if (!stored) throw new Error("nothing was placed here");
    return stored;
  }

  /** One synchronous step from reading to committing: nothing can come between. */
  private decideAndCommit(command: Command, now: number): Decision {
    const stored = this.mustRead();
    const decision = decide(stored.order, command, now);
    if (decision.ok && decision.changed) this.commit(this.with(stored, decision), now);
    return decision;
  }

  private with(stored: StoredLiveCode, decision: Extract<Decision, { ok: true }>): StoredLiveCode {
    const { order, events } = decision;
    return { ...stored, order, events: [...stored.events, ...events], material: order.version };
  }

  /** The document and the alarm that guards it, together or not at all. Scans that were waiting go with whatever is written next. */
  private commit(decided: StoredLiveCode, now: number, before?: () => void): void {
    const next = { ...decided, order: this.scans.into(decided.order, now) };
    const wake = this.wakeOf(next, now);
    this.alarmClock.transaction(() => {
      before?.();
      this.store.write(next);
      if (wake !== null) this.alarmClock.set(wake);
    });
    const previous = this.cached;
    this.cached = next;
    this.scans.written(now);
    if (!previous || !hasNews(previous.order, next.order)) return;
    this.tellWatchers(next.order, now);
    this.feed.tell(next.order, now);
  }

  private tellWatchers(order: Order, now: number): void {
    const message = pulse(order, now);
    for (const socket of this.ctx.getWebSockets()) {
      try {
        socket.send(message);
      } catch {
        // A socket that is gone will be closed by the platform.
      }
    }
  }

  /**
   * Marks alone are worth a row only when they are the last: until then they are kept in memory, and lost with it, which costs telling
   * something twice. The alarm that guards what is still owed stays where it is.
   */
  private told(audience: Audience, mark: (stored: StoredLiveCode) => StoredLiveCode, news: Command | null): void {
    this.failures = { ...this.failures, [audience]: 0 };
    const now = Date.now();
    this.cached = mark(this.mustRead());
    const decision = news && decide(this.cached.order, news, now);
    if (decision?.ok && decision.changed) {
      this.commit(this.with(this.cached, decision), now);
      this.ctx.waitUntil(this.tell(urgentOf));
      this.ctx.waitUntil(this.outside.carryOut());
    } else if (isDrained(owedOf(this.cached))) {
      this.commit(this.cached, now);
    }
  }

  private refused(audience: keyof Failures): void {
    this.failures = { ...this.failures, [audience]: this.failures[audience] + 1 };
    this.alarmClock.set(this.wakeOf(this.mustRead()));
  }

  /** What a payer or a merchant waits for (closing, refunding) is begun at once; what is only asked about waits for the alarm. */
  private async performUrgent(): Promise<void> {
    if (effectsOf(this.mustRead().order).some(({ kind }) => kind !== "QUERY")) await this.performAll();
  }

  /** False when it was refused. What it changed is told. */
  private hear(command: Command): boolean {
    const decision = this.decideAndCommit(command, Date.now());
    if (decision.ok && decision.changed) {
      this.performAgain = true;
      this.ctx.waitUntil(this.tell(urgentOf));
    }
    return decision.ok;
  }

  /** Written down and not told: what comes of it is, in a moment. */
  private begin(command: Command): Order | null {
    const decision = this.decideAndCommit(command, Date.now());
    return decision.ok && decision.changed ? decision.order : null;
  }

  private performAll(): Promise<void> {
    if (this.performing) this.performAgain = true;
    this.performing ??= this.performEach();
    return this.performing;
  }

  private async performEach(): Promise<void> {
    try {
      const { order } = this.mustRead();
      const news = await Promise.all(effectsOf(order).map((effect) => perform(this.env, order, effect)));
      const told = news.filter((command) => command !== null);
      const refused = told.filter((command) => !this.hear(command));
      const kept = await Promise.all(refused.map((command) => keepRefused(this.env, order.terms.key, command)));
      for (const command of kept) if (command) this.hear(command);
    } finally {
      this.performing = null;
      if (this.performAgain) this.ctx.waitUntil(this.performUrgent());
      this.performAgain = false;
    }
  }
}

/** Where the code leads now when not to its own page: the conversion's target once paid, the merchant's checkout while it can be paid. */
function leadsTo(order: Order, state: OrderState): string | null {
  const target = order.conversion?.target;
  // A coupon is for who paid, so it is on the receipt; everything else is a place of its own.
  if (order.paid) return target && target.kind !== "RECEIPT" && target.kind !== "COUPON" ? target.url : null;
  return state === "OPEN" || state === "CLAIMED" || state === "PAYING" ? order.terms.checkoutUrl : null;
}

/** Whether somebody who watches should hear of it; marks that moved are nobody's business. */
const hasNews = (before: Order, after: Order): boolean =>
  before.version !== after.version || before.scans.count !== after.scans.count;

const pulse = (order: Order, now: number): string =>
  JSON.stringify({
    state: stateOf(order, now),
    version: order.version,
    scans: order.scans.count,
  } satisfies LiveCodePulse);
