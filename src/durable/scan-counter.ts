/**
 * Scans that wait in memory to be written together: a code on a poster must not cost a row a glance. At most a few seconds of them can be lost.
 * A scan by itself is written at once: keeping the object for it would cost more than the row.
 */
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { decide } from "../core/transitions.ts";

export class ScanCounter {
  private count = 0;
  private firstAt = 0;
  private flushedAt = 0;
  private isScheduled = false;
  private readonly flush: () => void;
  private readonly waitUntil: (work: Promise<void>) => void;

  /** `flush` writes what waits; `waitUntil` keeps the object for the few seconds until then. */
  constructor(flush: () => void, waitUntil: (work: Promise<void>) => void) {
    this.flush = flush;
    this.waitUntil = waitUntil;
  }

  /** The first scan of all is written at once: a shop may be watching its screen for it. */
  add(now: number, isFirst: boolean): void {
    if (this.count === 0) this.firstAt = now;
    this.count += 1;
    if (this.isScheduled) return;
    const wait = isFirst ? 0 : this.flushedAt + limits.scanFlushMs - now;
    this.isScheduled = true;
    if (wait <= 0) this.write();
    else this.waitUntil(scheduler.wait(wait).then(() => this.write()));
  }

  /** The order with the scans that wait. They are no change of the order: its version stays. */
  into(order: Order, now: number): Order {
    if (this.count === 0) return order;
    const counted = decide(order, { kind: "scan", count: this.count, firstAt: this.firstAt }, now);
    return counted.ok ? { ...order, scans: counted.order.scans } : order;
  }

  /** They have been written. */
  written(now: number): void {
    this.count = 0;
    this.flushedAt = now;
  }

  /** A scan shows the code whatever becomes of its count: one that could not be written waits for the next. */
  private write(): void {
    this.isScheduled = false;
    try {
      if (this.count > 0) this.flush();
    } catch (fault) {
      console.error("scans of a live code", fault);
    }
  }
}
