import type { Attribution as CoreAttribution } from "../core/order.ts";
import { builder, shape } from "./builder.ts";

export const Attribution = builder.objectRef<CoreAttribution>("Attribution").implement({
  description: "Where an order came from, as whoever placed it said.",
  ...shape,
  fields: (t) => ({
    channel: t.exposeString("channel", { nullable: true, description: "Such as `counter`, `web` or `poster`." }),
    campaign: t.exposeString("campaign", { nullable: true, description: "The campaign that brought the payer." }),
    staff: t.exposeString("staff", { nullable: true, description: "The member of staff who sold." }),
    partner: t.exposeString("partner", { nullable: true, description: "The partner who referred the payer." }),
  }),
});

export const AttributionInput = builder.inputType("AttributionInput", {
  description: "Where an order comes from. Your own words, each at most 200 characters.",
  fields: (t) => ({
    channel: t.string({ description: "Such as `counter`, `web` or `poster`." }),
    campaign: t.string({ description: "The campaign that brings the payer." }),
    staff: t.string({ description: "The member of staff who sells." }),
    placementId: t.id({ description: "The placement that was scanned." }),
    partner: t.string({ description: "The partner who refers the payer." }),
  }),
});
