import { limits } from "../core/limits.ts";
import type { AccountSummary } from "../durable/protocol.ts";
import { createPaymentAccount } from "../resolvers/create-payment-account.ts";
import { updatePaymentAccount } from "../resolvers/update-payment-account.ts";
import { builder, shape } from "./builder.ts";
import { merchantOf } from "./context.ts";
import { mutation } from "./mutation.ts";
import { PaymentAccount } from "./nouns.ts";
import { accountFields, changedAccountInput, givenAccounts, newAccountInput } from "./payment-account-input.ts";

const showsAccount = (name: string, description: string) =>
  builder.objectRef<{ paymentAccount: AccountSummary }>(name).implement({
    description,
    ...shape,
    fields: (t) => ({
      paymentAccount: t.field({
        type: PaymentAccount,
        description: "The account, without its secrets.",
        resolve: ({ paymentAccount }) => paymentAccount,
      }),
    }),
  });

mutation("paymentAccountCreate", {
  description:
    `Connects your account at a payment provider; at most ${limits.paymentAccountsPerMerchantMax}. Keys are checked for form at once, ` +
    "stored sealed, and never returned. Orders placed from now on can be paid through it.",
  needs: "SETTINGS_WRITE",
  input: builder.inputType("PaymentAccountCreateInput", {
    description: "Exactly one provider's account.",
    isOneOf: true,
    fields: (t) =>
      Object.fromEntries(
        accountFields.map((one) => [
          one.field,
          t.field({ type: newAccountInput(one), description: `An account at ${one.provider}.` }),
        ]),
      ),
  }),
  success: showsAccount("PaymentAccountCreateSuccess", "The account is connected."),
  failures: ["VALIDATION"],
  resolve: (input, context) => {
    const [account] = givenAccounts(input);
    if (!account) throw new Error("one field of a oneOf input is always given");
    const { name, ...credentials } = account.given as { readonly name: string };
    return createPaymentAccount(context.deps, merchantOf(context).id, { ...account, name, credentials });
  },
});

mutation("paymentAccountUpdate", {
  description: "Renames an account, switches it on or off for new orders, or gives it other keys.",
  needs: "SETTINGS_WRITE",
  input: builder.inputType("PaymentAccountUpdateInput", {
    description: "What is absent stays as it is. Of credentials, null takes away what an account can do without.",
    fields: (t) => ({
      paymentAccountId: t.id({ required: true, description: "The account." }),
      name: t.string({ description: "What you call it." }),
      enabled: t.boolean({
        description: "Whether new orders may be paid through it. Its old ones are still looked after.",
      }),
      forgetFingerprints: t.stringList({
        description: "Keys that are no longer used, by their fingerprints. The last of its kind stays.",
      }),
      ...Object.fromEntries(
        accountFields.map((one) => [
          one.field,
          t.field({ type: changedAccountInput(one), description: `New keys, of an account at ${one.provider}.` }),
        ]),
      ),
    }),
  }),
  success: showsAccount("PaymentAccountUpdateSuccess", "The account as it is now."),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: ({ paymentAccountId, name, enabled, forgetFingerprints, ...accounts }, context) => {
    return updatePaymentAccount(context.deps, merchantOf(context).id, {
      paymentAccountId,
      name,
      enabled,
      forget: forgetFingerprints,
      credentials: givenAccounts(accounts),
    });
  },
});
