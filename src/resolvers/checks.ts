/**
 * Checks of what a person entered. All of an input is looked at before anything is done, so that one answer names everything that is wrong.
 * A check returns the value as the product keeps it; what it returns after a failure is never used, because the verb stops.
 */
import { limits } from "../core/limits.ts";
import { formatDecimal, isCurrency, parseDecimal, type Currency, type Minor } from "../core/money.ts";
import { isGiven, type Optional } from "./given.ts";
import type { Issue } from "./failures.ts";

export type GivenMoney = { readonly amount: string; readonly currency: string };
/** A field's place below `input`. */
type Path = readonly (string | number)[];

export type Checks = ReturnType<typeof checks>;

export function checks() {
  const issues: Issue[] = [];
  const fail = (path: Path, message: string): void =>
    void issues.push({ path: ["input", ...path.map(String)], message });

  /** One line of text that says something. */
  const text = (path: Path, value: string, max: number): string => {
    const trimmed = value.trim();
    if (trimmed.length === 0) fail(path, "must not be empty");
    else if (trimmed.length > max) fail(path, `must have at most ${max} characters`);
    else if (/[\p{Cc}\p{Cs}]/u.test(trimmed)) fail(path, "must not contain control characters");
    return trimmed;
  };
  /** Text that may be absent and may have several lines; empty is absent. */
  const prose = (path: Path, value: Optional<string>, max: number): string | null => {
    const trimmed = value?.trim() ?? "";
    if (trimmed.length > max) fail(path, `must have at most ${max} characters`);
    else if (/[^\P{Cc}\t\n\r]|\p{Cs}/u.test(trimmed)) fail(path, "must not contain control characters");
    return trimmed === "" ? null : trimmed;
  };
  const integer = (path: Path, value: number, min: number, max: number): number => {
    if (!Number.isSafeInteger(value) || value < min || value > max)
      fail(path, `must be a whole number from ${min} to ${max}`);
    return value;
  };
  /** An amount in `currency`, from `min` up. */
  const money = (path: Path, value: GivenMoney, currency: Currency, min: Minor = 0): Minor => {
    if (value.currency !== currency) {
      fail([...path, "currency"], isCurrency(value.currency) ? `must be ${currency}` : "must be an ISO 4217 code");
      return min;
    }
    const parsed = parseDecimal(value.amount, currency);
    if (!parsed.ok) fail([...path, "amount"], parsed.error);
    else if (parsed.value < min)
      fail([...path, "amount"], `must be at least ${formatDecimal({ minor: min, currency })}`);
    return parsed.ok ? parsed.value : min;
  };
  /** A place that a browser is sent to. Plain http only on a developer's machine. */
  const url = (path: Path, value: Optional<string>, local: boolean): string | null => {
    if (!isGiven(value) || value === "") return null;
    const parsed = URL.canParse(value) ? new URL(value) : null;
    if (!parsed || parsed.hostname === "") fail(path, "must be an absolute URL");
    else if (parsed.protocol !== "https:" && !(local && parsed.protocol === "http:"))
      fail(path, "must begin with https://");
    else if (parsed.username !== "" || parsed.password !== "") fail(path, "must not carry a user name or a password");
    else if (parsed.href.length > limits.urlLengthMax)
      fail(path, `must have at most ${limits.urlLengthMax} characters`);
    return parsed?.href ?? null;
  };
  const locale = (path: Path, value: string): string => {
    try {
      const [canonical] = Intl.getCanonicalLocales(value);
      if (canonical !== undefined) return canonical;
    } catch {
      // Not a language tag: said below.
    }
    fail(path, "must be a BCP 47 language tag, such as zh-CN");
    return value;
  };
  const timeZone = (path: Path, value: string): string => {
    if (!isTimeZone(value)) fail(path, "must be an IANA time zone, such as Asia/Shanghai");
    return value;
  };
  return { issues, fail, text, prose, integer, money, url, locale, timeZone };
}

/** A name, not an offset: offsets know no summer. */
function isTimeZone(value: string): boolean {
  if (!/^[A-Za-z]/.test(value)) return false;
  try {
    Intl.DateTimeFormat("en", { timeZone: value });
    return true;
  } catch {
    return false;
  }
}
