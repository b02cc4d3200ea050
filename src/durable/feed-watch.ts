/** Tells the merchant's feed of every change of the order, for as long as it asked to be told. What cannot be told is found by the feed itself. */
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { within } from "./within.ts";

const untilKey = "watchedUntil";

export class FeedWatch {
  private readonly ctx: DurableObjectState;
  private readonly env: Env;
  private until: number | null = null;
  /** What is told next: of changes that come while one is told, only the last counts. */
  private waiting: Order | null = null;
  private telling = false;

  constructor(ctx: DurableObjectState, env: Env) {
    this.ctx = ctx;
    this.env = env;
  }

  keep(until: number): void {
    this.ctx.storage.transactionSync(() => this.ctx.storage.kv.put(untilKey, until));
    this.until = until;
  }

  tell(order: Order, now: number): void {
    this.until ??= this.ctx.storage.kv.get<number>(untilKey) ?? 0;
    if (now >= this.until) return;
    this.waiting = order;
    if (!this.telling) this.ctx.waitUntil(this.tellAll());
  }

  private async tellAll(): Promise<void> {
    this.telling = true;
    try {
      while (this.waiting) {
        const order = this.waiting;
        this.waiting = null;
        const feed = this.env.MERCHANT_FEED.getByName(order.terms.merchant.id);
        const isWatched = await within(limits.orderWatchTimeoutMs, feed.changed(order));
        if (!isWatched && !this.waiting) this.keep(0);
      }
    } catch (fault) {
      console.error("telling a feed of an order", fault);
    } finally {
      this.telling = false;
    }
  }
}
