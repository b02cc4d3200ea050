/** A partner who listens to webhooks: sometimes away, sometimes slow, sometimes deaf after having heard. */
import type { Chance } from "./chance.ts";
import { PlatformFault, type Platform } from "./platform.ts";

export class Partner {
  isAway = false;
  /** That an answer is not a good one. */
  moody = 0;
  /** By endpoint and event: the first body that was heard. */
  readonly heard = new Map<string, Map<string, string>>();
  /** Bodies that came under one id and differ. */
  readonly contradictions: string[] = [];
  private readonly platform: Platform;
  private readonly chance: Chance;

  constructor(platform: Platform, chance: Chance) {
    this.platform = platform;
    this.chance = chance;
  }

  fetch = (url: string, { headers, body: sent }: RequestInit): Promise<Response> =>
    this.platform.remote(() => {
      if (this.isAway) throw new PlatformFault("the partner is away");
      const body = typeof sent === "string" ? sent : "";
      const id = new Headers(headers).get("webhook-id") ?? "";
      const events = this.heard.get(url) ?? new Map<string, string>();
      this.heard.set(url, events);
      const known = events.get(id);
      if (known === undefined) events.set(id, body);
      else if (known !== body) this.contradictions.push(id);
      return new Response(null, { status: this.chance.happens(this.moody) ? 503 : 204 });
    });
}
