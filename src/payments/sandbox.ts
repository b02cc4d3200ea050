/**
 * The sandbox: a complete pretend wallet, and the teacher of every other port. It differs from a real provider in one way only: its private
 * API is a call to an object of this deployment (src/durable/sandbox-wallet.ts) where others have HTTPS.
 */
import type { OrderKey } from "../core/ids.ts";
import { orderKeyOf } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { credentialsOf, form, text } from "./credentials.ts";
import type { AttemptReport, PaymentPort, PaymentRequest, ProviderFault, RefundRequest } from "./provider.ts";
import { newsOf, readSandboxNotification, type SandboxNotification } from "./sandbox-notification.ts";
import { isSignedBySandbox, sandboxSignatureHeader } from "./sandbox-signature.ts";

const { min, max } = limits.sandboxSecretLength;
const sandboxForm = form("SandboxAccount", {
  secret: text("Signs the pretend wallet's notifications.", {
    fault: ({ length }) => (length < min || length > max ? `must have ${min} to ${max} characters` : null),
    secret: true,
  }),
});
export type SandboxCredentials = { readonly secret: string };

/** OPEN: nothing has happened yet. CLOSED: it can bring no money any more. TOLD: the same words as the notification. */
export type SandboxPaymentStatus =
  | { readonly state: "OPEN" | "CLOSED" }
  | { readonly state: "TOLD"; readonly notification: SandboxNotification };

/** The wallet's private API: what others offer over HTTPS. Every call is idempotent. */
export interface SandboxWalletApi {
  /** False when the payment was closed before. */
  begin(request: PaymentRequest, account: string): Promise<boolean>;
  query(payment: string): Promise<SandboxPaymentStatus>;
  close(payment: string): Promise<SandboxPaymentStatus>;
  /** False when that much was not paid, or has gone back already. */
  refund(request: RefundRequest, account: string): Promise<boolean>;
}
/** The wallet that keeps an order's payments. */
export type SandboxWallets = (order: OrderKey) => SandboxWalletApi;

export const sandboxPort = (wallets: SandboxWallets): PaymentPort<SandboxCredentials> => ({
  provider: "SANDBOX",

  ...credentialsOf(sandboxForm),

  async verify({ secret }, headers, body, { now }) {
    if (!isSignedBySandbox(secret, headers.get(sandboxSignatureHeader), body, now)) return err("SIGNATURE");
    const told = readSandboxNotification(body);
    return told ? ok(newsOf(told)) : err("UNREADABLE");
  },

  // What is known of the payer's device stays out of the wallet's books.
  async begin(_, { device: __, ...request }, { account }) {
    const begun = await answer(wallets(request.order).begin(request, account));
    if (!begun.ok) return begun;
    if (!begun.value) return err({ reason: "REFUSED", message: "the payment was closed before it began" });
    return ok({ redirectUrl: `/sandbox/wallet/${request.payment}`, reference: null });
  },

  async query(_, payment) {
    const status = await answer(walletOf(wallets, payment).query(payment));
    return status.ok ? ok(reportOf(payment, status.value)) : status;
  },

  async close(_, payment) {
    const status = await answer(walletOf(wallets, payment).close(payment));
    return status.ok ? ok(reportOf(payment, status.value)) : status;
  },

  async refund(_, request, { account }) {
    // The wallet that took the money; one that knows nothing of it takes the refund's word.
    const known = orderKeyOf(request.payment ?? "") ?? orderKeyOf(request.refund);
    if (known === null) throw new Error("the sandbox was asked for a refund that is not ours");
    const taken = await answer(wallets(known).refund(request, account));
    return taken.ok ? ok({ state: taken.value ? "SUCCEEDED" : "FAILED" }) : taken;
  },
});

/** `id` is ours, a payment's or a refund's, and carries its order's key. */
function walletOf(wallets: SandboxWallets, id: string): SandboxWalletApi {
  const order = orderKeyOf(id);
  if (order === null) throw new Error("the sandbox was asked about an id that is not ours");
  return wallets(order);
}

/** A wallet that cannot be reached is an answer like any other; who asked will ask again. */
async function answer<T>(call: Promise<T>): Promise<Result<T, ProviderFault>> {
  try {
    return ok(await call);
  } catch (fault) {
    console.error("the sandbox wallet does not answer", fault);
    return err({ reason: "UNAVAILABLE", message: "the sandbox wallet does not answer" });
  }
}

function reportOf(payment: string, status: SandboxPaymentStatus): AttemptReport {
  switch (status.state) {
    case "OPEN":
      return { state: "PENDING" };
    case "TOLD":
      return { state: "NEWS", news: newsOf(status.notification) };
    case "CLOSED":
      return {
        state: "NEWS",
        news: {
          kind: "ended",
          order: orderKeyOf(payment),
          command: { kind: "ended", attempt: payment, outcome: "CLOSED", reason: null },
        },
      };
  }
}
