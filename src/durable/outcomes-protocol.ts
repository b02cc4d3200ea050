/** What the object that remembers requests and the Worker say to each other; the same rules as in `protocol.ts`. */

export type Begun =
  /** Carry it out. `at`: when the request was first begun; `lease` names this turn. */
  | { readonly kind: "BEGUN"; readonly at: number; readonly lease: number }
  /** It was carried out: `outcome` as it was brought. */
  | { readonly kind: "DONE"; readonly outcome: string }
  /** The key was used for another input. */
  | { readonly kind: "OTHER" }
  /** Too many wait for it already. */
  | { readonly kind: "BUSY" };

/** What became of an owner's requests that carry an idempotency key. `name` names such a request. */
export interface OutcomesProtocol {
  /** Waits while an equal request is under way. */
  begin(name: string, fingerprint: string): Promise<Begun>;
  /** It was carried out. Durable when it returns. */
  finish(name: string, outcome: string): Promise<void>;
  /** It was refused and did nothing. */
  forget(name: string, lease: number): Promise<void>;
  /** It failed in the middle: the next may begin at once. */
  lapse(name: string, lease: number): Promise<void>;
}
