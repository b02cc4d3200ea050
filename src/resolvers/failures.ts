/** The ways a verb may be refused, each with its evidence. Every door has one place that puts them into words. */
import type { Money } from "../core/money.ts";
import type { Order, PaymentProvider } from "../core/order.ts";
import { err, type Err } from "../core/result.ts";
import type { Product } from "../db/products.ts";

/** `path` names the field as the caller wrote it, such as `["input", "lines", "0", "quantity"]`. */
export type Issue = { readonly path: readonly string[]; readonly message: string };

export type ValidationFailure = { readonly reason: "VALIDATION"; readonly issues: readonly Issue[] };
/** Absent, or another merchant's: nobody can tell which. */
export type NotFoundFailure = { readonly reason: "NOT_FOUND"; readonly id: string };
/** `why` beyond the state itself, such as that somebody else is paying. */
export type StateFailure = { readonly reason: "STATE"; readonly order: Order; readonly why: string | null };
export type AmountFailure = { readonly reason: "AMOUNT_MISMATCH"; readonly expected: Money; readonly received: Money };
export type StockFailure = { readonly reason: "OUT_OF_STOCK"; readonly product: Product; readonly available: number };
/** The key was used for another input before. */
export type IdempotencyFailure = { readonly reason: "IDEMPOTENCY"; readonly key: string };
export type UrlFailure = { readonly reason: "URL_NOT_ALLOWED"; readonly url: string; readonly why: string };
export type ProviderFailure = { readonly reason: "PROVIDER_UNAVAILABLE"; readonly provider: PaymentProvider };

export type Failure =
  | ValidationFailure
  | NotFoundFailure
  | StateFailure
  | AmountFailure
  | StockFailure
  | IdempotencyFailure
  | UrlFailure
  | ProviderFailure;

export const invalid = (issues: readonly Issue[]): Err<ValidationFailure> => err({ reason: "VALIDATION", issues });
export const notFound = (id: string): Err<NotFoundFailure> => err({ reason: "NOT_FOUND", id });
