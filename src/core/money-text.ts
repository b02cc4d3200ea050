/** An amount ready to print: 1990, CNY is "¥19.90" in Chinese and "CN¥19.90" in English. Never by way of a float. */
import { limits } from "./limits.ts";
import { exponentOf, formatDecimal, type Currency, type Money } from "./money.ts";
import { Recent } from "./recent.ts";

/** Making a formatter costs a hundred times what using it does. */
const formatters = new Recent<Intl.NumberFormat>(limits.formattersKeptMax);

const formatterOf = (locale: string, currency: Currency): Intl.NumberFormat =>
  formatters.of(`${locale} ${currency}`, () => {
    // The places are ISO 4217's, not the shorter ones that CLDR finds customary: what is shown is exactly what is charged.
    const places = exponentOf(currency);
    return new Intl.NumberFormat(locale, {
      style: "currency",
      currency,
      minimumFractionDigits: places,
      maximumFractionDigits: places,
    });
  });

export const moneyText = (amount: Money, locale: string): string =>
  formatterOf(locale, amount.currency).format(formatDecimal(amount) as Intl.StringNumericLiteral);
