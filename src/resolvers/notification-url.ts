/** Where a provider must send its news of an account: the address says which account, so nothing has to be looked up. */
import type { PaymentProvider } from "../core/order.ts";

export const notificationUrl = (origin: string, provider: PaymentProvider, accountId: string): string =>
  `${origin}/payments/${provider.toLowerCase()}/${accountId}/notifications`;
