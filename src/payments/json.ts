/** Reading what others send: everything is unknown until it was looked at. */
export type JsonMap = Readonly<Record<string, unknown>>;

export const isMap = (value: unknown): value is JsonMap =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Null for what is not UTF-8, not JSON, or no object. */
export function parseMap(body: Uint8Array | string): JsonMap | null {
  try {
    const told: unknown = JSON.parse(typeof body === "string" ? body : utf8.decode(body));
    return isMap(told) ? told : null;
  } catch {
    return null;
  }
}

/** A text that says something; null for anything else. */
export function textIn(map: JsonMap | null, name: string): string | null {
  const value = map?.[name];
  return typeof value === "string" && value !== "" ? value : null;
}

export function mapIn(map: JsonMap | null, name: string): JsonMap | null {
  const value = map?.[name];
  return isMap(value) ? value : null;
}

/** The beginning of a text, never half a character, in as many as a provider takes. */
export const beginning = (text: string, max: number): string => Array.from(text).slice(0, max).join("");
