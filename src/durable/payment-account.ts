/**
 * A merchant's account at a payment provider, and the only place where its secrets are open: it checks that account's notifications and makes
 * its requests. It decides nothing about orders. Nothing is written for an account that was never opened, whatever is asked of it.
 */
import { DurableObject } from "cloudflare:workers";
import type { Command } from "../core/commands.ts";
import { limits } from "../core/limits.ts";
import type { PaymentProvider } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import { keysOf, type Keys } from "../keys/root.ts";
import { seal, unseal } from "../keys/seal.ts";
import { changed, type CredentialIssue } from "../payments/credentials.ts";
import type {
  AttemptReport,
  BegunPayment,
  NotificationFault,
  PaymentPort,
  PaymentRequest,
  ProviderCall,
  ProviderFault,
  ProviderNews,
  RefundReport,
  RefundRequest,
} from "../payments/provider.ts";
import { paymentPorts } from "../payments/registry.ts";
import { signAsSandbox } from "../payments/sandbox-signature.ts";
import type { SandboxCredentials } from "../payments/sandbox.ts";
import { payerOf } from "./payer.ts";
import type {
  AccountChange,
  AccountNews,
  AccountOpening,
  AccountReport,
  AccountSummary,
  PaymentAccountProtocol,
  UnmatchedPayment,
} from "./protocol.ts";
import { sandboxWallet } from "./sandbox-wallet.ts";

/** The one document of the object. `sealed` is the credentials' JSON, readable only as this account of this merchant. */
type StoredAccount = AccountSummary & {
  readonly storage: 1;
  readonly sealed: string;
  readonly openedAt: number;
  readonly notificationUrl?: string;
};
type OpenAccount = {
  readonly stored: StoredAccount;
  readonly port: PaymentPort<unknown>;
  readonly credentials: unknown;
};

const accountKey = "account";
/** By when it was heard of, in digits that sort as the time does, then by its id. */
const unmatchedPrefix = "unmatched:";
const unmatchedKey = ({ heardAt, id }: UnmatchedPayment): string =>
  `${unmatchedPrefix}${String(heardAt).padStart(15, "0")}:${id}`;
/** By its id: the key of what was kept of it. */
const heardPrefix = "heard:";
const sealedPlace = (merchantId: string, id: string): string => `${merchantId}|account|${id}|credentials`;
const notOpened: ProviderFault = { reason: "REFUSED", message: "there is no such account" };

export class PaymentAccount extends DurableObject<Env> implements PaymentAccountProtocol {
  private readonly keys: Keys = keysOf(this.env.ROOT_SECRET);
  private readonly ports = paymentPorts((order) => sandboxWallet(this.env, order));
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
    if (found) return summaryOf(found.stored);
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
    return summaryOf(stored);
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
    return ok(summaryOf(next));
  }

  async summary(): Promise<AccountSummary | null> {
    const found = this.account();
    return found && summaryOf(found.stored);
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
    const news = await port.verify(credentials, sent, body, callOf(stored));
    if (!news.ok) return news;
    const { merchantId, provider } = stored;
    return ok({ merchantId, provider, ...this.understand(stored, news.value) });
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
    return this.report(stored, await port.query(credentials, payment, { ...callOf(stored), reference }));
  }

  async close(payment: string, reference: string | null = null): Promise<Result<AccountReport, ProviderFault>> {
    const found = this.account();
    if (!found) return err(notOpened);
    const { stored, port, credentials } = found;
    return this.report(stored, await port.close(credentials, payment, { ...callOf(stored), reference }));
  }

  async refund(request: RefundRequest): Promise<Result<RefundReport, ProviderFault>> {
    const found = this.account();
    return found ? found.port.refund(found.credentials, request, callOf(found.stored)) : err(notOpened);
  }

  /** Money that no order takes. Kept without the payer's data: the merchant finds the person at the provider, by the transaction. */
  async keepUnmatched(command: Command): Promise<void> {
    if (command.kind !== "capture") throw new Error("only money is kept unmatched");
    if (!this.account()) throw new Error("an account that was never opened has no payments");
    const { id, provider, transaction, amount, currency, paidAt } = command.capture;
    const unmatched: UnmatchedPayment = { id, provider, transaction, amount, currency, paidAt, heardAt: Date.now() };
    const { kv } = this.ctx.storage;
    this.ctx.storage.transactionSync(() => {
      // The first word on a payment stands.
      if (kv.get(heardPrefix + id) !== undefined) return;
      kv.put(heardPrefix + id, unmatchedKey(unmatched));
      kv.put(unmatchedKey(unmatched), unmatched);
    });
  }

  async unmatched(): Promise<readonly UnmatchedPayment[]> {
    const newest = { prefix: unmatchedPrefix, reverse: true, limit: limits.unmatchedListedMax };
    return Array.from(this.ctx.storage.kv.list<UnmatchedPayment>(newest), ([, payment]) => payment);
  }

  /** The pretend wallet holds no secret of ours: it asks here, where a real one would have its own copy. */
  async signAsSandbox(body: string, skewMs = 0): Promise<string | null> {
    const found = this.account();
    if (found?.stored.provider !== "SANDBOX") return null;
    return signAsSandbox((found.credentials as SandboxCredentials).secret, Buffer.from(body), Date.now() + skewMs);
  }

  private account(): OpenAccount | null {
    this.cached ??= this.load();
    return this.cached;
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

  private report(
    account: StoredAccount,
    report: Result<AttemptReport, ProviderFault>,
  ): Result<AccountReport, ProviderFault> {
    if (!report.ok) return report;
    if (report.value.state === "PENDING") return ok({ state: "PENDING" });
    const { command } = this.understand(account, report.value.news);
    return ok(command ? { state: "NEWS", command } : { state: "PENDING" });
  }

  /** A provider's news as something to tell the order, with the payer that only the account can name. */
  private understand(
    { id, merchantId }: StoredAccount,
    news: ProviderNews,
  ): Pick<AccountNews, "order" | "command" | "why"> {
    switch (news.kind) {
      case "captured": {
        const { payerName: _, identities: __, ...told } = news.capture;
        const capture = { ...told, account: id, payer: payerOf(this.keys, merchantId, news.capture) };
        return { order: news.order, command: { kind: "capture", capture, exact: false }, why: null };
      }
      case "ended":
      case "refunded":
        return { order: news.order, command: news.command, why: null };
      case "ignored":
        return { order: null, command: null, why: news.why };
    }
  }
}

const callOf = ({ id, notificationUrl }: StoredAccount): ProviderCall => ({
  now: Date.now(),
  account: id,
  notificationUrl: notificationUrl ?? null,
});

const summaryOf = ({ id, merchantId, provider, name, enabled, fingerprints }: StoredAccount): AccountSummary => ({
  id,
  merchantId,
  provider,
  name,
  enabled,
  fingerprints,
});
