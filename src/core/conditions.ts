/**
 * Whether a condition holds. What only the read model knows (is the customer new, which purchase is it, what was agreed to before) may not be
 * known yet: then the answer may be null, "not decided", and whoever asked waits. Never a guess.
 */
import type { Condition, ConversionAction, Purpose } from "./definition.ts";
import { isWithinWindow } from "./local-time.ts";
import { parseDecimal } from "./money.ts";
import type { OrderTerms, PaymentProvider } from "./order.ts";

export type Circumstances = {
  readonly terms: Pick<OrderTerms, "total" | "currency" | "lines" | "attribution" | "merchant">;
  readonly at: number;
  readonly wallet: PaymentProvider;
  readonly locale: string;
  readonly country: string | null;
  /** What the customer agreed to, as far as the order was told. */
  readonly said: readonly Purpose[];
  /** The same, once it is known that there is no more to it; null before. */
  readonly agreed: readonly Purpose[] | null;
  /** Whether this is the customer's first conversion, and which purchase it is; null while it is not known. */
  readonly firstTime: boolean | null;
  readonly nth: number | null;
};
export type Verdict = boolean | null;

const allOf = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.includes(false) ? false : verdicts.includes(null) ? null : true;
const anyOf = (verdicts: readonly Verdict[]): Verdict =>
  verdicts.includes(true) ? true : verdicts.includes(null) ? null : false;
const notOf = (verdict: Verdict): Verdict => (verdict === null ? null : !verdict);

type Clause = { readonly [K in keyof Condition]-?: (wanted: NonNullable<Condition[K]>, c: Circumstances) => Verdict };

const includes = (wanted: readonly string[], value: string | null): boolean => value !== null && wanted.includes(value);
const decimal = (text: string, { terms }: Circumstances): number => {
  const parsed = parseDecimal(text, terms.currency);
  return parsed.ok ? parsed.value : Number.POSITIVE_INFINITY;
};

const clauses: Clause = {
  amountAtLeast: (amount, c) => c.terms.total >= decimal(amount, c),
  amountBelow: (amount, c) => c.terms.total < decimal(amount, c),
  currency: (wanted, { terms }) => wanted.includes(terms.currency),
  product: (wanted, { terms }) => terms.lines.some(({ productId }) => includes(wanted, productId)),
  channel: (wanted, { terms }) => includes(wanted, terms.attribution.channel),
  placement: (wanted, { terms }) => includes(wanted, terms.attribution.placementId),
  segment: (wanted, { firstTime }) => (firstTime === null ? null : (wanted === "NEW") === firstTime),
  nthPurchase: (wanted, { nth }) => (nth === null ? null : wanted.includes(nth)),
  time: (window, { at, terms }) => isWithinWindow(window, at, terms.merchant.timeZone),
  locale: (wanted, { locale }) => wanted.some((tag) => isOfLanguage(locale, tag)),
  wallet: (wanted, { wallet }) => wanted.includes(wallet),
  country: (wanted, { country }) => includes(wanted, country),
  consent: (wanted, c) => allOf(wanted.map((purpose) => hasConsent(purpose, c))),
  all: (conditions, c) => allOf(conditions.map((one) => holds(one, c))),
  any: (conditions, c) => anyOf(conditions.map((one) => holds(one, c))),
  not: (condition, c) => notOf(holds(condition, c)),
};

/** `zh` means every Chinese, `zh-CN` only that. */
const isOfLanguage = (locale: string, tag: string): boolean =>
  locale.toLowerCase() === tag.toLowerCase() || locale.toLowerCase().startsWith(`${tag.toLowerCase()}-`);

export const hasConsent = (purpose: Purpose, { said, agreed }: Circumstances): Verdict =>
  agreed ? agreed.includes(purpose) : said.includes(purpose) ? true : null;

export function holds(condition: Condition | undefined, circumstances: Circumstances): Verdict {
  if (!condition) return true;
  return allOf((Object.keys(condition) as (keyof Condition)[]).map((name) => ask(name, condition, circumstances)));
}

function ask(name: keyof Condition, condition: Condition, circumstances: Circumstances): Verdict {
  const wanted = condition[name];
  const clause: (wanted: never, circumstances: Circumstances) => Verdict = clauses[name];
  return wanted === undefined ? true : clause(wanted as never, circumstances);
}

/** Whether anything in it asks which purchase this is: then the read model counts. */
export function asksNth(condition: Condition | undefined): boolean {
  if (!condition) return false;
  const { nthPurchase, all = [], any = [], not } = condition;
  return nthPurchase !== undefined || [...all, ...any, ...(not ? [not] : [])].some(asksNth);
}

/** Every condition of it that fails, in the merchant's words: what a dry run shows. */
export function failing(condition: Condition | undefined, circumstances: Circumstances): readonly string[] {
  if (!condition) return [];
  return (Object.keys(condition) as (keyof Condition)[])
    .filter((name) => ask(name, condition, circumstances) !== true)
    .map((name) => {
      const verdict = ask(name, condition, circumstances) === null ? "is not known yet" : "does not hold";
      return `${name} ${JSON.stringify(condition[name])} ${verdict}`;
    });
}

export type Judgement = "RUN" | "WAIT" | "SKIPPED_CONDITION" | "SKIPPED_NO_CONSENT";

/** What is to become of an action. A condition that fails is said before a consent that lacks: nobody need agree to what would not happen anyway. */
export function judge(
  { when, requires }: Pick<ConversionAction, "when" | "requires">,
  circumstances: Circumstances,
): Judgement {
  const fits = holds(when, circumstances);
  if (fits === false) return "SKIPPED_CONDITION";
  const agreed = requires === undefined ? true : hasConsent(requires, circumstances);
  if (fits === null || agreed === null) return "WAIT";
  return agreed ? "RUN" : "SKIPPED_NO_CONSENT";
}
