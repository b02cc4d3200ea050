/** A question whose answer never changes, asked once per isolate. Only what was found is kept, so that inventions push nothing out. */
export function remembering<Found>(
  find: (text: string) => Found | null,
  keptMax: number,
): (text: string) => Found | null {
  const kept = new Map<string, Found>();
  return (text) => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    const found = find(text);
    if (found === null) return null;
    // The one that has been kept longest goes.
    if (kept.size >= keptMax) kept.delete(kept.keys().next().value ?? "");
    kept.set(text, found);
    return found;
  };
}
