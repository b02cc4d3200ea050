/** What a customer agreed to, and what a customer was given. */
import type { ConsentReceipt } from "../core/conversion.ts";
import type { Purpose } from "../core/definition.ts";
import { money } from "../core/money.ts";
import { couponState, type Coupon as CouponRow, type CouponState as CoreCouponState } from "../db/coupons.ts";
import { builder, shape } from "./builder.ts";
import { merchantOf } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { Money } from "./money.ts";

export const ConsentPurpose = describedEnum<Purpose>("ConsentPurpose", "What a person can agree to.", {
  MARKETING_MESSAGE: "To be written to.",
  PARTNER_SHARING: "That partners learn who they are.",
  PROFILING: "That what they buy is evaluated.",
});

export const Consent = builder.objectRef<ConsentReceipt>("Consent").implement({
  description: "What a person said to one question, and what exactly they were asked.",
  ...shape,
  fields: (t) => ({
    purpose: t.field({ type: ConsentPurpose, description: "What for.", resolve: ({ purpose }) => purpose }),
    granted: t.exposeBoolean("granted", { description: "True for yes, false for a yes taken back." }),
    textVersion: t.exposeString("textVersion", { description: "Which version of the text was shown." }),
    locale: t.field({ type: "Locale", description: "In which language.", resolve: ({ locale }) => locale }),
    at: t.field({ type: "DateTime", description: "When.", resolve: ({ at }) => at }),
    textHash: t.exposeString("textHash", {
      nullable: true,
      description: "SHA-256 of the text that was shown, in hexadecimal; null where you showed it yourself.",
    }),
    channel: t.exposeString("channel", { description: "Where it was said, such as the payer page." }),
  }),
});

const CouponState = describedEnum<CoreCouponState>("CouponState", "What became of a coupon.", {
  ISSUED: "It can be used.",
  REDEEMED: "It was used.",
  EXPIRED: "It was not used in time.",
  REVERSED: "It was taken back after a refund.",
});

export const Coupon = builder.objectRef<CouponRow>("Coupon").implement({
  description: "A benefit for the next visit.",
  ...shape,
  fields: (t) => ({
    code: t.exposeString("code", { description: "What is shown at the counter." }),
    name: t.exposeString("name", { description: "What the customer reads." }),
    value: t.field({
      type: Money,
      description: "What it takes off.",
      resolve: ({ value }, _args, context) => money(value, merchantOf(context).currency),
    }),
    state: t.field({
      type: CouponState,
      description: "What became of it.",
      resolve: (coupon, _args, { deps }) => couponState(coupon, deps.now()),
    }),
    shortfall: t.boolean({
      description: "True where it had been used before a refund took it back: its value is the merchant's loss.",
      resolve: ({ redeemedAt, reversedAt }) => redeemedAt !== null && reversedAt !== null,
    }),
    expiresAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "Until when it can be used.",
      resolve: ({ expiresAt }) => expiresAt,
    }),
  }),
});
