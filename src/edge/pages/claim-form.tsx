/** For a payer of whom nothing is known: once, on their own receipt, they may say who they are. */
import type { OrderTerms } from "../../core/order.ts";
import { named } from "../format.ts";
import type { Language } from "../language.ts";
import { messages } from "../messages.ts";
import { PayerFields } from "./payer-fields.tsx";

type ClaimFormProps = {
  readonly slug: string;
  readonly nonce: string;
  readonly token: string;
  readonly terms: OrderTerms;
  readonly language: Language;
};

export function ClaimForm({ slug, nonce, token, terms, language }: ClaimFormProps) {
  const words = messages[language];
  return (
    <section class="card">
      <h2 class="greeting">{words.claimTitle}</h2>
      <p class="soft small">{words.claimText(named(terms.merchant.name))}</p>
      <form class="asks" method="post" action={`/c/${slug}/claim`} data-opening={words.claim}>
        <input type="hidden" name="nonce" value={nonce} />
        <input type="hidden" name="token" value={token} />
        <PayerFields terms={terms} language={language} ask={["PHONE", "EMAIL", "NAME"]} />
        <button class="button" type="submit">
          {words.claim}
        </button>
      </form>
    </section>
  );
}
