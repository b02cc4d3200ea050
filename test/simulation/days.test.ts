/** Days of simulated shops. `npm run simulate` plays more of them; docs/simulation.md says what they are made of. */
import { describe, expect, it } from "vitest";
import { simulate } from "./simulate.ts";

const perTest = 25;

describe("a shop's day of lost, late and doubled news, outages and deaths", () => {
  it.each(Array.from({ length: 8 }, (_, index) => index * perTest + 1))(
    "breaks no law, for 25 seeds from %i on",
    async (from) => {
      const broken: string[] = [];
      let paid = 0;
      for (let seed = from; seed < from + perTest; seed += 1) {
        const day = await simulate(seed);
        paid += day.paid;
        broken.push(...day.broken.map((law) => `seed ${seed}: ${law}`));
      }
      expect(broken).toEqual([]);
      expect(paid).toBeGreaterThan(perTest);
    },
    180_000,
  );

  it("is the same day whenever its seed is played", async () => {
    const [once, again] = [await simulate(7), await simulate(7)];
    expect(again).toEqual(once);
  });
});
