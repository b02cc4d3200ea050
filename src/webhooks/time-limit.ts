/**
 * Ends what takes longer than it may. What begins within the same moment is ended together: one signal for all of it, and one timer at a time, because making them for each costs a tenth
 * of an attempt. No timer while nothing is under way, because an object with a timer is kept in memory and billed. (`AbortSignal.timeout` goes on counting after the answer.)
 */
type Group = { readonly startedAt: number; readonly until: number; readonly controller: AbortController; size: number };

/** Of the time that one has, so much more may be given it. */
const grain = 1 / 60;

export class TimeLimit {
  readonly ms: number;
  private readonly now: () => number;
  /** Oldest first. Only the last one takes more. */
  private groups: readonly Group[] = [];
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(ms: number, now: () => number) {
    this.ms = ms;
    this.now = now;
  }

  /** Counts from now. Whoever is through says `end`, once. */
  begin(): { readonly signal: AbortSignal; readonly end: () => void } {
    const group = this.openGroup();
    group.size += 1;
    return { signal: group.controller.signal, end: () => this.end(group) };
  }

  private openGroup(): Group {
    const now = this.now();
    const last = this.groups.at(-1);
    const width = this.ms * grain;
    if (last && now >= last.startedAt && now < last.startedAt + width) return last;
    const group = { startedAt: now, until: now + this.ms + width, controller: new AbortController(), size: 0 };
    this.groups = [...this.groups, group];
    this.timer ??= setTimeout(() => this.ring(), this.ms + width);
    return group;
  }

  private end(group: Group): void {
    group.size -= 1;
    if (group.size > 0) return;
    this.groups = this.groups.filter((one) => one !== group);
    if (this.groups.length > 0 || this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
  }

  private ring(): void {
    this.timer = null;
    const now = this.now();
    for (const { until, controller } of this.groups) {
      if (until > now) {
        this.timer = setTimeout(() => this.ring(), until - now);
        return;
      }
      controller.abort();
    }
  }
}
