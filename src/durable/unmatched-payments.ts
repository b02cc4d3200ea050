/**
 * What becomes of an account's money: the order that it is given to, before that order hears of it, and what a person decides about money that
 * no order took. A decision is written first and then carried out, so whoever dies in between leaves it to the account's alarm.
 */
import type { HeardCapture } from "../core/commands.ts";
import { nameless, type Payer } from "../core/conversion.ts";
import { orderKeyOf, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import type { Request } from "../core/requests.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { Keys } from "../keys/root.ts";
import { seal, unseal } from "../keys/seal.ts";
import type { ProviderFault, RefundReport, RefundRequest } from "../payments/provider.ts";
import type { Owed } from "./early-refunds.ts";
import { refundOutcomeOf } from "./effects.ts";
import type { KnownAlarm } from "./known-alarm.ts";
import { liveCodeStub } from "./live-code-stub.ts";
import {
  askedBack,
  isUnderWay,
  placeIn,
  placeOfUnmatched,
  refundIdOf,
  shown,
  type KeptPayment,
} from "./kept-payment.ts";
import { payerOf } from "./payer.ts";
import { paymentBook, type Taken } from "./payment-book.ts";
import { isHistory } from "./payment-book-rows.ts";
import type {
  AccountNews,
  AccountSummary,
  Applied,
  AssignedPayment,
  ErasedPerson,
  UnmatchedPayment,
  UnmatchedReason,
  UnmatchedRefusal,
} from "./protocol.ts";
import { within } from "./within.ts";

type News = Pick<AccountNews, "order" | "command" | "why">;
type Account = Pick<AccountSummary, "id" | "merchantId">;
type Refund = (request: RefundRequest) => Promise<Result<RefundReport, ProviderFault>>;

const payerPlace = ({ merchantId, id }: Account, capture: string): string =>
  `${merchantId}|account|${id}|payer of ${capture}`;

export class UnmatchedPayments {
  private readonly env: Env;
  private readonly keys: Keys;
  private readonly giveBack: Refund;
  readonly book;

  /** `giveBack` asks the account's provider. */
  constructor(env: Env, storage: DurableObjectStorage, alarm: KnownAlarm, keys: Keys, giveBack: Refund) {
    this.env = env;
    this.keys = keys;
    this.giveBack = giveBack;
    this.book = paymentBook(storage, alarm);
  }

  /**
   * Where a message's news go, whatever order it names: money to the one order that is to have it, from before that hears of it; money back to the order
   * that it came from.
   */
  route(account: Account, news: News): News {
    const { command, order } = news;
    if (command?.kind === "refundHeard") {
      const owner = this.book.returned(command);
      // Money that no order has keeps in mind what went back of it, and so does the account of money that nobody has heard of yet.
      if (owner === null || (owner ?? order) === null)
        return { order: null, command: null, why: "kept with the payment" };
      return { ...news, order: owner ?? order };
    }
    if (command?.kind !== "capture") return news;
    const { capture } = command;
    if (isHistory(capture.paidAt, Date.now()) && this.book.ownerOf(capture.id) === undefined)
      return { order: null, command: null, why: "paid too long ago to be news" };
    // The order that the message names before the one whose payment it names.
    return { ...news, order: this.place(account, capture, [order, orderKeyOf(capture.attempt ?? "")]) };
  }

  /** The order that has the money, of those that are named; null when none of them does, and it is kept. */
  place(account: Account, capture: HeardCapture, named: readonly (OrderKey | null)[]): OrderKey | null {
    const owner = this.book.claim(
      capture,
      named.filter((key) => key !== null),
    );
    if (owner === null) this.keep(account, capture, null, "UNKNOWN_ORDER");
    return owner;
  }

  /** Who paid is sealed until the money has its place: an order that gets it converts them. */
  keep(account: Account, capture: HeardCapture, from: OrderKey | null, why: UnmatchedReason): void {
    const payer = seal(this.keys.sealing, payerPlace(account, capture.id), JSON.stringify(capture.payer));
    this.book.keep(capture, payer, from, why, Date.now());
  }

  /** Whoever is erased is no longer named by money that was paid before: by a portion of it, after a place. Answers where to go on; null at the end. */
  forget(account: Account, { customerId, erasedAt }: ErasedPerson, after: string): string | null {
    return this.book.reseal(after, (kept) => {
      if (kept.payer === null || kept.paidAt > erasedAt) return null;
      const place = payerPlace(account, kept.capture);
      const payer = JSON.parse(unseal(this.keys.sealing, place, kept.payer)) as Payer;
      const isTheirs = payer.customerId === customerId && (payer.name !== null || payer.identities.length > 0);
      return isTheirs ? seal(this.keys.sealing, place, JSON.stringify(nameless(payer))) : null;
    });
  }

  list(settled: boolean, before: string | null, limit: number): readonly UnmatchedPayment[] {
    // One more than a page tells whether there are more.
    return this.book.list(settled, before, Math.min(limit, limits.pageSizeMax + 1)).map(shown);
  }

  find(id: string): UnmatchedPayment | null {
    const kept = this.book.at(placeOfUnmatched(id) ?? "");
    return kept?.id === id ? shown(kept) : null;
  }

  async assign(account: Account, id: string, order: OrderKey): Promise<Result<AssignedPayment, UnmatchedRefusal>> {
    const decided = this.decide(id, (place) => this.book.assign(place, order));
    if (!decided.ok) return err(decided.refusal);
    const { applied, kept } = await this.hand(account, decided.kept, order);
    if (!applied.found) return err({ reason: "ORDER_NOT_FOUND" });
    if (!applied.ok) return err({ reason: "REFUSED", refusal: applied.refusal, order: applied.order });
    return ok({ payment: shown(kept), order: applied.order });
  }

  async refund(id: string, request: Request): Promise<Result<UnmatchedPayment, UnmatchedRefusal>> {
    const decided = this.decide(id, (place) => this.book.refund(place, request, Date.now()));
    if (!decided.ok) return err(decided.refusal);
    return ok(shown(isUnderWay(decided.kept) ? await this.askBack(decided.kept) : decided.kept));
  }

  /** Carries out what is left of one alarm's worth of decisions. Answers when to look again; null when all is done. */
  async work(account: Account): Promise<number | null> {
    const now = Date.now();
    const work = this.book.work(now);
    await Promise.all([
      ...this.book.owed(now).map((owed) => this.tellEarly(account, owed)),
      ...work.map(async (kept) => {
        try {
          if (kept.state === "REFUNDING") await this.askBack(kept);
          else if (kept.order !== null) await within(limits.effectTimeoutMs, this.hand(account, kept, kept.order));
        } catch (fault) {
          console.error("an unmatched payment", kept.id, fault);
        }
      }),
    ]);
    try {
      this.book.sweep(Date.now());
    } catch (fault) {
      console.error("the sweep of an account's book", fault);
      return Date.now() + limits.watchdogMs.longMax;
    }
    return this.wakeAt();
  }

  wakeAt(): number | null {
    return this.book.wakeAt(Date.now());
  }

  private decide(id: string, step: (place: string) => Taken): Taken {
    const place = placeOfUnmatched(id) ?? "";
    if (this.book.at(place)?.id !== id) return { ok: false, refusal: { reason: "NOT_FOUND" } };
    return step(place);
  }

  /** Tells an order what its provider said of its money before the money itself. An order that is not there is told later, or never. */
  private async tellEarly({ merchantId }: Account, owed: Owed): Promise<void> {
    const { transaction, words } = owed;
    try {
      const owner = this.book.ownerOf(transaction);
      for (const word of words) {
        if (!owner) return;
        const told = liveCodeStub(this.env, owner).apply({ ...word, kind: "refundHeard" }, merchantId);
        const applied = await within(limits.effectTimeoutMs, told);
        if (!applied.found) return;
        if (!applied.ok) console.error("a refund that its order refuses", transaction, word.refund, applied.refusal);
      }
      this.book.told(owed);
    } catch (fault) {
      console.error("a refund that was told early", fault);
    }
  }

  /** Tells an order of its money as a notification would have. */
  private async hand(
    account: Account,
    kept: KeptPayment,
    order: OrderKey,
  ): Promise<{ readonly applied: Applied; readonly kept: KeptPayment }> {
    const applied = await this.tell(account, kept, order);
    const heard = { found: applied.found, taken: applied.found && applied.ok };
    return { applied, kept: this.book.assigned(kept, order, heard) ?? kept };
  }

  private async tell(account: Account, kept: KeptPayment, order: OrderKey): Promise<Applied> {
    const code = liveCodeStub(this.env, order);
    const { capture: id, provider, transaction, attempt, amount, currency, paidAt } = kept;
    if (kept.state === "ASSIGNED") return toldBefore(await code.look(account.merchantId));
    const payer = this.payerOf(account, kept);
    const capture = { id, provider, account: account.id, transaction, attempt, amount, currency, paidAt, payer };
    return code.apply({ kind: "capture", exact: false, capture }, account.merchantId);
  }

  /** Who paid is forgotten once the money is settled: should it come back after that, it is nobody's that is known. */
  private payerOf(account: Account, { payer: sealed, capture, ...told }: KeptPayment): Payer {
    if (sealed === null)
      return payerOf(this.keys, account.merchantId, { ...told, id: capture, payerName: null, identities: [] });
    return JSON.parse(unseal(this.keys.sealing, payerPlace(account, capture), sealed)) as Payer;
  }

  private async askBack(kept: KeptPayment): Promise<KeptPayment> {
    const { attempt: payment, capture, transaction, amount: captured, currency } = kept;
    const [refund, amount] = [refundIdOf(kept), askedBack(kept)];
    const asking = this.giveBack({ refund, payment, transaction, captured, amount, currency });
    const report = await within(limits.effectTimeoutMs, asking).catch((fault: unknown) => {
      console.error("the refund of an unmatched payment", kept.id, fault);
      return null;
    });
    const outcome = report && refundOutcomeOf(report);
    if (outcome) this.book.returned({ refund, capture, amount, outcome });
    return this.book.at(placeIn(kept)) ?? kept;
  }
}

/** The order has the money already; its payer is no longer kept here. */
const toldBefore = (order: Order | null): Applied =>
  order ? { found: true, ok: true, order, changed: false } : { found: false };
