import { formatDecimal, type Money as CoreMoney } from "../core/money.ts";
import { moneyText } from "../core/money-text.ts";
import { builder, shape } from "./builder.ts";
import type { GraphContext } from "./context.ts";

export const Money = builder.objectRef<CoreMoney>("Money").implement({
  description: "An amount of money. Nothing is ever rounded: the decimal and the minor units say the same.",
  ...shape,
  fields: (t) => ({
    amount: t.field({
      type: "Decimal",
      description: "In major units, with as many places as the currency has.",
      resolve: formatDecimal,
    }),
    currency: t.field({
      type: "CurrencyCode",
      description: "What it is an amount of.",
      resolve: ({ currency }) => currency,
    }),
    minorUnits: t.field({
      type: "SafeInt",
      description: "The same value in minor units (fen, cents; yen have none, dinars have three places).",
      resolve: ({ minor }) => minor,
    }),
    formatted: t.string({
      description: "Ready to print; falls back to Accept-Language, then the merchant's locale.",
      args: { locale: t.arg({ type: "Locale", description: "The locale to print for." }) },
      resolve: (money, { locale }, context) => moneyText(money, localeFor(locale, context)),
    }),
  }),
});

export const MoneyInput = builder.inputType("MoneyInput", {
  description: "An amount of money, as a decimal with its currency.",
  fields: (t) => ({
    amount: t.field({
      type: "Decimal",
      required: true,
      description: 'In major units, such as "19.90". Never negative.',
    }),
    currency: t.field({ type: "CurrencyCode", required: true, description: "The currency of the amount." }),
  }),
});

function localeFor(asked: string | null | undefined, { acceptLanguage, caller }: GraphContext): string {
  if (asked && isLocale(asked)) return asked;
  const accepted = acceptLanguage && acceptLanguage.length < 200 ? preferredOf(acceptLanguage) : undefined;
  return accepted ?? (caller.kind === "merchant" ? caller.merchant.locale : "en");
}

/** The best of `zh-CN,zh;q=0.9,*;q=0.1` (RFC 9110, 12.5.4) that is a locale at all. */
function preferredOf(header: string): string | undefined {
  const ranges = header.split(",").map((range) => {
    const [tag = "", ...parameters] = range.split(";").map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    return { tag, weight: weight === undefined ? 1 : Number(weight.slice(2)) };
  });
  return ranges.filter(({ tag, weight }) => weight > 0 && isLocale(tag)).toSorted((a, b) => b.weight - a.weight)[0]
    ?.tag;
}

function isLocale(tag: string): boolean {
  try {
    return tag.length > 0 && Intl.NumberFormat.supportedLocalesOf(tag).length > 0;
  } catch {
    return false;
  }
}
