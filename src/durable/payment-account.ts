/**
 * A merchant's account at a payment provider, and the only place where its secrets are open: it checks that account's notifications and makes
 * its requests. It decides nothing about orders but which of them a transaction is for (`payment-book.ts`). Nothing is written for an account
 * that was never opened, whatever is asked of it.
 */
import { DurableObject } from "cloudflare:workers";
import type { Command } from "../core/commands.ts";
import { orderKeyOf, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import type { PaymentProvider } from "../core/order.ts";
import type { Request } from "../core/requests.ts";
import { err, ok, type Result } from "../core/result.ts";
import { keysOf, type Keys } from "../keys/root.ts";
import { seal, unseal } from "../keys/seal.ts";
import { changed, type CredentialIssue } from "../payments/credentials.ts";
import type {
  AttemptReport,
  BegunPayment,
  NotificationFault,
  PayerDevice,
  PaymentPort,
  PaymentRequest,
  ProviderFault,
  RefundReport,
  RefundRequest,
} from "../payments/provider.ts";
import { paymentPorts } from "../payments/registry.ts";
import { signAsSandbox } from "../payments/sandbox-signature.ts";
import type { SandboxCredentials } from "../payments/sandbox.ts";
import { understood } from "./account-news.ts";
import { KnownAlarm } from "./known-alarm.ts";
import { paymentBook } from "./payment-book.ts";
import { PaymentRouting } from "./payment-routing.ts";
import type {
  AccountChange,
  AccountNews,
  AccountOpening,
  AccountReport,
  AccountSummary,
  AssignedPayment,
  ErasedPerson,
  PaymentAccountProtocol,
  UnmatchedPayment,
  UnmatchedReason,
  UnmatchedRefusal,
} from "./protocol.ts";
import { sandboxWallet } from "./sandbox-wallet.ts";
import { callOf, sealedPlace, summaryOf, type OpenAccount, type StoredAccount } from "./stored-account.ts";
import { SealedPayers } from "./sealed-payers.ts";
import { UnmatchedPayments } from "./unmatched-payments.ts";

const accountKey = "account";
const notOpened: ProviderFault = { reason: "REFUSED", message: "there is no such account" };
const notFound = err({ reason: "NOT_FOUND" } as const);

export class PaymentAccount extends DurableObject<Env> implements PaymentAccountProtocol {
  private readonly keys: Keys = keysOf(this.env.ROOT_SECRET);
  private readonly ports = paymentPorts((order) => sandboxWallet(this.env, order));
  private readonly alarmClock = new KnownAlarm(this.ctx, () => this.book.wakeAt(Date.now()));
  private readonly book = paymentBook(this.ctx.storage, this.alarmClock);
  private readonly payers = new SealedPayers(this.keys);
  private readonly routing = new PaymentRouting(this.env, this.book, this.payers);
  private readonly unplaced = new UnmatchedPayments(this.env, this.book, this.payers, (request) =>
    this.refund(request),
  );
  private cached: OpenAccount | null = null;

  async open({
    id,
    merchantId,
    provider,
    name,
    credentials,
    notificationUrl,
  }: AccountOpening): Promise<AccountSummary> {
    const found = this.account();
    if (found) return summaryOf(found);
    const port = this.portOf(provider);
    const checked = port.read(credentials);
    if (checked === null) throw new Error(`these are no credentials for ${provider}`);
    const stored: StoredAccount = {
      storage: 1,
      id,
      merchantId,
      provider,
      name,
      enabled: true,
      fingerprints: port.fingerprints(checked),
      sealed: seal(this.keys.sealing, sealedPlace(merchantId, id), JSON.stringify(checked)),
      openedAt: Date.now(),
      ...(notificationUrl !== undefined && { notificationUrl }),
    };
    this.ctx.storage.transactionSync(() => this.ctx.storage.kv.put(accountKey, stored));
    return summaryOf({ stored, port, credentials: checked });
  }

  async change({
    credentials = {},
    forget = [],
    ...settings
  }: AccountChange): Promise<Result<AccountSummary, "UNKNOWN_ACCOUNT" | readonly CredentialIssue[]>> {
    const found = this.account();
    if (!found) return err("UNKNOWN_ACCOUNT");
    const { stored, port } = found;
    const wanted = changed(
      port.form,
      found.credentials as Readonly<Record<string, unknown>>,
      credentials,
      new Set(forget),
    );
    const checked = port.read(wanted);
    if (checked === null) return err(port.issues(wanted));
    const { id, merchantId } = stored;
    const next: StoredAccount = {
      ...stored,
      ...settings,
      fingerprints: port.fingerprints(checked),
      sealed: seal(this.keys.sealing, sealedPlace(merchantId, id), JSON.stringify(checked)),
    };
    this.ctx.storage.transactionSync(() => this.ctx.storage.kv.put(accountKey, next));
    this.cached = null;
    return ok(summaryOf({ stored: next, port, credentials: checked }));
  }

  async summary(): Promise<AccountSummary | null> {
    const found = this.account();
    return found && summaryOf(found);
  }

  /** `body` is what was signed: it passes through no decoder before it is checked. */
  async receive(
    headers: readonly (readonly [string, string])[],
    body: Uint8Array,
  ): Promise<Result<AccountNews, NotificationFault | "UNKNOWN_ACCOUNT">> {
    const found = this.account();
    if (!found) return err("UNKNOWN_ACCOUNT");
    const { stored, port, credentials } = found;
    const sent = new Headers(headers.map(([name, value]): [string, string] => [name, value]));
    const call = { ...callOf(stored), heard: this.book.heard };
    const verified = await port.verify(credentials, sent, body, call);
    if (!verified.ok) return verified;
    const { merchantId, provider } = stored;
    return ok({ merchantId, provider, ...this.routing.route(stored, understood(this.keys, stored, verified.value)) });
  }

  async asksAt(device: PayerDevice): Promise<string | null> {
    const found = this.account();
    return found?.stored.enabled ? (found.port.asks?.at(found.credentials, device) ?? null) : null;
  }

  async begin(request: PaymentRequest): Promise<Result<BegunPayment, ProviderFault>> {
    const found = this.account();
    if (!found) return err(notOpened);
    if (!found.stored.enabled) return err({ reason: "REFUSED", message: "the account is switched off" });
    return found.port.begin(found.credentials, request, callOf(found.stored));
  }

  async query(payment: string, reference: string | null = null): Promise<Result<AccountReport, ProviderFault>> {
    const found = this.account();
    if (!found) return err(notOpened);
    const { stored, port, credentials } = found;
    return this.report(stored, payment, await port.query(credentials, payment, { ...callOf(stored), reference }));
  }

  async close(payment: string, reference: string | null = null): Promise<Result<AccountReport, ProviderFault>> {
    const found = this.account();
    if (!found) return err(notOpened);
    const { stored, port, credentials } = found;
    return this.report(stored, payment, await port.close(credentials, payment, { ...callOf(stored), reference }));
  }

  async refund(request: RefundRequest): Promise<Result<RefundReport, ProviderFault>> {
    const found = this.account();
    return found ? found.port.refund(found.credentials, request, callOf(found.stored)) : err(notOpened);
  }

  async pass(capture: string, from: OrderKey, to: OrderKey): Promise<boolean> {
    return this.book.pass(capture, from, to);
  }

  async keepUnmatched(command: Command, from: OrderKey | null, why: UnmatchedReason): Promise<void> {
    if (command.kind !== "capture") throw new Error("only money is kept unmatched");
    const found = this.account();
    if (!found) throw new Error("an account that was never opened has no payments");
    this.routing.keep(found.stored, command.capture, from, why);
  }

  async unmatched(
    settled = false,
    before: string | null = null,
    limit: number = limits.pageSizeMax,
  ): Promise<readonly UnmatchedPayment[]> {
    return this.unplaced.list(settled, before, limit);
  }

  async unmatchedPayment(id: string, merchantId: string): Promise<UnmatchedPayment | null> {
    return this.ofMerchant(merchantId) && this.unplaced.find(id);
  }

  async assignUnmatched(
    id: string,
    merchantId: string,
    order: OrderKey,
  ): Promise<Result<AssignedPayment, UnmatchedRefusal>> {
    const found = this.ofMerchant(merchantId);
    return found ? this.unplaced.assign(found.stored, id, order) : notFound;
  }

  async refundUnmatched(
    id: string,
    merchantId: string,
    request: Request,
  ): Promise<Result<UnmatchedPayment, UnmatchedRefusal>> {
    return this.ofMerchant(merchantId) ? this.unplaced.refund(id, request) : notFound;
  }

  /** By a portion of the money that waits, from after a place on. Answers where to go on; null at the end. */
  async forgetPayer(person: ErasedPerson, after = ""): Promise<string | null> {
    const found = this.ofMerchant(person.merchantId);
    return found && this.book.reseal(after, (kept) => this.payers.without(found.stored, person, kept));
  }

  /** Re-arms before it does anything, so that no fault can end it. Throws only when that fails: then the platform rings again by itself. */
  override async alarm(): Promise<void> {
    this.alarmClock.rang(Date.now() + limits.watchdogMs.longMax);
    try {
      const found = this.account();
      this.alarmClock.set(found && (await this.work(found.stored)), true);
    } catch (fault) {
      console.error("alarm of a payment account", fault);
    }
  }

  /** The pretend wallet holds no secret of ours: it asks here, where a real one would have its own copy. */
  async signAsSandbox(body: string, skewMs = 0): Promise<string | null> {
    const found = this.account();
    if (found?.stored.provider !== "SANDBOX") return null;
    return signAsSandbox((found.credentials as SandboxCredentials).secret, Buffer.from(body), Date.now() + skewMs);
  }

  /** Answers when to look again; null when all is done. */
  private async work(account: StoredAccount): Promise<number | null> {
    const now = Date.now();
    await Promise.all([this.routing.tellOwed(account, now), this.unplaced.carryOut(account, now)]);
    try {
      this.book.sweep(Date.now());
    } catch (fault) {
      console.error("the sweep of an account's book", fault);
      return Date.now() + limits.watchdogMs.longMax;
    }
    return this.book.wakeAt(Date.now());
  }

  private account(): OpenAccount | null {
    this.cached ??= this.load();
    return this.cached;
  }

  /** Another merchant's account is none. */
  private ofMerchant(merchantId: string): OpenAccount | null {
    const found = this.account();
    return found?.stored.merchantId === merchantId ? found : null;
  }

  private load(): OpenAccount | null {
    const stored = this.ctx.storage.kv.get<StoredAccount>(accountKey);
    if (!stored) return null;
    const port = this.portOf(stored.provider);
    const plain = unseal(this.keys.sealing, sealedPlace(stored.merchantId, stored.id), stored.sealed);
    const credentials = port.read(JSON.parse(plain));
    if (credentials === null) throw new Error("the stored credentials are not what this provider needs");
    return { stored, port, credentials };
  }

  private portOf(provider: PaymentProvider): PaymentPort<unknown> {
    const port = this.ports[provider];
    if (!port) throw new Error(`there is no port for ${provider}`);
    return port;
  }

  /** Money that another order has, or a person is to place, is not told again to whoever asks: their attempt has merely come to its end. */
  private async report(
    account: StoredAccount,
    payment: string,
    report: Result<AttemptReport, ProviderFault>,
  ): Promise<Result<AccountReport, ProviderFault>> {
    if (!report.ok) return report;
    if (report.value.state === "PENDING") return ok({ state: "PENDING" });
    const { command } = understood(this.keys, account, report.value.news);
    if (command?.kind !== "capture") return ok(command ? { state: "NEWS", command } : { state: "PENDING" });
    const asking = orderKeyOf(payment);
    const owner = this.routing.place(account, command.capture, [asking]);
    return ok({ state: "NEWS", command: owner === null ? { kind: "kept", attempt: payment } : command });
  }
}
