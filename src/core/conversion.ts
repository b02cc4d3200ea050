/**
 * The conversion block: what happens at the moment a payer becomes a customer. Declarative and pure; it runs inside the transaction that
 * makes the order paid, so it knows only the order, the payer and the block pinned at placing.
 */
import type { Minor } from "./money.ts";

/** What a refund does to an action. */
export type OnRefund = "KEEP" | "REVERSE" | "PRORATE";

export type TagAdd = {
  readonly key: string;
  readonly kind: "TAG_ADD";
  readonly tags: readonly string[];
  readonly onRefund: OnRefund;
};
export type ConversionAction = TagAdd;
export type TargetRule = { readonly kind: "RECEIPT" } | { readonly kind: "URL"; readonly url: string };
export type ConversionDefinition = {
  readonly actions: readonly ConversionAction[];
  readonly targets: readonly TargetRule[];
};

/** An immutable version of a merchant's block, as an order pins it. `id` null: the product's own default. */
export type PinnedBlock = {
  readonly id: string | null;
  readonly version: number;
  readonly definition: ConversionDefinition;
};

export type IdentityKind = "WALLET" | "PHONE" | "EMAIL" | "LOYALTY";
/** `value` is normalised; `verified` says the provider vouches for it. */
export type Identity = { readonly kind: IdentityKind; readonly value: string; readonly verified: boolean };

/** The person who pays, as far as the provider or the cashier knows them. `customerId` is derived by the shell from the strongest identity. */
export type Payer = {
  readonly customerId: string;
  /** True when nothing identifies the person: the record belongs to this order alone until it is claimed. */
  readonly provisional: boolean;
  readonly name: string | null;
  readonly identities: readonly Identity[];
};

export type ActionState =
  | "DONE"
  | "PENDING"
  | "FAILED"
  | "SKIPPED_NO_CONSENT"
  | "SKIPPED_CONDITION"
  | "SKIPPED_LIMIT"
  | "REVERSED";
export type ActionOutcome = {
  readonly key: string;
  readonly kind: ConversionAction["kind"];
  readonly state: ActionState;
  readonly tags: readonly string[];
  readonly onRefund: OnRefund;
  readonly at: number;
};

export type ConversionState = "COMMITTED" | "PARTLY_REVERSED" | "REVERSED";
export type Conversion = {
  readonly payer: Payer;
  readonly blockId: string | null;
  readonly blockVersion: number;
  readonly state: ConversionState;
  /** Null until the merchant's read model, where uniqueness lives, has said whether this is the customer's first. */
  readonly firstTime: boolean | null;
  readonly actions: readonly ActionOutcome[];
  readonly target: TargetRule;
  readonly convertedAt: number;
};

export function convert(block: PinnedBlock, payer: Payer, at: number): Conversion {
  return {
    payer,
    blockId: block.id,
    blockVersion: block.version,
    state: "COMMITTED",
    firstTime: null,
    actions: block.definition.actions.map(({ key, kind, tags, onRefund }) => ({
      key,
      kind,
      state: "DONE",
      tags,
      onRefund,
      at,
    })),
    target: block.definition.targets[0] ?? { kind: "RECEIPT" },
    convertedAt: at,
  };
}

/**
 * The conversion after `refunded` of `received` went back. A full refund reverses every action that declares REVERSE or PRORATE; a partial one
 * only touches what can be prorated. Tags cannot be halved, so they fall only with the whole. Returns the same object when nothing changes.
 */
export function reverse(conversion: Conversion, refunded: Minor, received: Minor, at: number): Conversion {
  if (refunded <= 0 || conversion.state === "REVERSED") return conversion;
  if (refunded < received)
    return conversion.state === "COMMITTED" ? { ...conversion, state: "PARTLY_REVERSED" } : conversion;
  const actions = conversion.actions.map((action): ActionOutcome =>
    action.onRefund === "KEEP" || action.state !== "DONE" ? action : { ...action, state: "REVERSED", at },
  );
  return { ...conversion, state: "REVERSED", actions };
}
