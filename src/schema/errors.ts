/** Expected failures in the graph's words: the one place where a verb's refusal becomes a type, a code and a sentence. */
import { formatDecimal, type Money as CoreMoney } from "../core/money.ts";
import { stateOf } from "../core/state.ts";
import type { Failure, Issue } from "../resolvers/failures.ts";
import { builder, shape } from "./builder.ts";
import type { GraphContext } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { Money } from "./money.ts";
import { Order, Product } from "./nouns.ts";
import { PaymentProvider } from "./payment.ts";

type Reason = Failure["reason"];
/** A failure with its sentence, as the graph's error types are backed by it. */
type Told<R extends Reason> = Extract<Failure, { reason: R }> & { readonly message: string };

const ErrorCode = describedEnum<Reason | "FORBIDDEN" | "RATE_LIMITED">(
  "ErrorCode",
  "Why something was not done, for programs.",
  {
    VALIDATION: "The input is not usable as it is; `issues` name the fields.",
    NOT_FOUND: "There is no such thing, or none of yours.",
    FORBIDDEN: "The key may not do that.",
    STATE: "The order is not in a state that allows it.",
    AMOUNT_MISMATCH: "Another amount would be right.",
    OUT_OF_STOCK: "Fewer are left than were asked for.",
    IDEMPOTENCY: "The idempotency key was used for another input.",
    RATE_LIMITED: "Too many requests; wait.",
    URL_NOT_ALLOWED: "That URL may not be used here.",
    PROVIDER_UNAVAILABLE: "The payment provider did not answer as it should.",
  },
);

const UserError = builder.interfaceRef<{ reason: Reason; message: string }>("UserError").implement({
  description:
    "Every expected failure is a member of a mutation's result union and implements this. Clients always select `... on UserError { code message }`.",
  ...shape,
  fields: (t) => ({
    code: t.field({ type: ErrorCode, description: "Why, for programs.", resolve: ({ reason }) => reason }),
    message: t.exposeString("message", { description: "Why, for people." }),
    retryable: t.boolean({
      description: "Whether the same request, unchanged, may succeed later.",
      // Trying again as it is can only help where somebody else has to recover first.
      resolve: ({ reason }) => reason === "PROVIDER_UNAVAILABLE",
    }),
  }),
});

export const ValidationIssue = builder.objectRef<Issue>("ValidationIssue").implement({
  description: "One thing that is wrong with an input.",
  ...shape,
  fields: (t) => ({
    path: t.stringList({
      description: 'Which field, from the argument down, such as `["input", "lines", "0", "quantity"]`.',
      resolve: ({ path }) => [...path],
    }),
    message: t.exposeString("message", { description: "What is wrong with it." }),
  }),
});

const ValidationError = builder.objectRef<Told<"VALIDATION">>("ValidationError").implement({
  description: "The input is not usable as it is. Nothing was done.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({
    issues: t.field({
      type: [ValidationIssue],
      description: "Everything that is wrong, field by field.",
      resolve: ({ issues }) => issues,
    }),
  }),
});

const NotFoundError = builder.objectRef<Told<"NOT_FOUND">>("NotFoundError").implement({
  description: "There is no such thing, or it is another merchant's: nobody can tell which. Nothing was done.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({ id: t.exposeID("id", { nullable: true, description: "The id that was looked for." }) }),
});

const OrderStateError = builder.objectRef<Told<"STATE">>("OrderStateError").implement({
  description:
    "Carries what a screen needs to recover: the state the order really is in, and what may be done from there.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({
    order: t.field({ type: Order, description: "The order as it is.", resolve: ({ order }) => order }),
  }),
});

const AmountMismatchError = builder.objectRef<Told<"AMOUNT_MISMATCH">>("AmountMismatchError").implement({
  description: "Another amount would be right. Nothing was done.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({
    expected: t.field({ type: Money, description: "What would be right.", resolve: ({ expected }) => expected }),
    received: t.field({ type: Money, description: "What was given.", resolve: ({ received }) => received }),
  }),
});

const OutOfStockError = builder.objectRef<Told<"OUT_OF_STOCK">>("OutOfStockError").implement({
  description: "Fewer of a counted product are left than were asked for. Nothing was taken.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({
    product: t.field({ type: Product, description: "The product that ran short.", resolve: ({ product }) => product }),
    available: t.exposeInt("available", { description: "How many are left." }),
  }),
});

const IdempotencyError = builder.objectRef<Told<"IDEMPOTENCY">>("IdempotencyError").implement({
  description: "The idempotency key was used for another input before. Nothing was done.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({ key: t.exposeString("key", { description: "The key." }) }),
});

const UrlNotAllowedError = builder.objectRef<Told<"URL_NOT_ALLOWED">>("UrlNotAllowedError").implement({
  description: "The URL leads where we do not send anything. Nothing was done.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({
    url: t.exposeString("url", { description: "The URL as it was given." }),
    reason: t.string({ description: "What is wrong with it.", resolve: ({ why }) => why }),
  }),
});

const ProviderUnavailableError = builder.objectRef<Told<"PROVIDER_UNAVAILABLE">>("ProviderUnavailableError").implement({
  description:
    "The payment provider did not answer as it should. Nothing is known to have been done; the same request may succeed later.",
  interfaces: [UserError],
  ...shape,
  fields: (t) => ({
    provider: t.field({ type: PaymentProvider, description: "Which provider.", resolve: ({ provider }) => provider }),
  }),
});

/** The error type of each reason: what a mutation's union lists. */
export const errorTypes = {
  VALIDATION: ValidationError,
  NOT_FOUND: NotFoundError,
  STATE: OrderStateError,
  AMOUNT_MISMATCH: AmountMismatchError,
  OUT_OF_STOCK: OutOfStockError,
  IDEMPOTENCY: IdempotencyError,
  URL_NOT_ALLOWED: UrlNotAllowedError,
  PROVIDER_UNAVAILABLE: ProviderUnavailableError,
} as const satisfies Record<Reason, unknown>;

/** The failure as an object of its error type. */
export const told = (failure: Failure, { deps }: GraphContext): Told<Reason> & { readonly __typename: string } => ({
  ...failure,
  __typename: errorTypes[failure.reason].name,
  message: sentence(failure, deps.now()),
});

function sentence(failure: Failure, now: number): string {
  switch (failure.reason) {
    case "VALIDATION":
      return failure.issues.map(({ path, message }) => `${path.join(".")} ${message}`).join("; ");
    case "NOT_FOUND":
      return `There is no ${failure.id}.`;
    case "STATE":
      return failure.why ?? `The order is ${stateOf(failure.order, now)}.`;
    case "AMOUNT_MISMATCH":
      return `Expected ${plain(failure.expected)}, got ${plain(failure.received)}.`;
    case "OUT_OF_STOCK":
      return failure.available > 0
        ? `Only ${failure.available} of ${failure.product.name} are left.`
        : `${failure.product.name} is sold out.`;
    case "IDEMPOTENCY":
      return "This idempotency key was used for another input.";
    case "URL_NOT_ALLOWED":
      return `The URL may not be used: ${failure.why}.`;
    case "PROVIDER_UNAVAILABLE":
      return `${failure.provider} did not answer as it should.`;
  }
}

const plain = (amount: CoreMoney): string => `${formatDecimal(amount)} ${amount.currency}`;
