/**
 * Writes of many callers as few transactions: what comes while one is on its way goes together in the next. A lone write goes
 * at once; only while others wait already does a group gather for a moment, because a transaction costs the same whatever is in it. In memory only: a caller that heard no answer asks again.
 */
import { limits } from "../core/limits.ts";

type Waiting<Row, Answer> = {
  readonly row: Row;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (fault: unknown) => void;
};

export class GroupCommit<Row, Answer> {
  private readonly write: (rows: readonly Row[]) => Promise<readonly Answer[]>;
  private readonly max: number;
  private readonly waitingMax: number;
  /** How many rows the next group may have: less after faults, up to `max` as writes succeed. */
  private room: number;
  private waiting: Waiting<Row, Answer>[] = [];
  private writing = false;

  /** `write` takes all rows or, rejecting, none, and answers each in order. Beyond `waitingMax` rows nobody else is let in. */
  constructor(write: (rows: readonly Row[]) => Promise<readonly Answer[]>, max: number, waitingMax: number) {
    this.write = write;
    this.max = max;
    this.waitingMax = waitingMax;
    this.room = max;
  }

  /** Resolves once the row is committed; rejects when it is not, or when too many wait already. */
  async add(row: Row): Promise<Answer> {
    if (this.waiting.length >= this.waitingMax) throw new Error("too many rows wait for the database");
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.waiting.push({ row, resolve, reject });
    void this.writeAll();
    return promise;
  }

  private async writeAll(): Promise<void> {
    if (this.writing) return;
    this.writing = true;
    while (this.waiting.length > 0) {
      await this.writeGroup(this.waiting.splice(0, this.room));
      if (this.waiting.length > 0 && this.waiting.length < this.room) await scheduler.wait(limits.groupGatherMs);
    }
    this.writing = false;
  }

  private async writeGroup(group: readonly Waiting<Row, Answer>[]): Promise<void> {
    const fault = await this.attempt(group);
    if (fault === null) this.room = Math.min(this.max, this.room * 2);
    else await this.findCulprit(group, fault.reason);
  }

  /**
   * A group failed: for the sake of one of its rows, or because the database is away. Its halves tell. As long as one of them succeeds, the
   * search goes on in the other, until the row is alone. When both fail, nobody's row is to blame, or several are: then all callers hear of it
   * and come again, in smaller groups, which come to the culprits in the end.
   */
  private async findCulprit(group: readonly Waiting<Row, Answer>[], reason: unknown): Promise<void> {
    let suspects = group;
    let why = reason;
    while (suspects.length > 1) {
      const middle = Math.ceil(suspects.length / 2);
      const halves = [suspects.slice(0, middle), suspects.slice(middle)] as const;
      const faults = [await this.attempt(halves[0]), await this.attempt(halves[1])] as const;
      if (faults[0] && faults[1]) {
        this.room = middle;
        break;
      }
      const fault = faults[0] ?? faults[1];
      if (!fault) return;
      suspects = faults[0] ? halves[0] : halves[1];
      why = fault.reason;
    }
    for (const { reject } of suspects) reject(why);
  }

  /** Answers the group's callers; or says why not, and leaves them waiting. */
  private async attempt(group: readonly Waiting<Row, Answer>[]): Promise<{ readonly reason: unknown } | null> {
    try {
      const answers = await this.write(group.map(({ row }) => row));
      group.forEach(({ resolve }, index) => resolve(answers[index] as Answer));
      return null;
    } catch (reason) {
      return { reason };
    }
  }
}
