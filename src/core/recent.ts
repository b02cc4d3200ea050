/** What was met lately, by its name: at most so many, of which the one that was kept first goes. Losing something costs finding or making it again, nothing else. */
export class Recent<Value> {
  private readonly kept = new Map<string, Value>();
  private readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  get(name: string): Value | undefined {
    return this.kept.get(name);
  }

  set(name: string, value: Value): void {
    this.kept.delete(name);
    const oldest = this.kept.size >= this.max ? this.kept.keys().next() : null;
    if (oldest && !oldest.done) this.kept.delete(oldest.value);
    this.kept.set(name, value);
  }

  /** As it was made the first time. */
  of(name: string, make: () => Value): Value {
    const known = this.kept.get(name);
    if (known !== undefined) return known;
    const made = make();
    this.set(name, made);
    return made;
  }

  delete(name: string): void {
    this.kept.delete(name);
  }

  /** From what was kept first on, until one is to stay. */
  forgetUntil(isToStay: (value: Value) => boolean): void {
    for (const [name, value] of this.kept) {
      if (isToStay(value)) return;
      this.kept.delete(name);
    }
  }
}

/** The same, of which nothing older than `keptMs` is told, or stays once anything new is kept. */
export class Fresh<Value> {
  private readonly values: Recent<{ readonly value: Value; readonly at: number }>;
  private readonly keptMs: number;

  constructor(max: number, keptMs: number) {
    this.values = new Recent(max);
    this.keptMs = keptMs;
  }

  get(name: string, now: number): Value | undefined {
    const held = this.values.get(name);
    return held && this.isFresh(held, now) ? held.value : undefined;
  }

  set(name: string, value: Value, now: number): void {
    this.values.forgetUntil((held) => this.isFresh(held, now));
    this.values.set(name, { value, at: now });
  }

  delete(name: string): void {
    this.values.delete(name);
  }

  private isFresh({ at }: { readonly at: number }, now: number): boolean {
    return now - at < this.keptMs;
  }
}

/** A question whose answer never changes, asked once per isolate. Only what was found is kept, so that inventions push nothing out. */
export function remembering<Found>(
  find: (text: string) => Found | null,
  keptMax: number,
): (text: string) => Found | null {
  const kept = new Recent<Found>(keptMax);
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const found = find(text);
    if (found !== null) kept.set(text, found);
    return found;
  };
}
