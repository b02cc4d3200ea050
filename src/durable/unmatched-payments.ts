/**
 * What a person decides about money that no order took. A decision is written first and then carried out, so whoever dies in between leaves it to the
 * account's alarm.
 */
import type { OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import type { Request } from "../core/requests.ts";
import { err, ok, type Result } from "../core/result.ts";
import type { ProviderFault, RefundReport, RefundRequest } from "../payments/provider.ts";
import { refundOutcomeOf } from "./effects.ts";
import {
  askedBack,
  isUnderWay,
  placeIn,
  placeOfUnmatched,
  refundIdOf,
  shown,
  type KeptPayment,
} from "./kept-payment.ts";
import { liveCodeStub } from "./live-code-stub.ts";
import type { PaymentBook, Taken } from "./payment-book.ts";
import type { AccountSummary, Applied, AssignedPayment, UnmatchedPayment, UnmatchedRefusal } from "./protocol.ts";
import type { SealedPayers } from "./sealed-payers.ts";
import { within } from "./within.ts";

type Account = Pick<AccountSummary, "id" | "merchantId">;
type Refund = (request: RefundRequest) => Promise<Result<RefundReport, ProviderFault>>;

export class UnmatchedPayments {
  private readonly env: Env;
  private readonly book: PaymentBook;
  private readonly payers: SealedPayers;
  private readonly giveBack: Refund;

  /** `giveBack` asks the account's provider. */
  constructor(env: Env, book: PaymentBook, payers: SealedPayers, giveBack: Refund) {
    this.env = env;
    this.book = book;
    this.payers = payers;
    this.giveBack = giveBack;
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

  /** One alarm's worth of what was decided and is not carried out yet. */
  async carryOut(account: Account, now: number): Promise<void> {
    const decided = this.book.work(now).map(async (kept) => {
      try {
        if (kept.state === "REFUNDING") await this.askBack(kept);
        else if (kept.order !== null) await within(limits.effectTimeoutMs, this.hand(account, kept, kept.order));
      } catch (fault) {
        console.error("an unmatched payment", kept.id, fault);
      }
    });
    await Promise.all(decided);
  }

  private decide(id: string, step: (place: string) => Taken): Taken {
    const place = placeOfUnmatched(id) ?? "";
    if (this.book.at(place)?.id !== id) return { ok: false, refusal: { reason: "NOT_FOUND" } };
    return step(place);
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
    const payer = this.payers.open(account, kept);
    const capture = { id, provider, account: account.id, transaction, attempt, amount, currency, paidAt, payer };
    return code.apply({ kind: "capture", exact: false, capture }, account.merchantId);
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
    if (outcome) this.book.returned({ refund, capture, amount, outcome, at: Date.now() });
    return this.book.at(placeIn(kept)) ?? kept;
  }
}

/** The order has the money already; its payer is no longer kept here. */
const toldBefore = (order: Order | null): Applied =>
  order ? { found: true, ok: true, order, changed: false } : { found: false };
