/** The buttons that begin to pay: one for each provider the merchant has. A plain form, so it works on any phone. */
import { messages } from "../messages.ts";
import type { Language } from "../language.ts";
import type { OrderTerms } from "../../core/order.ts";
import { asksAnything, PayerFields } from "./payer-fields.tsx";
import type { PayerView } from "./payer-view.ts";

export type PayFormProps = {
  readonly slug: string;
  readonly nonce: string;
  readonly terms: OrderTerms;
  readonly view: Extract<PayerView, { kind: "payable" }>;
  readonly amount: string;
  readonly language: Language;
};

export function PayForm({ slug, nonce, terms, view, amount, language }: PayFormProps) {
  const words = messages[language];
  const { here, elsewhere, unserved } = view.choice;
  const isNothing = here.length === 0 && elsewhere.length === 0;
  const hint = (unserved || elsewhere.length > 0 || isNothing) && (
    <div class="apart">
      {unserved && (
        <p class="notice">
          {(unserved.taken ? words.notInsideWallet : words.notInWallet)(words.providers[unserved.provider])}
        </p>
      )}
      {elsewhere.map((provider) => (
        <p class="calm">
          {(provider === unserved?.provider ? words.payInBrowser : words.payElsewhere)(words.providers[provider])}
        </p>
      ))}
      {isNothing && <p class="calm">{words.noProvider}</p>}
    </div>
  );
  if (here.length === 0) return hint;
  // Whoever goes on with their payment has said what they like: fields left empty now must not take it back.
  const asks = asksAnything(terms) && !view.again;
  const label = view.again ? words.continueAmount(amount) : words.payAmount(amount);
  return (
    <>
      {asks && (
        <section class="card">
          <PayerFields terms={terms} language={language} form={formId} />
        </section>
      )}
      {hint}
      <div class="act">
        <form id={formId} method="post" action={`/c/${slug}/pay`} data-opening={words.opening}>
          <input type="hidden" name="nonce" value={nonce} />
          {!asks && !view.again && <input type="hidden" name="language" value={language} />}
          {here.map((provider, index) => (
            <button class={index === 0 ? "button" : "button plain"} type="submit" name="provider" value={provider}>
              {label} <small>{words.payWith(words.providers[provider])}</small>
            </button>
          ))}
        </form>
        {here.includes("SANDBOX") && <p class="under soft small">{words.sandboxNote}</p>}
      </div>
    </>
  );
}

/** What is asked is part of the form, though not inside it: the button stays in reach on a small screen, and covers none of it. */
const formId = "paying";
