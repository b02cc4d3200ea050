/** Which language a page speaks: the one asked for, else the first the browser prefers and we have, else the merchant's, else English. */
import { limits } from "../core/limits.ts";

export const languages = ["en", "zh-CN"] as const;
export type Language = (typeof languages)[number];

/** Any Chinese is nearer to simplified Chinese than to English. Null for a language that we do not have. */
export function languageFor(tag: string): Language | null {
  const primary = tag.trim().toLowerCase().split(/[-_]/, 1)[0];
  return primary === "zh" ? "zh-CN" : primary === "en" ? "en" : null;
}

/** RFC 9110 §12.5.4: tags with weights from 0 to 1; equal weights in the order given; 0 refuses. */
function preferred(acceptLanguage: string): Language | null {
  const ranges = acceptLanguage.split(",", limits.acceptLanguagesMax).map((range) => {
    const [tag = "", ...parameters] = range.split(";");
    const weight = parameters.map((one) => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(one)?.[1]).find((q) => q !== undefined);
    return { language: languageFor(tag), weight: weight === undefined ? 1 : Number(weight) };
  });
  const usable = ranges.filter(({ language, weight }) => language !== null && weight > 0);
  return usable.toSorted((a, b) => b.weight - a.weight)[0]?.language ?? null;
}

/** What the payer chose on the page stays chosen on the way through the wallet and back. */
export const languageCookie = (request: Request): string | null =>
  /(?:^|;\s*)lang=([A-Za-z-]{2,10})(?:;|$)/.exec(request.headers.get("cookie") ?? "")?.[1] ?? null;

export type LanguageWishes = {
  readonly asked?: string | null;
  readonly acceptLanguage: string | null;
  readonly fallback: string;
};

export const chooseLanguage = ({ asked, acceptLanguage, fallback }: LanguageWishes): Language =>
  languageFor(asked ?? "") ?? preferred(acceptLanguage ?? "") ?? languageFor(fallback) ?? "en";
