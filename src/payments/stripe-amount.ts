/**
 * Stripe's own idea of the smallest unit, https://docs.stripe.com/currencies: where it differs from ISO 4217, a factor of a hundred is at stake.
 * UGX stands in Stripe's list of currencies without decimals and again among the special cases, which say that 5 UGX are `500`; those win.
 */
import { exponentOf, isMinor, type Currency, type Minor } from "../core/money.ts";

const places: Readonly<Record<string, number>> = { ISK: 2, UGX: 2, MGA: 0 };
const placesAtStripe = (currency: Currency): number => places[currency] ?? exponentOf(currency);
/** Currencies of three places, of which Stripe takes whole tens only. */
const stepAtStripe = (currency: Currency): number => (placesAtStripe(currency) === 3 ? 10 : 1);

const shifted = (amount: number, digits: number): number =>
  digits >= 0 ? amount * 10 ** digits : amount / 10 ** -digits;

/** Null when Stripe could not take exactly that. */
export function toStripe(amount: Minor, currency: Currency): number | null {
  const theirs = shifted(amount, placesAtStripe(currency) - exponentOf(currency));
  return Number.isSafeInteger(theirs) && theirs % stepAtStripe(currency) === 0 ? theirs : null;
}

/** Null for what is no amount, or a fraction of the currency's smallest unit. */
export function fromStripe(amount: unknown, currency: Currency): Minor | null {
  if (typeof amount !== "number" || !Number.isSafeInteger(amount)) return null;
  const ours = shifted(amount, exponentOf(currency) - placesAtStripe(currency));
  return isMinor(ours) && ours >= 0 ? ours : null;
}
