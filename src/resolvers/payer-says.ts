/** What a payer entered on a page, as their order keeps it: contact in one spelling, and for each consent the proof of what exactly they were shown. */
import type { ConsentReceipt, Identity, Said } from "../core/conversion.ts";
import { textFor } from "../core/definition.ts";
import { limits } from "../core/limits.ts";
import type { OrderTerms } from "../core/order.ts";
import { err, ok, type Result } from "../core/result.ts";
import { sha256Hex } from "../keys/root.ts";
import { normaliseEmail, normalisePhone } from "../payments/identity.ts";

/** As the form sent it. */
export type Entered = {
  readonly phone: string;
  readonly email: string;
  readonly name: string;
  /** The purposes that were ticked. */
  readonly consents: readonly string[];
  /** The language of the page. */
  readonly locale: string;
  readonly country: string | null;
};

/** CONTACT: what should be a phone number or an address is none. */
export function payerSays(
  { block, merchant }: Pick<OrderTerms, "block" | "merchant">,
  entered: Entered,
  now: number,
  channel: string,
): Result<Said, "CONTACT"> {
  const { locale, country } = entered;
  const phone = entered.phone.trim() === "" ? null : normalisePhone(entered.phone.trim());
  const email = entered.email.trim() === "" ? null : normaliseEmail(entered.email);
  if ((phone === null && entered.phone.trim() !== "") || (email === null && entered.email.trim() !== ""))
    return err("CONTACT");
  const identities: Identity[] = [];
  // Nobody vouches for what anybody may type: it is kept with the person, and leads to nobody else's record.
  if (phone !== null) identities.push({ kind: "PHONE", value: phone, verified: false });
  if (email !== null) identities.push({ kind: "EMAIL", value: email, verified: false });
  const consents = (block.definition.consents ?? [])
    .filter(({ purpose }) => entered.consents.includes(purpose))
    .map(({ purpose, textVersion, text }): ConsentReceipt => {
      const shown = textFor(text, locale, merchant.locale);
      return {
        purpose,
        granted: true,
        textVersion,
        textHash: sha256Hex(shown.text),
        locale: shown.locale,
        at: now,
        channel,
      };
    });
  return ok({ name: nameIn(entered.name), identities, consents, locale, country });
}

function nameIn(text: string): string | null {
  const name = text
    .replaceAll(/[\p{Cc}\p{Cs}]/gu, " ")
    .trim()
    .slice(0, limits.nameLengthMax);
  return name === "" ? null : name;
}
