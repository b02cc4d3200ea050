/** One try to pay, from its beginning to the last word on it. */
import { describe, expect, it } from "vitest";
import { bestOf, mayTry } from "../../../src/core/attempts.ts";
import type { Said } from "../../../src/core/conversion.ts";
import { paymentId } from "../../../src/core/ids.ts";
import { limits } from "../../../src/core/limits.ts";
import type { Attempt } from "../../../src/core/order.ts";
import { stateOf } from "../../../src/core/state.ts";
import { allowedActions } from "../../../src/core/transitions.ts";
import { effectsOf, pollAt } from "../../../src/core/work.ts";
import { attempt, begun, captured, hour, key, Life, minute, placedAt, second, terms, tick } from "./sample.ts";

const at = placedAt + second;
const first = (life: Life): Attempt | undefined => life.order.attempts[0];
const unknown = { ok: false, refusal: { reason: "UNKNOWN" } };

describe("an attempt", () => {
  it("goes through the account that was asked for, and through no other", () => {
    const life = new Life();
    life.tell(begun("alice", "account_2"), at);
    expect(life.order.attempts).toEqual([
      {
        id: attempt(1),
        account: "account_2",
        provider: "STRIPE",
        claimant: "alice",
        amount: 10_000,
        state: "PENDING",
        startedAt: at,
        endedAt: null,
        closing: false,
        reference: null,
        failureReason: null,
      },
    ]);
    expect(life.tell(begun("alice", "account_9"))).toEqual(unknown);
    expect(life.order.attempts).toHaveLength(1);
  });

  it("has what its payer said when they confirmed, but not what another did, nor what they said before", () => {
    const saying = (name: string): Said => ({ name, identities: [], consents: [], locale: "en", country: null });
    const life = new Life();
    life.tell({ kind: "confirm", claimant: "alice", said: saying("Alice") }, at);
    life.tell({ kind: "confirm", claimant: "alice" });
    life.tell(begun("alice"));
    expect(first(life)?.said?.name).toBe("Alice");
    expect(life.order.claim).not.toHaveProperty("said");
    life.tell({ kind: "confirm", claimant: "alice", said: saying("Alice Liddell") });
    life.tell(begun("alice"));
    expect(life.order.attempts.map(({ said }) => said?.name)).toEqual(["Alice Liddell"]);
    life.tell({ kind: "confirm", claimant: "alice", said: saying("Alice") });
    life.tell(begun("bob"), life.now + limits.claimMs);
    expect(life.order.attempts.at(-1)?.claimant).toBe("bob");
    expect(life.order.attempts.at(-1)).not.toHaveProperty("said");
  });

  it("has what its payer said before another held the code, who hears none of it, and that of the latest only", () => {
    const saying = (name: string): Said => ({ name, identities: [], consents: [], locale: "en", country: null });
    const browsers = Array.from({ length: limits.claimsWithSaidMax + 2 }, (_, index) => `browser_${index}`);
    const life = new Life();
    const confirms = (claimant: string, said?: Said) =>
      life.tell({ kind: "confirm", claimant, ...(said && { said }) }, life.now + limits.claimMs);
    for (const browser of browsers) confirms(browser, saying(browser));
    // Nothing of anybody is in whoever holds the code now, and says nothing.
    confirms("bob");
    expect(life.order.claim).not.toHaveProperty("said");
    life.tell(begun("bob"));
    expect(life.order.attempts.at(-1)).not.toHaveProperty("said");
    const heard = browsers.toReversed().map((browser) => {
      life.tell(begun(browser), life.now + limits.claimMs);
      return life.order.attempts.at(-1)?.said?.name ?? null;
    });
    const kept = browsers.slice(2).toReversed();
    expect(heard).toEqual([...kept, null, null]);
    expect(life.order.claim).not.toHaveProperty("former");
    // What is said anew counts, and what the attempt has is said once.
    confirms("browser_6", saying("Alice"));
    confirms("bob");
    confirms("browser_6");
    expect(life.order.claim).toMatchObject({ said: { name: "Alice" } });
    life.tell(begun("browser_6"));
    expect([life.order.attempts.at(-1)?.said?.name, life.order.claim]).toEqual([
      "Alice",
      { claimant: "browser_6", until: life.now + limits.claimMs },
    ]);
  });

  it("has nothing of what its payer said before another held the code once that is longer ago than any wallet waits", () => {
    const said: Said = { name: "Alice", identities: [], consents: [], locale: "en", country: null };
    const life = new Life(terms({}, { expiresAt: placedAt + limits.liveCodeLifetimeMs.max }));
    life.tell({ kind: "confirm", claimant: "alice", said }, at);
    life.tell({ kind: "confirm", claimant: "bob" }, at + limits.claimMs);
    expect(life.order.claim?.former).toMatchObject([{ claimant: "alice" }]);
    life.tell({ kind: "confirm", claimant: "carol" }, at + limits.claimMs + limits.attemptLifeMs);
    expect(life.order.claim).not.toHaveProperty("former");
    life.tell(begun("alice"), life.now + limits.claimMs);
    expect(life.order.attempts.at(-1)).not.toHaveProperty("said");
  });

  it("has what its payer said with an earlier one, unless they say something else, and the latest alone have it", () => {
    const saying = (name: string): Said => ({ name, identities: [], consents: [], locale: "en", country: null });
    const names = (life: Life) => life.order.attempts.map(({ said }) => said?.name ?? null);
    const life = new Life();
    const begins = (claimant: string, account: string, name?: string) =>
      life.tell({ ...begun(claimant, account), ...(name && { said: saying(name) }) });
    begins("alice", "account_1", "Alice");
    begins("alice", "account_2");
    expect(names(life)).toEqual(["Alice", "Alice"]);
    // Having come back twice, she changes her mind.
    begins("alice", "account_2");
    begins("alice", "account_2", "Alice Liddell");
    expect(names(life)).toEqual(["Alice", "Alice Liddell"]);
    life.now += limits.claimMs;
    begins("bob", "account_1");
    expect(names(life)).toEqual(["Alice", "Alice Liddell", null]);
    life.now += limits.claimMs;
    for (let index = 0; index < limits.attemptsWithSaidMax + 2; index += 1)
      begins("alice", index % 2 === 0 ? "account_1" : "account_2");
    const having = names(life).map((name) => name !== null);
    expect(having.filter(Boolean)).toHaveLength(limits.attemptsWithSaidMax);
    expect(having.slice(-limits.attemptsWithSaidMax)).not.toContain(false);
  });

  it("of an order that no account takes money for is neither begun nor offered", () => {
    const life = new Life(terms({}, { accounts: [] }));
    expect(life.tell(begun("alice"))).toEqual(unknown);
    expect(allowedActions(life.order, life.now)).toEqual(["CONFIRM", "EXTEND", "CANCEL", "RECORD_PAYMENT"]);
  });

  it("is called what its provider calls it, and hearing so again changes nothing", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(begun("alice", "account_2"));
    const opened = (id: string, reference: string) => life.tell({ kind: "opened", attempt: id, reference });
    expect(opened(attempt(2), "pi_2")).toMatchObject({ ok: true, changed: true, events: [] });
    expect(life.order.attempts.map(({ reference }) => reference)).toEqual([null, "pi_2"]);
    expect(opened(attempt(2), "pi_2")).toMatchObject({ ok: true, changed: false });
    expect(opened(attempt(3), "pi_3")).toEqual(unknown);
  });

  it("that failed is told with its reason once, and may still be closed, which is not told", () => {
    const life = new Life();
    life.tell(begun("alice"));
    const ended = (id: string, outcome: "FAILED" | "CLOSED", reason: string | null) =>
      life.tell({ kind: "ended", attempt: id, outcome, reason });
    ended(attempt(1), "FAILED", "declined\u0000by the bank");
    expect(first(life)).toMatchObject({ state: "FAILED", failureReason: "declined by the bank", endedAt: null });
    expect(life.events.at(-1)).toMatchObject({
      type: "PAYMENT_FAILED",
      data: { detail: { paymentId: attempt(1), reason: "declined by the bank" } },
    });
    expect(ended(attempt(1), "FAILED", "again")).toMatchObject({ changed: false });
    expect(ended(attempt(1), "CLOSED", "gone")).toMatchObject({ changed: true, events: [] });
    expect(first(life)).toMatchObject({
      state: "FAILED",
      failureReason: "declined by the bank",
      closing: false,
      endedAt: life.now,
    });
    expect(ended(attempt(9), "FAILED", null)).toEqual(unknown);
    expect(life.tell({ kind: "kept", attempt: attempt(9) })).toEqual(unknown);
  });

  it("that is over waits for nothing and keeps what it ended with, whoever begins anew", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(begun("alice", "account_2"));
    expect(first(life)).toMatchObject({ state: "PENDING", closing: true });
    life.tell({ kind: "ended", attempt: attempt(1), outcome: "CLOSED", reason: "taken over" }, at);
    const over = { state: "CLOSED", closing: false, endedAt: at, failureReason: "taken over" };
    expect(first(life)).toMatchObject(over);
    life.tell(begun("alice"));
    expect(first(life)).toMatchObject(over);
    expect(life.order.attempts.map(({ closing }) => closing)).toEqual([false, true, false]);
    life.tell(captured("A", { attempt: attempt(2) }));
    expect(life.order.attempts.map(({ state, closing }) => [state, closing])).toEqual([
      ["CLOSED", false],
      ["SUCCEEDED", false],
      ["PENDING", true],
    ]);
    expect(effectsOf(life.order)).toMatchObject([{ kind: "CLOSE", attempt: { id: attempt(3) } }]);
  });

  it("that is young is asked about soon, however old another is that waits to be closed", () => {
    const life = new Life(terms({}, { expiresAt: placedAt + 6 * hour }));
    life.tell(begun("alice"));
    life.tell(begun("bob", "account_2"), placedAt + hour);
    expect(effectsOf(life.order).map(({ kind }) => kind)).toEqual(["CLOSE", "QUERY"]);
    expect(pollAt(life.order, life.now)).toBe(life.now + limits.pollMs.early);
    expect(pollAt(life.order, life.now + hour)).toBe(life.now + hour + limits.pollMs.late);
    expect(pollAt(life.order, life.now + 3 * hour)).toBe(life.now + 3 * hour + limits.pollMs.latest);
  });

  it("that nobody tells the end of is over after its longest life, and says why", () => {
    const life = new Life();
    life.tell(begun("alice"));
    life.tell(tick, placedAt + limits.attemptLifeMs + minute);
    expect(first(life)).toMatchObject({
      state: "CLOSED",
      closing: false,
      endedAt: placedAt + limits.attemptLifeMs,
      failureReason: "the provider never told its end",
    });
    expect(stateOf(life.order, life.now)).toBe("EXPIRED");
  });
});

describe("the account that is best tried", () => {
  const life = new Life();
  life.tell(begun("alice"));
  const accounts = ["account_1", "account_2", "account_3"].map((id) => ({ id }));
  /** The order after each of the accounts refused so often, just now. */
  const after = (refusals: readonly number[]) => {
    const all = refusals.flatMap((count, index) => Array.from({ length: count }, () => accounts[index]?.id ?? ""));
    const made = all.map((account, index): Attempt => {
      const [one] = life.order.attempts;
      if (!one) throw new Error("a try was begun");
      return { ...one, id: paymentId(key, index + 1), account, refused: true };
    });
    return { ...life.order, attempts: made };
  };
  const best = (...refusals: readonly number[]) =>
    bestOf(after(refusals), accounts.slice(0, refusals.length), life.now).map(({ id }) => id);
  const often = limits.refusalsPerAccountMax;
  const most = limits.refusedAttemptsPerOrderMax;

  it("has not refused too often; where all have, it is any of them", () => {
    expect(best(0, 0)).toEqual(["account_1", "account_2"]);
    expect(best(often - 1, 0)).toEqual(["account_1", "account_2"]);
    expect(best(often, 0)).toEqual(["account_2"]);
    expect(best(often, often)).toEqual(["account_1", "account_2"]);
  });

  it("has refused nothing at all once the order was refused as often as it may be; where none is such, the order says why not", () => {
    expect(best(1, most - 1, 0)).toEqual(["account_3"]);
    expect(best(1, most - 1)).toEqual(["account_1", "account_2"]);
    expect(mayTry(after([1, most - 1]), "account_1", life.now)).toBe(false);
  });

  it("is tried no more once the numbers of tries are used up", () => {
    const numbered = (number: number) => ({
      ...life.order,
      attempts: life.order.attempts.map((one) => ({ ...one, id: paymentId(key, number) })),
    });
    expect(mayTry(numbered(limits.attemptNumberMax - 1), "account_1", life.now)).toBe(true);
    expect(mayTry(numbered(limits.attemptNumberMax), "account_1", life.now)).toBe(false);
  });
});
