/** How the Worker calls a live code. Whoever calls at the moment at which its object is reset calls once more (`was-reset.ts`). */
import type { Command, CommandKind } from "../core/commands.ts";
import type { OrderEvent } from "../core/events.ts";
import type { OrderKey } from "../core/ids.ts";
import type { Order, OrderTerms } from "../core/order.ts";
import type { Applied, LiveCodeProtocol, Placed, Scanned } from "./protocol.ts";
import { wasReset } from "./was-reset.ts";

export const liveCodeStub = (env: Pick<Env, "LIVE_CODE">, key: OrderKey): LiveCodeProtocol => new Stub(env, key);

/**
 * The commands that find themselves done when they reach the object twice, since a fault does not tell whether they arrived. The others are not
 * made again: a decision or a refund that does not name its request would fall on money that nobody has looked at, or give back twice.
 */
const repeatable: readonly CommandKind[] = [
  "confirm",
  "begin",
  "opened",
  "ended",
  "capture",
  "kept",
  "refundHeard",
  "cancel",
  "extend",
  "reserved",
  "released",
  "assigned",
  "acted",
  "consent",
  "agreed",
  "retry",
  "forget",
];
const isRepeatable = (command: Command): boolean =>
  command.kind === "refund" || command.kind === "resolve"
    ? command.request !== undefined
    : repeatable.includes(command.kind);

/** Plain `try`s, one per method: the scan is the hottest path, and a call that goes well costs nothing more. */
class Stub implements LiveCodeProtocol {
  private readonly env: Pick<Env, "LIVE_CODE">;
  private readonly key: OrderKey;

  constructor(env: Pick<Env, "LIVE_CODE">, key: OrderKey) {
    this.env = env;
    this.key = key;
  }

  async scan(human: boolean): Promise<Scanned> {
    try {
      return await this.once().scan(human);
    } catch (fault) {
      return this.again(fault).scan(human);
    }
  }

  async place(terms: OrderTerms, fingerprint: string): Promise<Placed> {
    try {
      return await this.once().place(terms, fingerprint);
    } catch (fault) {
      return this.again(fault).place(terms, fingerprint);
    }
  }

  async look(merchantId?: string): Promise<Order | null> {
    try {
      return await this.once().look(merchantId);
    } catch (fault) {
      return this.again(fault).look(merchantId);
    }
  }

  async apply(command: Command, merchantId?: string): Promise<Applied> {
    try {
      return await this.once().apply(command, merchantId);
    } catch (fault) {
      if (!isRepeatable(command)) throw fault;
      return this.again(fault).apply(command, merchantId);
    }
  }

  async watch(merchantId: string, until: number): Promise<Order | null> {
    try {
      return await this.once().watch(merchantId, until);
    } catch (fault) {
      return this.again(fault).watch(merchantId, until);
    }
  }

  async timeline(merchantId?: string): Promise<readonly OrderEvent[]> {
    try {
      return await this.once().timeline(merchantId);
    } catch (fault) {
      return this.again(fault).timeline(merchantId);
    }
  }

  /** The request has no body, so that it can be made again. */
  async fetch(request: Request): Promise<Response> {
    try {
      return await this.once().fetch(request);
    } catch (fault) {
      return this.again(fault).fetch(request);
    }
  }

  private once(): LiveCodeProtocol {
    return this.env.LIVE_CODE.getByName(this.key);
  }

  private again(fault: unknown): LiveCodeProtocol {
    if (!wasReset(fault)) throw fault;
    return this.once();
  }
}
