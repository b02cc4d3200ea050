/**
 * An object's one alarm, as an instance of it knows it: null when there is none, undefined when it does not know. An instance learns it before it does
 * anything else, or it would put off one that is due.
 */
import { limits } from "../core/limits.ts";

export class KnownAlarm {
  at: number | null | undefined;
  private readonly storage: DurableObjectStorage;

  constructor(ctx: Pick<DurableObjectState, "storage" | "blockConcurrencyWhile">) {
    this.storage = ctx.storage;
    void ctx.blockConcurrencyWhile(() => this.learn());
  }

  /** It has rung. Whoever is rung sets the next one. */
  rang(): void {
    this.at = undefined;
  }

  /**
   * The platform gives an alarm up for good after seven faults in a row. An object that is found with work pending and no alarm must have one again:
   * whoever touches it first sees to it.
   */
  rearm(wakeAt: () => number | null): void {
    if (this.at === null) this.set(wakeAt(), true);
  }

  /**
   * An alarm that is set a little earlier or later than wanted is left alone: moving it would cost a row and gain nothing. So is one that is due: it
   * rings at any moment, and whoever moved it would put off what it is for.
   */
  serves(wake: number, now: number): boolean {
    if (typeof this.at !== "number") return false;
    if (this.at <= now) return ringsAnyMoment(this.at, now);
    return this.at === wake || (this.at <= now + limits.pollMs.early && wake <= now + limits.pollMs.early);
  }

  /** `exactly`: one that serves is moved as well, instead of being left to ring for nothing. */
  set(at: number | null, exactly = false): void {
    if (at === this.at || (at !== null && !exactly && this.serves(at, Date.now()))) return;
    this.storage.transactionSync(() => void (at === null ? this.storage.deleteAlarm() : this.storage.setAlarm(at)));
    this.at = at;
  }

  /** By then at the latest: one that rings earlier is left alone, as is one that is due. */
  ringBy(at: number): void {
    const now = Date.now();
    const known = typeof this.at === "number" ? this.at : null;
    const serves = known !== null && (known > now ? known <= at : ringsAnyMoment(known, now));
    if (!serves) this.set(at, true);
  }

  private async learn(): Promise<void> {
    try {
      this.at = await this.storage.getAlarm();
    } catch (fault) {
      console.error("an alarm that nobody knows of", fault);
    }
  }
}

/** One that is due for longer is not coming: the platform has given it up. */
const ringsAnyMoment = (due: number, now: number): boolean => now - due < limits.watchdogMs.longMax;
