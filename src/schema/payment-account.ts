import { listPaymentAccounts } from "../db/payment-accounts.ts";
import { notificationUrl } from "../resolvers/notification-url.ts";
import { builder } from "./builder.ts";
import type { GraphContext } from "./context.ts";
import { findable, Node } from "./node.ts";
import { Merchant, PaymentAccount } from "./nouns.ts";
import { PaymentProvider } from "./payment.ts";

PaymentAccount.implement({
  description: "The merchant's account at a payment provider.",
  interfaces: [Node],
  authScopes: { admin: true, anyOf: ["PAYMENTS_WRITE", "SETTINGS_WRITE"] },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`account_…`" }),
    provider: t.field({
      type: PaymentProvider,
      description: "Where the account is.",
      resolve: ({ provider }) => provider,
    }),
    name: t.exposeString("name", { description: "What the merchant calls it." }),
    enabled: t.exposeBoolean("enabled", { description: "Whether new orders may be paid through it." }),
    notificationUrl: t.field({
      type: "URL",
      description: "Where the provider must send its notifications.",
      resolve: ({ id, provider }, _args, { deps }) => notificationUrl(deps.origin, provider, id),
    }),
    fingerprints: t.stringList({
      description: "Fingerprints of the stored secrets; the secrets themselves are never returned.",
      resolve: ({ fingerprints }) => [...fingerprints],
    }),
  }),
});

/** An invented id is refused before it can bring an object into being. */
async function findAccount({ deps }: GraphContext, merchantId: string, id: string) {
  if (!deps.keys.isTagged(id.slice("account_".length))) return null;
  const account = await deps.account(id).summary();
  return account?.merchantId === merchantId ? account : null;
}
findable("account", {
  typeName: PaymentAccount.name,
  anyOf: ["PAYMENTS_WRITE", "SETTINGS_WRITE"],
  load: (context, { merchant }, id) => findAccount(context, merchant.id, id),
});

builder.objectField(Merchant, "paymentAccounts", (t) =>
  t.field({
    type: [PaymentAccount],
    authScopes: { admin: true, anyOf: ["PAYMENTS_WRITE", "SETTINGS_WRITE"] },
    description: "The accounts through which the merchant is paid, oldest first.",
    resolve: async ({ id }, _args, context) => {
      const rows = await listPaymentAccounts(context.deps.database(id), id);
      const accounts = await Promise.all(rows.map((row) => findAccount(context, id, row.id)));
      return accounts.filter((account) => account !== null);
    },
  }),
);
