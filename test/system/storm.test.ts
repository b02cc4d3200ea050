/** The promise that money can be trusted, kept in a small storm (docs/storm.md). `npm run storm` makes larger ones. */
import { expect, it } from "vitest";
import { storm } from "../../storm/storm.mjs";

it.each([
  { provider: "sandbox", seed: "1", orders: 40, kills: 2 },
  { provider: "mixed", seed: "7", orders: 30, kills: 1 },
])(
  "loses, doubles and forgets nothing while payers misbehave, the process is killed and the database goes away: $provider",
  async (asked) => {
    const { evidence, violations, kills } = await storm({ ...asked, concurrency: 40, ratePerSecond: 8 }, (line) =>
      console.log(line),
    );
    const told = violations.map(({ law, what, sale }) => `${law} ${sale?.placed.id ?? ""} ${what}`);
    expect(told).toEqual([]);
    // It was a storm.
    const { takings } = evidence.books;
    expect(kills).toBe(asked.kills);
    expect(takings.filter(({ acknowledged }) => acknowledged).length).toBeGreaterThan(10);
    expect(evidence.sales.filter(({ order }) => order?.state === "PAID").length).toBeGreaterThan(10);
  },
  300_000,
);
