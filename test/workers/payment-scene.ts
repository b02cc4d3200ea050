/** A merchant with a sandbox account and an order, and the wallet's voice: signed by code of its own, so that ours is checked against another. */
import { createHmac } from "node:crypto";
import { runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import { expect, vi } from "vitest";
import { orderId, paymentId, timedSuffix, type OrderKey } from "../../src/core/ids.ts";
import type { Order, OrderTerms } from "../../src/core/order.ts";
import { merchantIdFrom } from "../../src/db/database.ts";
import type { LiveCodeProtocol } from "../../src/durable/protocol.ts";
import type { SandboxDecision } from "../../src/durable/sandbox-payment.ts";
import type { SandboxWallet } from "../../src/durable/sandbox-wallet.ts";
import { keysOf } from "../../src/keys/root.ts";
import { someTerms } from "./terms.ts";

export const origin = "https://pay.example";
export const keys = keysOf(env.ROOT_SECRET);
const random = () => crypto.getRandomValues(new Uint8Array(10));

export type Account = { readonly id: string; readonly merchantId: string; readonly secret: string };
export const newMerchantId = (): string => merchantIdFrom(Date.now(), random(), "00");
export const newAccountId = (): string => `account_${keys.tagged(timedSuffix(Date.now(), random()))}`;
export const liveCode = (key: OrderKey) => env.LIVE_CODE.getByName(key) as unknown as LiveCodeProtocol;
export const accountObject = (id: string) => env.PAYMENT_ACCOUNT.getByName(id);
export const walletObject = (key: OrderKey) => env.SANDBOX_WALLET.getByName(key.slice(0, 1));

export async function openAccount(merchantId = newMerchantId()): Promise<Account> {
  const account = { id: newAccountId(), merchantId, secret: `sandbox_${crypto.randomUUID()}` };
  const { id, secret } = account;
  await accountObject(id).open({ id, merchantId, provider: "SANDBOX", name: "Sandbox", credentials: { secret } });
  return account;
}

export async function placeOrder({ id, merchantId }: Account, fields: Partial<OrderTerms> = {}): Promise<OrderTerms> {
  const terms = someTerms(merchantId, { accounts: [{ id, provider: "SANDBOX" }], ...fields });
  expect(await liveCode(terms.key).place(terms, "fingerprint")).toMatchObject({ kind: "placed" });
  return terms;
}

export async function orderOf(key: OrderKey): Promise<Order> {
  const order = await liveCode(key).look();
  if (!order) throw new Error("there is no such order");
  return order;
}

/** Confirms, begins, and asks the account for the wallet's page, as the payer's form does. */
export async function beginPayment(account: Account, terms: OrderTerms, claimant = "browser_1"): Promise<string> {
  const begun = await liveCode(terms.key).apply({ kind: "begin", claimant, account: account.id });
  if (!begun.found || !begun.ok) throw new Error("the order could not be begun to be paid");
  const attempt = begun.order.attempts.at(-1);
  if (!attempt) throw new Error("no attempt");
  const made = await accountObject(account.id).begin({
    payment: attempt.id,
    order: terms.key,
    amount: attempt.amount,
    currency: terms.currency,
    description: `Tea House · ${terms.number}`,
    returnUrl: `${origin}/c/${keys.slug(terms.key)}`,
    notificationUrl: `${origin}/payments/sandbox/${account.id}/notifications`,
    expiresAt: terms.expiresAt,
  });
  expect(made).toEqual({ ok: true, value: { redirectUrl: `/sandbox/wallet/${attempt.id}`, reference: null } });
  return attempt.id;
}

/** What a payer decides in the pretend wallet, which tells of it at once. */
export const paying = {
  outcome: "pay",
  payer: { id: "wallet-42", name: null },
  amount: null,
  notifications: 1,
  delayMs: 0,
  paidAt: null,
} as const satisfies SandboxDecision;
/** The wallet takes the decision, and never comes to tell of it: its sending hangs until the mocks are restored. */
export const payUntold = (key: OrderKey, payment: string, fields: Partial<SandboxDecision> = {}): Promise<void> =>
  runInDurableObject(walletObject(key), async (wallet: SandboxWallet) => {
    vi.spyOn(wallet as unknown as { post: () => Promise<number> }, "post").mockImplementation(
      () => new Promise<number>(() => undefined),
    );
    void wallet.decide(payment, { ...paying, ...fields });
  });

/** The contract's notification of a payment. */
export const notice = (
  terms: Pick<OrderTerms, "key" | "total" | "currency">,
  fields: Record<string, unknown> = {},
) => ({
  id: `evt_${crypto.randomUUID()}`,
  type: "payment.succeeded",
  payment: paymentId(terms.key, 1),
  order: orderId(terms.key),
  transaction: "4200001",
  amount: terms.total,
  currency: terms.currency,
  paidAt: new Date().toISOString(),
  payer: { id: "wallet-42", name: "Li Lei" },
  ...fields,
});

export function signature(secret: string, body: Uint8Array | string, seconds = Math.floor(Date.now() / 1000)): string {
  return `t=${seconds},v1=${createHmac("sha256", secret).update(`${seconds}.`).update(body).digest("hex")}`;
}

export const visit = (path: string, init: RequestInit = {}): Promise<Response> =>
  exports.default.fetch(new Request(new URL(path, origin), { redirect: "manual", ...init }));

export const post = (
  account: Pick<Account, "id">,
  body: BodyInit,
  header: string | null,
  provider = "sandbox",
): Promise<Response> =>
  visit(`/payments/${provider}/${account.id}/notifications`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(header === null ? {} : { "Sandbox-Signature": header }) },
    body,
  });

/** Posts a body as the account's wallet would. */
export const tell = (account: Account, body: Record<string, unknown> | string): Promise<Response> => {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return post(account, text, signature(account.secret, text));
};
