/**
 * Tells a merchant's endpoints what happened: whoever is well at once, all of them side by side, and whoever has time or does not answer a little later (`held-events.ts`). So neither
 * the work that those in trouble make nor one whose object hangs stands in anybody's way.
 */
import { limits } from "../core/limits.ts";
import { HeldEvents, type Parcel } from "./held-events.ts";
import type { KnownAlarm } from "./known-alarm.ts";
import type { WebhookEndpointProtocol } from "./webhook-protocol.ts";
import { wasReset } from "./was-reset.ts";
import { within } from "./within.ts";

export class FanOut {
  private readonly endpoint: (id: string) => Pick<WebhookEndpointProtocol, "enqueue">;
  private readonly held: HeldEvents;
  /** Until when it is believed of an endpoint that it is in trouble: a while since it last said so. */
  private readonly troubledUntil = new Map<string, number>();
  /** Endpoints whose object did not take what it was told, and when it is asked again. Only the alarm asks it, so it is believed only while something is held for it. */
  private readonly silentUntil = new Map<string, number>();

  constructor(endpoint: FanOut["endpoint"], storage: DurableObjectStorage, alarm: KnownAlarm) {
    this.endpoint = endpoint;
    this.held = new HeldEvents(storage, alarm);
  }

  /** Nothing is held for anybody. */
  isDone(): boolean {
    return this.held.endpoints().length === 0;
  }

  /** Each endpoint has its events when it resolves, or they are held for it. Rejects when too much is held for one already; the others have theirs all the same. */
  async tell(parcels: readonly Parcel[]): Promise<void> {
    const hurried = parcels.filter((parcel) => !this.mayWait(parcel));
    const took = await Promise.all(hurried.map((parcel) => this.enqueue(parcel)));
    const told = new Set(hurried.filter((_, index) => took[index]));
    const later = parcels.filter((parcel) => !told.has(parcel));
    if (later.length === 0) return;
    const nobodyAnswers = later.every(({ endpointId }) => this.silentUntil.has(endpointId));
    this.held.hold(later, Date.now() + (nobodyAnswers ? limits.watchdogMs.max : limits.feedHeldMs));
  }

  /**
   * What is held, to whoever takes it now. One endpoint after the other, so that many in trouble never take the thread together; beside them, and side by side, those that did not
   * answer: however many hang, it takes no longer than one. The alarm's work.
   */
  async handOver(): Promise<void> {
    const endpoints = this.held.endpoints();
    const silent = endpoints.filter((id) => this.silentUntil.has(id));
    const paced = async (): Promise<void> => {
      for (const id of endpoints) if (!silent.includes(id)) await this.handOverTo(id);
    };
    await Promise.all([paced(), ...silent.filter((id) => !this.isSilent(id)).map((id) => this.handOverTo(id))]);
  }

  private handOverTo(endpointId: string): Promise<void> {
    return this.held.handOver(endpointId, (parcel) => this.enqueue(parcel));
  }

  /** What it is to be told would begin late or in vain, or may not be told yet. */
  private mayWait(parcel: Parcel): boolean {
    const { endpointId } = parcel;
    const isTroubled = (this.troubledUntil.get(endpointId) ?? 0) > Date.now();
    const isUnheard = this.silentUntil.has(endpointId) && this.held.isFor(endpointId);
    return isTroubled || isUnheard || this.held.isBehind(parcel);
  }

  /** It did not answer a moment ago. */
  private isSilent(endpointId: string): boolean {
    return (this.silentUntil.get(endpointId) ?? 0) > Date.now();
  }

  /** False when the endpoint's object does not answer. */
  private async enqueue(parcel: Parcel): Promise<boolean> {
    const { endpointId } = parcel;
    try {
      const { troubled } = await within(limits.enqueueTimeoutMs, this.ask(parcel));
      if (troubled) this.troubledUntil.set(endpointId, Date.now() + limits.feedTroubleBelievedMs);
      else this.troubledUntil.delete(endpointId);
      this.silentUntil.delete(endpointId);
      return true;
    } catch (fault) {
      console.error("a webhook endpoint that takes nothing", endpointId, fault);
      this.silentUntil.set(endpointId, Date.now() + limits.watchdogMs.max);
      return false;
    }
  }

  private async ask({ endpointId, events }: Parcel): Promise<{ readonly troubled: boolean }> {
    try {
      return await this.endpoint(endpointId).enqueue(events);
    } catch (fault) {
      if (!wasReset(fault)) throw fault;
      return this.endpoint(endpointId).enqueue(events);
    }
  }
}
