import { describe, expect, it } from "vitest";
import { Recent, remembering } from "../../../src/core/recent.ts";

describe("what an isolate remembers for good", () => {
  it("is asked once, and given up for newer things when there is too much of it", () => {
    const asked: string[] = [];
    const find = remembering((text) => {
      asked.push(text);
      return text.startsWith("known") ? text.length : null;
    }, 2);
    expect([find("known"), find("known"), find("known-2")]).toEqual([5, 5, 7]);
    expect(asked).toEqual(["known", "known-2"]);
    expect(find("known-33")).toBe(8);
    expect([find("known-2"), find("known")]).toEqual([7, 5]);
    expect(asked).toEqual(["known", "known-2", "known-33", "known"]);
  });

  it("is never an invention, however many come, and inventions push nothing out", () => {
    let asked = 0;
    const find = remembering((text) => {
      asked += 1;
      return text === "known" ? true : null;
    }, 2);
    expect(find("known")).toBe(true);
    for (let index = 0; index < 100; index += 1) expect(find(`invented ${index}`)).toBeNull();
    expect(find("known")).toBe(true);
    expect(asked).toBe(101);
  });

  it("is made once, and what was kept first goes first: what is kept anew counts as new", () => {
    const made: string[] = [];
    const recent = new Recent<string>(2);
    const of = (name: string) =>
      recent.of(name, () => {
        made.push(name);
        return name.toUpperCase();
      });
    expect([of("a"), of("b"), of("a")]).toEqual(["A", "B", "A"]);
    recent.set("a", "again");
    expect([of("c"), of("a"), of("b")]).toEqual(["C", "again", "B"]);
    expect(made).toEqual(["a", "b", "c", "b"]);
    recent.delete("b");
    expect([recent.get("b"), recent.get("c")]).toEqual([undefined, "C"]);
  });
});
