/** A field that a caller may leave out or set to nothing, which mostly means the same. */
export type Optional<T> = T | null | undefined;

export const isGiven = <T>(value: Optional<T>): value is T => value !== null && value !== undefined;
