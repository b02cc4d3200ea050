/**
 * The platform the product runs on, as unkind as its documentation allows: calls are late, lost on the way there or on the way back; objects
 * lose their memory at any moment and come back from what they committed; alarms ring late, and again when whoever they woke died. It asks
 * chance at every such moment, or, to sweep through them, dies at one that is named by its number.
 */
import type { Chance } from "./chance.ts";
import { type Clock, Process, running } from "./clock.ts";
import { Disk, storageOn } from "./disk.ts";

/** A fault of the platform, not of the product. Marked as workerd marks them. */
export class PlatformFault extends Error {
  readonly retryable = true;

  /** There are very many, and none is worth knowing where it came from. */
  constructor(message: string) {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
  }
}

export type Weather = {
  /** Of each call: that it never arrives, and that its answer does not. */
  lost: number;
  /** Of each call, that it takes seconds. */
  slow: number;
  /** Of each moment at which somebody may die. */
  death: number;
};
export const fair: Readonly<Weather> = { lost: 0, slow: 0, death: 0 };

type AnyClass = new (ctx: DurableObjectState, env: Env) => object;
type Waiting = { readonly broken: () => void };
/** One durable object. `process` is null while it is not in memory. */
export type Simulated = {
  readonly namespace: string;
  readonly name: string;
  readonly make: AnyClass;
  readonly disk: Disk;
  readonly waiting: Set<Waiting>;
  process: Process | null;
  instance: object | null;
  /** What it does before it hears anything. */
  blocked: Promise<unknown> | null;
  /** Work it goes on with after an answer. */
  busy: number;
  ringing: boolean;
  /** The alarm that the clock knows of. */
  awaited: number | null;
};

export class Platform {
  readonly env: Record<string, unknown> = {};
  readonly objects = new Map<string, Simulated>();
  readonly weather: Weather = { ...fair };
  /** What the product threw that is no fault of the platform. */
  readonly bugs: string[] = [];
  deaths = 0;
  /** How many moments there were at which somebody could die, and at which of them somebody must. */
  moments = 0;
  dieAt: number | null = null;
  /** Told of every commit of an object, after it. */
  watch: (object: Simulated) => void = () => undefined;
  readonly clock: Clock;
  readonly chance: Chance;

  constructor(clock: Clock, chance: Chance) {
    this.clock = clock;
    this.chance = chance;
  }

  bind(namespace: string, make: AnyClass): void {
    this.env[namespace] = { getByName: (name: string) => this.stub(namespace, name, make) };
  }

  /** What is somewhere else: it does `work` when the call arrives. */
  async remote<T>(work: () => T | Promise<T>): Promise<T> {
    return this.send((answer, refuse) => {
      begun(work).then(answer, refuse);
    });
  }

  /** The Worker answers a request. It may die of it, and whoever asked hears nothing but that the connection broke. */
  async request<T>(work: (waitUntil: (more: Promise<unknown>) => void) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const process = new Process("worker", () =>
        this.clock.after(this.delay(), () => reject(new PlatformFault("the Worker died"))),
      );
      const waitUntil = (more: Promise<unknown>): void =>
        void more.catch((fault: unknown) => this.thrown("after an answer", fault));
      running
        .run(process, () => work(waitUntil))
        .then(
          (answer) => process.alive && resolve(answer),
          (fault: unknown) => process.alive && reject(fault as Error),
        );
    });
  }

  /** A moment at which whoever runs may die. Throws when they do. */
  moment(): void {
    const process = running.getStore();
    if (!process) return;
    if (!process.alive) throw new PlatformFault(`${process.name} is dead`);
    this.moments += 1;
    if (this.dieAt !== this.moments && !this.chance.happens(this.weather.death)) return;
    this.deaths += 1;
    process.kill();
    throw new PlatformFault(`${process.name} died`);
  }

  /** Memory that nobody needs at the moment is taken away without a word. */
  evict(object: Simulated): void {
    if (object.process && object.waiting.size === 0 && object.busy === 0 && !object.ringing) object.process.kill();
  }

  thrown(where: string, fault: unknown): void {
    if (!isOfPlatform(fault))
      this.bugs.push(`${where}: ${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}`);
  }

  private stub(namespace: string, name: string, make: AnyClass): object {
    const key = `${namespace}/${name}`;
    let object = this.objects.get(key);
    if (!object) {
      object = {
        namespace,
        name,
        make,
        disk: new Disk(),
        waiting: new Set(),
        process: null,
        instance: null,
        blocked: null,
        busy: 0,
        ringing: false,
        awaited: null,
      };
      this.objects.set(key, object);
    }
    const called = object;
    // A stub is no promise, though it has every method.
    const methodOf = (method: string | symbol) =>
      method === "then" ? undefined : (...args: unknown[]) => this.call(called, String(method), args);
    return new Proxy({}, { get: (_, method) => methodOf(method) });
  }

  private call(object: Simulated, method: string, args: readonly unknown[]): Promise<unknown> {
    const message = structuredClone(args);
    return this.send((answer, refuse) => {
      const waiting: Waiting = { broken: () => refuse(new PlatformFault(`${object.namespace} was reset`)) };
      const heard =
        <V>(then: (value: V) => void) =>
        (value: V): void => {
          if (object.waiting.delete(waiting)) then(value);
        };
      object.waiting.add(waiting);
      this.inside(object, method, message).then(
        heard((value) => answer(structuredClone(value))),
        heard((fault: Error) => refuse(fault)),
      );
    });
  }

  /** There and back, each way late or lost. Who died meanwhile hears nothing. */
  private async send<T>(deliver: (answer: (value: T) => void, refuse: (fault: Error) => void) => void): Promise<T> {
    const caller = running.getStore();
    this.moment();
    return new Promise<T>((resolve, reject) => {
      const back = (settle: () => void): void =>
        this.clock.afterFor(caller, this.delay(), () => {
          try {
            this.moment();
          } catch {
            return;
          }
          settle();
        });
      const broken = (): void => back(() => reject(new PlatformFault("the connection broke")));
      if (this.chance.happens(this.weather.lost / 2)) return broken();
      this.clock.after(this.delay(), () => {
        const isLost = this.chance.happens(this.weather.lost / 2);
        deliver(
          (value) => (isLost ? broken() : back(() => resolve(value))),
          (fault) => back(() => reject(fault)),
        );
      });
    });
  }

  private delay(): number {
    return this.chance.happens(this.weather.slow) ? this.chance.between(500, 25_000) : this.chance.between(1, 40);
  }

  /** Runs in the object, which is brought into memory for it. */
  private inside(object: Simulated, method: string, args: readonly unknown[]): Promise<unknown> {
    const process = (object.process ??= this.processOf(object));
    return running.run(process, () =>
      begun(async () => {
        object.instance ??= new object.make(this.contextOf(object, process), this.env as unknown as Env);
        const methods = object.instance as Record<string, (...args: readonly unknown[]) => unknown>;
        if (object.blocked) await object.blocked;
        return methods[method]?.(...args);
      }),
    );
  }

  private processOf(object: Simulated): Process {
    return new Process(object.namespace, () => {
      Object.assign(object, { process: null, instance: null, blocked: null, busy: 0 });
      const waiting = [...object.waiting];
      object.waiting.clear();
      for (const { broken } of waiting) broken();
      // Not now: whoever dies in the middle of a transaction takes back what it did to the alarm.
      if (object.ringing) this.clock.after(0, () => this.rung(object));
    });
  }

  private contextOf(object: Simulated, process: Process): DurableObjectState {
    const witness = {
      committing: () => this.moment(),
      committed: () => {
        this.setAlarm(object);
        this.watch(object);
        this.moment();
      },
    };
    const context = {
      id: { name: object.name },
      storage: storageOn(object.disk, witness),
      getWebSockets: () => [],
      blockConcurrencyWhile: async (work: () => Promise<unknown>) => {
        const blocked = work().finally(() => object.blocked === blocked && (object.blocked = null));
        object.blocked = blocked;
        return blocked;
      },
      waitUntil: (work: Promise<unknown>) => {
        object.busy += 1;
        const over = (): void => void (process.alive && (object.busy -= 1));
        work.then(over, (fault: unknown) => {
          over();
          this.thrown(`${object.namespace}, after an answer`, fault);
        });
      },
    };
    return context as unknown as DurableObjectState;
  }

  private setAlarm(object: Simulated): void {
    const at = object.disk.alarm;
    if (at === object.awaited) return;
    object.awaited = at;
    if (at !== null) this.clock.after(at - this.clock.now + this.delay(), () => this.ring(object, at));
  }

  private ring(object: Simulated, at: number): void {
    if (object.disk.alarm !== at) return;
    // One at a time: the next waits until whoever answers this one is done.
    if (object.ringing) return this.clock.after(1_000, () => this.ring(object, at));
    object.disk.alarm = null;
    object.awaited = null;
    object.ringing = true;
    const rang = this.inside(object, "alarm", []);
    const { process } = object;
    rang.then(
      () => process?.alive && (object.ringing = false),
      (fault: unknown) => {
        if (!process?.alive) return;
        this.bugs.push(`alarm() of ${object.namespace} threw: ${String(fault)}`);
        this.rung(object);
      },
    );
  }

  /** Whoever was woken died of it: woken again, unless they had set another alarm. */
  private rung(object: Simulated): void {
    object.ringing = false;
    object.disk.alarm ??= this.clock.now + 2_000;
    this.setAlarm(object);
  }
}

/** Begun at once; a throw is a rejection. */
const begun = async <T>(work: () => T | Promise<T>): Promise<T> => work();

/** Whether a fault, or what caused it, is the platform's. */
export const isOfPlatform = (fault: unknown): boolean =>
  fault instanceof PlatformFault ||
  (fault instanceof Error && (fault.message.startsWith("no answer within") || isOfPlatform(fault.cause)));
