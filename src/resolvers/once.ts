/**
 * Carries out a request that has an idempotency key once, however often it comes: what it did is remembered and told again. A verb that was cut off in the
 * middle is carried out again with the same clock and the same chance as the first time, so that it draws the same ids and finds what it
 * has made already (docs/idempotency.md).
 */
import { ok, type Result } from "../core/result.ts";
import type { OrderKey } from "../core/ids.ts";
import { sha256Hex } from "../keys/root.ts";
import { seal, unseal } from "../keys/seal.ts";
import type { Deps } from "./deps.ts";
import type { IdempotencyFailure } from "./failures.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { packed, unpacked } from "./outcome.ts";

export type KeyedRequest = {
  /** Whose keys these are: a merchant's id, or the operator. */
  readonly owner: string;
  /** Which of the owner's API keys asks: what one was told, a secret maybe, another is not. */
  readonly by: string;
  /** The same key may be used once for every verb. */
  readonly verb: string;
  readonly key: string;
  readonly input: object;
};
export type Once<T, E> = {
  readonly result: Result<T, E | IdempotencyFailure>;
  /** An earlier request did it. */
  readonly replayed: boolean;
};
/** Null when too many equal requests wait already: nothing was done, and it may come again. */
export async function once<T, E>(
  deps: Deps,
  { owner, by, verb, key, input }: KeyedRequest,
  carryOut: (deps: Deps) => Promise<Result<T, E>>,
): Promise<Once<T, E> | null> {
  const name = sha256Hex(`${by}\0${verb}\0${key}`);
  const place = `${owner}|outcome|${name}`;
  const outcomes = deps.outcomes(owner);
  const begun = await outcomes.begin(name, fingerprintOf(input));
  switch (begun.kind) {
    case "OTHER":
      return { result: { ok: false, error: { reason: "IDEMPOTENCY", key } }, replayed: false };
    case "BUSY":
      return null;
    case "DONE": {
      const order = (orderKey: OrderKey) => deps.liveCode(orderKey).look(owner);
      return { result: ok(await unpacked<T>(unseal(deps.keys.sealing, place, begun.outcome), order)), replayed: true };
    }
    case "BEGUN":
  }
  const { at, lease } = begun;
  const pinned = { ...deps, now: () => at, random: deps.keys.chance(`${place}|${at}`) };
  let result: Result<T, E>;
  try {
    result = await carryOut(pinned);
  } catch (fault) {
    // Nobody knows how far it came: the next one begins at once, and finds what is there.
    deps.waitUntil(outcomes.lapse(name, lease));
    throw fault;
  }
  // What was refused did nothing, so there is nothing to remember: the key is free again, for a better input too.
  if (!result.ok) await outcomes.forget(name, lease);
  else await remembered(outcomes.finish(name, seal(deps.keys.sealing, place, packed(result.value))));
  return { result, replayed: false };
}

/** It is done, whether or not it is remembered: whoever asks again makes it find itself. */
async function remembered(finishing: Promise<void>): Promise<void> {
  try {
    await finishing;
  } catch (fault) {
    console.error("remembering an outcome", fault);
  }
}
