/**
 * The other side of the street, on this machine: a provider's API, its page for payers, and its news, which comes twice, late or not at all, and is
 * told again until it is taken. What the provider took stands in its own books, whatever became of the news.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export type Outcome = "pay" | "fail" | "abandon";
/** Money that the provider took. */
export type Taking = {
  readonly payment: string;
  readonly transaction: string;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
  readonly paidAt: number;
};
/** `news`: bodies that the provider posts, in this order. `back`: where the payer goes afterwards. */
export type Visit = {
  readonly taking: Taking | null;
  readonly news: readonly string[];
  readonly notificationUrl: string;
  readonly back: string | null;
};
/** What a pretend provider brings to the street. */
export type Counter = {
  readonly handle: (request: Request) => Promise<Response>;
  /** Somebody is on a page of the provider's, or has scanned a code of its; null for an address that is none. */
  readonly visit: (address: URL, outcome: Outcome, person: string) => Visit | null;
  /** Signs a body at the moment it is sent. */
  readonly sign: (body: string) => Headers;
  readonly refunds: (transaction: string) => readonly { readonly refund: string; readonly amount: number }[];
};

type Entry = Taking & { readonly visit: Visit; readonly takenAt: number; acknowledged: boolean };
/** How its news behaves: `copies` 0 is news that is lost. */
type Temper = { readonly copies: number; readonly delayMs: number };

const calm: Temper = { copies: 1, delayMs: 0 };
/** Drawn from a seed, so that a storm can be told again. */
function temperOf(seed: string): Temper {
  const [copies = 0, delay = 0] = createHash("sha256").update(seed).digest();
  return { copies: [0, 1, 1, 2, 3][copies % 5] ?? 1, delayMs: (delay % 8) * 400 };
}

/** Each provider's own habit, a hundred times as fast; the last is the end of its patience. */
const waitsMs = [150, 150, 300, 1_800, 3_000, 6_000, 6_000, 12_000, 18_000, 18_000];

export type Street = Awaited<ReturnType<typeof openStreet>>;

export async function openStreet(open: (origin: string) => Counter) {
  const entries = new Map<string, Entry>();
  let telling = 0;
  const closed = new AbortController();

  async function post(url: string, body: string): Promise<number> {
    try {
      const answer = await fetch(url, { method: "POST", headers: counter.sign(body), body, signal: closed.signal });
      await answer.text();
      return answer.status;
    } catch {
      return 0;
    }
  }
  async function tell(url: string, body: string, delayMs: number): Promise<boolean> {
    telling += 1;
    try {
      await sleep(delayMs, undefined, { signal: closed.signal });
      for (const waitMs of waitsMs) {
        const status = await post(url, body);
        if (status >= 200 && status < 300) return true;
        await sleep(waitMs, undefined, { signal: closed.signal });
      }
      return false;
    } catch {
      return false;
    } finally {
      telling -= 1;
    }
  }

  /** The payer decides. Answers where they go afterwards; null for an address that is no page. */
  async function visit(
    address: URL,
    outcome: Outcome,
    person: string,
    chaos: string | null = null,
  ): Promise<Visit | null> {
    const came = counter.visit(address, outcome, person);
    if (!came) return null;
    const { taking, news, notificationUrl } = came;
    const known = taking && entries.get(taking.transaction);
    if (taking && !known)
      entries.set(taking.transaction, { ...taking, visit: came, takenAt: Date.now(), acknowledged: false });
    const { copies, delayMs } = chaos === null ? calm : temperOf(chaos);
    const told = Array.from({ length: copies }, () => news)
      .flat()
      .map(async (body) => {
        const taken = await tell(notificationUrl, body, delayMs);
        const entry = taking && entries.get(taking.transaction);
        if (taken && entry) entry.acknowledged = true;
      });
    if (delayMs === 0) await Promise.race([Promise.all(told), sleep(1_000)]);
    return came;
  }

  const server: Server = createServer((incoming, outgoing) => {
    void respond(incoming)
      .catch((fault: unknown) => new Response(String(fault), { status: 409 }))
      .then(async (response) => {
        outgoing.writeHead(response.status, Object.fromEntries(response.headers));
        outgoing.end(Buffer.from(await response.arrayBuffer()));
      });
  });
  async function respond(incoming: IncomingMessage): Promise<Response> {
    const body = await bytesOf(incoming);
    const address = new URL(incoming.url ?? "/", origin);
    const fields = new URLSearchParams(body.toString());
    const outcome = fields.get("outcome") as Outcome | null;
    if (incoming.method === "POST" && outcome) {
      const came = await visit(address, outcome, fields.get("payer") ?? "person-1", fields.get("chaos"));
      return new Response(null, came ? { status: 303, headers: { location: came.back ?? "/" } } : { status: 404 });
    }
    if (incoming.method === "GET" && /^\/(c\/pay|cgi-bin|gateway\.do)/.test(address.pathname))
      return new Response(
        `<!doctype html><title>Pretend provider</title><form method="post"><button name="outcome" value="pay">Pay</button></form>`,
        { headers: { "content-type": "text/html" } },
      );
    if (address.pathname === "/favicon.ico") return new Response(null, { status: 204 });
    const headers = new Headers(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
    const init = incoming.method === "POST" ? { method: "POST", headers, body: Uint8Array.from(body) } : { headers };
    return counter.handle(new Request(address, init));
  }

  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  const counter = open(origin);

  return {
    origin,
    visit,
    takings: () =>
      [...entries.values()].map(({ payment, transaction, amount, currency, paidAt, takenAt, acknowledged }) => ({
        payment,
        transaction,
        amount,
        currency,
        paidAt,
        takenAt,
        acknowledged,
        refunds: counter.refunds(transaction),
      })),
    /** News that is still to be told. */
    unsettled: () => telling,
    /** All of a payment's news once more; the answers' statuses. */
    tellAgain: async (transaction: string): Promise<readonly number[]> => {
      const entry = entries.get(transaction);
      if (!entry) return [];
      return Promise.all(entry.visit.news.map((body) => post(entry.visit.notificationUrl, body)));
    },
    close: async () => {
      closed.abort();
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
}

async function bytesOf(incoming: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}
