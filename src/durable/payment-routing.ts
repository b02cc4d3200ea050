/**
 * Where an account's news go: money to the one order that is to have it, from before that order hears of it, or to a person; money back to wherever the
 * money is.
 */
import type { HeardCapture } from "../core/commands.ts";
import { orderKeyOf, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { Owed } from "./early-refunds.ts";
import { liveCodeStub } from "./live-code-stub.ts";
import { isHistory } from "./payment-book-rows.ts";
import type { PaymentBook } from "./payment-book.ts";
import type { AccountNews, AccountSummary, UnmatchedReason } from "./protocol.ts";
import type { SealedPayers } from "./sealed-payers.ts";
import { within } from "./within.ts";

type News = Pick<AccountNews, "order" | "command" | "why">;
type Account = Pick<AccountSummary, "id" | "merchantId">;

export class PaymentRouting {
  private readonly env: Env;
  private readonly book: PaymentBook;
  private readonly payers: SealedPayers;

  constructor(env: Env, book: PaymentBook, payers: SealedPayers) {
    this.env = env;
    this.book = book;
    this.payers = payers;
  }

  /** Of a message, whatever order it names. */
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

  keep(account: Account, capture: HeardCapture, from: OrderKey | null, why: UnmatchedReason): void {
    this.book.keep(capture, this.payers.seal(account, capture), from, why, Date.now());
  }

  /** Orders hear what was told of their money before the money itself. */
  async tellOwed(account: Account, now: number): Promise<void> {
    await Promise.all(this.book.owed(now).map((owed) => this.tellEarly(account, owed)));
  }

  /** An order that is not there is told later, or never. */
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
}
