/** What a merchant asks of payers beside the money: how to reach them, and what they agree to. Nothing is needed to pay, and nothing is ticked already. */
import { textFor, type AskedIdentity, type ConsentText } from "../../core/definition.ts";
import type { OrderTerms } from "../../core/order.ts";
import type { Language } from "../language.ts";
import { messages } from "../messages.ts";
import { Foreign } from "./frame.tsx";

type PayerFieldsProps = {
  readonly terms: Pick<OrderTerms, "block" | "merchant">;
  readonly language: Language;
  /** What is asked for; what the block says unless given. */
  readonly ask?: readonly AskedIdentity[];
  /** The form that the answers are of, where that is elsewhere on the page. */
  readonly form?: string;
};

const inputs = {
  PHONE: { name: "phone", type: "tel", autocomplete: "tel", label: "phone", maxlength: 40 },
  EMAIL: { name: "email", type: "email", autocomplete: "email", label: "email", maxlength: 254 },
  NAME: { name: "name", type: "text", autocomplete: "name", label: "yourName", maxlength: 200 },
} as const;

export const asksAnything = ({ block: { definition } }: Pick<OrderTerms, "block">): boolean =>
  (definition.identity?.ask.length ?? 0) > 0 || (definition.consents?.length ?? 0) > 0;

export function PayerFields({ terms, language, ask, form }: PayerFieldsProps) {
  const words = messages[language];
  const { identity, consents = [] } = terms.block.definition;
  const asked = ask ?? identity?.ask ?? [];
  return (
    <>
      <input type="hidden" name="language" value={language} form={form} />
      {asked.map((kind) => {
        const { label, ...input } = inputs[kind];
        return (
          <label class="field" for={`payer-${input.name}`}>
            <span class="small soft">
              {words[label]} ({words.optional})
            </span>
            <input id={`payer-${input.name}`} {...input} form={form} />
          </label>
        );
      })}
      {consents.map((consent) => (
        <Consent consent={consent} language={language} fallback={terms.merchant.locale} form={form} />
      ))}
    </>
  );
}

type ConsentProps = {
  readonly consent: ConsentText;
  readonly language: Language;
  readonly fallback: string;
  readonly form: string | undefined;
};

function Consent({ consent: { purpose, text }, language, fallback, form }: ConsentProps) {
  const shown = textFor(text, language, fallback);
  return (
    <label class="consent small" lang={shown.locale}>
      <input type="checkbox" name="consent" value={purpose} form={form} />
      <span>
        <Foreign text={shown.text} />
      </span>
    </label>
  );
}
