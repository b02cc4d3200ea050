/** What an isolate keeps in mind for a moment: bounded in number and in age. Losing it costs a read, nothing else. */
import { Recent } from "../core/recent.ts";

export type Memory<Value> = {
  readonly get: (key: string, now: number) => Value | undefined;
  readonly set: (key: string, value: Value, now: number) => void;
  readonly forget: (key: string) => void;
};

/** At most `max` values, none older than `keptMs`; the oldest go first. */
export function remember<Value>(max: number, keptMs: number): Memory<Value> {
  const values = new Recent<{ readonly value: Value; readonly at: number }>(max);
  return {
    get: (key, now) => {
      const held = values.get(key);
      return held && now - held.at < keptMs ? held.value : undefined;
    },
    set: (key, value, now) => values.set(key, { value, at: now }),
    forget: (key) => values.delete(key),
  };
}
