/** What the pretend wallet tells, as it stands in a notification and in the answer to a query, and what that means in our words. */
import * as z from "zod/mini";
import type { Identity } from "../core/conversion.ts";
import { orderKeyOf, type OrderKey } from "../core/ids.ts";
import { limits } from "../core/limits.ts";
import { isCurrency, isMinor, type Currency, type Minor } from "../core/money.ts";
import { normaliseEmail, normalisePhone } from "./identity.ts";
import type { ProviderNews } from "./provider.ts";

const text = z.string().check(z.minLength(1), z.maxLength(limits.referenceLengthMax));
const optionalText = z.nullish(z.string().check(z.maxLength(limits.referenceLengthMax)));
const amount = z.custom<Minor>((value) => isMinor(value) && value >= 0);
const currency = z.custom<Currency>((value) => typeof value === "string" && isCurrency(value));

/** Either may be missing: an order can be paid that never began a payment, and a payment carries its order's key. */
const reference = { id: z.optional(text), payment: optionalText, order: optionalText };
const payer = z.object({ id: optionalText, name: optionalText, phone: optionalText, email: optionalText });
const money = { transaction: text, amount, currency };

/** Fields that are not named here are passed over: the wallet may learn to say more. */
const sandboxNotification = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("payment.succeeded"),
    ...reference,
    ...money,
    paidAt: z.iso.datetime({ offset: true }),
    payer: z.nullish(payer),
  }),
  z.object({ type: z.literal("payment.failed"), ...reference }),
  z.object({ type: z.literal("refund.succeeded"), ...reference, ...money, refund: text }),
  z.object({ type: z.literal("refund.failed"), ...reference, ...money, refund: text }),
]);
export type SandboxNotification = z.infer<typeof sandboxNotification>;
type Told<T extends SandboxNotification["type"]> = Extract<SandboxNotification, { type: T }>;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Null for what is not UTF-8, not JSON, or not of this form. */
export function readSandboxNotification(body: Uint8Array): SandboxNotification | null {
  try {
    const parsed = sandboxNotification.safeParse(JSON.parse(utf8.decode(body)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

export function newsOf(told: SandboxNotification): ProviderNews {
  const order = keyIn(told.order) ?? keyIn(told.payment);
  switch (told.type) {
    case "payment.succeeded":
      return { kind: "captured", order, capture: captureOf(told) };
    case "payment.failed":
      return told.payment
        ? { kind: "ended", order, command: { kind: "ended", attempt: told.payment, outcome: "FAILED", reason: null } }
        : { kind: "ignored", why: "a failed payment without its id" };
    case "refund.succeeded":
    case "refund.failed":
      return {
        kind: "refunded",
        order,
        command: {
          kind: "refundHeard",
          refund: told.refund,
          capture: captureId(told.transaction),
          amount: told.amount,
          outcome: told.type === "refund.succeeded" ? "SUCCEEDED" : "FAILED",
        },
      };
  }
}

/** The payment, not the message: every notification, query and copy of it has the same. */
const captureId = (transaction: string): string => `SANDBOX:${transaction}`;

function captureOf(told: Told<"payment.succeeded">): Extract<ProviderNews, { kind: "captured" }>["capture"] {
  return {
    id: captureId(told.transaction),
    provider: "SANDBOX",
    transaction: told.transaction,
    // A payment that we did not name ourselves is no attempt of ours.
    attempt: told.payment && keyIn(told.payment) ? told.payment : null,
    amount: told.amount,
    currency: told.currency,
    paidAt: Date.parse(told.paidAt),
    payerName: told.payer?.name || null,
    identities: identitiesOf(told.payer),
  };
}

/** The wallet vouches for all it says of a person. What cannot be a phone or an address is left out: the money still counts. */
function identitiesOf(person: Told<"payment.succeeded">["payer"]): readonly Identity[] {
  const found: readonly (readonly [Identity["kind"], string | null])[] = [
    ["WALLET", person?.id || null],
    ["PHONE", person?.phone ? normalisePhone(person.phone) : null],
    ["EMAIL", person?.email ? normaliseEmail(person.email) : null],
  ];
  return found.flatMap(([kind, value]) => (value === null ? [] : [{ kind, value, verified: true }]));
}

const keyIn = (id: string | null | undefined): OrderKey | null => (id ? orderKeyOf(id) : null);
