/** Instants as others write them: RFC 3339 (https://www.rfc-editor.org/rfc/rfc3339#section-5.6), with seconds and an offset. */
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** Milliseconds since 1970 UTC; null for anything that is no such instant, 30 February included. */
export function parseInstant(value: unknown): number | null {
  if (typeof value !== "string" || !rfc3339.test(value)) return null;
  const at = Date.parse(value);
  // A day that no month has is moved into the next by some parsers.
  return Number.isNaN(at) || new Date(`${value.slice(0, 10)}T00:00:00Z`).getUTCDate() !== Number(value.slice(8, 10))
    ? null
    : at;
}
