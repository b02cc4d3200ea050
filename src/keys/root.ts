/**
 * Every key of a deployment is derived from one secret, so that there is one thing to keep. Labels separate the uses; a label never changes its meaning.
 * `node:crypto` because it answers at once: a keyed tag inside a transaction must not wait.
 */
import { createHmac, createHash, timingSafeEqual } from "node:crypto";
import { base32, keyOfSlug, orderKeyFrom, slugOf, type OrderKey } from "../core/ids.ts";
import type { Identity } from "../core/conversion.ts";
import { limits } from "../core/limits.ts";
import { remembering } from "../core/recent.ts";

export type Keys = {
  /** The slug of an order's live code. */
  readonly slug: (key: OrderKey) => string;
  /** The order a slug belongs to; null for malformed and forged slugs alike. */
  readonly orderOfSlug: (slug: string) => OrderKey | null;
  /** The same request always finds the same order. */
  readonly orderOfRequest: (merchantId: string, idempotencyKey: string) => OrderKey;
  /** `customer_…`: the same identity is the same customer of a merchant, and tells nothing across merchants. */
  readonly customer: (merchantId: string, identity: Identity) => string;
  /** A customer who is known by nothing but one payment. */
  readonly provisionalCustomer: (merchantId: string, captureId: string) => string;
  /** What a phone must send back to change anything: bound to one slug and one browser. */
  readonly nonce: (slug: string, browser: string) => string;
  /** Appends a keyed tag, so that an invented id is refused without a look-up. */
  readonly tagged: (suffix: string) => string;
  readonly isTagged: (suffix: string) => boolean;
  /** Chance that can be had again: the same draws for the same seed, unpredictable without the root. */
  readonly chance: (seed: string) => (bytes: number) => Uint8Array;
  /** What an order's coupon codes are cut from: as many characters as asked for. */
  readonly couponSeed: (key: OrderKey, length: number) => string;
  /** Lets the browser that paid say, once, who it was. */
  readonly claim: (slug: string, claimant: string) => string;
  /** 32 bytes for `seal.ts`. */
  readonly sealing: Uint8Array;
};

const tagLength = 8;

/** `root` is the deployment's ROOT_SECRET. */
export function deriveKeys(root: string): Keys {
  if (root.length < limits.rootSecretLengthMin) throw new Error("ROOT_SECRET is too short");
  const hmac =
    (label: string) =>
    (text: string): Uint8Array =>
      createHmac("sha256", root).update(`${label}\0${text}`).digest();
  const slug = hmac("slug");
  const request = hmac("request");
  const customer = hmac("customer");
  const nonce = hmac("nonce");
  const tag = hmac("tag");
  const chance = hmac("chance");
  const coupon = hmac("coupon");
  const claim = hmac("claim");
  const customerId = (parts: readonly string[]) => `customer_${base32(customer(parts.join("\0")), 26)}`;
  const tagged = (suffix: string): string => suffix + base32(tag(suffix), tagLength);
  return {
    slug: (key) => slugOf(key, slug),
    // A poster's slug is met thousands of times, and drawing its tag costs more than the rest of a redirect.
    orderOfSlug: remembering((text) => keyOfSlug(text, slug), limits.slugsKeptMax),
    orderOfRequest: (merchantId, key) => orderKeyFrom(request(`${merchantId}\0${key}`)),
    customer: (merchantId, { kind, value }) => customerId([merchantId, kind, value]),
    provisionalCustomer: (merchantId, captureId) => customerId([merchantId, "CAPTURE", captureId]),
    nonce: (text, browser) => base32(nonce(`${text}\0${browser}`), 26),
    tagged,
    isTagged: (text) => text.length > tagLength && sameText(tagged(text.slice(0, -tagLength)), text),
    chance: (seed) => {
      let drawn = 0;
      return (bytes) => {
        const parts = Array.from({ length: Math.ceil(bytes / 32) }, () => chance(`${seed}\0${(drawn += 1)}`));
        return new Uint8Array(Buffer.concat(parts).subarray(0, bytes));
      };
    },
    couponSeed: (key, length) => base32(Buffer.concat([coupon(`1${key}`), coupon(`2${key}`)]), length),
    claim: (text, claimant) => base32(claim(`${text}\0${claimant}`), 26),
    sealing: hmac("seal")("v1"),
  };
}

const derived = new Map<string, Keys>();

/** The deployment's keys, derived once per isolate. */
export function keysOf(root: string): Keys {
  const keys = derived.get(root) ?? deriveKeys(root);
  derived.set(root, keys);
  return keys;
}

/** Compares without telling by its time where two texts differ. It may tell that their lengths do. */
export function sameText(a: string, b: string): boolean {
  const [one, other] = [Buffer.from(a), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}

export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");
