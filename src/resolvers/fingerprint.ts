/** Whether two requests ask for the same: a hash of what was asked, whatever the order of its fields, and with absent and null alike. */
import { sha256Hex } from "../keys/root.ts";

export const fingerprintOf = (input: object): string => sha256Hex(JSON.stringify(canonical(input)));

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return { fields: fields.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, field]) => [name, canonical(field)]) };
}
