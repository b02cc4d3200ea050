/** Amounts, moments and merchants' texts as a page shows them. */
import { limits } from "../core/limits.ts";
import type { Currency, Minor } from "../core/money.ts";
import { moneyText } from "../core/money-text.ts";
import { Recent } from "../core/recent.ts";
import type { Language } from "./language.ts";

/** Making a formatter takes longer than the rest of a page, so those in use are kept. */
const timeFormats = new Recent<Intl.DateTimeFormat>(limits.formattersKeptMax);

export const formatMoney = (minor: Minor, currency: Currency, language: Language): string =>
  moneyText({ minor, currency }, language);

function format(at: number, timeZone: string, language: Language, options: Intl.DateTimeFormatOptions): string {
  const name = `${language} ${timeZone} ${Object.keys(options).join()}`;
  return timeFormats
    .of(name, () => new Intl.DateTimeFormat(language, { ...options, hourCycle: "h23", timeZone }))
    .format(at);
}

/** The hour and minute in the merchant's zone: the phone is most likely there. */
export const formatTime = (at: number, timeZone: string, language: Language): string =>
  format(at, timeZone, language, { hour: "2-digit", minute: "2-digit" });

export const formatMoment = (at: number, timeZone: string, language: Language): string =>
  format(at, timeZone, language, { dateStyle: "medium", timeStyle: "short" });

/** Controls, and the marks that embed or override the direction of text: they could make one name look like another. */
const deceptive = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
/** Marks that stack on the letter before them; languages use a few, a flood of them paints over the lines above. */
const stacked = /(\p{M}{4})\p{M}+/gu;

/** A text that somebody else wrote, fit to be shown: without what deceives, and no longer than a name may be. */
export function shown(text: string): string {
  const head = text.length > 4 * limits.nameLengthMax ? text.slice(0, 4 * limits.nameLengthMax) : text;
  const plain = head.replace(deceptive, " ").replace(stacked, "$1").trim();
  const letters = Array.from(plain);
  return letters.length > limits.nameLengthMax ? `${letters.slice(0, limits.nameLengthMax - 1).join("")}…` : plain;
}

/** The same inside a sentence of ours: isolated (Unicode UAX #9), so that a name in another direction leaves our words in their order. */
export const named = (text: string): string => `\u2068${shown(text)}\u2069`;
