/** A coupon is used at the counter: once, however often it is shown. Under the same reference it was used already. */
import { limits } from "../core/limits.ts";
import { ok, type Result } from "../core/result.ts";
import { couponState, findCoupon, redeemCoupon as redeem, type Coupon } from "../db/coupons.ts";
import { checks } from "./checks.ts";
import type { Deps } from "./deps.ts";
import { invalid, notFound, type NotFoundFailure, type ValidationFailure } from "./failures.ts";

export type RedeemCoupon = { readonly code: string; readonly reference: string };

const whyNot = {
  REDEEMED: "was used already",
  EXPIRED: "has expired",
  REVERSED: "was taken back after a refund",
} as const;

export async function redeemCoupon(
  deps: Deps,
  merchantId: string,
  input: RedeemCoupon,
): Promise<Result<{ readonly coupon: Coupon; readonly replayed: boolean }, ValidationFailure | NotFoundFailure>> {
  const check = checks();
  const reference = check.text(["reference"], input.reference, limits.referenceLengthMax);
  if (check.issues.length > 0) return invalid(check.issues);
  const code = input.code.trim().toUpperCase();
  const database = deps.database(merchantId);
  const used = await redeem(database, merchantId, code, reference, deps.now());
  if (used) return ok({ coupon: used, replayed: false });
  const coupon = await findCoupon(database, merchantId, code);
  if (!coupon) return notFound(input.code.slice(0, limits.referenceLengthMax));
  if (coupon.redeemedFor === reference) return ok({ coupon, replayed: true });
  const state = couponState(coupon, deps.now());
  return invalid([
    { path: ["input", "code"], message: state === "ISSUED" ? "could not be used: try again" : whyNot[state] },
  ]);
}
