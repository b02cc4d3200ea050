/** A partner who hears webhooks: whatever the Worker fetches goes to it, and it answers as the test says. The clock is the test's. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { Webhook as Svix } from "svix";
import { Webhook } from "standardwebhooks";
import { expect, vi } from "vitest";
import type { Delivery, EndpointOpening, WebhookEndpointProtocol } from "../../src/durable/webhook-protocol.ts";
import type { WebhookEndpoint } from "../../src/index.ts";
import { randomKey } from "./terms.ts";

export type Heard = { id: string; headers: Record<string, string>; body: string; at: number; url: string };
export type Answer = Response | Promise<Response>;

// Far from now, so that no alarm rings by itself: the tests ring it when their clock says so.
export const start = Date.parse("2031-05-01T08:00:00Z");

export const partner = {
  /** Always the same list. */
  heard: [] as Heard[],
  answer: (heard: Heard): Answer => new Response(heard.id),
  ids: (): string[] => partner.heard.map(({ id }) => id),
};

export function listen(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: start });
  partner.heard.length = 0;
  partner.answer = () => new Response("ok");
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const headers = Object.fromEntries(new Headers(init?.headers));
    const { url, method, redirect } = new Request(input, init);
    if (method !== "POST" || redirect !== "manual") throw new Error(`${method}, redirect ${redirect}`);
    const heard = { id: headers["webhook-id"]!, headers, body: init?.body as string, at: Date.now(), url };
    partner.heard.push(heard);
    return partner.answer(heard);
  });
}
export function stopListening(): void {
  vi.restoreAllMocks();
  vi.useRealTimers();
}

/** What it says, when two independent libraries both accept it with this secret. */
export function verified(secret: string, heard: Heard): { type: string; data: Record<string, unknown> } {
  expect(accepted(secret, heard)).toEqual([true, true]);
  return JSON.parse(heard.body) as never;
}
/** Whether each of them does. */
export const accepted = (secret: string, { headers, body }: Heard): boolean[] =>
  [new Webhook(secret), new Svix(secret)].map((library) => {
    try {
      library.verify(body, headers);
      return true;
    } catch {
      return false;
    }
  });

export const stubOf = (id: string) => env.WEBHOOK_ENDPOINT.getByName(id);
export const rpc = (id: string) => stubOf(id) as unknown as WebhookEndpointProtocol;

/** Looks again until it is so. (`vi.waitFor` would move the clock.) */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 0; !(await isSo()); looks += 1) {
    if (looks > 4000) throw new Error("it never came about");
    await scheduler.wait(2);
  }
}

/** Waits until nothing is under way. */
export async function settled(id: string): Promise<readonly Delivery[]> {
  const flying = "SELECT count(*) AS n FROM deliveries WHERE leased_until IS NOT NULL";
  await until(() =>
    runInDurableObject(
      stubOf(id),
      (_: WebhookEndpoint, { storage }) => storage.sql.exec<{ n: number }>(flying).one().n === 0,
    ),
  );
  return rpc(id).deliveries(100, null);
}

export const alarmOf = (id: string) =>
  runInDurableObject(stubOf(id), (_: WebhookEndpoint, state) => state.storage.getAlarm());

/** Whatever the object has in memory is gone. */
export const forget = (id: string): Promise<void> =>
  evictDurableObject(stubOf(id)).catch((fault: unknown) => {
    if (!String(fault).includes("not currently running")) throw fault;
  });

/** Lets the clock run to the next alarm and rings it, in an object that remembers nothing. False when none is set. */
export async function ring(id: string): Promise<boolean> {
  await forget(id);
  const at = await alarmOf(id);
  if (at === null) return false;
  if (at > Date.now()) vi.setSystemTime(at);
  return runDurableObjectAlarm(stubOf(id));
}

export async function opened(over: Partial<EndpointOpening> = {}): Promise<{ id: string; secret: string }> {
  const id = `endpoint_${randomKey()}${randomKey()}`;
  const opening: EndpointOpening = {
    id,
    merchantId: "merchant_00A",
    url: "https://partner.example/hook",
    types: [],
    description: null,
    payload: "FULL",
    selection: null,
    ratePerSecond: null,
  };
  const { secret } = await rpc(id).open({ ...opening, ...over });
  return { id, secret: secret! };
}
