/** What a block would do, and why, if somebody paid like this. Nothing is kept, counted or sent. */
import { progress, convert } from "../core/block-run.ts";
import { failing, hasConsent } from "../core/conditions.ts";
import { circumstancesOf, type ActionOutcome, type Conversion } from "../core/conversion.ts";
import { plannedActions, type ConversionDefinition, type PlannedAction, type Purpose } from "../core/definition.ts";
import type { OrderKey } from "../core/ids.ts";
import type { OrderTerms, PaymentProvider } from "../core/order.ts";
import type { Merchant } from "../db/merchants.ts";
import { checks, type GivenMoney } from "./checks.ts";
import type { Deps } from "./deps.ts";
import type { Issue } from "./failures.ts";
import { isGiven, type Optional } from "./given.ts";
import { definitionIssues } from "./publish-conversion-block.ts";

export type SimulateConversion = {
  readonly definition?: unknown;
  readonly order: {
    readonly amount: GivenMoney;
    readonly productIds?: Optional<readonly string[]>;
    readonly channel?: Optional<string>;
    readonly placementId?: Optional<string>;
    readonly at?: Optional<number>;
  };
  readonly payer: {
    readonly firstTime: boolean;
    readonly nthPurchase?: Optional<number>;
    readonly consents?: Optional<readonly Purpose[]>;
    readonly wallet?: Optional<PaymentProvider>;
    readonly locale?: Optional<string>;
    readonly country?: Optional<string>;
  };
};
export type SimulatedAction = ActionOutcome & { readonly why: string };
/** `issues`: why the definition could not be published; then nothing else is said. */
export type Simulation = {
  readonly issues: readonly Issue[];
  readonly actions: readonly SimulatedAction[];
  readonly conversion: Conversion | null;
};

export async function simulateConversion(
  deps: Deps,
  merchant: Merchant,
  { definition: given, order, payer }: SimulateConversion,
): Promise<Simulation> {
  const check = checks();
  const total = check.money(["order", "amount"], order.amount, merchant.currency, 1);
  const issues = [...check.issues, ...(await definitionIssues(deps, merchant, given))];
  if (issues.length > 0) return { issues, actions: [], conversion: null };
  const definition = given as ConversionDefinition;
  const now = order.at ?? deps.now();
  const terms = termsFor(merchant, definition, order, total, now);
  const firstTime = payer.firstTime;
  const consents = payer.consents ?? [];
  const locale = payer.locale ?? merchant.locale;
  const begun = convert(
    terms,
    {
      payer: { customerId: "", provisional: false, name: null, identities: [] },
      wallet: payer.wallet ?? "SANDBOX",
      said: { name: null, identities: [], consents: [], locale, country: payer.country ?? null },
    },
    null,
    now,
  );
  const nth = payer.nthPurchase ?? (firstTime ? 1 : null);
  const words = consents.map((purpose) => ({ purpose, granted: true, at: now }));
  const conversion = progress({ ...begun, firstTime, nth, words }, { terms, now });
  const planned = plannedActions(definition);
  const actions = conversion.actions.map((outcome, index) => ({
    ...outcome,
    why: whyOf(outcome, planned[index], conversion, terms),
  }));
  return { issues: [], actions, conversion };
}

function termsFor(
  merchant: Merchant,
  definition: ConversionDefinition,
  { productIds, channel, placementId }: SimulateConversion["order"],
  total: number,
  now: number,
): OrderTerms {
  const { id, name, locale, timeZone, currency, policy } = merchant;
  return {
    key: "" as OrderKey,
    number: "",
    merchant: { id, name, locale, timeZone },
    currency,
    lines: (productIds ?? []).map((productId) => ({ productId, name: "", quantity: 1, unitPrice: 0 })),
    subtotal: total,
    discount: 0,
    total,
    policy,
    accounts: [],
    block: { id: null, version: 0, definition },
    attribution: {
      channel: channel ?? null,
      campaign: null,
      staff: null,
      partner: null,
      placementId: placementId ?? null,
    },
    externalReference: null,
    metadata: null,
    checkoutUrl: null,
    countsStock: false,
    placedAt: now,
    expiresAt: now,
  };
}

function whyOf(
  { state, waits }: ActionOutcome,
  action: PlannedAction | undefined,
  conversion: Conversion,
  terms: OrderTerms,
): string {
  const circumstances = circumstancesOf(conversion, terms);
  switch (state) {
    case "SKIPPED_CONDITION":
      return failing(action?.when, circumstances).join("; ");
    case "SKIPPED_NO_CONSENT":
      return `needs consent to ${action?.requires ?? ""}, which the payer did not give`;
    case "PENDING":
      return waitsFor(waits, failing(action?.when, circumstances));
    case "DONE": {
      const consent =
        isGiven(action?.requires) && hasConsent(action.requires, circumstances) ? ", and consent was given" : "";
      return `${action?.when ? "its condition holds" : "it has no condition"}${consent}: done in the commit that makes the order paid`;
    }
    case "FAILED":
    case "SKIPPED_LIMIT":
    case "REVERSED":
      return "";
  }
}

function waitsFor(waits: ActionOutcome["waits"], open: readonly string[]): string {
  switch (waits) {
    case "GRANT":
      return "its limit is counted right after the payment";
    case "POOL":
      return "somebody of the pool is reserved at confirming, and assigned by the payment";
    case "CALL":
      return "your server is called right after the payment, or when its window opens";
    case "ANSWER":
    case undefined:
      return open.join("; ") || "what it depends on is not known yet";
  }
}
