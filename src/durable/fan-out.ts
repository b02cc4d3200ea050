/**
 * Tells a merchant's endpoints what happened: whoever is well at once, all of them side by side, and whoever has time or does not answer a little later (`held-events.ts`). So neither
 * the work that those in trouble make nor one whose object hangs stands in anybody's way.
 */
import { limits } from "../core/limits.ts";
import { HeldEvents, type Parcel } from "./held-events.ts";
import type { KnownAlarm } from "./known-alarm.ts";
import type { WebhookEndpointProtocol } from "./webhook-protocol.ts";
import { within } from "./within.ts";

export class FanOut {
  private readonly endpoint: (id: string) => Pick<WebhookEndpointProtocol, "enqueue">;
  private readonly held: HeldEvents;
  /** Until when it is believed of an endpoint that it is in trouble: a while since it last said so. */
  private readonly troubledUntil = new Map<string, number>();
  /** Endpoints whose object did not take what it was told, and when it is asked again. Something is held for each. */
  private readonly silentUntil = new Map<string, number>();

  constructor(endpoint: FanOut["endpoint"], storage: DurableObjectStorage, alarm: KnownAlarm) {
    this.endpoint = endpoint;
    this.held = new HeldEvents(storage, alarm);
  }

  /** Nothing is held for anybody. */
  isDone(): boolean {
    return this.held.isEmpty();
  }

  /** Each endpoint has its events when it resolves, or they are held for it. Rejects when too much is held already; those that are well have theirs all the same. */
  async tell(parcels: readonly Parcel[]): Promise<void> {
    const hurried = parcels.filter((parcel) => !this.hasTime(parcel));
    const took = await Promise.all(hurried.map((parcel) => this.enqueue(parcel)));
    const told = new Set(hurried.filter((_, index) => took[index]));
    this.hold(parcels.filter((parcel) => !told.has(parcel)));
  }

  /** What is held, to whoever takes it now. The alarm's work. */
  handOver(): Promise<void> {
    return this.held.handOver((parcel) => this.enqueue(parcel));
  }

  /** What it is to be told would begin late or in vain, or may not be told yet. */
  private hasTime(parcel: Parcel): boolean {
    const { endpointId } = parcel;
    const isTroubled = (this.troubledUntil.get(endpointId) ?? 0) > Date.now();
    return isTroubled || this.silentUntil.has(endpointId) || this.held.isBehind(parcel);
  }

  private hold(parcels: readonly Parcel[]): void {
    if (parcels.length === 0) return;
    const nobodyAnswers = parcels.every(({ endpointId }) => this.silentUntil.has(endpointId));
    this.held.hold(parcels, Date.now() + (nobodyAnswers ? limits.watchdogMs.max : limits.feedHeldMs));
  }

  /** False when the endpoint's object does not answer, or is not asked because it lately did not. */
  private async enqueue({ endpointId, events }: Parcel): Promise<boolean> {
    if ((this.silentUntil.get(endpointId) ?? 0) > Date.now()) return false;
    try {
      const { troubled } = await within(limits.enqueueTimeoutMs, this.endpoint(endpointId).enqueue(events));
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
}
