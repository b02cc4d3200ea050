/**
 * What a merchant says should happen when a payer becomes a customer: declarative, without code. `src/conversions/grammar.ts` says which texts are
 * such a definition; here is what one means to the core, which trusts what was published. An order pins a version when it is placed.
 */
import type { PaymentProvider } from "./order.ts";

/** What a refund does to an action. */
export type OnRefund = "KEEP" | "REVERSE" | "PRORATE";
export type Purpose = "MARKETING_MESSAGE" | "PARTNER_SHARING" | "PROFILING";
export type Weekday = "MON" | "TUE" | "WED" | "THU" | "FRI" | "SAT" | "SUN";
/** Local times as HH:MM. `until` before `from` goes over midnight; without either, the whole day. */
export type TimeWindow = { readonly from?: string; readonly until?: string; readonly days?: readonly Weekday[] };
/** One text per language tag. */
export type Texts = Readonly<Record<string, string>>;

/** All that is said of it must hold. The closed set of things an action or a target may depend on. */
export type Condition = {
  /** Of the order's total, as a decimal of its currency. */
  readonly amountAtLeast?: string;
  readonly amountBelow?: string;
  readonly currency?: readonly string[];
  readonly product?: readonly string[];
  readonly channel?: readonly string[];
  readonly placement?: readonly string[];
  readonly segment?: "NEW" | "RETURNING";
  /** The customer's first, second, tenth purchase. */
  readonly nthPurchase?: readonly number[];
  readonly time?: TimeWindow;
  readonly locale?: readonly string[];
  readonly wallet?: readonly PaymentProvider[];
  readonly country?: readonly string[];
  readonly consent?: readonly Purpose[];
  readonly all?: readonly Condition[];
  readonly any?: readonly Condition[];
  readonly not?: Condition;
};

type Common = {
  /** Names the action within its block. */
  readonly key: string;
  readonly when?: Condition;
  /** Without this consent it does not happen. */
  readonly requires?: Purpose;
  readonly onRefund: OnRefund;
};
export type Group = { readonly name: string; readonly url: string; readonly capacity: number };
export type ConversionAction = Common &
  (
    | { readonly kind: "TAG_ADD"; readonly tags: readonly string[] }
    /** A fixed number, or for each whole unit of money. */
    | { readonly kind: "POINTS_GRANT"; readonly points?: number; readonly perMajorUnit?: number }
    | {
        readonly kind: "COUPON_GRANT";
        readonly name: string;
        /** A decimal of the order's currency. */
        readonly value: string;
        readonly validDays?: number;
        readonly limit?: { readonly total?: number; readonly perCustomer?: number };
      }
    | { readonly kind: "TIER_SET"; readonly tier: string }
    | { readonly kind: "NOTE_ADD"; readonly note: string }
    | { readonly kind: "MESSAGE_SEND"; readonly template: Texts; readonly window?: TimeWindow }
    | { readonly kind: "CONTACT_INVITE"; readonly template?: Texts; readonly window?: TimeWindow }
    /** The first group that has room; the later ones are spare. */
    | {
        readonly kind: "GROUP_INVITE";
        readonly groups: readonly Group[];
        readonly template?: Texts;
        readonly window?: TimeWindow;
      }
    | { readonly kind: "CRM_PUSH"; readonly fields?: Readonly<Record<string, string>> }
  );
/** Who looks after the customer. `fallback` is asked where the pool has nobody. */
export type Assignment = { readonly pool: string; readonly fallback?: string; readonly when?: Condition };
export type TargetRule = { readonly when?: Condition } & (
  | { readonly kind: "RECEIPT" | "STAFF_CONTACT" | "GROUP" | "COUPON" }
  | { readonly kind: "URL"; readonly url: string }
);
export type ConsentText = { readonly purpose: Purpose; readonly textVersion: string; readonly text: Texts };
export type AskedIdentity = "PHONE" | "EMAIL" | "NAME";

export type ConversionDefinition = {
  readonly identity?: { readonly ask: readonly AskedIdentity[] };
  readonly consents?: readonly ConsentText[];
  readonly assignment?: Assignment;
  readonly actions: readonly ConversionAction[];
  /** The first that fits is where the code leads; a receipt where none does. */
  readonly targets: readonly TargetRule[];
};

/** An immutable version of a merchant's block, as an order pins it. `id` null: the product's own default. */
export type PinnedBlock = {
  readonly id: string | null;
  readonly version: number;
  readonly definition: ConversionDefinition;
  /** Makes this order's coupon codes: unguessable, and known to nobody before they are granted. */
  readonly couponSeed?: string;
};

/** The assignment is an action like the others; no action of a definition may have its key. */
export const staffKey = "staff";
export type PlannedAction = ConversionAction | (Common & { readonly kind: "STAFF_ASSIGN" });
export type ActionKind = PlannedAction["kind"];

/** Everything a definition asks to be done, in the order in which it is told. A slot on a rota is not given back by a refund: the work was done. */
export function plannedActions({ actions, assignment }: ConversionDefinition): readonly PlannedAction[] {
  if (!assignment) return actions;
  const { when } = assignment;
  return [...actions, { key: staffKey, kind: "STAFF_ASSIGN", onRefund: "KEEP", ...(when && { when }) }];
}

/** Whether what it sends, in any language, has this variable. */
export function hasVariable(action: PlannedAction, variable: string): boolean {
  const templates = "template" in action ? Object.values(action.template ?? {}) : [];
  const fields = action.kind === "CRM_PUSH" ? Object.values(action.fields ?? {}) : [];
  return [...templates, ...fields].some((text) => text.includes(`{${variable}}`));
}

/** The text in the person's language, else in the merchant's, else the first there is. */
export function textFor(
  texts: Texts,
  ...locales: readonly string[]
): { readonly locale: string; readonly text: string } {
  const entries = Object.entries(texts);
  const language = (tag: string): string => tag.split("-")[0]?.toLowerCase() ?? "";
  const found =
    locales
      .flatMap((locale) => [
        entries.find(([tag]) => tag.toLowerCase() === locale.toLowerCase()),
        entries.find(([tag]) => language(tag) === language(locale)),
      ])
      .find((entry) => entry !== undefined) ?? entries[0];
  return { locale: found?.[0] ?? "", text: found?.[1] ?? "" };
}
