/**
 * How many finished deliveries an endpoint's log holds, without reading them all whenever somebody asks: those that happened up to a moment are counted once, and what changes among
 * them later is added or taken away. Whoever finishes what has just happened writes nothing here, since that is counted only a minute later.
 */
import { limits } from "../core/limits.ts";

type Counts = { readonly delivered: number; readonly dead: number };
type Tally = Counts & {
  /** Of events that happened until then, inclusive. */
  readonly until: number;
};
/** As the table has it: 1 was delivered, 2 was given up. */
export type Settled = 1 | 2;

const key = "tally";

export const webhookTally = ({ sql, kv }: Pick<DurableObjectStorage, "sql" | "kv">) => {
  const read = (): Tally => kv.get<Tally>(key) ?? { until: -1, delivered: 0, dead: 0 };
  const count = (settled: Settled, after: number, until: number): number => {
    const query = "SELECT count(*) AS n FROM deliveries WHERE settled = ? AND at > ? AND at <= ?";
    return sql.exec<{ n: number }>(query, settled, after, until).one().n;
  };
  /** With those that happened after a moment, up to another. */
  const withThose = ({ delivered, dead }: Counts, after: number, until: number): Counts => ({
    delivered: delivered + count(1, after, until),
    dead: dead + count(2, after, until),
  });
  /** Where a portion ends that begins after a moment, and the last moment when it never fills. */
  const endOfPortion = (settled: Settled, after: number, last: number): number => {
    const query = "SELECT at FROM deliveries WHERE settled = ? AND at > ? AND at <= ? ORDER BY at LIMIT 1 OFFSET ?";
    const [row] = sql.exec<{ at: number }>(query, settled, after, last, limits.webhookTallyPortion).toArray();
    return row?.at ?? last;
  };

  return {
    /** Up to when everything is counted: what changes there must be said. */
    until: (): number => read().until,
    /** So many more are finished, or fewer, of an event that happened then. */
    change(settled: Settled, at: number, by: number): void {
      const tally = read();
      if (by === 0 || at > tally.until) return;
      kv.put(key, settled === 1 ? { ...tally, delivered: tally.delivered + by } : { ...tally, dead: tally.dead + by });
    },
    /** Whatever happened before is deleted. Where more was than is counted, nothing that was counted is left. */
    forget(before: number): void {
      const { until } = read();
      if (until >= 0 && until < before) kv.delete(key);
    },
    /** Null when a portion was counted and more is left. */
    count(now: number): Counts | null {
      const tally = read();
      const last = Math.max(tally.until, now - limits.webhookTallyLagMs);
      const until = Math.min(endOfPortion(1, tally.until, last), endOfPortion(2, tally.until, last));
      const counts = withThose(tally, tally.until, until);
      const added = counts.delivered + counts.dead - tally.delivered - tally.dead;
      // Worth a row only where it saves much reading.
      if (until < last || added > limits.webhookTallyPortion / 10) kv.put(key, { until, ...counts });
      return until < last ? null : withThose(counts, until, Number.MAX_SAFE_INTEGER);
    },
  };
};
