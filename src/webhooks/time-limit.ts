/**
 * Ends what takes longer than it may. One timer for all that is under way, because setting and clearing one for each costs a tenth of an attempt; none while
 * nothing is under way, because an object with a timer is kept in memory and billed. (`AbortSignal.timeout` goes on counting after the answer.)
 */
type Running = { readonly until: number; readonly controller: AbortController };

export class TimeLimit {
  readonly ms: number;
  private readonly now: () => number;
  /** Oldest first, as each has the same time. */
  private readonly running = new Set<Running>();
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(ms: number, now: () => number) {
    this.ms = ms;
    this.now = now;
  }

  /** Counts from now. Whoever is through says `end`. */
  begin(): { readonly signal: AbortSignal; readonly end: () => void } {
    const one = { until: this.now() + this.ms, controller: new AbortController() };
    this.running.add(one);
    this.timer ??= setTimeout(() => this.ring(), this.ms);
    return { signal: one.controller.signal, end: () => this.end(one) };
  }

  private end(one: Running): void {
    this.running.delete(one);
    if (this.running.size > 0 || this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
  }

  private ring(): void {
    this.timer = null;
    const now = this.now();
    for (const { until, controller } of this.running) {
      if (until > now) {
        this.timer = setTimeout(() => this.ring(), until - now);
        return;
      }
      controller.abort();
    }
  }
}
