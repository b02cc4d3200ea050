/** An object's one alarm, as an instance of it knows it: null when there is none, undefined when it does not know. */
import { limits } from "../core/limits.ts";

export class KnownAlarm {
  at: number | null | undefined;
  private readonly storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.storage = storage;
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
}

/** One that is due for longer is not coming: the platform has given it up. */
const ringsAnyMoment = (due: number, now: number): boolean => now - due < limits.watchdogMs.longMax;
