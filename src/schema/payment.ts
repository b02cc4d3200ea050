/** Money coming in and going back, as an order tells of it. */
import { paymentId, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { money, type Money as CoreMoney } from "../core/money.ts";
import type {
  Attempt,
  AttemptState,
  Capture,
  Order,
  PaymentProvider as Provider,
  Refund as CoreRefund,
  RefundState as CoreRefundState,
} from "../core/order.ts";
import { builder, shape } from "./builder.ts";
import { describedEnum } from "./enum.ts";
import { Money } from "./money.ts";

export const PaymentProvider = describedEnum<Provider>("PaymentProvider", "The patent's payment port.", {
  SANDBOX: "The built-in pretend wallet.",
  STRIPE: "Stripe.",
  WECHAT_PAY: "WeChat Pay.",
  ALIPAY: "Alipay.",
  MANUAL: "Taken outside any provider: cash, bank transfer.",
});

const PaymentState = describedEnum<AttemptState>("PaymentState", "How far a payment is.", {
  PENDING: "Under way: the provider has not said what became of it.",
  SUCCEEDED: "The money arrived.",
  FAILED: "The provider says that it failed.",
  CLOSED: "Ended without money.",
});

type PaymentView = {
  readonly id: string;
  readonly provider: Provider;
  readonly transaction: string | null;
  readonly state: AttemptState;
  readonly amount: CoreMoney;
  readonly paidAt: number | null;
  readonly failureReason: string | null;
  readonly duplicate: boolean;
};

export const Payment = builder.objectRef<PaymentView>("Payment").implement({
  description: "One payment of an order: a try that is under way, money that arrived, or neither any more.",
  ...shape,
  fields: (t) => ({
    id: t.exposeID("id", { description: "Also what the provider knows the payment by, when we began it." }),
    provider: t.field({ type: PaymentProvider, description: "Through whom.", resolve: ({ provider }) => provider }),
    transaction: t.exposeString("transaction", {
      nullable: true,
      description: "The provider's own transaction number.",
    }),
    state: t.field({ type: PaymentState, description: "How far it is.", resolve: ({ state }) => state }),
    amount: t.field({
      type: Money,
      description: "What arrived; until then, what was asked for.",
      resolve: ({ amount }) => amount,
    }),
    paidAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When the payer paid, by the provider's clock.",
      resolve: ({ paidAt }) => paidAt,
    }),
    failureReason: t.exposeString("failureReason", {
      nullable: true,
      description: "Why it failed, in the provider's words.",
    }),
    duplicate: t.exposeBoolean("duplicate", {
      description: "True for money that came on top of an order already paid.",
    }),
  }),
});

/** Every try, with the money it brought, then money that no try of ours brought: cash, or a wallet's word about a payment nobody began here. */
export function paymentsOf({ terms, attempts, captures }: Order): PaymentView[] {
  const told = new Set<Capture>();
  const tries = attempts.map((attempt) => {
    const capture = captures.find((one) => one.attempt === attempt.id);
    if (capture) told.add(capture);
    return capture ? arrived(capture, attempt.id) : awaited(attempt, terms.currency);
  });
  const others = captures.flatMap((capture, index) =>
    told.has(capture) ? [] : [arrived(capture, idOfCapture(terms.key, index))],
  );
  return [...tries, ...others];
}

/** Captures are only ever added, so their place is a name, and no try is given it. */
const idOfCapture = (key: OrderKey, index: number): string => paymentId(key, limits.untriedNumberMin + index);

const awaited = (
  { id, provider, state, amount, failureReason }: Attempt,
  currency: CoreMoney["currency"],
): PaymentView => ({
  id,
  provider,
  transaction: null,
  state,
  amount: money(amount, currency),
  paidAt: null,
  failureReason,
  duplicate: false,
});

const arrived = (
  { provider, transaction, amount, currency, paidAt, disposition }: Capture,
  id: string,
): PaymentView => ({
  id,
  provider,
  transaction,
  state: "SUCCEEDED",
  amount: money(amount, currency),
  paidAt,
  failureReason: null,
  duplicate: disposition === "DUPLICATE",
});

const RefundState = describedEnum<CoreRefundState>("RefundState", "How far a refund is.", {
  PENDING: "Asked for; the provider has not said that it happened.",
  SUCCEEDED: "The money went back.",
  FAILED: "The provider refused it.",
});

/** `currency` is that of the payment it gives back from. */
export type RefundView = CoreRefund & { readonly currency: CoreMoney["currency"] };

export const Refund = builder.objectRef<RefundView>("Refund").implement({
  description: "Money going back to the payer.",
  ...shape,
  fields: (t) => ({
    id: t.exposeID("id", { description: "Names the refund; also what the provider knows it by, when we began it." }),
    state: t.field({ type: RefundState, description: "How far it is.", resolve: ({ state }) => state }),
    amount: t.field({
      type: Money,
      description: "How much.",
      resolve: ({ amount, currency }) => money(amount, currency),
    }),
    reason: t.exposeString("reason", { nullable: true, description: "Why, in the words of whoever asked for it." }),
    createdAt: t.field({
      type: "DateTime",
      description: "When it was asked for, or first heard of.",
      resolve: ({ requestedAt }) => requestedAt,
    }),
    automatic: t.exposeBoolean("automatic", { description: "True when a policy asked for it, and no person." }),
  }),
});

export const refundOf = ({ terms, captures }: Order, refund: CoreRefund): RefundView => ({
  ...refund,
  currency: captures.find(({ id }) => id === refund.capture)?.currency ?? terms.currency,
});
export const refundsOf = (order: Order): RefundView[] => order.refunds.map((refund) => refundOf(order, refund));
