/** What the pretend wallet tells, as it stands in a notification and in the answer to a query, and what that means in our words. */
import type { Identity } from "../core/conversion.ts";
import { orderKeyOf, type OrderKey } from "../core/ids.ts";
import { parseInstant } from "../core/instant.ts";
import { limits } from "../core/limits.ts";
import { isCurrency, isMinor, type Currency, type Minor } from "../core/money.ts";
import { normaliseEmail, normalisePhone } from "./identity.ts";
import type { ProviderNews } from "./provider.ts";

type Text = string | null | undefined;
/** Either may be missing: an order can be paid that never began a payment, and a payment carries its order's key. */
type Reference = { readonly id?: string | undefined; readonly payment?: Text; readonly order?: Text };
type Person = { readonly id?: Text; readonly name?: Text; readonly phone?: Text; readonly email?: Text };
type Sum = { readonly transaction: string; readonly amount: Minor; readonly currency: Currency };
type Succeeded = Reference &
  Sum & { readonly type: "payment.succeeded"; readonly paidAt: string; readonly payer?: Person | null | undefined };
type Failed = Reference & { readonly type: "payment.failed" };
type Refunded = Reference & Sum & { readonly type: "refund.succeeded" | "refund.failed"; readonly refund: string };
/** Fields that are not named here are passed over: the wallet may learn to say more. */
export type SandboxNotification = Succeeded | Failed | Refunded;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** Null for what is not UTF-8, not JSON, or not of this form. */
export function readSandboxNotification(body: Uint8Array): SandboxNotification | null {
  try {
    const told: unknown = JSON.parse(utf8.decode(body));
    return isMap(told) && isNotification(told) ? told : null;
  } catch {
    return null;
  }
}

type Map = Readonly<Record<string, unknown>>;
const isMap = (value: unknown): value is Map => typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown): boolean =>
  typeof value === "string" && value !== "" && value.length <= limits.referenceLengthMax;
const isTextOrNothing = (value: unknown): boolean =>
  value === undefined || value === null || value === "" || isText(value);

function isNotification(told: Map): told is Map & SandboxNotification {
  if (told["id"] !== undefined && !isText(told["id"])) return false;
  if (!isTextOrNothing(told["payment"]) || !isTextOrNothing(told["order"])) return false;
  switch (told["type"]) {
    case "payment.succeeded":
      return isSum(told) && parseInstant(told["paidAt"]) !== null && isPersonOrNothing(told["payer"]);
    case "payment.failed":
      return true;
    case "refund.succeeded":
    case "refund.failed":
      return isSum(told) && isText(told["refund"]);
    default:
      return false;
  }
}

const isSum = ({ transaction, amount, currency }: Map): boolean =>
  isText(transaction) && isMinor(amount) && amount >= 0 && typeof currency === "string" && isCurrency(currency);

const isPersonOrNothing = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (isMap(value) && [value["id"], value["name"], value["phone"], value["email"]].every(isTextOrNothing));

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
          ...(told.type === "refund.succeeded" ? { outcome: "SUCCEEDED" } : { outcome: "FAILED", last: true }),
        },
      };
  }
}

/** The payment, not the message: every notification, query and copy of it has the same. */
const captureId = (transaction: string): string => `SANDBOX:${transaction}`;

function captureOf(told: Succeeded): Extract<ProviderNews, { kind: "captured" }>["capture"] {
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
function identitiesOf(person: Succeeded["payer"]): readonly Identity[] {
  const found: readonly (readonly [Identity["kind"], string | null])[] = [
    ["WALLET", person?.id || null],
    ["PHONE", person?.phone ? normalisePhone(person.phone) : null],
    ["EMAIL", person?.email ? normaliseEmail(person.email) : null],
  ];
  return found.flatMap(([kind, value]) => (value === null ? [] : [{ kind, value, verified: true }]));
}

const keyIn = (id: string | null | undefined): OrderKey | null => (id ? orderKeyOf(id) : null);
