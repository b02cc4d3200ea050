/** What a customer agreed to, and what a customer was given. */
import type { Money as CoreMoney } from "../core/money.ts";
import { builder, shape } from "./builder.ts";
import { describedEnum } from "./enum.ts";
import { Money } from "./money.ts";

type ConsentPurposeName = "MARKETING_MESSAGE" | "PARTNER_SHARING" | "PROFILING";
const ConsentPurpose = describedEnum<ConsentPurposeName>("ConsentPurpose", "What a person can agree to.", {
  MARKETING_MESSAGE: "To be written to.",
  PARTNER_SHARING: "That partners learn who they are.",
  PROFILING: "That what they buy is evaluated.",
});

type ConsentView = {
  readonly purpose: ConsentPurposeName;
  readonly granted: boolean;
  readonly textVersion: string;
  readonly locale: string;
  readonly at: number;
  readonly channel: string;
};

export const Consent = builder.objectRef<ConsentView>("Consent").implement({
  description: "What a person said to one question, and what exactly they were asked.",
  ...shape,
  fields: (t) => ({
    purpose: t.field({ type: ConsentPurpose, description: "What for.", resolve: ({ purpose }) => purpose }),
    granted: t.exposeBoolean("granted", { description: "True for yes, false for a yes taken back." }),
    textVersion: t.exposeString("textVersion", { description: "Which version of the text was shown." }),
    locale: t.field({ type: "Locale", description: "In which language.", resolve: ({ locale }) => locale }),
    at: t.field({ type: "DateTime", description: "When.", resolve: ({ at }) => at }),
    channel: t.exposeString("channel", { description: "Where it was said, such as the payer page." }),
  }),
});

type CouponStateName = "ISSUED" | "REDEEMED" | "EXPIRED" | "REVERSED";
const CouponState = describedEnum<CouponStateName>("CouponState", "What became of a coupon.", {
  ISSUED: "It can be used.",
  REDEEMED: "It was used.",
  EXPIRED: "It was not used in time.",
  REVERSED: "It was taken back after a refund.",
});

type CouponView = {
  readonly code: string;
  readonly name: string;
  readonly value: CoreMoney;
  readonly state: CouponStateName;
  readonly expiresAt: number | null;
};

export const Coupon = builder.objectRef<CouponView>("Coupon").implement({
  description: "A benefit for the next visit.",
  ...shape,
  fields: (t) => ({
    code: t.exposeString("code", { description: "What is shown at the counter." }),
    name: t.exposeString("name", { description: "What the customer reads." }),
    value: t.field({ type: Money, description: "What it takes off.", resolve: ({ value }) => value }),
    state: t.field({ type: CouponState, description: "What became of it.", resolve: ({ state }) => state }),
    expiresAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "Until when it can be used.",
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
});
