/**
 * An object's one alarm, as an instance of it knows it: null when there is none, undefined when it could not be seen. An instance learns it before it does
 * anything else, or it would put off one that is due. What it learnt in a transaction that is rolled back it forgets with it.
 */
import { limits } from "../core/limits.ts";

type Context = {
  readonly storage: Pick<DurableObjectStorage, "getAlarm" | "setAlarm" | "deleteAlarm" | "transactionSync">;
  readonly blockConcurrencyWhile: (work: () => Promise<void>) => Promise<void>;
};

export class KnownAlarm {
  private at: number | null | undefined;
  private readonly storage: Context["storage"];

  /** `wakeAt`: when what an object holds wants it to be woken, for one that is found without an alarm. */
  constructor(ctx: Context, wakeAt: () => number | null = () => null) {
    this.storage = ctx.storage;
    void ctx.blockConcurrencyWhile(() => this.learn(wakeAt)).then(() => this.rearm(wakeAt));
  }

  /** It has rung. `again`: the next one, set before anything else is done, so that no fault can end it. Without, whoever is rung sets it. */
  rang(again: number | null = null): void {
    this.at = null;
    this.set(again);
  }

  /** One transaction, together with the alarm that is set in it. */
  transaction<Done>(work: () => Done): Done {
    const before = this.at;
    try {
      return this.storage.transactionSync(work);
    } catch (fault) {
      this.at = before;
      throw fault;
    }
  }

  /** `exactly`: one that serves is moved as well, instead of being left to ring for nothing. */
  set(at: number | null, exactly = false): void {
    if (at === this.at || (at !== null && !exactly && this.serves(at, Date.now()))) return;
    this.storage.transactionSync(() => void (at === null ? this.storage.deleteAlarm() : this.storage.setAlarm(at)));
    this.at = at;
  }

  /** By then at the latest, if at all: one that rings earlier is left alone, as moving it costs a row; and so is one that is due. */
  ringBy(at: number | null): void {
    if (at === null) return;
    const now = Date.now();
    const known = typeof this.at === "number" ? this.at : null;
    const serves = known !== null && (known > now ? known <= at : ringsAnyMoment(known, now));
    if (!serves) this.set(at, true);
  }

  /**
   * An alarm that is set a little earlier or later than wanted is left alone: moving it would cost a row and gain nothing. So is one that is due: it
   * rings at any moment, and whoever moved it would put off what it is for.
   */
  private serves(wake: number, now: number): boolean {
    if (typeof this.at !== "number") return false;
    if (this.at <= now) return ringsAnyMoment(this.at, now);
    return this.at === wake || (this.at <= now + limits.pollMs.early && wake <= now + limits.pollMs.early);
  }

  /** Where nobody can see whether there is one it rings at once: whoever is rung looks after everything and sets the next, and none that is due was put off. */
  private async learn(wakeAt: () => number | null): Promise<void> {
    try {
      this.at = await this.storage.getAlarm();
    } catch (fault) {
      console.error("an alarm that nobody knows of", fault);
      this.arm(() => (wakeAt() === null ? null : Date.now()));
    }
  }

  /**
   * The platform gives an alarm up for good after seven faults in a row, so an object that is found with work and no alarm has one again. Not before whoever
   * found it has begun: the platform shows no alarm to an object that it wakes to ring it, and that sets the next by itself.
   */
  private async rearm(wakeAt: () => number | null): Promise<void> {
    if (this.at !== null) return;
    await scheduler.wait(0);
    if (this.at === null) this.arm(wakeAt);
  }

  private arm(wakeAt: () => number | null): void {
    try {
      const wake = wakeAt();
      if (wake !== null) this.set(wake, true);
    } catch (fault) {
      console.error("an alarm that may be forgotten", fault);
    }
  }
}

/** One that is due for longer is not coming: the platform has given it up. */
const ringsAnyMoment = (due: number, now: number): boolean => now - due < limits.watchdogMs.longMax;
