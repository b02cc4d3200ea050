import { describe, expect, it } from "vitest";
import type { Command } from "../../../src/core/commands.ts";
import { newOrder, type Order } from "../../../src/core/order.ts";
import type { OrderPolicy } from "../../../src/core/policy.ts";
import { decide, type Decision } from "../../../src/core/transitions.ts";
import { brokenLaws } from "./laws.ts";
import {
  attempt,
  begun,
  cancelled,
  captured,
  expiresAt,
  hour,
  minute,
  placedAt,
  refunded,
  returned,
  terms,
  tick,
  total,
  usd,
} from "./sample.ts";

/** What may happen, as letters. Only `t` moves the clock: past the end of the code, then on. */
const alphabet: Readonly<Record<string, Command>> = {
  A: captured("A", { attempt: attempt(1) }),
  B: captured("B"),
  P: captured("P", { amount: total * 0.6 }),
  L: captured("L", { paidAt: expiresAt + 30 * minute }),
  F: captured("F", { currency: usd }),
  b: begun("alice"),
  e: { kind: "ended", attempt: attempt(1), outcome: "FAILED", reason: null },
  d: { kind: "ended", attempt: attempt(1), outcome: "CLOSED", reason: null },
  c: cancelled,
  t: tick,
  r: refunded(null),
  h: returned("theirs", "A"),
  s: { kind: "stock", taken: true },
};
const letters = Object.entries(alphabet);

/** A state, one word that leads to it, and how many do. */
type Node = { readonly order: Order; readonly now: number; readonly key: string; readonly word: string; words: number };

/** Two orders that differ only in how often they were written down have the same future. */
const future = (order: Order, now: number): string =>
  JSON.stringify({ ...order, terms: 0, version: 0, sequence: 0, now });

/** Walks every word of up to `longest` letters, stepping once from each state that several words lead to. */
function walk(policy: Partial<OrderPolicy>, longest: number) {
  const placed = decide(newOrder(terms(policy)), { kind: "place" }, placedAt);
  if (!placed.ok) throw new Error("a new order can always be placed");
  let level: Node[] = [{ order: placed.order, now: placedAt, key: "", word: "", words: 1 }];
  let words = 0;
  const broken: string[] = [];
  for (let length = 1; length <= longest; length += 1) {
    const next = new Map<string, Node>();
    for (const node of level) {
      for (const [letter, command] of letters) {
        words += node.words;
        const now = letter === "t" ? node.now + hour + 3 * minute : node.now;
        const decision = decide(node.order, command, now);
        const order = decision.ok ? decision.order : node.order;
        const stays = order === node.order && now === node.now;
        const word = node.word + letter;
        if (!stays) broken.push(...brokenBy(node.order, decision, now).map((law) => `${word}: ${law}`));
        if (length === longest) continue;
        const key = stays ? node.key : future(order, now);
        const known = next.get(key);
        if (known) known.words += node.words;
        else next.set(key, { order, now, key, word, words: node.words });
      }
    }
    level = [...next.values()];
  }
  return { words, broken };
}

function brokenBy(before: Order, decision: Decision, now: number): readonly string[] {
  if (!decision.ok) return [];
  const conversions = decision.events.filter(({ type }) => type === "CONVERSION_COMMITTED").length;
  const twice = conversions > (before.conversion === null ? 1 : 0) ? ["I1: never converted twice"] : [];
  return [...brokenLaws(before, decision.order, now), ...twice];
}

const wordsOfUpTo = (longest: number): number =>
  longest === 0 ? 0 : letters.length ** longest + wordsOfUpTo(longest - 1);

describe("every sequence of events", () => {
  // Three million words take seconds; the policies that differ only in where money waits are walked one letter less far.
  it.each([
    [6, "decided nothing", {}],
    [5, "returns what does not fit", { latePayment: "REFUND", overPayment: "REFUND", underPayment: "REFUND" }],
    [5, "takes what comes", { latePayment: "HONOR", overPayment: "KEEP", underPayment: "KEEP_OPEN" }],
    [5, "looks at everything", { latePayment: "REVIEW", overPayment: "REVIEW", underPayment: "REVIEW" }],
  ] as const)(
    "up to %i, of a merchant who %s, converts at most once, loses no money and never takes PAID back",
    (longest, _, policy) => {
      const { words, broken } = walk(policy, longest);
      expect(broken.slice(0, 5)).toEqual([]);
      expect(words).toBe(wordsOfUpTo(longest));
    },
    60_000,
  );
});
