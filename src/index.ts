/** The Worker and its objects. */
import { serve, sweep } from "./app.ts";

export { LiveCode } from "./durable/live-code.ts";
export { MerchantFeed } from "./merchant-feed.ts";
export { Outcomes } from "./durable/outcomes.ts";
export { PaymentAccount } from "./durable/payment-account.ts";
export { Projector } from "./durable/projector.ts";
export { SandboxWallet } from "./durable/sandbox-wallet.ts";
export { StaffPool } from "./durable/staff-pool.ts";
export { WebhookEndpoint } from "./webhook-endpoint.ts";
export { TrustedDocuments } from "./durable/trusted-documents.ts";

export default {
  fetch: serve,
  scheduled: (_, env, ctx) => sweep(env, ctx),
} satisfies ExportedHandler<Env>;
