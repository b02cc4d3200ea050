/** Calling a live code that is being reset: once more over a new stub, and never what would then happen twice. */
import { describe, expect, it, vi } from "vitest";
import type { Command } from "../../src/core/commands.ts";
import { orderKeyFrom } from "../../src/core/ids.ts";
import { liveCodeStub } from "../../src/durable/live-code-stub.ts";
import type { LiveCodeProtocol } from "../../src/durable/protocol.ts";

const key = orderKeyFrom(new Uint8Array(10));
const reset = Object.assign(new Error("Durable Object reset because its code was updated."), { retryable: true });
const overloaded = Object.assign(new Error("Durable Object is overloaded."), { retryable: true, overloaded: true });

/** An object whose calls meet these faults one after the other, each over the stub that it was called on, and then succeed. */
function scene(...faults: unknown[]) {
  const stubs: number[] = [];
  const getByName = vi.fn((name: string) => {
    expect(name).toBe(key);
    const stub = getByName.mock.calls.length;
    const call = async (...args: unknown[]) => {
      stubs.push(stub);
      if (faults.length > 0) throw faults.shift();
      return args;
    };
    return { place: call, look: call, scan: call, apply: call, timeline: call, watch: call, fetch: call };
  });
  const env = { LIVE_CODE: { getByName } } as unknown as Env;
  return { code: liveCodeStub(env, key), stubs };
}

const methods: { [K in keyof LiveCodeProtocol]: Parameters<LiveCodeProtocol[K]> } = {
  place: [{} as never, "fingerprint"],
  look: ["merchant_1"],
  scan: [true],
  apply: [{ kind: "cancel", reason: null }, "merchant_1"],
  timeline: ["merchant_1"],
  watch: ["merchant_1", 1],
  fetch: [new Request("https://live-code/")],
};
const call = (code: LiveCodeProtocol, name: keyof LiveCodeProtocol): Promise<unknown> =>
  (code[name] as (...args: unknown[]) => Promise<unknown>).apply(code, methods[name]);

describe.each(Object.keys(methods) as (keyof LiveCodeProtocol)[])("%s of a live code", (name) => {
  it("asks once, and is asked again over a new stub when the object was reset", async () => {
    const sound = scene();
    expect(await call(sound.code, name)).toEqual(methods[name]);
    expect(sound.stubs).toEqual([1]);
    const shaken = scene(reset);
    expect(await call(shaken.code, name)).toEqual(methods[name]);
    expect(shaken.stubs).toEqual([1, 2]);
  });

  it("is asked again once only, and not at all when the object has too much to do or when asking again cannot help", async () => {
    for (const [faults, asked] of [
      [[reset, reset], 2],
      [[overloaded], 1],
      [[new Error("a bug")], 1],
      [["not even an error"], 1],
      [[undefined], 1],
    ] as const) {
      const { code, stubs } = scene(...faults);
      await expect(call(code, name).catch((fault: unknown) => [fault])).resolves.toEqual([faults[0]]);
      expect(stubs).toHaveLength(asked);
    }
  });
});

describe("a command that would take effect twice", () => {
  const once: Command[] = [
    { kind: "refund", amount: 100, reason: null, reverseConversion: false, restock: false },
    { kind: "resolve", decision: "HONOR", note: "counted" },
  ];
  it.each(once)("is never given twice: $kind", async (command) => {
    const { code, stubs } = scene(reset);
    await expect(code.apply(command)).rejects.toBe(reset);
    expect(stubs).toEqual([1]);
  });

  it.each(once)("is given again when the order knows it again, for it names its request: $kind", async (command) => {
    const request = { call: "0123456789ABCDEF", key: null, input: "" };
    const { code, stubs } = scene(reset);
    await code.apply({ ...command, request } as Command);
    expect(stubs).toEqual([1, 2]);
  });
});
