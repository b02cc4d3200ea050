import { limits } from "../core/limits.ts";
import { ok } from "../core/result.ts";
import type { Coupon as CouponRow } from "../db/coupons.ts";
import type { Customer as CustomerRow } from "../db/customers.ts";
import { redeemCoupon } from "../resolvers/redeem-coupon.ts";
import { eraseCustomer } from "../resolvers/erase-customer.ts";
import { setConsent } from "../resolvers/set-consent.ts";
import { spendPoints } from "../resolvers/spend-points.ts";
import { updateCustomer } from "../resolvers/update-customer.ts";
import { ConsentPurpose, Coupon } from "./benefit.ts";
import { builder, shape } from "./builder.ts";
import { merchantOf } from "./context.ts";
import { forgetCustomerRow } from "./loaders.ts";
import { mutation } from "./mutation.ts";
import { Customer, type CustomerView } from "./nouns.ts";

/** A success that shows the customer as they are afterwards. */
const showsCustomer = (name: string, description: string) =>
  builder.objectRef<{ customer: CustomerView }>(name).implement({
    description,
    ...shape,
    fields: (t) => ({
      customer: t.field({
        type: Customer,
        description: "The customer as they are now.",
        resolve: ({ customer }) => customer,
      }),
    }),
  });
const viewOf = (row: CustomerRow): CustomerView => ({ id: row.id, order: null, row });

mutation("customerUpdate", {
  description: "Corrects what is known of a customer. Your word stands over what conversions give.",
  needs: "CUSTOMERS_WRITE",
  input: builder.inputType("CustomerUpdateInput", {
    description: "What to change. What is left out stays as it is.",
    fields: (t) => ({
      customerId: t.id({ required: true, description: "`customer_…`" }),
      displayName: t.string({ description: "The name, for people." }),
      addTags: t.stringList({ description: `Tags to give, at most ${limits.tagsPerActionMax} at a time.` }),
      removeTags: t.stringList({ description: "Tags to take away; no conversion gives them again." }),
      tier: t.string({ description: "The tier, until a later conversion sets another." }),
    }),
  }),
  success: showsCustomer("CustomerUpdateSuccess", "It is changed."),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: async (input, context) => {
    const updated = await updateCustomer(context.deps, merchantOf(context).id, input);
    return updated.ok ? ok({ customer: viewOf(updated.value.customer) }) : updated;
  },
});

mutation("customerConsentSet", {
  description:
    "Writes down that a customer agreed to something, or took it back. What waits without consent stops; what was left out for want of it runs.",
  needs: "CUSTOMERS_WRITE",
  input: builder.inputType("CustomerConsentSetInput", {
    description: "Who said what to which text.",
    fields: (t) => ({
      customerId: t.id({ required: true, description: "`customer_…`" }),
      purpose: t.field({ type: ConsentPurpose, required: true, description: "What for." }),
      granted: t.boolean({ required: true, description: "True for yes, false for a yes taken back." }),
      textVersion: t.string({ required: true, description: "Which version of the text they were shown." }),
      locale: t.field({ type: "Locale", required: true, description: "In which language." }),
      channel: t.string({ required: true, description: "Where they said it, such as the counter." }),
    }),
  }),
  success: showsCustomer("CustomerConsentSetSuccess", "It is written down."),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: async (input, context) => {
    const set = await setConsent(context.deps, merchantOf(context).id, input);
    return set.ok ? ok({ customer: viewOf(set.value.customer) }) : set;
  },
});

mutation("customerErase", {
  description:
    "Destroys the person's data for good; the money facts stay, without a name. Points and coupons end with it, consents count as taken back, and nothing that waits is sent any more.",
  needs: "CUSTOMERS_WRITE",
  input: builder.inputType("CustomerEraseInput", {
    description: "Whose data.",
    fields: (t) => ({ customerId: t.id({ required: true, description: "`customer_…`" }) }),
  }),
  success: showsCustomer("CustomerEraseSuccess", "It is gone. Erasing again erases what was told since."),
  failures: ["NOT_FOUND"],
  resolve: async (input, context) => {
    const erased = await eraseCustomer(context.deps, merchantOf(context).id, input);
    forgetCustomerRow(input.customerId);
    return erased.ok ? ok({ customer: viewOf(erased.value.customer) }) : erased;
  },
});

mutation("pointsSpend", {
  description: "A customer spends points: never more than there are. The same reference spends once.",
  needs: "CUSTOMERS_WRITE",
  input: builder.inputType("PointsSpendInput", {
    description: "Whose points, how many, and what for.",
    fields: (t) => ({
      customerId: t.id({ required: true, description: "`customer_…`" }),
      points: t.int({ required: true, description: "How many." }),
      reference: t.string({ required: true, description: "Your name of what they were spent on." }),
    }),
  }),
  success: showsCustomer("PointsSpendSuccess", "They are spent."),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: async (input, context) => {
    const spent = await spendPoints(context.deps, merchantOf(context).id, input);
    return spent.ok ? ok({ customer: viewOf(spent.value.customer) }) : spent;
  },
});

mutation("couponRedeem", {
  description: "A coupon is used: once, however often it is shown. Under the same reference it was used already.",
  needs: "CUSTOMERS_WRITE",
  input: builder.inputType("CouponRedeemInput", {
    description: "Which coupon, and what for.",
    fields: (t) => ({
      code: t.string({ required: true, description: "What the customer shows." }),
      reference: t.string({ required: true, description: "Your name of what it was used for." }),
    }),
  }),
  success: builder.objectRef<{ coupon: CouponRow; replayed: boolean }>("CouponRedeemSuccess").implement({
    description: "It is used.",
    ...shape,
    fields: (t) => ({
      coupon: t.field({ type: Coupon, description: "The coupon.", resolve: ({ coupon }) => coupon }),
      customer: t.field({
        type: Customer,
        description: "Whose it is.",
        resolve: ({ coupon }) => ({ id: coupon.customerId, order: null, row: null }),
      }),
      replayed: t.exposeBoolean("replayed", { description: "True when it was used under this reference before." }),
    }),
  }),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: (input, context) => redeemCoupon(context.deps, merchantOf(context).id, input),
});
