/** Words on refunds that come before their payment has a place: each waits in one place, and in none once it has gone with the money. */
import { describe, expect, it } from "vitest";
import { earlyRefunds } from "../../src/durable/early-refunds.ts";
import type { RefundWord } from "../../src/durable/payment-book-rows.ts";

const word: RefundWord = { refund: "R-1", capture: "SANDBOX:A", amount: 300, outcome: "SUCCEEDED" };
const book = () => {
  const rows = new Map<string, unknown>();
  const kv = {
    get: (key: string) => rows.get(key),
    put: (key: string, value: unknown) => void rows.set(key, value),
    delete: (key: string) => rows.delete(key),
    list: ({ prefix }: { prefix: string }) => [...rows].filter(([key]) => key.startsWith(prefix)),
  };
  return { rows, early: earlyRefunds({ kv } as unknown as Pick<DurableObjectStorage, "kv">) };
};

describe("a word on a refund that came early", () => {
  it("waits no more where its order refuses the money while it is still being told, however late that ends", () => {
    const { rows, early } = book();
    early.note(word, 1);
    expect(early.owe("SANDBOX:A", 2)).toBe(true);
    const [owed] = early.owed();
    if (!owed) throw new Error("nothing is owed");
    expect(early.take("SANDBOX:A")).toEqual([word]);
    early.told(owed, 3);
    expect([...rows.keys()]).toEqual([]);
  });

  it("waits on where the order has heard it, once, though it is told twice at the same time", () => {
    const { early } = book();
    early.note(word, 1);
    early.owe("SANDBOX:A", 2);
    const [owed] = early.owed();
    if (!owed) throw new Error("nothing is owed");
    for (let time = 3; time < 5; time += 1) early.told(owed, time);
    expect([early.owed(), early.known("SANDBOX:A")]).toEqual([[], [word]]);
  });
});
