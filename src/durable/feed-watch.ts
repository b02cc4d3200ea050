/**
 * Tells the merchant's feed of every change of the order, for as long as it asked to be told. What cannot be told is found by the feed itself. Being asked again
 * writes nothing while more than half of that time is left.
 */
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { within } from "./within.ts";

const untilKey = "watchedUntil";

export class FeedWatch {
  private readonly ctx: DurableObjectState;
  private readonly env: Env;
  private known: number | null = null;
  /** How often it was asked: an answer that nobody watches any more may be older than somebody who does. */
  private asked = 0;
  /** What is told next: of changes that come while one is told, only the last counts. */
  private waiting: Order | null = null;
  private telling = false;

  constructor(ctx: DurableObjectState, env: Env) {
    this.ctx = ctx;
    this.env = env;
  }

  keep(until: number): void {
    this.asked += 1;
    if (until - this.until() > limits.orderWatchMs / 2) this.write(until);
  }

  tell(order: Order, now: number): void {
    if (now >= this.until()) return;
    this.waiting = order;
    if (!this.telling) this.ctx.waitUntil(this.tellAll());
  }

  private async tellAll(): Promise<void> {
    this.telling = true;
    try {
      while (this.waiting) {
        const order = this.waiting;
        this.waiting = null;
        const { asked } = this;
        const isWatched = await this.told(order);
        if (!isWatched && asked === this.asked && !this.waiting) this.write(0);
      }
    } catch (fault) {
      console.error("telling a feed of an order", fault);
    } finally {
      this.telling = false;
    }
  }

  /** Once more when it fails: a feed that was restarted answers at once. */
  private async told(order: Order): Promise<boolean> {
    const feed = () =>
      within(limits.orderWatchTimeoutMs, this.env.MERCHANT_FEED.getByName(order.terms.merchant.id).changed(order));
    try {
      return await feed();
    } catch {
      return feed();
    }
  }

  private until(): number {
    this.known ??= this.ctx.storage.kv.get<number>(untilKey) ?? 0;
    return this.known;
  }

  private write(until: number): void {
    this.ctx.storage.transactionSync(() => this.ctx.storage.kv.put(untilKey, until));
    this.known = until;
  }
}
