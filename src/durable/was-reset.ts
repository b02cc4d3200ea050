/** What the platform says of a fault of its own. */
type Marks = Error & { readonly retryable?: unknown; readonly overloaded?: unknown };

/**
 * Whether an object that was called had merely been reset or moved, as every deploy does: then it is asked once more, over a new stub, since one that threw may stay
 * broken. An object that has too much to do (`overloaded`) is not pressed further.
 */
export function wasReset(fault: unknown): boolean {
  const marks: Marks | null = fault instanceof Error ? fault : null;
  return marks?.retryable === true && marks.overloaded !== true;
}
