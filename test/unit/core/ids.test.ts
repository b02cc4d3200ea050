import { createHmac } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  base32,
  conversionId,
  eventId,
  isOrderKey,
  keyOfSlug,
  orderId,
  orderKeyFrom,
  orderKeyOf,
  paymentId,
  prefixOf,
  refundId,
  sequenceOf,
  slugOf,
  subjectOf,
  timedSuffix,
  type Keyed,
} from "../../../src/core/ids.ts";
import { runs } from "./histories.ts";
import { key } from "./sample.ts";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const tag: Keyed = (text) => createHmac("sha256", "a key").update(text).digest();

describe("base 32", () => {
  it("writes the bits in order, five to a letter", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 10, maxLength: 32 }), (bytes) => {
        const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
        const expected = (bits.match(/.{5}/g) ?? []).map((five) => alphabet[Number.parseInt(five, 2)]).join("");
        expect(base32(bytes, 16)).toBe(expected.slice(0, 16));
      }),
      runs(2_000, 0.2),
    );
  });

  it("favours no letter: over all values of two bytes every letter comes equally often at every place", () => {
    const seen = Array.from({ length: 3 }, () => new Map<string, number>());
    for (let value = 0; value < 65_536; value += 1)
      Array.from(base32(Uint8Array.of(value >> 8, value & 255), 3)).forEach((letter, place) =>
        seen[place]?.set(letter, (seen[place].get(letter) ?? 0) + 1),
      );
    for (const counts of seen) expect([...counts.values()]).toEqual(Array.from(alphabet, () => 65_536 / 32));
  });

  it("asks for bytes enough rather than repeat itself", () => {
    expect(base32(new Uint8Array(10), 16)).toBe("0".repeat(16));
    expect(() => base32(new Uint8Array(9), 16)).toThrow("do not give 16 characters");
  });
});

describe("an order's key", () => {
  it("is 16 upper-case letters of the alphabet, and nothing like it", () => {
    expect(isOrderKey(key) && isOrderKey(orderKeyFrom(new Uint8Array(10).fill(255)))).toBe(true);
    const wrong = [
      "",
      key.toLowerCase(),
      key.slice(1),
      `${key}0`,
      "I123456789ABCDEF",
      "U123456789ABCDEF",
      ` ${key.slice(1)}`,
      `${key}\n`,
    ];
    expect(wrong.filter(isOrderKey)).toEqual([]);
  });

  it("is found again in everything that is named after it", () => {
    const ids = [orderId(key), conversionId(key), eventId(key, 7), paymentId(key, 1), refundId(key, 31)];
    expect(ids.map(orderKeyOf)).toEqual(ids.map(() => key));
    expect(ids.map(prefixOf)).toEqual(["order", "conversion", "event", "payment", "refund"]);
  });

  it("is found in nothing else", () => {
    const wrong = [
      "",
      key,
      `merchant_${key}`,
      `order_${key}0001`,
      `event_${key}`,
      `order_${key.toLowerCase()}`,
      `order__${key.slice(1)}`,
      `event_${key}000\n`,
      `x order_${key}`,
    ];
    expect(wrong.map(orderKeyOf)).toEqual(wrong.map(() => null));
  });

  it("numbers what belongs to it so that names sort as they were given, and no two are alike", () => {
    const names = Array.from({ length: 2_000 }, (_, index) => eventId(key, index + 1));
    expect(names.toSorted()).toEqual(names);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe("an event's id", () => {
  it("tells to whom it happened, and as the how manieth of an order's", () => {
    for (const sequence of [0, 1, 31, 32, 1_023, 1_024, 32 ** 4 - 1]) {
      expect(sequenceOf(eventId(key, sequence))).toBe(sequence);
      // A customer's or an endpoint's subject is as long as it likes.
      for (const subject of [key, "7", `${key}${key}`]) expect(subjectOf(eventId(subject, sequence))).toBe(subject);
    }
  });

  it("has no sequence of an order where it is no order's event, or no event at all", () => {
    const wrong = [
      "",
      eventId("7", 1),
      `event_${key}`,
      `event_${key}000U`,
      `event_${key}U000`,
      paymentId(key, 1),
      orderId(key),
    ];
    expect(wrong.map(sequenceOf)).toEqual(wrong.map(() => null));
  });
});

describe("a slug", () => {
  it("leads back to its key, and gives neither itself away by it nor lets another key or tag stand in", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 10, maxLength: 10 }), (bytes) => {
        const own = orderKeyFrom(bytes);
        const slug = slugOf(own, tag);
        expect(slug).toMatch(/^[0-9A-HJKMNP-TV-Z]{24}$/);
        expect(keyOfSlug(slug, tag)).toBe(own);
      }),
      runs(1_000, 0.1),
    );
  });

  it("with any one letter changed is forged", () => {
    const slug = slugOf(key, tag);
    const forgeries = Array.from(slug, (letter, place) =>
      Array.from(alphabet)
        .filter((other) => other !== letter)
        .map((other) => slug.slice(0, place) + other + slug.slice(place + 1)),
    ).flat();
    expect(forgeries.filter((forged) => keyOfSlug(forged, tag) !== null)).toEqual([]);
  });

  it("that is malformed, lower case, too short or too long is null, like a forged one", () => {
    const slug = slugOf(key, tag);
    const wrong = [
      "",
      key,
      slug.toLowerCase(),
      slug.slice(0, -1),
      `${slug}0`,
      ` ${slug}`,
      slug.replace("1", "I"),
      `${slug.slice(0, -1)}\u{130}`,
      "🀄".repeat(12),
    ];
    expect(wrong.map((text) => keyOfSlug(text, tag))).toEqual(wrong.map(() => null));
    expect(keyOfSlug(slug, (text) => tag(`another deployment ${text}`))).toBeNull();
  });
});

it("a timed suffix sorts by its time", () => {
  const random = new Uint8Array(16);
  const suffixes = [0, 1, 31, 32, Date.UTC(2026, 0), Date.UTC(2026, 0) + 1, Date.UTC(2999, 0)].map((now) =>
    timedSuffix(now, random),
  );
  expect(suffixes.toSorted()).toEqual(suffixes);
  expect(suffixes.every((suffix) => suffix.length === 26)).toBe(true);
});
