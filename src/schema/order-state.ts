import type { Settlement as CoreSettlement } from "../core/amounts.ts";
import type { OrderState as CoreOrderState } from "../core/state.ts";
import type { OrderAction as CoreOrderAction } from "../core/transitions.ts";
import { describedEnum } from "./enum.ts";

export const OrderState = describedEnum<CoreOrderState>(
  "OrderState",
  "OPEN: nobody is paying. CLAIMED: a payer has confirmed and holds the code for a while. PAYING: a payment is under way at a provider. REVIEW: money arrived that no policy places.",
  {
    OPEN: "Nobody is paying.",
    CLAIMED: "A payer has confirmed and holds the code for a while.",
    PAYING: "A payment is under way at a provider.",
    PAID: "The total is covered, and the payer is a customer. Never goes back.",
    EXPIRED: "Nobody paid in time.",
    CANCELLED: "The merchant called it off.",
    REVIEW: "Money arrived that no policy places: a person decides.",
  },
);

export const OrderAction = describedEnum<CoreOrderAction>("OrderAction", "What may be done with an order.", {
  CONFIRM: "A payer may confirm it.",
  PAY: "A payer may begin to pay.",
  EXTEND: "Its end may be put off.",
  CANCEL: "It may be called off.",
  REFUND: "Money may be given back.",
  RECORD_PAYMENT: "Money taken outside any provider may be recorded.",
  RESOLVE_REVIEW: "A person may decide about the money that no policy placed.",
});

export const Settlement = describedEnum<CoreSettlement>(
  "Settlement",
  "The money that counts towards an order, against its total.",
  {
    NONE: "Nothing yet.",
    UNDER: "A part of the total.",
    EXACT: "The total.",
    OVER: "More than the total.",
  },
);
