/**
 * A binary heap of what waits, by when it is due and then by when it happened. What has changed since it was added is dropped when it is met
 * (`isStanding` says so), so that a change costs nothing but being added again.
 */
type Due = { readonly id: string; readonly at: number; dueAt: number };
/** `dueAt` as it was when it was added. */
export type Offer<T extends Due> = { readonly waiting: T; readonly dueAt: number };
type Standing<T extends Due> = (offer: Offer<T>) => boolean;

const isBefore = (a: Offer<Due>, b: Offer<Due>): boolean =>
  a.dueAt !== b.dueAt
    ? a.dueAt < b.dueAt
    : a.waiting.at !== b.waiting.at
      ? a.waiting.at < b.waiting.at
      : a.waiting.id < b.waiting.id;

export class DueHeap<T extends Due> {
  private readonly offers: Offer<T>[] = [];

  add(waiting: T): void {
    this.push({ waiting, dueAt: waiting.dueAt });
  }

  /** At most `count` that are due, those due longest first, and when the next one is. All of them stay until they change. */
  look(now: number, count: number, isStanding: Standing<T>): { readonly due: T[]; readonly nextAt: number } {
    const found: Offer<T>[] = [];
    let top = this.top(isStanding);
    for (; top; top = this.top(isStanding)) {
      const offer = top;
      const isAgain = found.some(({ waiting }) => waiting === offer.waiting);
      if (!isAgain && (offer.dueAt > now || found.length === count)) break;
      this.pop();
      if (!isAgain) found.push(offer);
    }
    for (const offer of found) this.push(offer);
    return { due: found.map(({ waiting }) => waiting), nextAt: top?.dueAt ?? Infinity };
  }

  private top(isStanding: Standing<T>): Offer<T> | undefined {
    while (this.offers[0] && !isStanding(this.offers[0])) this.pop();
    return this.offers[0];
  }

  private push(offer: Offer<T>): void {
    const { offers } = this;
    let index = offers.push(offer) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.isBefore(index, parent)) break;
      this.swap(index, parent);
      index = parent;
    }
  }

  private pop(): void {
    const { offers } = this;
    const last = offers.pop();
    if (!last || offers.length === 0) return;
    offers[0] = last;
    for (let index = 0; ;) {
      const [left, right] = [2 * index + 1, 2 * index + 2];
      let least = index;
      if (left < offers.length && this.isBefore(left, least)) least = left;
      if (right < offers.length && this.isBefore(right, least)) least = right;
      if (least === index) return;
      this.swap(index, least);
      index = least;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const [one, other] = [this.offers[a], this.offers[b]];
    return one !== undefined && other !== undefined && isBefore(one, other);
  }

  private swap(a: number, b: number): void {
    const [one, other] = [this.offers[a], this.offers[b]];
    if (one && other) [this.offers[a], this.offers[b]] = [other, one];
  }
}
