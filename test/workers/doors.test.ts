/** What the doors say while nothing behind them answers: never a fault of their own. */
import { env } from "cloudflare:workers";
import { createExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { serve } from "../../src/app.ts";
import { limits } from "../../src/core/limits.ts";
import { keys, newMerchantId, liveCode, visit } from "./payment-scene.ts";
import { someTerms } from "./terms.ts";

const phone = { headers: { "user-agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Mobile/15E148" } };
const fault = (marks: object = {}) =>
  Object.assign(new Error("Durable Object reset because its code was updated."), marks);

afterEach(() => vi.restoreAllMocks());

async function place(): Promise<string> {
  const terms = someTerms(newMerchantId());
  await liveCode(terms.key).place(terms, "fingerprint");
  return `/c/${keys.slug(terms.key)}`;
}

/** The next `times` stubs of live codes throw at whatever is asked of them; later ones are sound. Answers how many were made. */
function away(times: number, marks: object = {}) {
  const { getByName } = env.LIVE_CODE;
  const throwing = () => Promise.reject(fault(marks));
  const made = vi.spyOn(env.LIVE_CODE, "getByName").mockImplementation((name) => {
    const sound = made.mock.calls.length > times;
    return sound ? getByName.call(env.LIVE_CODE, name) : ({ scan: throwing, fetch: throwing } as never);
  });
  return () => made.mock.calls.length;
}

describe.each(["", "/events"])("GET /c/:slug%s", (door) => {
  it("says that the code is unavailable, and when to come back, while its object is away; the log names the order, not the slug", async () => {
    const path = await place();
    away(Infinity);
    const logged = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const answer = await visit(path + door, phone);
    expect([answer.status, answer.headers.get("retry-after"), answer.headers.get("cache-control")]).toEqual([
      503,
      "2",
      "no-store",
    ]);
    const text = await answer.text();
    expect(text).toContain("One moment");
    expect(text).toContain("请稍候");
    expect(text).not.toContain("Durable Object");
    expect(logged).toHaveBeenCalledTimes(1);
    expect(JSON.stringify(logged.mock.calls)).not.toContain(path.slice(3));
  });

  it("does not even show that its object was reset", async () => {
    const path = await place();
    const made = away(1, { retryable: true });
    const answer = await visit(path + door, phone);
    expect(answer.status).toBe(200);
    expect(made()).toBe(2);
    await answer.body?.cancel();
  });

  it("does not press an object that has too much to do", async () => {
    const path = await place();
    const made = away(Infinity, { retryable: true, overloaded: true });
    vi.spyOn(console, "error").mockImplementation(() => undefined);
    expect((await visit(path + door, phone)).status).toBe(503);
    expect(made()).toBe(1);
  });
});

describe("a deployment with a root secret that is too short", () => {
  const answerOf = (ROOT_SECRET: string) =>
    serve(new Request("https://pay.example/healthz"), { ...env, ROOT_SECRET }, createExecutionContext());

  it("answers 503 to everything and says why", async () => {
    const answer = await answerOf("s".repeat(limits.rootSecretLengthMin - 1));
    expect(answer.status).toBe(503);
    expect(await answer.text()).toBe("ROOT_SECRET must have at least 32 characters: see docs/operations.md");
    expect((await answerOf("s".repeat(limits.rootSecretLengthMin))).status).toBe(200);
  });
});
