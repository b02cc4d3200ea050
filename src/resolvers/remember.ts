/** What an isolate keeps in mind for a moment: bounded in number and in age. Losing it costs a read, nothing else. */
export type Memory<Value> = {
  readonly get: (key: string, now: number) => Value | undefined;
  readonly set: (key: string, value: Value, now: number) => void;
  readonly forget: (key: string) => void;
};

/** At most `max` values, none older than `keptMs`; the oldest go first. */
export function remember<Value>(max: number, keptMs: number): Memory<Value> {
  const values = new Map<string, { readonly value: Value; readonly at: number }>();
  return {
    get: (key, now) => {
      const held = values.get(key);
      return held && now - held.at < keptMs ? held.value : undefined;
    },
    set: (key, value, now) => {
      values.delete(key);
      values.set(key, { value, at: now });
      const oldest = values.keys().next();
      if (values.size > max && !oldest.done) values.delete(oldest.value);
    },
    forget: (key) => void values.delete(key),
  };
}
