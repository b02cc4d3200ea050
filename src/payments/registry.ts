/** Which provider is spoken to by which port. Adding a wallet is one file beside this one, one line here, and a green contract suite. */
import type { PaymentProvider } from "../core/order.ts";
import { alipayPort } from "./alipay.ts";
import type { PaymentPort } from "./provider.ts";
import { sandboxPort, type SandboxWallets } from "./sandbox.ts";
import { stripePort } from "./stripe.ts";
import { wechatPayPort } from "./wechat-pay.ts";

/**
 * A port is only ever given credentials that its own `read` returned, which is what makes it safe to forget their type here. MANUAL has no
 * port: nobody is asked about cash.
 */
export type PaymentPorts = Readonly<Partial<Record<PaymentProvider, PaymentPort<unknown>>>>;

export const paymentPorts = (sandboxWallets: SandboxWallets): PaymentPorts => ({
  SANDBOX: sandboxPort(sandboxWallets),
  STRIPE: stripePort,
  WECHAT_PAY: wechatPayPort,
  ALIPAY: alipayPort,
});
