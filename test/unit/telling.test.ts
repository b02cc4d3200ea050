/** Who is told what when several wish for it at once: each kind of news has one teller, and no wish is lost on one that is busy. */
import { describe, expect, it } from "vitest";
import type { Command } from "../../src/core/commands.ts";
import { newOrder } from "../../src/core/order.ts";
import { decide } from "../../src/core/transitions.ts";
import type { Projection } from "../../src/db/projection.ts";
import { newStoredLiveCode, type StoredLiveCode } from "../../src/durable/live-code-store.ts";
import { isDrained, owedOf, urgentOf } from "../../src/durable/outbox.ts";
import { teller } from "../../src/durable/telling.ts";
import { someTerms } from "../workers/terms.ts";

/** A live code that was just placed, and a read model that answers when it is let. */
function scene() {
  const terms = someTerms("merchant_00TEST");
  let stored: StoredLiveCode = newStoredLiveCode(newOrder(terms), "fingerprint");
  const become = (command: Command): void => {
    const decision = decide(stored.order, command, terms.placedAt);
    if (!decision.ok) throw new Error(decision.refusal.reason);
    const { order, events } = decision;
    stored = { ...stored, order, events: [...stored.events, ...events], material: order.version };
  };
  become({ kind: "place" });
  const logged: string[][] = [];
  const asked: PromiseWithResolvers<undefined>[] = [];
  let refusals = 0;
  const project = async ([{ events }]: [Projection]): Promise<readonly undefined[]> => {
    const answer = Promise.withResolvers<undefined>();
    asked.push(answer);
    await answer.promise;
    logged.push(events.map(({ type }) => type));
    return [];
  };
  const publish = () => Promise.resolve({ quietMs: 0, live: false });
  const env = { PROJECTOR: { getByName: () => ({ project }) }, MERCHANT_FEED: { getByName: () => ({ publish }) } };
  const tell = teller(env as unknown as Env, {
    current: () => stored,
    told: (_, mark) => void (stored = mark(stored)),
    refused: () => void (refusals += 1),
  });
  return {
    tell,
    become,
    logged,
    asked,
    answer: (): void => asked.at(-1)?.resolve(undefined),
    refuse: (): void => asked.at(-1)?.reject(new Error("the read model is away")),
    isDrained: () => isDrained(owedOf(stored)),
    refusals: () => refusals,
  };
}

describe("the teller of a live code", () => {
  it("tells everything that is owed right after what is urgent when it is asked to meanwhile, and the same once", async () => {
    const { tell, become, logged, asked, answer, isDrained: isTold, refusals } = scene();
    const urgent = tell(urgentOf);
    become({ kind: "confirm", claimant: "browser" });
    const everything = [tell(owedOf), tell(urgentOf), tell(owedOf)];
    answer();
    await expect.poll(() => asked).toHaveLength(2);
    answer();
    await Promise.all([urgent, ...everything]);
    expect(logged).toEqual([["ORDER_PLACED"], ["ORDER_CONFIRMED"]]);
    expect(isTold()).toBe(true);
    await tell(owedOf);
    expect([asked.length, refusals()]).toEqual([2, 0]);
  });

  it("asks nobody again who has just failed, whatever was wished for meanwhile: the alarm does", async () => {
    const { tell, become, logged, asked, answer, refuse, isDrained: isTold, refusals } = scene();
    const urgent = tell(urgentOf);
    become({ kind: "confirm", claimant: "browser" });
    const everything = tell(owedOf);
    refuse();
    await Promise.all([urgent, everything]);
    expect([asked.length, refusals(), isTold()]).toEqual([1, 1, false]);
    const again = tell(owedOf);
    answer();
    await again;
    expect(logged).toEqual([["ORDER_PLACED", "ORDER_CONFIRMED"]]);
  });
});
