/** What code reaches without being given it, as long as a simulation runs: the clock, timers, chance, the network, and where faults are written. */
import type { Chance } from "./chance.ts";
import { running, type Clock } from "./clock.ts";

export type Outside = {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly logged: (words: readonly unknown[]) => void;
};

/** Answers how to put everything back. */
export function replaceGlobals({ clock, chance, fetch, logged }: Outside): () => void {
  type Timer = { cancelled: boolean };
  const setTimer = (run: () => void, ms = 0): Timer => {
    const timer = { cancelled: false };
    clock.afterFor(running.getStore(), ms, () => {
      if (!timer.cancelled) run();
    });
    return timer;
  };
  const replacements: readonly (readonly [object, string, unknown])[] = [
    [Date, "now", () => clock.now],
    [Math, "random", () => chance.draw()],
    [crypto, "randomUUID", () => Buffer.from(chance.bytes(16)).toString("hex")],
    [
      crypto,
      "getRandomValues",
      (into: Uint8Array) => {
        into.set(chance.bytes(into.length));
        return into;
      },
    ],
    [globalThis, "setTimeout", setTimer],
    [globalThis, "clearTimeout", (timer: Timer | undefined) => void (timer && (timer.cancelled = true))],
    [globalThis, "scheduler", { wait: (ms: number) => new Promise<void>((resolve) => setTimer(resolve, ms)) }],
    [globalThis, "fetch", fetch],
    [console, "error", (...words: unknown[]) => logged(words)],
  ];
  const undo = replacements.map(([owner, name, value]) => {
    const before = Object.getOwnPropertyDescriptor(owner, name);
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
    return () => {
      if (before) Object.defineProperty(owner, name, before);
      else Reflect.deleteProperty(owner, name);
    };
  });
  return () => undo.forEach((putBack) => putBack());
}
