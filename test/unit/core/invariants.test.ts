import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { brokenLaws, brokenStory, frozen } from "./laws.ts";
import { history, merchants, runs, termsOf } from "./histories.ts";
import { Life } from "./sample.ts";

describe("whatever is told to an order, in whatever order and however often", () => {
  it("every invariant of one order holds after every step (I1, I3, I4, I6, I8, I9, I11, I12, I13, I15)", () => {
    fc.assert(
      fc.property(merchants, history(30), (merchant, moments) => {
        const life = new Life(termsOf(merchant));
        frozen(life.order);
        const broken: string[] = [];
        for (const { wait, command } of moments) {
          const before = life.order;
          life.tell(command, life.now + wait);
          broken.push(...brokenLaws(before, frozen(life.order), life.now));
        }
        expect([...broken, ...brokenStory(life.order, life.events)]).toEqual([]);
      }),
      runs(10_000),
    );
  }, 60_000);
});
