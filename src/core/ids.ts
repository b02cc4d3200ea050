/**
 * Ids: a readable prefix and Crockford base 32 (https://www.crockford.com/base32.html: no I, L, O, U). Pure: randomness and keyed tags are passed in.
 * One order's key names its object, its id, its slug, its events and its payments, so none of them needs a look-up.
 */
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** 16 characters, 80 bits, upper case. */
export type OrderKey = string & { readonly __brand: "OrderKey" };
/** A keyed function: the same bytes for the same text, unpredictable without the key. At least 32 bytes. */
export type Keyed = (text: string) => Uint8Array;

const keyLength = 16;
const tagLength = 8;
const orderKeyPattern = /^[0-9A-HJKMNP-TV-Z]{16}$/;

/** The first `length` characters of the bytes in base 32, five bits each. */
export function base32(bytes: Uint8Array, length: number): string {
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    bits = ((bits << 8) | byte) & 0xffff;
    held += 8;
    while (held >= 5 && text.length < length) {
      held -= 5;
      text += alphabet[(bits >> held) & 31];
    }
  }
  if (text.length < length) throw new Error(`base32: ${bytes.length} bytes do not give ${length} characters`);
  return text;
}

export const isOrderKey = (text: string): text is OrderKey => orderKeyPattern.test(text);
export const orderKeyFrom = (bytes: Uint8Array): OrderKey => base32(bytes, keyLength) as OrderKey;

/** What the QR image carries: the key and a 40-bit keyed tag, so a forged slug is refused before anything is touched. */
export const slugOf = (key: OrderKey, tag: Keyed): string => key + base32(tag(key), tagLength);

/** The key inside a slug, or null for malformed and forged ones alike. Compares the whole tag whatever differs first. */
export function keyOfSlug(slug: string, tag: Keyed): OrderKey | null {
  if (slug.length !== keyLength + tagLength) return null;
  const key = slug.slice(0, keyLength);
  if (!isOrderKey(key)) return null;
  const expected = slugOf(key, tag);
  let difference = 0;
  for (let index = 0; index < expected.length; index += 1)
    difference |= expected.charCodeAt(index) ^ slug.charCodeAt(index);
  return difference === 0 ? key : null;
}

export type IdPrefix =
  | "merchant"
  | "product"
  | "account"
  | "apikey"
  | "endpoint"
  | "customer"
  | "block"
  | "order"
  | "payment"
  | "refund"
  | "event"
  | "conversion"
  | "delivery"
  | "placement"
  | "pool"
  | "staff"
  | "unmatched";

/** `order_01H455VB4PEX5VSK` and the like: the prefix says what it is, wherever it is met. */
export type Id<P extends IdPrefix = IdPrefix> = `${P}_${string}`;

export const orderId = (key: OrderKey): Id<"order"> => `order_${key}`;
export const conversionId = (key: OrderKey): Id<"conversion"> => `conversion_${key}`;
/** Numbers within an order are four base-32 digits: sortable, and room for a million. */
const counterLength = 4;
const counter = (value: number): string => {
  let text = "";
  for (let rest = value, index = 0; index < counterLength; index += 1, rest = Math.floor(rest / 32))
    text = alphabet[rest % 32] + text;
  return text;
};
/** `subject` is an order's key, or what follows the prefix in the id of a customer or an endpoint. */
export const eventId = (subject: string, sequence: number): Id<"event"> => `event_${subject}${counter(sequence)}`;
/** To whom an event happened: what its `sequence` counts. */
export const subjectOf = (event: string): string => event.slice("event_".length, -counterLength);
export const paymentId = (key: OrderKey, attempt: number): Id<"payment"> => `payment_${key}${counter(attempt)}`;
export const refundId = (key: OrderKey, refund: number): Id<"refund"> => `refund_${key}${counter(refund)}`;

/** The number at the end of a payment's or a refund's id; 0 where there is none. */
export const numberIn = (id: string): number =>
  Array.from(id.slice(-counterLength)).reduce((value, digit) => value * 32 + Math.max(0, alphabet.indexOf(digit)), 0);

/** The order's key inside `order_…`, `event_…`, `payment_…`, `refund_…` or `conversion_…`; null when it is none of these. */
export function orderKeyOf(id: string): OrderKey | null {
  const match = /^(?:(?:order|conversion)_(.{16})|(?:event|payment|refund)_(.{16}).{4})$/.exec(id);
  const key = match?.[1] ?? match?.[2] ?? "";
  return isOrderKey(key) ? key : null;
}

/** The sequence inside `event_…`; null when it is not an order's event. */
export function sequenceOf(id: string): number | null {
  if (prefixOf(id) !== "event" || orderKeyOf(id) === null) return null;
  const digits = Array.from(id.slice(-4), (digit) => alphabet.indexOf(digit));
  return digits.includes(-1) ? null : digits.reduce((value, digit) => value * 32 + digit, 0);
}

export const prefixOf = (id: string): string => id.slice(0, Math.max(0, id.indexOf("_")));

/** An id that sorts by its time: 10 characters of milliseconds, 16 of randomness (as ULID does; https://github.com/ulid/spec). */
export function timedSuffix(now: number, random: Uint8Array): string {
  let time = "";
  for (let rest = now, index = 0; index < 10; index += 1, rest = Math.floor(rest / 32))
    time = alphabet[rest % 32] + time;
  return time + base32(random, keyLength);
}
