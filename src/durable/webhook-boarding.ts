/**
 * Attempts between the transaction that decided on them and the one that records what came of them. A commit costs more than a `fetch`, so a partner who answers at once is
 * sent what was decided in advance, a few at a time, and several outcomes are recorded together. In memory only: what is lost with it is found at the end of its lease.
 */
import { limits } from "../core/limits.ts";
import { attemptMs } from "../webhooks/queue.ts";
import { succeeded } from "../webhooks/retry.ts";
import type { Concluded, Departure } from "./webhook-endpoint-steps.ts";

export type Landed = { readonly departure: Departure; readonly outcome: Concluded };
type Ports = {
  readonly attempt: (departure: Departure) => Promise<Concluded>;
  readonly record: (landed: readonly Landed[]) => void;
  /** They have waited too long to be sent within their lease. */
  readonly giveBack: (departures: readonly Departure[]) => void;
  readonly waitUntil: (work: Promise<unknown>) => void;
};

export class Boarding {
  private readonly ports: Ports;
  private waiting: readonly Departure[] = [];
  private landed: readonly Landed[] = [];
  private flying = 0;
  /** Until nothing is under way any more. */
  private aloft: PromiseWithResolvers<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  /** The partner answered the last attempt well and soon. */
  private quick = false;

  constructor(ports: Ports) {
    this.ports = ports;
  }

  /** How many more than can be under way may be decided on. */
  get ahead(): number {
    return this.quick ? limits.webhookAheadMax : 0;
  }
  /** Not begun yet: may still be called back. */
  get uncalled(): readonly Departure[] {
    return this.waiting;
  }

  callBack(departures: readonly Departure[]): void {
    this.waiting = this.waiting.filter((one) => !departures.includes(one));
  }

  take(departures: readonly Departure[]): void {
    this.waiting = [...this.waiting, ...departures];
    this.board();
  }

  private board(): void {
    const now = Date.now();
    const late = this.waiting.filter(({ until }) => until - now < attemptMs);
    if (late.length > 0) return this.ports.giveBack(late);
    const free = Math.max(0, limits.webhookConcurrencyMax - this.flying);
    const going = this.waiting.slice(0, free);
    this.waiting = this.waiting.slice(free);
    this.flying += going.length;
    for (const departure of going) void this.send(departure);
    this.stay();
  }

  /** Keeps the object while anything is under way. One promise for all of it: giving one to the platform costs a tenth of an attempt. */
  private stay(): void {
    if (this.flying > 0 && !this.aloft) {
      this.aloft = Promise.withResolvers();
      this.ports.waitUntil(this.aloft.promise);
    } else if (this.flying === 0) {
      this.aloft?.resolve();
      this.aloft = null;
    }
  }

  /** Never rejects. */
  private async send(departure: Departure): Promise<void> {
    try {
      const outcome = await this.ports.attempt(departure);
      this.quick = succeeded(outcome) && outcome.durationMs < limits.webhookQuickMs;
      this.landed = [...this.landed, { departure, outcome }];
    } catch (fault) {
      // Its lease will end, and the alarm takes the event up again.
      console.error("an attempt of a webhook endpoint", fault);
    }
    this.flying -= 1;
    try {
      this.goOn();
    } catch (fault) {
      console.error("what follows an attempt of a webhook endpoint", fault);
    }
    this.stay();
  }

  private goOn(): void {
    // What went wrong may mean that nothing else may go.
    const isLast = this.flying === 0 && this.waiting.length === 0;
    if (!this.quick || isLast || this.landed.length >= limits.webhookLandedMax) this.record();
    else this.timer ??= setTimeout(() => this.record(), limits.webhookLandedMs);
    this.board();
  }

  private record(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const { landed } = this;
    this.landed = [];
    try {
      if (landed.length > 0) this.ports.record(landed);
    } catch (fault) {
      console.error("outcomes of a webhook endpoint", fault);
    }
  }
}
