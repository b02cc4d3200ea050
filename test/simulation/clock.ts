/**
 * Simulated time. Nothing waits: the next thing that is due happens, and the clock says when. Whatever a thing sets in motion without
 * waiting is done before the next, so that the order of everything depends on the seed alone.
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** Something that runs and may be killed: an object in memory, or the Worker's work on one request. What is dead hears nothing any more. */
export class Process {
  alive = true;
  readonly name: string;
  /** Told once, when it is killed. */
  private readonly died: () => void;

  constructor(name: string, died: () => void) {
    this.name = name;
    this.died = died;
  }

  kill(): void {
    if (!this.alive) return;
    this.alive = false;
    this.died();
  }
}

/** Whose code runs now; nobody's, where people act. */
export const running = new AsyncLocalStorage<Process>();

type Due = { readonly at: number; readonly run: () => void };
const { setImmediate: afterwards } = globalThis;
/** Whatever can go on without time passing has gone on. */
const allThatIsUnderWay = (): Promise<void> => new Promise((resolve) => void afterwards(resolve));

export class Clock {
  now: number;
  happened = 0;
  /** Latest first, so that the next is at the end. */
  private readonly due: Due[] = [];

  constructor(now: number) {
    this.now = now;
  }

  after(ms: number, run: () => void): void {
    const at = this.now + Math.max(0, Math.round(ms));
    let [low, high] = [0, this.due.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.due[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    this.due.splice(low, 0, { at, run });
  }

  /** Runs in the name of whoever asks, and not at all once they are dead. */
  afterFor(owner: Process | undefined, ms: number, run: () => void): void {
    this.after(ms, () => {
      if (!owner) run();
      else if (owner.alive) running.run(owner, run);
    });
  }

  /** For people, who wait and are never killed. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Everything that is due up to then. */
  async runUntil(at: number): Promise<void> {
    await allThatIsUnderWay();
    for (let next = this.due.at(-1); next && next.at <= at; next = this.due.at(-1)) {
      this.due.pop();
      this.now = next.at;
      this.happened += 1;
      next.run();
      await allThatIsUnderWay();
    }
    this.now = at;
  }
}
