/** Money is an integer count of minor units (fen, cents; yen have none) with an ISO 4217 code. Decimals exist only at the borders. */
import { limits } from "./limits.ts";
import { err, ok, type Result } from "./result.ts";

/** ISO 4217 alphabetic code, checked. */
export type Currency = string & { readonly __brand: "Currency" };
/** Safe integer; never a fraction of the smallest unit. */
export type Minor = number;
export type Money = { readonly minor: Minor; readonly currency: Currency };

/** Decimal places by ISO 4217 (List One); every code not named here has two. */
const exponents: Readonly<Record<string, number>> = {
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  ISK: 0,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  PYG: 0,
  RWF: 0,
  UGX: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
  BHD: 3,
  IQD: 3,
  JOD: 3,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  TND: 3,
};

/** The active codes of ISO 4217 for money that a person can pay with. */
const currencies: ReadonlySet<string> = new Set(
  (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK " +
    "DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS " +
    "KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD " +
    "OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP " +
    "TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
  ).split(" "),
);

export const isCurrency = (code: string): code is Currency => currencies.has(code);
export const exponentOf = (currency: Currency): number => exponents[currency] ?? 2;
export const money = (minor: Minor, currency: Currency): Money => ({ minor, currency });

/** Whether a number may stand for an amount of money here: a safe integer within ±`limits.amountMinorMax`. */
export const isMinor = (value: unknown): value is Minor =>
  typeof value === "number" && Number.isSafeInteger(value) && Math.abs(value) <= limits.amountMinorMax;

/** "19.90" and CNY to 1990. Refuses signs, exponents, and more places than the currency has: nothing is ever rounded in silence. */
export function parseDecimal(text: string, currency: Currency): Result<Minor, string> {
  const match = /^(\d{1,15})(?:\.(\d{1,4}))?$/.exec(text);
  if (!match) return err('must be a plain decimal such as "19.90"');
  const places = exponentOf(currency);
  const fraction = match[2] ?? "";
  if (fraction.length > places) return err(`${currency} has ${places} decimal places, not ${fraction.length}`);
  const minor = Number((match[1] ?? "") + fraction.padEnd(places, "0"));
  return isMinor(minor) ? ok(minor) : err("is too large");
}

/** 1990 and CNY to "19.90". */
export function formatDecimal({ minor, currency }: Money): string {
  const places = exponentOf(currency);
  const digits = String(Math.abs(minor)).padStart(places + 1, "0");
  const sign = minor < 0 ? "-" : "";
  return places === 0 ? sign + digits : `${sign}${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/**
 * Splits `total` by `weights` without losing a unit: the remainder goes to the largest fractions, ties to the earlier (Hamilton's method).
 * Neither may be negative; where all weights are 0 they count alike.
 */
export function allocate(total: Minor, weights: readonly number[]): Minor[] {
  const weighed = weights.some((weight) => weight > 0) ? weights : weights.map(() => 1);
  const sum = weighed.reduce((all, weight) => all + BigInt(weight), 0n);
  const shares = weighed.map((weight, index) => {
    const product = BigInt(total) * BigInt(weight);
    return { index, whole: Number(product / sum), rest: product % sum };
  });
  const parts = shares.map(({ whole }) => whole);
  const left = total - parts.reduce((all, part) => all + part, 0);
  const largestFirst = shares.toSorted((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1));
  for (const { index, whole } of largestFirst.slice(0, left)) parts[index] = whole + 1;
  return parts;
}
