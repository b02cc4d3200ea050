/** Stripe's side of the street for the contract of all ports. */
import { orderId } from "../../src/core/ids.ts";
import type { Currency } from "../../src/core/money.ts";
import { toStripe } from "../../src/payments/stripe-amount.ts";
import { stripePort, type StripeCredentials } from "../../src/payments/stripe.ts";
import type { ProviderBench, ToldPayment } from "../provider-contract.ts";
import { signAsStripe, stripeServer } from "./stripe.ts";

export const stripeCredentials: StripeCredentials = {
  secretKey: "sk_test_bench000000000000",
  webhookSecrets: ["whsec_bench0000000000000", "whsec_benchnext00000000"],
  apiBase: null,
};
export const strangersAtStripe: StripeCredentials = {
  secretKey: "sk_test_stranger000000000",
  webhookSecrets: ["whsec_stranger0000000000"],
  apiBase: null,
};

const bytes = (event: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(event));
const eventOf = (type: string, object: object, created: number): Uint8Array =>
  bytes({ id: "evt_1", object: "event", created: Math.floor(created / 1000), type, data: { object } });

export const sessionOf = ({ payment, order, transaction, amount, currency, person }: ToldPayment) => ({
  id: "cs_test_1",
  object: "checkout.session",
  status: "complete",
  payment_status: "paid",
  client_reference_id: payment,
  metadata: { payment, order: orderId(order) },
  payment_intent: transaction,
  amount_total: toStripe(amount, currency) ?? amount,
  currency: currency.toLowerCase(),
  customer: person,
  customer_details: null,
});

export const stripeBench = (
  sign = signAsStripe,
): ProviderBench<StripeCredentials> & { readonly server: ReturnType<typeof stripeServer> } => {
  const server = stripeServer({
    secretKey: stripeCredentials.secretKey,
    webhookSecret: stripeCredentials.webhookSecrets[0] ?? "",
  });
  return {
    server,
    port: stripePort,
    credentials: stripeCredentials,
    strangers: strangersAtStripe,
    unusable: [
      { ...stripeCredentials, secretKey: "pk_test_publishable0000" },
      { ...stripeCredentials, secretKey: "sk_test_short\n" },
      { ...stripeCredentials, webhookSecrets: [] },
      { ...stripeCredentials, webhookSecrets: "whsec_bench0000000000000" },
      { ...stripeCredentials, webhookSecrets: ["sk_test_bench000000000000"] },
      { ...stripeCredentials, apiBase: "https://api.stripe.example" },
      { ...stripeCredentials, apiBase: "http://127.0.0.1@evil.example" },
    ],
    secrets: [stripeCredentials.secretKey, ...stripeCredentials.webhookSecrets],
    currencies: ["USD", "JPY", "KWD", "CNY", "ISK", "UGX"] as Currency[],
    sign: (body, { webhookSecrets: [secret = ""] }, now) => ({
      headers: new Headers({ "stripe-signature": sign(secret, body, now) }),
      body,
    }),
    succeeded: (told) => eventOf("checkout.session.completed", sessionOf(told), told.paidAt),
    failed: (told) =>
      eventOf(
        "payment_intent.payment_failed",
        {
          id: told.transaction,
          object: "payment_intent",
          status: "requires_payment_method",
          last_payment_error: { code: "card_declined" },
          metadata: { payment: told.payment, order: orderId(told.order) },
        },
        told.paidAt,
      ),
    refunded: ({ transaction, amount, currency, paidAt }, refund) =>
      eventOf(
        "refund.updated",
        {
          id: "re_1",
          object: "refund",
          amount: toStripe(amount, currency),
          currency: currency.toLowerCase(),
          payment_intent: transaction,
          metadata: { refund },
          status: "succeeded",
        },
        paidAt,
      ),
    pay: async (payment) => void server.pay(payment, { customer: "cus_person1" }),
    decline: async (payment) => void server.decline(payment),
  };
};
